import numpy as np
import pytest

from mrcnn.evaluate import average_precision, boundary_f


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


def test_ap_of_the_truth_is_one():
    masks = [[block(10, 50, 10, 50)], [block(20, 90, 20, 60), block(0, 10, 0, 90)]]
    scores = [[0.9], [0.8, 0.7]]
    found = average_precision(masks, masks, scores)
    assert found == pytest.approx({"AP": 1, "AP50": 1, "AP75": 1})


def test_ap_by_hand():
    """IoU .8: right at .50 to .80, seven of the ten thresholds."""
    found = average_precision(
        [[block(0, 100, 0, 100)]], [[block(0, 80, 0, 100)]], [[0.9]]
    )
    assert found["AP50"] == found["AP75"] == pytest.approx(1)
    assert found["AP"] == pytest.approx(0.7, abs=0.011)


def test_a_better_scored_false_find_halves_ap():
    truth = [[block(10, 50, 10, 50)], []]
    found = [[block(10, 50, 10, 50)], [block(60, 90, 60, 90)]]
    assert average_precision(truth, found, [[0.5], [0.9]])["AP50"] == pytest.approx(0.5)
    assert average_precision(truth, found, [[0.9], [0.5]])["AP50"] == pytest.approx(1)


def test_a_miss_costs_recall():
    truth = [[block(10, 50, 10, 50), block(60, 90, 60, 90)]]
    found = average_precision(truth, [[block(10, 50, 10, 50)]], [[0.9]])
    assert found["AP50"] == pytest.approx(0.5, abs=0.01)


def test_nothing_found():
    found = average_precision([[block(10, 50, 10, 50)]], [[]], [[]])
    assert found == {"AP": 0, "AP50": 0, "AP75": 0}


@pytest.mark.parametrize("pred", [[[]], [[block(0, 9, 0, 9)]]], ids=["none", "some"])
def test_without_truth_there_is_no_ap(pred):
    scores = [[0.5] * len(pred[0])]
    assert average_precision([[]], pred, scores) == {"AP": -1, "AP50": -1, "AP75": -1}


def test_every_mask_has_a_score():
    with pytest.raises(ValueError, match="zip"):
        average_precision([[]], [[block(0, 9, 0, 9)]], [[]])


def test_nothing_is_printed(capsys):
    average_precision([[block(0, 9, 0, 9)]], [[block(0, 9, 0, 9)]], [[1.0]])
    assert capsys.readouterr().out == ""
