import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("imgaug") is None:
    pytest.skip("imgaug is not installed", allow_module_level=True)

from data_tools.augment.backdrops import swap_background
from data_tools.augment.views import (
    cutout_augmenter,
    deform,
    photometric_augmenter,
    view_augmenter,
)

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
    augment, image = photometric_augmenter(), picture()
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
        for augment in (photometric_augmenter(), photometric_augmenter())
    )
    np.testing.assert_array_equal(one, same)
    assert len({out.tobytes() for out in one}) > 4


def test_the_mask_moves_with_its_cutout():
    augment, (image, mask) = cutout_augmenter(), red_square()
    moved = 0
    for seed in range(20):
        out, out_mask, _ = augment(image, mask, None, np.random.default_rng(seed))
        assert out.shape == image.shape
        assert out.dtype == np.uint8
        assert out_mask.shape == mask.shape
        assert out_mask.dtype == bool
        red = out[..., 0].astype(int) - out[..., 1] > 80
        union = (red | out_mask).sum()
        assert (red & out_mask).sum() / union > 0.9
        moved += not np.array_equal(mask, out_mask)
    assert moved > 15


def test_places_move_with_the_cutout():
    """Where the mask was is where the places say so."""
    augment, (image, mask) = cutout_augmenter(), red_square()
    ys, xs = np.mgrid[: SIZE[0], : SIZE[1]]
    places = np.stack([xs / SIZE[1], ys / SIZE[0]], axis=-1).astype(np.float32)
    for seed in range(8):
        moved = augment(image, mask, places, np.random.default_rng(seed))
        plain = augment(image, mask, None, np.random.default_rng(seed))
        np.testing.assert_array_equal(moved[0], plain[0])
        x, y = moved[2][..., 0] * SIZE[1], moved[2][..., 1] * SIZE[0]
        said = (x >= 14.5) & (x < 39.5) & (y >= 14.5) & (y < 44.5)
        assert (said & moved[1]).sum() / (said | moved[1]).sum() > 0.9


def test_the_seed_decides_on_cutouts():
    image, mask = red_square()
    augment = cutout_augmenter()
    first = augment(image, mask, None, np.random.default_rng(3))
    augment(image, mask, None, np.random.default_rng(4))
    again = augment(image, mask, None, np.random.default_rng(3))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def view(size=96):
    mask = np.zeros((size, size), bool)
    mask[20:76, 30:70] = True
    image = np.full((size, size, 3), 40, np.uint8)
    image[mask] = (230, 40, 40)
    return image, mask


def test_a_swap_keeps_what_is_in_front():
    image, mask = view()
    out = swap_background(image, mask, [], np.random.default_rng(0))
    inner = np.zeros_like(mask)
    inner[25:71, 35:65] = True
    np.testing.assert_array_equal(out[inner], image[inner])
    assert (out[~mask] != image[~mask]).any(axis=1).mean() > 0.9


def test_next_to_nothing_is_no_cutout():
    image, mask = view()
    mask[22:] = False
    assert swap_background(image, mask, [], np.random.default_rng(0)) is image


def test_image_and_mask_bend_together():
    image, mask = view()
    out, (bent,) = deform(image, mask[None], np.random.default_rng(1))
    red = out[..., 0] > 135
    assert (red & bent).sum() / (red | bent).sum() > 0.97
    assert not np.array_equal(bent, mask)


def test_views_are_harder_by_seed():
    image, mask = view()
    pieces = [np.full((30, 50, 3), 200, np.uint8)]
    one, same = (view_augmenter(pieces) for _ in range(2))
    changed = cut = 0
    for seed in range(20):
        rngs = (np.random.default_rng(seed) for _ in range(2))
        first, masks = one(image, mask[None], mask, next(rngs))
        again, others = same(image, mask[None], mask, next(rngs))
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(masks, others)
        assert first.shape == image.shape
        assert (first.dtype, masks.dtype) == (np.uint8, bool)
        changed += not np.array_equal(first, image)
        cut += masks.sum() < mask.sum() - 20
    assert changed > 12
    assert 2 < cut < 18


def test_views_without_garments():
    image, mask = view()
    augment = view_augmenter([])
    for seed in range(6):
        rng = np.random.default_rng(seed)
        _, masks = augment(image, np.zeros((0, *mask.shape), bool), None, rng)
        assert masks.shape == (0, *mask.shape)
