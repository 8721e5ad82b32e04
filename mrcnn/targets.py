"""Training targets: matching and sampling of anchors and proposals, static shapes."""

import keras
from keras import ops

from mrcnn import boxes as box_ops
from mrcnn.config import TrainConfig


def match_anchors(anchors, gt_boxes, gt_labels, train: TrainConfig):
    """Match anchors to garments.

    Args:
        anchors: (A, 4).
        gt_boxes: (B, M, 4), zero boxes for padding.
        gt_labels: int (B, M), 0 for padding, -1 for an unknown class.
        train: IoU thresholds.

    Returns:
        positive (B, A) bool, negative (B, A) bool, and the matched boxes (B, A, 4).
        The anchor with the highest IoU of a garment is positive, whatever that IoU.
    """
    iou = box_ops.pairwise_iou(ops.expand_dims(anchors, 0), gt_boxes)  # (B, A, M)
    iou = iou * ops.cast(ops.expand_dims(gt_labels != 0, 1), "float32")
    best = ops.max(iou, axis=2)
    match = ops.argmax(iou, axis=2)
    per_garment = ops.max(iou, axis=1, keepdims=True)
    # Anchors tie up to rounding; a garment that no anchor overlaps has no best one.
    is_best = ops.any(
        ops.logical_and(iou >= per_garment - 1e-5, per_garment > 1e-3), axis=2
    )
    positive = ops.logical_or(best >= train.rpn_positive_iou, is_best)
    negative = ops.logical_and(best < train.rpn_negative_iou, ops.logical_not(positive))
    return positive, negative, box_ops.take(gt_boxes, match)


def sample(candidates, count: int, seed):
    """Sample up to `count` candidates without replacement.

    Args:
        candidates: bool (B, N).
        count: number of samples.
        seed: a `keras.random.SeedGenerator`.

    Returns:
        Indices (B, count) and float weights (B, count), 0 for padding.
    """
    noise = keras.random.uniform(ops.shape(candidates), 0.1, 1.0, seed=seed)
    value, index = ops.top_k(noise * ops.cast(candidates, "float32"), count)
    return index, ops.cast(value > 0, "float32")


def sample_rois(proposals, gt_boxes, gt_labels, train: TrainConfig, seed):
    """Sample the proposals that the heads are trained on, positives first.

    Args:
        proposals: (B, P, 4).
        gt_boxes: (B, M, 4).
        gt_labels: int (B, M), as in `match_anchors`.
        train: thresholds and counts.
        seed: a `keras.random.SeedGenerator`.

    Returns:
        A dict: boxes (B, S, 4), labels (B, S) int with 0 for background, weights (B, S),
        match (B, S) int: index of the garment each box is matched to. The first
        `roi_positives` are positives, the others background; weights are 0 for padding.
    """
    boxes = ops.concatenate([proposals, gt_boxes], axis=1)
    iou = box_ops.pairwise_iou(boxes, gt_boxes)
    iou = iou * ops.cast(ops.expand_dims(gt_labels != 0, 1), "float32")
    best, match = ops.max(iou, axis=2), ops.argmax(iou, axis=2)
    is_box = box_ops.box_area(boxes) > 1.0  # not padding
    positive = ops.logical_and(best >= train.roi_positive_iou, is_box)
    negative = ops.logical_and(best < train.roi_positive_iou, is_box)
    pos, pos_weight = sample(positive, train.roi_positives, seed)
    neg, neg_weight = sample(negative, train.roi_samples - train.roi_positives, seed)
    index = ops.concatenate([pos, neg], axis=1)
    labels = ops.take_along_axis(gt_labels, ops.take_along_axis(match, index, 1), 1)
    is_garment = ops.concatenate([pos_weight, ops.zeros_like(neg_weight)], axis=1)
    return {
        "boxes": box_ops.take(boxes, index),
        "labels": labels * ops.cast(is_garment, labels.dtype),
        "weights": ops.concatenate([pos_weight, neg_weight], axis=1),
        "match": ops.take_along_axis(match, index, axis=1),
    }


def crop_masks(gt_masks, boxes, match, size: int):
    """Crop each box's garment mask to a size x size grid.

    Args:
        gt_masks: (B, M, H, W), 0 or 1, any dtype.
        boxes: (B, N, 4).
        match: int (B, N), index into the M masks.
        size: cells per side.

    Returns:
        float32 (B, N, size, size), 0 or 1.
    """
    count, height, width = gt_masks.shape[1:]
    levels = [
        ops.expand_dims(ops.cast(gt_masks[:, i], "float32"), -1) for i in range(count)
    ]
    grid = box_ops.roi_align(levels, boxes, match, size, [1.0] * count, sampling=1)
    return ops.cast(ops.squeeze(grid, -1) >= 0.5, "float32")
