"""Reports hold plain values, in the photo's own pixels."""

import json

import numpy as np
import pytest

from tryon.report import describe_detection, describe_instances
from tryon.types import GarmentMask, Instance


def find(landmarks=None, label=1):
    return Instance(
        label, "short sleeve top", 0.87654, (10, 20, 30.06, 40), 0.25, landmarks
    )


def test_landmarks_are_told_in_the_photos_pixels():
    points = np.array([[10.04, 20, 0.98765], [3, 4, 0]], np.float32)
    (row,) = describe_instances((find(points),), 2.0)
    assert row["landmarks"] == [[20.1, 40.0, 0.988], [6.0, 8.0, 0.0]]
    assert row["box"] == [20, 40, 60.1, 80]
    assert row["score"] == pytest.approx(0.8765)
    assert json.loads(json.dumps(row)) == row, "plain values"


def test_without_landmarks_there_are_none():
    (row,) = describe_instances((find(),), 1.0)
    assert row["landmarks"] is None


def test_several_tops_are_told():
    mask = np.ones((4, 4), bool)
    one = GarmentMask(mask, (find(), find(label=8)), 0, 0.9)
    two = GarmentMask(mask, (find(), find()), 1, 0.9)
    assert not describe_detection(one, 1.0)["several"]
    assert describe_detection(two, 1.0)["several"]
    assert describe_detection(two, 1.0)["chosen"] == 1
