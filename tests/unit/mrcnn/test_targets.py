import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import targets


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


GT_BOXES = np.array([[[0, 0, 20, 20], [40, 40, 60, 60]]], np.float32)
GT_LABELS = np.array([[3, 1]], np.int32)


def test_anchors_are_matched_by_iou(train_config):
    anchors = np.array(
        [
            [0, 0, 20, 20],  # the first garment itself
            [0, 0, 20, 25],  # IoU .8: positive
            [0, 0, 20, 45],  # IoU .44: neither
            [40, 40, 60, 90],  # IoU .4, but the second garment's best
            [22, 0, 38, 30],  # nothing
        ],
        np.float32,
    )
    positive, negative, matched = map(
        numpy, targets.match_anchors(anchors, GT_BOXES, GT_LABELS, train_config)
    )
    assert positive[0].tolist() == [True, True, False, True, False]
    assert negative[0].tolist() == [False, False, False, False, True]
    np.testing.assert_array_equal(matched[0, [0, 1, 3]], GT_BOXES[0][[0, 0, 1]])


def test_without_garments_every_anchor_is_negative(train_config):
    anchors = np.array([[0, 0, 20, 20], [5, 5, 9, 9]], np.float32)
    positive, negative, _ = targets.match_anchors(
        anchors, np.zeros((1, 2, 4), np.float32), np.zeros((1, 2), np.int32), train_config
    )
    assert not numpy(positive).any()
    assert numpy(negative).all()


def test_a_box_without_label_is_no_garment(train_config):
    anchors = GT_BOXES[0]
    labels = np.array([[0, 1]], np.int32)
    positive, _, _ = targets.match_anchors(anchors, GT_BOXES, labels, train_config)
    assert numpy(positive)[0].tolist() == [False, True]


@pytest.mark.parametrize("available", [0, 1, 3, 9])
def test_sample_takes_candidates_without_replacement(available):
    candidates = np.zeros((2, 12), bool)
    candidates[:, :available] = True
    seed = keras.random.SeedGenerator(1)
    index, weight = map(numpy, targets.sample(candidates, 4, seed))
    assert index.shape == weight.shape == (2, 4)
    for row in range(2):
        sampled = index[row][weight[row] > 0]
        assert len(sampled) == len(set(sampled.tolist())) == min(4, available)
        assert (sampled < available).all()


def test_sample_takes_every_candidate_at_times():
    seed = keras.random.SeedGenerator(1)
    candidates = np.ones((50, 6), bool)
    index, _ = targets.sample(candidates, 2, seed)
    counts = np.bincount(numpy(index).ravel(), minlength=6)
    assert counts.min() > 5


def test_rois_are_garments_first(train_config):
    train = dataclasses.replace(train_config, roi_samples=6, roi_positives=3)
    proposals = np.array(
        [[[1, 1, 20, 20], [41, 40, 60, 60], [20, 0, 40, 20], [0, 0, 0, 0], [0, 0, 9, 9]]],
        np.float32,
    )
    seed = keras.random.SeedGenerator(0)
    rois = targets.sample_rois(proposals, GT_BOXES, GT_LABELS, train, seed)
    rois = {name: numpy(value)[0] for name, value in rois.items()}
    assert rois["boxes"].shape == (6, 4)
    # Two proposals and the two garments themselves are positive: three are sampled.
    assert rois["weights"].tolist() == [1, 1, 1, 1, 1, 0]
    assert (rois["labels"][:3] == GT_LABELS[0][rois["match"][:3]]).all()
    assert rois["labels"][3:].tolist() == [0, 0, 0]
    for box, match in zip(rois["boxes"][:3], rois["match"][:3], strict=True):
        assert np.abs(box - GT_BOXES[0][match]).max() <= 1
    background = {tuple(box) for box in rois["boxes"][3:5]}
    assert background == {(20, 0, 40, 20), (0, 0, 9, 9)}


def test_rois_without_garments_are_background(train_config):
    proposals = np.array([[[1, 1, 20, 20]] * 8], np.float32)
    nothing = np.zeros((1, 2, 4), np.float32), np.zeros((1, 2), np.int32)
    seed = keras.random.SeedGenerator(0)
    rois = targets.sample_rois(proposals, *nothing, train_config, seed)
    first = train_config.roi_positives
    assert numpy(rois["weights"])[0].tolist() == [0] * first + [1] * 4
    assert not numpy(rois["labels"]).any()


def test_masks_are_cut_at_their_box():
    masks = np.zeros((1, 2, 16, 16), np.uint8)
    masks[0, 0, 4:12, 4:8] = 1  # the left half of the box below
    masks[0, 1] = 1
    boxes = np.array([[[4, 4, 12, 12], [4, 4, 12, 12]]], np.float32)
    match = np.array([[0, 1]], np.int32)
    cut = numpy(targets.crop_masks(masks, boxes, match, 4))
    np.testing.assert_array_equal(cut[0, 0], [[1, 1, 0, 0]] * 4)
    np.testing.assert_array_equal(cut[0, 1], np.ones((4, 4)))


def test_a_mask_cut_at_the_pictures_size_is_itself():
    masks = np.random.default_rng(0).random((1, 1, 8, 8)) > 0.5
    boxes = np.array([[[0, 0, 8, 8]]], np.float32)
    cut = targets.crop_masks(masks, boxes, np.zeros((1, 1), np.int32), 8)
    np.testing.assert_array_equal(numpy(cut)[0, 0], masks[0, 0])


def test_a_garment_of_unknown_class_is_detected_all_the_same(train_config):
    labels = np.where(GT_LABELS > 0, -1, 0)
    named = targets.match_anchors(GT_BOXES[0], GT_BOXES, GT_LABELS, train_config)
    found = targets.match_anchors(GT_BOXES[0], GT_BOXES, labels, train_config)
    for one, other in zip(named, found, strict=True):
        np.testing.assert_array_equal(one, other)
    seed = keras.random.SeedGenerator(0)
    rois = targets.sample_rois(GT_BOXES, GT_BOXES, labels, train_config, seed)
    taken = np.asarray(rois["weights"])[:, : train_config.roi_positives] > 0
    first = np.asarray(rois["labels"])[:, : train_config.roi_positives]
    assert taken.any()
    assert (first[taken] == -1).all()
