"""The cascade, with fake networks that see red pixels."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mrcnn.detections import Detections, mask_iou
from mrcnn.pose.inference import Pose
from tryon.segment import (
    SegmentConfig,
    Segmenter,
    drop_nested,
    keep_near,
    repair_mask,
)

SIZE = (120, 100)
RED, GREY = (220, 20, 20), (90, 90, 90)


def picture(*places):
    """Grey, with red rectangles at (top, bottom, left, right); image and mask."""
    image, mask = np.full((*SIZE, 3), GREY, np.uint8), np.zeros(SIZE, bool)
    for top, bottom, left, right in places:
        mask[top:bottom, left:right] = True
    image[mask] = RED
    return image, mask


@pytest.fixture
def shirt():
    return picture((40, 80, 10, 50))


def test_the_looks_agree_and_the_mask_lies_right(segmenter, finder, drawer, shirt):
    image, truth = shirt
    garment = segmenter(image)
    assert finder.calls == [1], "the whole photo, once"
    assert [len(views) for views in drawer.views] == [1, 1, 1]
    np.testing.assert_array_equal(drawer.views[2][:, :, ::-1], drawer.views[1])
    assert mask_iou(garment.mask, truth) > 0.95
    assert garment.agreement > 0.95
    instance = garment.instance
    assert instance.label_name == "short sleeve top"
    assert instance.score == pytest.approx(0.9)
    np.testing.assert_allclose(instance.box, (10, 40, 50, 80), atol=1)
    assert instance.area == pytest.approx(garment.mask.mean())


def test_landmarks_lie_in_the_photos_pixels(segmenter, shirt):
    found = segmenter.detect(shirt[0])
    assert found.landmarks.shape == (1, 25, 3)
    np.testing.assert_allclose(found.landmarks[0, 0, :2], (30, 60), atol=1)
    assert found.landmarks[0, 0, 2] > 0.99
    assert (found.landmarks[0, 1:, 2] < 0.01).all()
    # Read closer, as it is and mirrored: the middle stays where it was.
    closer = segmenter(shirt[0]).instance.landmarks
    np.testing.assert_allclose(closer[0, :2], (30, 60), atol=1)


def test_the_refiner_corrects_a_find_that_is_too_large(segmenter):
    """Mask R-CNN's fake fills the box around both; the refiner draws what is red."""
    image, truth = picture((30, 90, 20, 40), (60, 90, 20, 80))
    (mask,) = segmenter.detect(image).masks >= 0.5
    assert mask_iou(mask, truth) > 0.95
    assert truth.sum() < 0.7 * 60 * 60


def test_nothing_found_reads_the_whole_frame(segmenter, drawer):
    image, _ = picture()
    assert segmenter(image) is None
    (views,) = drawer.views
    inside = views[0, 32, 32]
    assert inside[:3].tolist() == [90, 90, 90]
    assert inside[3] == pytest.approx(128, abs=1), "a hint that says neither yes nor no"


def test_what_mask_rcnn_misses_the_refiner_may_find(finder, segmenter, shirt):
    finder.score = 0.0
    image, truth = shirt
    garment = segmenter(image)
    assert mask_iou(garment.mask, truth) > 0.9
    finder.score = 0.05
    assert segmenter(image).instance.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("label", "score", "count"), [(2, 0.9, 1), (1, 0.25, 0), (2, 0.25, 0)]
)
def test_other_classes_and_weak_finds_are_not_taken(
    segmenter, finder, drawer, shirt, label, score, count
):
    for network in (finder, drawer):
        network.label, network.score = label, score
    assert segmenter(shirt[0]) is None
    assert len(segmenter.detect(shirt[0])) == count


@pytest.mark.parametrize(
    ("first", "second", "label", "score"),
    [
        ((1, 0.9), (1, 0.4), 1, 0.45 * 0.9 + 0.55 * 0.4),
        ((2, 0.9), (1, 0.9), 1, 0.55 * 0.9),
        ((2, 0.9), (1, 0.6), 2, 0.45 * 0.9),
        ((1, 0.9), (2, 0.9), 2, 0.55 * 0.9),
    ],
)
def test_both_networks_tell_the_class(
    segmenter, finder, drawer, shirt, first, second, label, score
):
    finder.label, finder.score = first
    drawer.label, drawer.score = second
    found = segmenter.detect(shirt[0], 0.0)
    assert found.labels.tolist() == [label]
    assert found.scores[0] == pytest.approx(score, abs=1e-5)


def wearer(x=30, y=60, score=1.0):
    """A pose whose torso is 20 wide and 30 high around (x, y); no arm is seen."""
    points = np.full((33, 2), (x, y - 40), np.float32)
    points[[11, 12]] = (x + 10, y - 15), (x - 10, y - 15)
    points[[23, 24]] = (x + 10, y + 15), (x - 10, y + 15)
    unseen = np.zeros(33, np.float32)
    return Pose(
        score, points, unseen, unseen, unseen, np.eye(3), np.zeros((4, 4), np.uint8)
    )


@pytest.mark.parametrize(
    ("pose", "score", "taken"),
    [
        (wearer(), 0.3, True),
        (wearer(), 0.2, False),
        (wearer(x=80), 0.9, False),
        (None, 0.3, False),
    ],
)
def test_on_a_torso_less_certainty_is_asked(
    segmenter, finder, drawer, shirt, pose, score, taken
):
    drawer.shows_skin = True
    segmenter.poses = lambda image: [] if pose is None else [pose]
    finder.score = drawer.score = score
    garment = segmenter(shirt[0])
    assert (garment is not None) == taken
    if taken:
        assert garment.pose is pose


def test_a_pose_without_skin_is_none(segmenter, drawer, shirt):
    """As in a shop's picture of a shirt on a ghost mannequin."""
    segmenter.poses = lambda image: [wearer()]
    assert segmenter(shirt[0]).pose is None
    segmenter.poses = lambda image: [wearer(x=80)]
    assert segmenter(shirt[0]) is not None, "nobody's torso, so it lies on none"
    drawer.shows_skin = True
    assert segmenter(shirt[0]) is None


def test_the_best_of_other_classes_is_taken_where_there_is_no_top(
    segmenter, finder, drawer, shirt
):
    for network in (finder, drawer):
        network.label = 5
    assert segmenter.segment(shirt[0]).garment is None
    assert segmenter.segment(shirt[0], others=(2,)).garment is None
    assert segmenter.segment(shirt[0], others=(2, 5)).garment.instance.label == 5
    for network in (finder, drawer):
        network.label = 1
    assert segmenter.segment(shirt[0], others=(2, 5)).garment.instance.label == 1


def test_other_classes_on_a_torso_need_all_certainty(segmenter, finder, drawer, shirt):
    segmenter.poses = lambda image: [wearer()]
    for network in (finder, drawer):
        network.label, network.score = 2, 0.4
    detections = segmenter.detect(shirt[0], 0.1)
    assert len(detections) == 1
    assert not segmenter.is_confident(detections).any()


def test_the_refiner_sees_the_wearer(segmenter, drawer, shirt):
    drawer.shows_skin = True
    segmenter.poses = lambda image: [wearer()]
    segmenter(shirt[0])
    assert all(views[0, 32, 32, 4] == 255 for views in drawer.views), "the torso"


def test_a_threshold_may_be_given(segmenter, finder, drawer, shirt):
    finder.score = drawer.score = 0.2
    assert len(segmenter.detect(shirt[0])) == 0
    assert segmenter.detect(shirt[0], 0.05).scores.tolist() == pytest.approx([0.2])
    config = SegmentConfig(score_threshold=0.1)
    mine = Segmenter(segmenter.predictor, segmenter.refiner, config)
    assert mine(shirt[0]).instance.score == pytest.approx(0.2)


def test_select_by_index(segmenter, drawer, shirt):
    drawer.label = 2
    assert segmenter(shirt[0], instance=0).instance.label == 2
    assert segmenter(shirt[0], instance=1) is None
    assert segmenter(shirt[0], instance=-1) is None


def test_a_doubtful_find_is_named_and_taken_only_when_selected(
    segmenter, finder, drawer, shirt
):
    finder.score = drawer.score = 0.25
    instances, garment = segmenter.segment(shirt[0])
    assert garment is None
    assert [find.score for find in instances] == [pytest.approx(0.25)]
    selected = segmenter.segment(shirt[0], instance=0).garment
    assert selected.instance.score == pytest.approx(0.25)
    finder.score = drawer.score = 0.15
    assert segmenter.segment(shirt[0], instance=0) == ((), None)


def test_beside_a_sure_find_doubtful_ones_are_not_named(segmenter, drawer):
    image, _ = picture((0, 20, 0, 20), (40, 90, 30, 90))
    masks = np.zeros((2, *SIZE), np.float32)
    masks[0, 40:90, 30:90] = masks[1, :20, :20] = 1
    found = Detections(
        np.zeros((2, 4), np.float32),
        np.array([2, 1]),
        np.array([0.9, 0.3], np.float32),
        masks,
    )
    segmenter.detect = lambda image, threshold=None: found
    instances, garment = segmenter.segment(image)
    assert garment is None
    assert [find.label for find in instances] == [2]
    assert segmenter.segment(image, instance=1).garment is None


def test_the_largest_top_is_chosen(segmenter):
    image, _ = picture((0, 20, 0, 20), (40, 90, 30, 90))
    masks = np.zeros((3, *SIZE), np.float32)
    masks[0, :20, :20] = masks[1, 40:90, 30:90] = 1
    masks[2] = 1  # larger still, but trousers
    found = Detections(
        np.zeros((3, 4), np.float32),
        np.array([1, 1, 8]),
        np.array([0.9, 0.8, 0.7], np.float32),
        masks,
    )
    assert segmenter.select(image, found).chosen == 1
    assert segmenter.select(image, found, instance=0).chosen == 0


def test_drop_nested_keeps_the_better_one():
    masks = np.zeros((3, 8, 8), np.float32)
    masks[0, :4, :4], masks[1, :4, :3], masks[2, 5:, 5:] = 1, 1, 1
    found = Detections(
        np.zeros((3, 4), np.float32), np.ones(3, int), np.array([0.9, 0.8, 0.7]), masks
    )
    assert drop_nested(found, 0.6).scores.tolist() == [0.9, 0.7]


def test_the_segmenter_itself_needs_no_keras():
    """With the networks in OpenVINO's form, a start need not wait for its import."""
    code = "import sys, tryon.segment; print({'keras', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_a_photo_that_may_be_all_shirt_must_be_surer(finder, drawer, segmenter, shirt):
    drawer.score = 0.5
    assert segmenter(shirt[0]) is not None
    finder.score = 0.0
    assert segmenter(shirt[0]) is None
    assert len(segmenter.detect(shirt[0], 0.05)) == 0, "whatever threshold is asked for"
    drawer.score = 0.7
    assert segmenter(shirt[0]) is not None


@pytest.mark.parametrize("seen", [1.0, 0.3])
def test_the_slit_below_a_neck_is_filled_where_the_neck_is_seen(seen):
    image = np.full((80, 80, 3), 90, np.uint8)
    mask = np.ones((80, 80), bool)
    mask[:10] = mask[10:24, 38:42] = mask[70:, 38:42] = False
    landmarks = np.zeros((25, 3), np.float32)
    landmarks[1:6, 0], landmarks[1:6, 1] = (20, 30, 40, 50, 60), 10
    landmarks[1:6, 2] = 1, 1, seen, 1, 1
    filled = repair_mask(mask, image, landmarks)
    assert filled[14:22, 38:42].all() == (seen > 0.5)
    assert not filled[72:, 39:41].any(), "far from the neck"


@pytest.mark.parametrize("seen", [1.0, 0.3])
def test_a_part_of_other_colours_stays_where_a_sleeve_is_seen(seen):
    image = np.full((80, 80, 3), 90, np.uint8)
    image[20:40, 60:75] = (200, 30, 30)
    mask = np.zeros((80, 80), bool)
    mask[10:70, 10:50] = mask[20:40, 60:75] = True
    landmarks = np.zeros((25, 3), np.float32)
    landmarks[20] = 70, 35, seen
    kept = repair_mask(mask, image, landmarks)
    assert kept[10:70, 10:50].all()
    assert kept[20:40, 60:75].all() == (seen > 0.5)
    assert kept[20:40, 60:75].any() == (seen > 0.5)


class EdgeFinder:
    """Stands for a matting network: reddish pixels are the garment's."""

    image_size = 64

    def __call__(self, views):
        self.views = views
        red = views[..., 0] - views[..., 1]
        return np.where(red > 60, 20.0, -20.0).astype(np.float32)


def test_the_matting_network_mends_the_mask_and_gives_its_alpha(segmenter, shirt):
    image, truth = shirt
    assert segmenter(image).alpha is None
    segmenter.edges = EdgeFinder()
    garment = segmenter(image)
    assert garment.alpha.dtype == np.uint8
    assert np.array_equal(garment.mask, garment.alpha > 127)
    assert mask_iou(garment.mask, truth) > 0.95
    assert segmenter.edges.views[0, ..., 3].max() == 255, "it is given the mask"


def test_far_from_the_mask_the_matting_network_is_not_believed(segmenter, shirt):
    segmenter.edges = EdgeFinder()
    image, _ = shirt
    image[90:100, 60:66] = (140, 60, 60)  # reddish to the matting network alone
    assert segmenter(image).alpha[85:, 55:].max() == 0


def test_alpha_keeps_to_its_mask():
    alpha = np.zeros((7, 12), np.uint8)
    alpha[1:6, 1:6], alpha[1:6, 6] = 255, 60
    alpha[1:6, 8:11] = 200  # a piece that the mask leaves out
    alpha[1:6, 11] = 30
    mask = np.zeros((7, 12), bool)
    mask[1:6, 1:6] = True
    kept = keep_near(alpha, mask)
    assert kept[3].tolist() == [0, 255, 255, 255, 255, 255, 60, 0, 0, 0, 0, 0]
    mask[0, 3] = True
    assert keep_near(alpha, mask)[0, 3] == 128, "what the mask holds is garment"
