"""The five losses of Mask R-CNN, each a free function that returns a scalar."""

from keras import ops

SMOOTHING = 0.1  # of class labels: annotators are not sure of sleeves either


def binary_cross_entropy(logits, truth):
    """Return the element-wise cross entropy of logits and truth in {0, 1}."""
    return (
        ops.maximum(logits, 0.0) - logits * truth + ops.log1p(ops.exp(-ops.abs(logits)))
    )


def smooth_l1(difference, beta: float = 1.0):
    """Return the element-wise Huber-like loss: quadratic under beta, linear above."""
    size = ops.abs(difference)
    return ops.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta)


def weighted_mean(values, weights):
    """Return the mean of values under weights; 0 where all weights are 0."""
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)


def rpn_class_loss(logits, truth, weights):
    """Objectness: logits, truth in {0, 1} and weights, all (B, S)."""
    return weighted_mean(binary_cross_entropy(logits, truth), weights)


def rpn_box_loss(pred_deltas, gt_deltas, weights):
    """Anchor deltas (B, S, 4), over positive anchors (weights (B, S))."""
    error = ops.sum(smooth_l1(pred_deltas - gt_deltas, 1.0 / 9.0), axis=-1)
    return weighted_mean(error, weights)


def class_loss(logits, labels, weights):
    """Cross entropy of class logits (..., 1 + classes) and smoothed labels (...).

    Labels below 0, of what has no known class, count not.

    References:
        Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016.
    """
    log_share = ops.log_softmax(logits, axis=-1)
    index = ops.expand_dims(ops.maximum(labels, 0), -1)
    right = -ops.squeeze(ops.take_along_axis(log_share, index, axis=-1), -1)
    anything = -ops.mean(log_share, axis=-1)
    known = weights * ops.cast(labels >= 0, weights.dtype)
    return weighted_mean((1 - SMOOTHING) * right + SMOOTHING * anything, known)


def box_loss(pred_deltas, gt_deltas, weights):
    """Box deltas (B, S, 4), over garments (weights (B, S))."""
    return weighted_mean(ops.sum(smooth_l1(pred_deltas - gt_deltas), axis=-1), weights)


def mask_loss(logits, gt_masks, weights):
    """Mean cross entropy over the cells of masks (B, S, m, m), weights (B, S)."""
    cells = ops.mean(binary_cross_entropy(logits, gt_masks), axis=(2, 3))
    return weighted_mean(cells, weights)
