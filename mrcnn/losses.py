"""The five losses of Mask R-CNN: free functions that return scalars."""

from keras import ops

LABEL_SMOOTHING = 0.1  # as Szegedy et al.: annotators disagree on sleeve lengths


def binary_cross_entropy(logits, truth):
    """Return the element-wise cross entropy of logits and targets in [0, 1].

    Equals `keras.ops.binary_crossentropy`, whose gradient on TensorFlow differs at logits
    of exactly 0, as untrained layers give.
    """
    return (
        ops.maximum(logits, 0.0) - logits * truth + ops.log1p(ops.exp(-ops.abs(logits)))
    )


def smooth_l1(difference, beta: float = 1.0):
    """Return the element-wise smooth L1 loss: quadratic below beta, linear above.

    It is `keras.losses.Huber` with delta beta, divided by beta.
    """
    error = ops.abs(difference)
    return ops.where(error < beta, 0.5 * error * error / beta, error - 0.5 * beta)


def weighted_mean(values, weights):
    """Return the weighted mean of values; 0 when all weights are 0."""
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)


def rpn_class_loss(logits, truth, weights):
    """Return the objectness loss of logits, truth in {0, 1} and weights, all (B, S)."""
    return weighted_mean(binary_cross_entropy(logits, truth), weights)


def rpn_box_loss(pred_deltas, gt_deltas, weights):
    """Return the loss of anchor deltas (B, S, 4), weights (B, S) 1 for positives."""
    error = ops.sum(smooth_l1(pred_deltas - gt_deltas, 1.0 / 9.0), axis=-1)
    return weighted_mean(error, weights)


def class_loss(logits, labels, weights):
    """Return the cross entropy of class logits with label smoothing.

    Args:
        logits: (..., 1 + classes).
        labels: int (...); those below 0 are unknown and are ignored.
        weights: (...).

    References:
        Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016.
    """
    log_probabilities = ops.log_softmax(logits, axis=-1)
    index = ops.expand_dims(ops.maximum(labels, 0), -1)
    true_class = -ops.squeeze(ops.take_along_axis(log_probabilities, index, axis=-1), -1)
    uniform = -ops.mean(log_probabilities, axis=-1)
    known = weights * ops.cast(labels >= 0, weights.dtype)
    entropy = (1 - LABEL_SMOOTHING) * true_class + LABEL_SMOOTHING * uniform
    return weighted_mean(entropy, known)


def box_loss(pred_deltas, gt_deltas, weights):
    """Return the loss of box deltas (B, S, 4), weights (B, S) 1 for garments."""
    return weighted_mean(ops.sum(smooth_l1(pred_deltas - gt_deltas), axis=-1), weights)


def mask_loss(logits, gt_masks, weights):
    """Return the mean cross entropy over the cells of masks (B, S, m, m)."""
    cells = ops.mean(binary_cross_entropy(logits, gt_masks), axis=(2, 3))
    return weighted_mean(cells, weights)
