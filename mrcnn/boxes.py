"""Box operations in `keras.ops`: deltas, IoU, NMS, RoIAlign. Boxes are xyxy, pixels."""

import math

import keras
from keras import ops

# Box deltas are divided by these, so that the regression targets are of order one;
# the usual values of Faster R-CNN's implementations.
RPN_VARIANCE = (1.0, 1.0, 1.0, 1.0)
BOX_VARIANCE = (0.1, 0.1, 0.2, 0.2)
_MAX_LOG_SCALE = 4.0  # bounds exp() of a predicted scale: a factor of 55


def encode(anchors, boxes, variance):
    """Return the deltas (..., N, 4) that turn anchors into boxes, both (..., N, 4)."""
    return keras.utils.bounding_boxes.encode_box_to_deltas(
        anchors, boxes, "xyxy", "xyxy", "center_xywh", list(variance)
    )


def decode(anchors, deltas, variance, image_size: int):
    """Apply deltas to anchors and clip the boxes to the image.

    `keras.utils.bounding_boxes.decode_deltas_to_boxes` does not bound the scale, which
    overflows for an untrained network.

    Args:
        anchors: (..., N, 4) boxes.
        deltas: (..., N, 4) as `encode` returns them.
        variance: the same four numbers as in `encode`.
        image_size: boxes are clipped to [0, image_size].

    Returns:
        Boxes (..., N, 4), float32.
    """
    anchors, deltas = ops.cast(anchors, "float32"), ops.cast(deltas, "float32")
    deltas = deltas * ops.convert_to_tensor(variance, "float32")
    size = anchors[..., 2:] - anchors[..., :2]
    centre = anchors[..., :2] + size / 2 + deltas[..., :2] * size
    scale = ops.exp(ops.clip(deltas[..., 2:], -_MAX_LOG_SCALE, _MAX_LOG_SCALE))
    half = size * scale / 2
    boxes = ops.concatenate([centre - half, centre + half], axis=-1)
    return ops.clip(boxes, 0.0, float(image_size))


def pairwise_iou(boxes_a, boxes_b):
    """Return the IoU (B, N, M) of boxes (B, N, 4) and (B, M, 4); 0 for empty boxes.

    `keras.utils.bounding_boxes.compute_iou` adds an epsilon to every union, so that the
    IoU of equal boxes is below 1.
    """
    a, b = ops.expand_dims(boxes_a, 2), ops.expand_dims(boxes_b, 1)
    corner1 = ops.maximum(a[..., :2], b[..., :2])
    corner2 = ops.minimum(a[..., 2:], b[..., 2:])
    overlap = ops.prod(ops.maximum(corner2 - corner1, 0.0), axis=-1)
    union = box_area(a) + box_area(b) - overlap
    return overlap / ops.maximum(union, 1e-6)


def pad(boxes, fraction: float):
    """Expand boxes (..., 4) by a fraction of their size on each side, unclipped."""
    margin = (boxes[..., 2:] - boxes[..., :2]) * fraction
    return ops.concatenate([boxes[..., :2] - margin, boxes[..., 2:] + margin], axis=-1)


def box_area(boxes):
    """Return the areas (...,) of boxes (..., 4)."""
    return ops.prod(ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0), axis=-1)


def take(values, indices):
    """Gather rows per image: values (B, N, ...), indices (B, K) -> (B, K, ...)."""
    extra = len(values.shape) - 2
    shaped = ops.reshape(indices, (-1, indices.shape[1], *([1] * extra)))
    return ops.take_along_axis(values, shaped, axis=1)


def non_max_suppression(boxes, scores, iou_threshold: float, count: int):
    """Return the greedy, exact non-maximum suppression of boxes, over all classes.

    Keras has no such operation.

    Args:
        boxes: (B, N, 4).
        scores: (B, N); entries at or below zero are padding.
        iou_threshold: a box is suppressed when its IoU with a kept box of higher score
            is above it.
        count: number of boxes to return, at most N.

    Returns:
        Indices (B, count) int32, highest score first, and scores (B, count), 0 for
        padding.
    """
    total = boxes.shape[1]
    scores, order = ops.top_k(scores, total)
    boxes = take(boxes, order)
    rank = ops.arange(total)
    better = ops.expand_dims(rank, 1) < ops.expand_dims(rank, 0)  # [j, i]: j before i
    suppresses = ops.logical_and(pairwise_iou(boxes, boxes) > iou_threshold, better)
    suppresses = ops.cast(suppresses, "float32")
    keep = _select_greedily(suppresses, ops.cast(scores > 0, "float32"), total)
    kept, index = ops.top_k(scores * keep, count)
    return ops.take_along_axis(order, index, axis=1), kept


def _select_greedily(suppresses, valid, total: int):
    """Iterate "keep boxes that no kept box suppresses" to its fixed point.

    Args:
        suppresses: (B, N, N), 1 at [j, i] where box j would suppress box i.
        valid: (B, N), 0 for padding.
        total: N.
    """

    def has_changed(step, keep, before):
        return ops.logical_and(step < total, ops.any(keep != before))

    def update(step, keep, before):
        suppressed = ops.max(suppresses * ops.expand_dims(keep, 2), axis=1)
        return step + 1, valid * (1.0 - suppressed), keep

    _, keep, _ = ops.while_loop(has_changed, update, (0, valid, valid - 1.0))
    return keep


def roi_align(levels, boxes, level_index, size: int, strides, sampling: int = 1):
    """Sample each box's features from its level as a size x size grid, bilinearly.

    Args:
        levels: list of feature maps (B, H_l, W_l, C).
        boxes: (B, N, 4) in input pixels.
        level_index: int (B, N), the level that each box is read from.
        size: cells per side.
        strides: input pixels per cell of each level.
        sampling: samples per side within each cell, averaged.

    Returns:
        Tensor (B, N, size, size, C).

    References:
        He et al., "Mask R-CNN", ICCV 2017, section 3.
    """
    channels = levels[0].shape[-1]
    flat, shapes, offsets = _flatten_levels(levels)

    def of_level(values, dtype="float32"):  # per-level constants -> (B, N, 1)
        table = ops.convert_to_tensor(list(values), dtype)
        return ops.expand_dims(ops.take(table, level_index), -1)

    grid = size * sampling
    heights, widths = of_level([h for h, _ in shapes]), of_level([w for _, w in shapes])
    stride = of_level(strides)
    # int32: indices into `flat` may exceed the integers that float32 represents exactly.
    columns, offset = ops.cast(widths, "int32"), of_level(offsets, "int32")
    step = (ops.arange(grid, dtype="float32") + 0.5) / grid
    x1, y1, x2, y2 = ops.split(ops.cast(boxes, "float32") / stride, 4, axis=-1)
    top, bottom, fy = _bilinear_neighbors(y1 + (y2 - y1) * step, heights)  # (B, N, grid)
    left, right, fx = _bilinear_neighbors(x1 + (x2 - x1) * step, widths)

    def read(y, x, weight_y, weight_x):
        y, x = ops.cast(y, "int32"), ops.cast(x, "int32")
        index = ops.expand_dims(y * columns + offset, 3) + ops.expand_dims(x, 2)
        index = ops.reshape(index, (-1, boxes.shape[1] * grid * grid))
        weight = ops.expand_dims(weight_y, 3) * ops.expand_dims(weight_x, 2)
        values = ops.reshape(
            take(flat, index), (-1, boxes.shape[1], grid, grid, channels)
        )
        return values * ops.cast(ops.expand_dims(weight, -1), values.dtype)

    sampled = (
        read(top, left, 1 - fy, 1 - fx)
        + read(top, right, 1 - fy, fx)
        + read(bottom, left, fy, 1 - fx)
        + read(bottom, right, fy, fx)
    )
    if sampling == 1:
        return sampled
    shape = (-1, boxes.shape[1], size, sampling, size, sampling, channels)
    return ops.mean(ops.reshape(sampled, shape), axis=(3, 5))


def _flatten_levels(levels):
    """Join feature maps to (B, cells, C); returns also their sizes and first cells."""
    channels = levels[0].shape[-1]
    flat = ops.concatenate(
        [ops.reshape(f, (-1, f.shape[1] * f.shape[2], channels)) for f in levels], axis=1
    )
    shapes = [(f.shape[1], f.shape[2]) for f in levels]
    offsets = [sum(h * w for h, w in shapes[:i]) for i in range(len(shapes))]
    return flat, shapes, offsets


def _bilinear_neighbors(position, extent):
    """Return the two cells around a position, and the weight of the second one."""
    position = ops.clip(position - 0.5, 0.0, extent - 1.0)
    low = ops.floor(position)
    high = ops.minimum(low + 1.0, extent - 1.0)
    return low, high, position - low


def pyramid_level(boxes, canonical_size: float, count: int):
    """Assign boxes to pyramid levels by their size.

    A box of `canonical_size` is read from the second finest level, one of twice its side
    from the next coarser.

    Args:
        boxes: (B, N, 4).
        canonical_size: side in pixels.
        count: number of levels.

    Returns:
        Level indices int32 (B, N) in [0, count).

    References:
        Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, eq. 1.
    """
    side = ops.sqrt(ops.maximum(box_area(boxes), 1.0))
    # The small summand keeps rounding from dropping exact powers of two by a level.
    level = 1.0 + ops.floor(ops.log(side / canonical_size) / math.log(2.0) + 1e-6)
    return ops.cast(ops.clip(level, 0.0, float(count - 1)), "int32")
