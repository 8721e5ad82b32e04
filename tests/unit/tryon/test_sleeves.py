"""Sleeves along drawn arms."""

import numpy as np
import pytest

from mrcnn.pose.inference import Pose
from mrcnn.refiner.inference import Refinement
from tryon.sleeves import Sleeves, read_sleeves, sleeve_log_odds, weigh_sleeves

SIZE = 128  # of the photo, which is the refiner's view
SHOULDER, ELBOW, WRIST = 20, 60, 100  # rows of both arms


def wearer(visibility=1.0):
    points = np.zeros((33, 2), np.float32)
    points[[11, 13, 15]] = [(90, y) for y in (SHOULDER, ELBOW, WRIST)]
    points[[12, 14, 16]] = [(38, y) for y in (SHOULDER, ELBOW, WRIST)]
    seen = np.full(33, visibility, np.float32)
    return Pose(1.0, points, seen, seen, seen, np.eye(3), np.zeros((4, 4), np.uint8))


def garment(end, start=0, score=0.4):
    """Cloth from a row to another, skin elsewhere; score of a short-sleeve top."""
    parts = np.zeros((32, 32, 8), np.float32)
    parts[..., 1] = 1
    parts[start // 4 : end // 4] = np.eye(8)[2]
    classes = np.zeros(14, np.float32)
    classes[[0, 1, 2]] = 0.1, score, 0.9 - score
    empty = np.zeros((SIZE, SIZE), np.float32)
    return Refinement(empty, classes, np.zeros((25, 3)), parts, np.eye(3))


@pytest.mark.parametrize(
    ("end", "start", "expected"),
    [(44, 0, (0, 1, 1)), (64, 0, (0, 0, 1)), (128, 0, (0, 0, 0)), (0, 0, (1, 1, 1))],
)
def test_arms_are_read_from_the_shoulder_to_the_wrist(end, start, expected):
    sleeves = read_sleeves(garment(end, start), wearer())
    np.testing.assert_allclose(sleeves, expected, atol=0.01)


def test_unseen_arms_say_nothing():
    sleeves = read_sleeves(garment(44), wearer(visibility=0.2))
    assert np.isnan(sleeves).all()
    assert sleeve_log_odds(sleeves) == 0
    before = garment(44)
    np.testing.assert_allclose(
        weigh_sleeves(before, wearer(visibility=0.2)).classes, before.classes, atol=1e-6
    )
    assert weigh_sleeves(before, None) is before


def test_one_arm_tells_as_much_as_two():
    half_hidden = wearer()
    half_hidden.visibility[[12, 14, 16]] = 0
    one = read_sleeves(garment(44), half_hidden)
    assert one == read_sleeves(garment(44), wearer())


def test_what_is_neither_skin_nor_cloth_is_not_read():
    hidden = garment(44)
    hidden.parts[:] = np.eye(8)[6]  # a bag before both arms
    assert np.isnan(read_sleeves(hidden, wearer())).all()


def test_outside_of_the_photo_nothing_is_read():
    above = wearer()
    above.points[:] -= (0, 300)
    assert np.isnan(read_sleeves(garment(44), above)).all()


@pytest.mark.parametrize(
    ("sleeves", "sign"),
    [((0, 1, 1), 1), ((0, 0.5, 1), 1), ((0, 0, 0), -1), ((1, 1, 1), -1)]
    + [((0.3, 0.5, 0.5), 0)],
)
def test_log_odds_of_a_short_sleeve_top(sleeves, sign):
    odds = sleeve_log_odds(Sleeves(*map(float, sleeves)))
    assert np.sign(odds) == sign


def test_the_class_follows_the_arms():
    """Probabilities still add up to one, and other classes keep their proportion."""
    short = weigh_sleeves(garment(44), wearer()).classes
    long = weigh_sleeves(garment(128), wearer()).classes
    assert short[1] > 0.5 > 0.4 > long[1]
    for classes in (short, long):
        assert classes.sum() == pytest.approx(1, abs=1e-6)
        assert classes[2] / classes[0] == pytest.approx(5, rel=1e-4)
