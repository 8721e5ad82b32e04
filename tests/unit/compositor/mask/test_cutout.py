import numpy as np
import pytest

from compositor import cutout_rgba, erase, mask_box, pad_box

PHOTO = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)


@pytest.mark.parametrize(
    ("cells", "box"),
    [
        ([], (0, 0, 0, 0)),
        ([(2, 3)], (3, 2, 4, 3)),
        ([(0, 0), (3, 3)], (0, 0, 4, 4)),
        ([(1, 0), (1, 2)], (0, 1, 3, 2)),
    ],
    ids=["empty", "one pixel", "corners", "row"],
)
def test_mask_box(cells, box):
    mask = np.zeros((4, 4), bool)
    for cell in cells:
        mask[cell] = True
    assert mask_box(mask) == box


@pytest.mark.parametrize(
    ("box", "share", "padded"),
    [
        ((10, 10, 30, 20), 0.1, (8, 8, 32, 22)),
        ((0, 0, 30, 20), 0.1, (0, 0, 33, 23)),
        ((80, 30, 100, 50), 0.5, (70, 20, 100, 50)),
        ((0, 0, 0, 0), 0.5, (0, 0, 0, 0)),
        ((5, 5, 6, 6), 0.0, (5, 5, 6, 6)),
    ],
    ids=["inside", "top left", "bottom right", "empty", "none"],
)
def test_pad_box(box, share, padded):
    assert pad_box(box, share, (50, 100)) == padded


def test_pad_box_negative():
    with pytest.raises(ValueError, match="share"):
        pad_box((0, 0, 1, 1), -0.1, (4, 4))


def test_cutout_rgba():
    alpha = np.zeros((4, 4), np.float32)
    alpha[1, 1], alpha[1, 2] = 1.0, 0.5
    rgba = cutout_rgba(PHOTO, alpha)
    assert rgba.shape == (4, 4, 4)
    assert rgba.dtype == np.uint8
    assert (rgba[1, 1] == [*PHOTO[1, 1], 255]).all()
    assert rgba[1, 2, 3] == 128
    assert (rgba[0] == 0).all()


def test_cutout_rgba_takes_the_foreground():
    fore = np.full((4, 4, 3), 99.6, np.float32)
    rgba = cutout_rgba(PHOTO, np.ones((4, 4), bool), fore)
    assert (rgba[..., :3] == 100).all()


def test_erase():
    alpha = np.zeros((4, 4), np.float32)
    alpha[1, 1], alpha[1, 2] = 1.0, 0.5
    rgba = erase(PHOTO, alpha)
    assert (rgba[1, 1] == 0).all()
    assert (rgba[1, 2] == [*PHOTO[1, 2], 128]).all()
    assert np.array_equal(rgba[0, :, :3], PHOTO[0])
    assert (rgba[0, :, 3] == 255).all()


def test_wrong_sizes():
    with pytest.raises(ValueError, match="expected alpha of size"):
        erase(PHOTO, np.zeros((3, 4)))
