"""What the semantic network decides beside the cascade, on drawn planes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mrcnn.config import CLOTHES
from mrcnn.detections import Detections
from mrcnn.pose.inference import Pose
from mrcnn.refiner.inference import Refinement
from mrcnn.semantic.inference import NAMES, Clothes
from tryon.clothes import (
    ClothesConfig,
    Wearer,
    add_lower_garments,
    dress,
    find_agreed_top,
    propose_tops,
    spread_classes,
    weigh_clothes,
)

SIZE = 96, 64
TOP, LONG, TROUSERS, SKIRT = (
    NAMES.index(name)
    for name in ("short sleeve top", "long sleeve top", "trousers", "skirt")
)
TORSO = np.s_[20:60, 20:44]


def person(x=32.0, upper=TOP, lower=TROUSERS, scale=1.0):
    """A person whose torso lies around (x, 40), in a garment above and one below."""
    points = np.zeros((33, 2), np.float32)
    points[[11, 12, 23, 24]] = (10, -20), (-10, -20), (10, 20), (-10, 20)
    points = points * scale + (x, 40)
    one = np.ones(33, np.float32)
    pose = Pose(1.0, points, one, one, one, np.eye(3), np.zeros((8, 8), np.uint8))
    probabilities = np.zeros((24, 24, len(NAMES)), np.float32)
    probabilities[..., 0] = 1
    for index, rows in ((upper, slice(5, 15)), (lower, slice(15, 22))):
        if index is not None:
            probabilities[rows, 5:11] = 0
            probabilities[rows, 5:11, index] = 1
    clothes = Clothes(probabilities, np.eye(3))
    return Wearer(pose, clothes, clothes)


def found(*boxes, label=1, score=0.9):
    masks = np.zeros((len(boxes), *SIZE), np.float32)
    for mask, box in zip(masks, boxes, strict=True):
        mask[box] = 1
    count = len(boxes)
    return Detections(
        np.zeros((count, 4), np.float32),
        np.full(count, label),
        np.full(count, score, np.float32),
        masks,
        np.ones((count, 25, 3), np.float32),
    )


def refined(label=1, probability=0.6):
    mask = np.zeros(SIZE, np.float32)
    mask[TORSO] = 1
    classes = np.zeros(14, np.float32)
    classes[[0, label]] = 1 - probability, probability
    parts = np.zeros((4, 4, 8), np.float32)
    return Refinement(mask, classes, np.zeros((25, 3), np.float32), parts, np.eye(3))


def test_a_top_that_nothing_proposed_is_proposed():
    tops = propose_tops([person()], found(np.s_[70:90, 20:44]), SIZE)
    assert tops.labels.tolist() == [1]
    assert tops.scores[0] > 0.9
    overlap = tops.masks[0][TORSO] >= 0.5
    assert overlap.mean() > 0.9
    assert len(propose_tops([person()], found(TORSO), SIZE)) == 0, "it is proposed"


def test_cloth_that_lies_on_no_torso_is_not_proposed():
    assert len(propose_tops([person(x=150)], found(), SIZE)) == 0
    assert len(propose_tops([person(upper=None)], found(), SIZE)) == 0
    assert len(propose_tops([], found(), SIZE)) == 0


def test_what_is_worn_below_is_named():
    detections = add_lower_garments(found(TORSO), [person()], SIZE)
    assert detections.labels.tolist() == [8, 1]
    assert detections.masks[0][62:86, 22:42].min() >= 0.5
    assert detections.landmarks.shape == (2, 25, 3)
    assert not detections.landmarks[0].any()
    skirt = add_lower_garments(found(TORSO), [person(lower=SKIRT)], SIZE)
    assert 9 in skirt.labels
    none = add_lower_garments(found(TORSO), [person(lower=None)], SIZE)
    assert none.labels.tolist() == [1]


def test_the_networks_name_replaces_that_of_the_cascade():
    cascade = found(np.s_[60:88, 20:44], label=9)
    assert add_lower_garments(cascade, [person()], SIZE).labels.tolist() == [8]
    assert add_lower_garments(cascade, [], SIZE).labels.tolist() == [9]


def test_both_views_must_show_a_top_where_they_reach():
    upper, below = person().upper, np.zeros((24, 24, len(NAMES)), np.float32)
    below[..., TROUSERS] = 1
    down = np.eye(3)
    down[1, 2] = 40  # this view begins at row 40
    worn = find_agreed_top(Wearer(person().pose, upper, Clothes(below, down)), SIZE)
    assert worn[24:36, 24:40].all()
    assert not worn[44:].any(), "trousers, in the view of the lower body"
    assert not worn[:, :16].any()
    same = find_agreed_top(person(), SIZE)
    assert same[24:56, 24:40].all()
    assert not same[64:].any()
    assert find_agreed_top(Wearer(person().pose, upper), SIZE) is None
    assert find_agreed_top(None, SIZE) is None


def test_classes_are_averaged_with_what_the_mask_shows():
    config = ClothesConfig(weight=0.4)
    agreed = weigh_clothes(refined(), person(), config)
    assert agreed.classes[1] == pytest.approx(0.6 * 0.6 + 0.4, abs=0.01)
    doubted = weigh_clothes(refined(), person(upper=LONG), config)
    assert doubted.classes[1] == pytest.approx(0.6 * 0.6, abs=0.01)
    assert doubted.classes[2] == pytest.approx(0.4, abs=0.01)
    assert weigh_clothes(refined(), None, config).classes[1] == pytest.approx(0.6)


@given(
    arrays.arrays(np.float32, len(CLOTHES), elements=st.floats(0, 1, width=32)),
    arrays.arrays(np.float32, 14, elements=st.floats(0, 1, width=32)),
)
def test_spreading_keeps_the_sums(shares, classes):
    spread = spread_classes(shares, classes)
    assert spread.sum() == pytest.approx(shares.sum(), abs=1e-3)
    assert (spread >= 0).all()
    assert spread[8] == pytest.approx(shares[TROUSERS], abs=1e-5)


def test_the_largest_people_are_looked_at():
    class Blank:
        image_size = 64
        calls = 0

        def __call__(self, views):
            self.calls += 1
            return np.zeros((len(views), 16, 16, len(NAMES)), np.float32)

    image = np.zeros((*SIZE, 3), np.uint8)
    poses = [person(scale=s).pose for s in (0.3, 1.0, 0.6)]
    poses.append(person(x=400).pose)
    network = Blank()
    people = dress(network, image, poses, ClothesConfig(max_people=2))
    assert [p.pose for p in people] == poses
    assert [p.upper is not None for p in people] == [False, True, True, False]
    (outside,) = dress(network, image, [poses[3]])
    assert outside.upper is None, "nothing of the torso is in the photo"
    assert network.calls == 2
    assert dress(None, image, poses)[1].upper is None
