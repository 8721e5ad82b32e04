import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("imgaug") is None:
    pytest.skip("imgaug is not installed", allow_module_level=True)

from data_tools.augment import cutout_augmenter, photo_augmenter

# imgaug 0.4.0 asks imageio in a way of old.
pytestmark = pytest.mark.filterwarnings("ignore:.pilmode. is deprecated")
SIZE = 60, 80


def picture():
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (*SIZE, 3)).astype(np.uint8)


def red_square():
    mask = np.zeros(SIZE, bool)
    mask[15:45, 15:40] = True
    image = np.full((*SIZE, 3), 40, np.uint8)
    image[mask] = (230, 40, 40)
    return image, mask


def test_photos_keep_their_form():
    augment, image = photo_augmenter(), picture()
    before = image.copy()
    image.flags.writeable = False  # as Pillow gives them
    changed = 0
    for seed in range(25):
        out = augment(image, np.random.default_rng(seed))
        assert out.shape == image.shape
        assert out.dtype == np.uint8
        changed += not np.array_equal(out, image)
    assert 10 < changed < 25
    np.testing.assert_array_equal(image, before)


def test_the_seed_decides():
    image = picture()
    one, same = (
        [augment(image, np.random.default_rng(seed)) for seed in range(8)]
        for augment in (photo_augmenter(), photo_augmenter())
    )
    np.testing.assert_array_equal(one, same)
    assert len({out.tobytes() for out in one}) > 4


def test_the_mask_moves_with_its_cutout():
    augment, (image, mask) = cutout_augmenter(), red_square()
    moved = 0
    for seed in range(20):
        out, out_mask = augment(image, mask, np.random.default_rng(seed))
        assert out.shape == image.shape
        assert out.dtype == np.uint8
        assert out_mask.shape == mask.shape
        assert out_mask.dtype == bool
        red = out[..., 0].astype(int) - out[..., 1] > 80
        union = (red | out_mask).sum()
        assert (red & out_mask).sum() / union > 0.9
        moved += not np.array_equal(mask, out_mask)
    assert moved > 15


def test_the_seed_decides_on_cutouts():
    image, mask = red_square()
    augment = cutout_augmenter()
    first = augment(image, mask, np.random.default_rng(3))
    augment(image, mask, np.random.default_rng(4))
    again = augment(image, mask, np.random.default_rng(3))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
