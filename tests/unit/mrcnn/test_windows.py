"""Windows into a photo, on pictures small enough to check by eye."""

import numpy as np
import pytest

from mrcnn.config import LANDMARK_NAMES
from mrcnn.windows import (
    MIRRORED_LANDMARKS,
    PAD_VALUE,
    box_or_frame,
    resample,
    resample_nearest,
    square_window,
    window_matrix,
)


def test_the_box_of_a_mask_is_exclusive_at_the_end():
    mask = np.zeros((6, 8), np.float32)
    mask[2:4, 3:7] = 0.9
    mask[0, 0] = 0.4  # below a half: no garment
    assert box_or_frame(mask).tolist() == [3, 2, 7, 4]


def test_the_box_of_an_empty_mask_is_the_frame():
    assert box_or_frame(np.zeros((6, 8))).tolist() == [0, 0, 8, 6]


def test_the_window_is_square_and_has_a_margin_on_every_side():
    centre, span = square_window(np.array([10, 20, 30, 60]), margin=0.25)
    assert centre.tolist() == [20, 40]
    assert span == 60


def test_a_window_of_the_pictures_own_size_shows_the_picture():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    np.testing.assert_array_equal(resample(image, np.eye(3), 8), image)


def test_beyond_the_photo_it_is_grey_and_planes_are_zero():
    matrix = np.eye(3)
    matrix[:2, 2] = -4
    view = resample(np.full((8, 8, 3), 200, np.uint8), matrix, 8)
    assert (view[:4] == PAD_VALUE).all()
    assert (view[4:, 4:] == 200).all()
    assert (resample(np.full((8, 8), 200, np.uint8), matrix, 8)[:4] == 0).all()


def test_indices_are_never_mixed():
    indices = np.random.default_rng(0).choice([0, 3, 200], (9, 12)).astype(np.uint8)
    matrix = np.diag([0.5, 0.5, 1.0])
    view = resample_nearest(indices, matrix, 18)
    np.testing.assert_array_equal(view, indices.repeat(2, 0).repeat(2, 1)[:18, :18])
    view = resample_nearest(indices, np.diag([2.0, 2.0, 1.0]), 18)
    assert (view[:, 6:] == 0).all()


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0, 6.5])
def test_a_box_lies_in_the_middle_of_its_window(scale):
    side = int(40 * scale)
    image = np.zeros((4 * side, 4 * side), np.uint8)
    image[side : 2 * side, side : 2 * side] = 255
    matrix = window_matrix(box_or_frame(image), 56)
    view = resample(image, matrix, 56)
    inside = np.zeros((56, 56), bool)
    inside[8:48, 8:48] = True  # 56 / (1 + 2 * .2) = 40 pixels, 8 on each side
    assert (view[inside] > 100).mean() > 0.95
    assert (view[~inside] < 100).mean() > 0.95


def test_mirroring_landmarks_twice_is_the_identity():
    assert sorted(MIRRORED_LANDMARKS) == list(range(25))
    assert MIRRORED_LANDMARKS[MIRRORED_LANDMARKS].tolist() == list(range(25))
    other = {"left": "right", "right": "left"}
    for name, index in zip(LANDMARK_NAMES, MIRRORED_LANDMARKS, strict=True):
        words = [other.get(word, word) for word in name.split()]
        assert " ".join(words) == LANDMARK_NAMES[index]
