"""Whose pose is read, and what a pose decides about detections."""

import dataclasses

import numpy as np
import pytest

from mrcnn.detections import Detections
from mrcnn.pose.inference import Person, Pose
from tryon.clothes import Wearer, find_wearer
from tryon.pose import PoseReader
from tryon.segment import drop_off_torso, find_wearers

SIZE = (200, 300)


def body(x, score=1.0):
    """A pose whose torso spans x - 20 to x + 20, from row 60 to 120."""
    points = np.full((33, 2), (x, 30), np.float32)
    points[[11, 12]] = (x + 20, 60), (x - 20, 60)
    points[[23, 24]] = (x + 20, 120), (x - 20, 120)
    flat = np.zeros(33, np.float32)
    return Pose(
        score, points, flat, flat + 1, flat + 1, np.eye(3), np.zeros((8, 8), np.uint8)
    )


def detections(*boxes, labels=None):
    masks = np.zeros((len(boxes), *SIZE), np.float32)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = 1
    scores = np.linspace(0.9, 0.5, len(boxes)).astype(np.float32)
    labels = np.array(labels or [1] * len(boxes))
    return Detections(np.array(boxes, np.float32), labels, scores, masks)


def test_the_wearer_is_whose_torso_is_covered_not_the_larger_person():
    shirt = np.zeros(SIZE, bool)
    shirt[60:120, 180:220] = True
    here, there = Wearer(body(200)), Wearer(body(80))
    assert find_wearer([there, here], shirt) is here
    assert find_wearer([there], shirt) is None
    assert find_wearer([], shirt) is None


def test_shorts_on_nobodys_torso_are_dropped():
    shirt, shorts = (80, 60, 120, 120), (80, 125, 120, 170)
    kept = drop_off_torso(detections(shorts, shirt), [Wearer(body(100))], 0.1)
    assert kept.boxes.tolist() == [list(map(float, shirt))]
    named = drop_off_torso(detections(shorts, labels=[7]), [Wearer(body(100))], 0.1)
    assert named.labels.tolist() == [7], "as shorts they may stay"


@pytest.mark.parametrize("people", [[], [Wearer(body(900))]])
def test_where_no_torso_is_seen_everything_is_kept(people):
    both = detections((80, 125, 120, 170), (0, 0, 10, 10))
    assert len(drop_off_torso(both, people, 0.1)) == 2


def test_every_detection_gets_its_wearer_and_keeps_it():
    people = [Wearer(body(60)), Wearer(body(220))]
    found = find_wearers(
        detections((200, 60, 240, 120), (40, 60, 80, 120), (0, 0, 5, 5)), people
    )
    assert found.wearers.tolist() == [people[1], people[0], None]
    assert found[np.array([1])].wearers[0] is people[0]


def test_a_view_without_a_body_has_no_pose(monkeypatch):
    people = [Person(0.9, np.zeros(4), np.zeros(2), np.ones(2)) for _ in range(3)]
    scores = iter([0.9, 0.7, 0.85])
    monkeypatch.setattr("tryon.pose.find_people", lambda *args: people)
    monkeypatch.setattr(
        "tryon.pose.read_pose", lambda *args, **kwargs: body(100, score=next(scores))
    )

    class Network:
        image_size = 256

    poses = PoseReader(None, Network())(np.zeros((*SIZE, 3), np.uint8))
    assert [pose.score for pose in poses] == [0.9, 0.85]


def test_who_is_printed_on_the_tee_does_not_wear_it():
    shirt = np.zeros(SIZE, bool)
    shirt[70:120, 180:220] = True
    small = dataclasses.replace(body(200), points=body(200).points / 4 + (150, 70))
    printed, wearer = Wearer(small), Wearer(body(200))
    assert find_wearer([printed, wearer], shirt) is wearer


def test_the_shipped_networks_read_a_person(me_path):
    from tryon.images import read_photo

    image = read_photo(me_path).image
    (pose,) = PoseReader.from_pretrained()(image)
    assert pose.score > 0.9
    height, width = image.shape[:2]
    left, right, nose = pose.points[11], pose.points[12], pose.points[0]
    assert left[0] > right[0], "the wearer's left is on the right of the picture"
    assert nose[1] < min(left[1], right[1])
    assert (
        (pose.points[[0, 11, 12]] > 0) & (pose.points[[0, 11, 12]] < (width, height))
    ).all()
    mask = pose.mask((height, width))
    center = pose.points[[11, 12, 23, 24]].mean(axis=0).astype(int)
    assert mask[center[1], center[0]] > 230
    assert mask[5, 5] < 25
