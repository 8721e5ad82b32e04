"""COCO's figures on masks, boxes and landmarks that one can count by hand."""

import numpy as np
import pytest

from mrcnn.coco import LANDMARK_SIGMA, EncodedInstance, average_precision


def block(top, bottom, left, right, size=(100, 100)):
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def instances(masks, scores=None):
    scores = scores or [[1.0] * len(row) for row in masks]
    return [
        [
            EncodedInstance.from_mask(mask, score=score)
            for mask, score in zip(row, s, strict=True)
        ]
        for row, s in zip(masks, scores, strict=True)
    ]


def mask_ap(truth, found, scores):
    return average_precision(instances(truth), instances(found, scores), "segm")


def test_ap_of_the_truth_is_one():
    masks = [[block(10, 50, 10, 50)], [block(20, 90, 20, 60), block(0, 10, 0, 90)]]
    scores = [[0.9], [0.8, 0.7]]
    found = mask_ap(masks, masks, scores)
    assert found == pytest.approx({"AP": 1, "AP50": 1, "AP75": 1})


def test_ap_by_hand():
    """IoU .8: right at .50 to .80, seven of the ten thresholds."""
    found = mask_ap([[block(0, 100, 0, 100)]], [[block(0, 80, 0, 100)]], [[0.9]])
    assert found["AP50"] == found["AP75"] == pytest.approx(1)
    assert found["AP"] == pytest.approx(0.7, abs=0.011)


def test_a_false_positive_of_higher_score_halves_ap():
    truth = [[block(10, 50, 10, 50)], []]
    found = [[block(10, 50, 10, 50)], [block(60, 90, 60, 90)]]
    assert mask_ap(truth, found, [[0.5], [0.9]])["AP50"] == pytest.approx(0.5)
    assert mask_ap(truth, found, [[0.9], [0.5]])["AP50"] == pytest.approx(1)


def test_a_miss_costs_recall():
    truth = [[block(10, 50, 10, 50), block(60, 90, 60, 90)]]
    found = mask_ap(truth, [[block(10, 50, 10, 50)]], [[0.9]])
    assert found["AP50"] == pytest.approx(0.5, abs=0.01)


def test_ap_without_detections_is_zero():
    found = mask_ap([[block(10, 50, 10, 50)]], [[]], [[]])
    assert found == {"AP": 0, "AP50": 0, "AP75": 0}


@pytest.mark.parametrize("pred", [[[]], [[block(0, 9, 0, 9)]]], ids=["none", "some"])
def test_without_truth_there_is_no_ap(pred):
    scores = [[0.5] * len(pred[0])]
    assert mask_ap([[]], pred, scores) == {"AP": -1, "AP50": -1, "AP75": -1}


def test_nothing_is_printed(capsys):
    mask_ap([[block(0, 9, 0, 9)]], [[block(0, 9, 0, 9)]], [[1.0]])
    assert capsys.readouterr().out == ""


def test_encoding_keeps_mask_and_box():
    instance = EncodedInstance.from_mask(block(10, 50, 20, 90), score=0.5)
    assert instance.box == (20, 10, 90, 50)
    assert instance.score == 0.5
    np.testing.assert_array_equal(instance.mask, block(10, 50, 20, 90))


def test_box_ap_depends_on_the_box_alone():
    """The mask is a quarter of the detected box."""
    truth = [[EncodedInstance.from_mask(block(0, 40, 0, 40))]]
    found = [[EncodedInstance.from_mask(block(0, 20, 0, 20), box=(0, 0, 40, 40))]]
    assert average_precision(truth, found, "bbox")["AP"] == pytest.approx(1)
    assert average_precision(truth, found, "segm")["AP"] == 0


def marked(shift, score=1.0, v=2.0):
    """A square of 40 x 40 pixels with 25 landmarks, moved by `shift` pixels."""
    grid = np.stack(np.meshgrid(np.arange(5), np.arange(5)), -1).reshape(-1, 2) * 8.0
    points = np.concatenate([grid + [shift, 0], np.full((25, 1), v)], axis=1)
    mask = block(0, 40, 0, 40)
    return EncodedInstance.from_mask(
        mask, score=score, landmarks=points.astype(np.float32)
    )


@pytest.mark.parametrize("similarity", [0.97, 0.72, 0.52, 0.4])
def test_keypoint_ap_by_hand(similarity):
    """OKS = exp(-d^2 / (8 sigma^2 area)): right at the thresholds below it."""
    d = np.sqrt(-np.log(similarity) * 8 * LANDMARK_SIGMA**2 * 1600)
    found = average_precision([[marked(0)]], [[marked(d)]], "keypoints")
    thresholds = np.arange(0.5, 1, 0.05)
    assert found["AP"] == pytest.approx((thresholds < similarity).mean(), abs=0.01)
    assert found["AP50"] == pytest.approx(float(similarity > 0.5))


def test_landmarks_outside_the_photo_do_not_count():
    truth, found = marked(0), marked(0)
    truth.landmarks[3, 2], found.landmarks[3, :2] = 0, (900, 900)
    assert average_precision([[truth]], [[found]], "keypoints")["AP"] == pytest.approx(1)


def test_photos_without_landmarks_are_left_out():
    bare = EncodedInstance.from_mask(block(0, 40, 0, 40))
    truth, found = [[marked(0)], [bare], []], [[marked(0)], [marked(0)], [marked(9)]]
    assert average_precision(truth, found, "keypoints")["AP"] == pytest.approx(1)
    none = average_precision([[bare]], [[marked(0)]], "keypoints")
    assert none == {"AP": -1, "AP50": -1, "AP75": -1}
    missed = average_precision([[marked(0)]], [[bare]], "keypoints")
    assert missed == {"AP": 0, "AP50": 0, "AP75": 0}
