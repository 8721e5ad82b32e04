"""People and poses, from fake networks whose answers can be checked by eye."""

import numpy as np
import pytest

from mrcnn.config import PersonDetectorConfig, PoseConfig
from mrcnn.pose.inference import (
    POSE_LANDMARKS,
    detector_anchors,
    find_people,
    person_window,
    read_pose,
    whole_window,
)


class SeesPeople:
    """Stands for the detector: faces of 20 pixels at given anchors, hips 30 below."""

    config = PersonDetectorConfig()
    image_size = 224

    def __init__(self, *anchors, logit=4.0):
        self.anchors, self.logit = anchors, logit

    def __call__(self, photos):
        assert photos.shape == (1, 224, 224, 3)
        scores = np.full((1, 2254), -9, np.float32)
        boxes = np.zeros((1, 2254, 12), np.float32)
        for rank, index in enumerate(self.anchors):
            scores[0, index] = self.logit - rank
            boxes[0, index, 2:4] = 20
            boxes[0, index, 4:8] = 0, 30, 0, -10  # the hips, and above the head
        return {"scores": scores, "boxes": boxes}


class ReadsCorner:
    """Stands for the pose network: all landmarks at (64, 32) of the view, z = 10.

    The body's centre is the view's, its circle reaches a quarter of the view up.
    """

    config = PoseConfig()
    image_size = 256

    def __init__(self, *scores, heat=None):
        self.scores, self.heat, self.views = list(scores), heat, []

    def __call__(self, views):
        self.views.append(views[0])
        landmarks = np.zeros((1, 39, 5), np.float32)
        landmarks[..., :3] = 64, 32, 10
        landmarks[..., 3:] = 9, -9
        landmarks[0, 33, :2], landmarks[0, 34, :2] = (128, 128), (128, 64)
        heatmaps = np.full((1, 64, 64, 39), -20, np.float32)
        if self.heat:
            heatmaps[0, self.heat[1], self.heat[0], 0] = 20
        masks = np.full((1, 256, 256), -20, np.float32)
        masks[0, :128] = 20
        score = self.scores.pop(0) if self.scores else 1.0
        person = np.full((1, 1), score, np.float32)
        return {
            "landmarks": landmarks,
            "person": person,
            "masks": masks,
            "heatmaps": heatmaps,
        }


IMAGE = np.full((448, 224, 3), 90, np.uint8)  # two photo pixels for one of the detector


def test_anchors_are_the_centres_of_cells():
    anchors = detector_anchors(224)
    assert anchors.shape == (2254, 2)
    assert anchors[[0, 1, 2, 2 * 28]].tolist() == [[4, 4], [4, 4], [12, 4], [4, 12]]
    assert anchors[-1].tolist() == [208, 208]


def test_people_lie_in_the_photos_pixels():
    index = 2 * (14 * 28 + 14)  # the anchor at (116, 116)
    (person,) = find_people(SeesPeople(index), IMAGE)
    # The photo stands in the middle: x = (116 - 112) * 2 + 112, y = 116 * 2.
    np.testing.assert_allclose(person.face, [100, 212, 140, 252])
    np.testing.assert_allclose(person.center, [120, 292])
    np.testing.assert_allclose(person.rim, [120, 212])
    assert person.score == pytest.approx(1 / (1 + np.exp(-4)))


def test_one_face_is_one_person():
    near, far = 2 * (14 * 28 + 15), 2 * (4 * 28 + 14)
    found = find_people(SeesPeople(2 * (14 * 28 + 14), near, far), IMAGE)
    assert len(found) == 2
    assert found[0].score > found[1].score
    assert find_people(SeesPeople(0, logit=-3), IMAGE) == []


def test_a_view_stands_upright_around_the_hips():
    window = person_window(np.array([50.0, 80.0]), np.array([80.0, 80.0]), 256)
    scale = 2 * 30 * 1.25 / 256
    np.testing.assert_allclose(window @ [128, 128, 1], [50, 80, 1])
    # The rim lies on the right in the photo, so it is up in the view.
    np.testing.assert_allclose(window @ [128, 128 - 30 / scale, 1], [80, 80, 1])
    assert np.linalg.det(window[:2, :2]) == pytest.approx(scale**2), "no mirror"


def test_landmarks_come_back_to_the_photo():
    network = ReadsCorner()
    pose = read_pose(network, IMAGE, whole_window(IMAGE.shape, 256), passes=1)
    assert pose.points.shape == (33, 2) == (len(POSE_LANDMARKS), 2)
    scale = 448 / 256
    np.testing.assert_allclose(pose.points[0], [64 * scale - 112, 32 * scale])
    np.testing.assert_allclose(pose.depths, 10 * scale, rtol=1e-6)
    assert (pose.visibility > 0.99).all()
    assert (pose.presence < 0.01).all()
    mask = pose.mask(IMAGE.shape[:2])
    assert mask.shape == (448, 224)
    assert mask[:220].min() > 250
    assert mask[228:].max() < 5
    assert pose.body.shape == (33, 3)


def test_outside_of_the_photo_the_view_is_black():
    network = ReadsCorner()
    read_pose(network, IMAGE, whole_window(IMAGE.shape, 256), passes=1)
    assert (network.views[0][:, :60] == 0).all()
    assert (network.views[0][:, 70:186] == 90).all()


def test_the_second_view_is_laid_by_the_first_ones_landmarks():
    network = ReadsCorner()
    pose = read_pose(network, IMAGE, whole_window(IMAGE.shape, 256))
    # A radius of 64 of 256 pixels, and a margin of a quarter: 160 of 256 remain.
    assert pose.window[0, 0] == pytest.approx(448 / 256 * 160 / 256)
    assert len(network.views) == 2


def test_a_body_that_the_second_view_loses_is_kept_from_the_first():
    first = whole_window(IMAGE.shape, 256)
    lost = read_pose(ReadsCorner(0.9, 0.1), IMAGE, first)
    assert lost.score == pytest.approx(0.9)
    np.testing.assert_array_equal(lost.window, first)


def test_a_heatmap_moves_a_landmark_to_its_peak():
    near = read_pose(ReadsCorner(heat=(18, 9)), IMAGE, np.eye(3), passes=1)
    assert near.points[0].tolist() == [72, 36]
    far = read_pose(ReadsCorner(heat=(40, 9)), IMAGE, np.eye(3), passes=1)
    assert far.points[0].tolist() == [64, 32]
