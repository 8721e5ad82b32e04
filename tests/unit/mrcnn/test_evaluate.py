import numpy as np
import pytest

from mrcnn.evaluate import boundary_f, landmark_errors


def block(top, bottom, left, right, size=(100, 100)):
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def test_boundary_of_itself_is_one():
    assert boundary_f(block(20, 60, 20, 60), block(20, 60, 20, 60)) == 1


def test_boundary_forgives_a_small_shift_only():
    truth = block(20, 60, 20, 60)  # reach: .0075 x 141 = 1.06 pixels
    assert boundary_f(block(20, 60, 21, 61), truth) == 1
    assert boundary_f(block(20, 60, 23, 63), truth) < 0.6
    assert boundary_f(block(70, 90, 70, 90), truth) == 0


def test_boundary_counts_both_sides():
    """A found outline that is right, and half of the truth is missing."""
    size = (100, 100)
    truth = block(10, 30, 10, 30, size) | block(60, 80, 60, 80, size)
    half = boundary_f(block(10, 30, 10, 30, size), truth)
    assert half == pytest.approx(2 * 1 * 0.5 / 1.5)
    assert half == boundary_f(truth, block(10, 30, 10, 30, size))


@pytest.mark.parametrize("other", [block(0, 0, 0, 0), block(0, 100, 0, 100)])
def test_without_outline_there_is_no_score(other):
    assert boundary_f(other, block(20, 60, 20, 60)) == 0
    assert boundary_f(block(20, 60, 20, 60), other) == 0


def test_the_frame_is_no_outline():
    """A shirt cut by the frame: only its inner edge counts."""
    truth = block(0, 100, 0, 50)
    assert boundary_f(block(0, 100, 0, 51), truth) == 1


def test_landmark_errors_by_hand():
    """3-4-5 triangles in a box with a diagonal of 100; the third one is outside."""
    truth = np.array([[10, 10, 2], [20, 20, 1], [0, 0, 0]], np.float32)
    pred = np.array([[13, 14, 0.9], [20, 30, 0.1], [50, 50, 0.5]], np.float32)
    errors = landmark_errors(pred, truth, (0, 0, 60, 80))
    np.testing.assert_allclose(errors, [0.05, 0.1, np.nan])


def test_landmarks_must_be_as_many():
    with pytest.raises(ValueError, match="expected 25 landmarks, got 3"):
        landmark_errors(np.zeros((3, 3)), np.zeros((25, 3)), (0, 0, 1, 1))
