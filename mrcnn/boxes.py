"""Box geometry in `keras.ops`: deltas, suppression, RoIAlign. Boxes are xyxy pixels."""

import keras
from keras import ops

# Deltas are divided by these, so that the heads learn numbers of order one.
RPN_VARIANCE = (1.0, 1.0, 1.0, 1.0)
BOX_VARIANCE = (0.1, 0.1, 0.2, 0.2)
_MAX_LOG_SCALE = 4.0


def encode(anchors, boxes, variance):
    """Return the deltas (..., N, 4) that move anchors onto boxes, both (..., N, 4)."""
    return keras.utils.bounding_boxes.encode_box_to_deltas(
        anchors, boxes, "xyxy", "xyxy", "center_xywh", list(variance)
    )


def decode(anchors, deltas, variance, image_size: int):
    """Move anchors by deltas and clip to the picture.

    Args:
        anchors: (..., N, 4) boxes.
        deltas: (..., N, 4) as `encode` gives them.
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
    """Return the IoU (B, N, M) of boxes (B, N, 4) and (B, M, 4); empty boxes give 0."""
    a, b = ops.expand_dims(boxes_a, 2), ops.expand_dims(boxes_b, 1)
    corner1 = ops.maximum(a[..., :2], b[..., :2])
    corner2 = ops.minimum(a[..., 2:], b[..., 2:])
    overlap = ops.prod(ops.maximum(corner2 - corner1, 0.0), axis=-1)
    union = box_area(a) + box_area(b) - overlap
    return overlap / ops.maximum(union, 1e-6)


def pad(boxes, share: float):
    """Grow boxes (..., 4) by a share of their size at each side; nothing is clipped."""
    margin = (boxes[..., 2:] - boxes[..., :2]) * share
    return ops.concatenate([boxes[..., :2] - margin, boxes[..., 2:] + margin], axis=-1)


def box_area(boxes):
    """Return the areas (...,) of boxes (..., 4)."""
    return ops.prod(ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0), axis=-1)


def take(values, indices):
    """Gather rows per picture: values (B, N, ...), indices (B, K) -> (B, K, ...)."""
    extra = len(values.shape) - 2
    shaped = ops.reshape(indices, (-1, indices.shape[1], *([1] * extra)))
    return ops.take_along_axis(values, shaped, axis=1)


def suppress(boxes, scores, iou_threshold: float, count: int):
    """Keep the best boxes that do not overlap a better one (greedy, exact).

    Args:
        boxes: (B, N, 4).
        scores: (B, N); entries at or below zero are empty places.
        iou_threshold: a box is dropped when a better kept one overlaps it by more.
        count: how many to return, at most N.

    Returns:
        Indices (B, count) int32, best first, and kept scores (B, count); places that
        nothing fills have score 0.
    """
    total = boxes.shape[1]
    scores, order = ops.top_k(scores, total)
    boxes = take(boxes, order)
    rank = ops.arange(total)
    better = ops.expand_dims(rank, 1) < ops.expand_dims(rank, 0)  # [j, i]: j before i
    hits = ops.logical_and(pairwise_iou(boxes, boxes) > iou_threshold, better)
    hits = ops.cast(hits, "float32")
    keep = _greedy(hits, ops.cast(scores > 0, "float32"), total)
    kept, index = ops.top_k(scores * keep, count)
    return ops.take_along_axis(order, index, axis=1), kept


def _greedy(hits, valid, total: int):
    """Repeat 'keep what no kept better box hits' until nothing changes."""

    def changing(step, keep, before):
        return ops.logical_and(step < total, ops.any(keep != before))

    def sweep(step, keep, before):
        struck = ops.max(hits * ops.expand_dims(keep, 2), axis=1)
        return step + 1, valid * (1.0 - struck), keep

    _, keep, _ = ops.while_loop(changing, sweep, (0, valid, valid - 1.0))
    return keep


def roi_align(levels, boxes, level_index, size: int, strides, sampling: int = 1):
    """Read each box from its feature level as a size x size grid (bilinear).

    Args:
        levels: list of feature maps (B, H_l, W_l, C).
        boxes: (B, N, 4) in input pixels.
        level_index: int (B, N), which level each box is read from.
        size: cells a side.
        strides: input pixels per cell of each level.
        sampling: samples a side within each cell, averaged.

    Returns:
        Tensor (B, N, size, size, C).

    References:
        He et al., "Mask R-CNN", ICCV 2017, section 3.
    """
    channels = levels[0].shape[-1]
    flat = ops.concatenate(
        [ops.reshape(f, (-1, f.shape[1] * f.shape[2], channels)) for f in levels], axis=1
    )
    shapes = [(f.shape[1], f.shape[2]) for f in levels]
    offsets = [sum(h * w for h, w in shapes[:i]) for i in range(len(shapes))]

    def of_level(values, dtype="float32"):  # per-level constants -> (B, N, 1)
        table = ops.convert_to_tensor(list(values), dtype)
        return ops.expand_dims(ops.take(table, level_index), -1)

    grid = size * sampling
    heights, widths = of_level([h for h, _ in shapes]), of_level([w for _, w in shapes])
    stride = of_level(strides)
    # Places in `flat` may exceed what float32 counts exactly.
    columns, offset = ops.cast(widths, "int32"), of_level(offsets, "int32")
    step = (ops.arange(grid, dtype="float32") + 0.5) / grid
    x1, y1, x2, y2 = ops.split(ops.cast(boxes, "float32") / stride, 4, axis=-1)
    y0, y1_, fy = _corners(y1 + (y2 - y1) * step, heights)  # (B, N, grid)
    x0, x1_, fx = _corners(x1 + (x2 - x1) * step, widths)

    def read(y, x, weight_y, weight_x):
        y, x = ops.cast(y, "int32"), ops.cast(x, "int32")
        place = ops.expand_dims(y * columns + offset, 3) + ops.expand_dims(x, 2)
        place = ops.reshape(place, (-1, boxes.shape[1] * grid * grid))
        weight = ops.expand_dims(weight_y, 3) * ops.expand_dims(weight_x, 2)
        values = ops.reshape(
            take(flat, place), (-1, boxes.shape[1], grid, grid, channels)
        )
        return values * ops.cast(ops.expand_dims(weight, -1), values.dtype)

    sampled = (
        read(y0, x0, 1 - fy, 1 - fx)
        + read(y0, x1_, 1 - fy, fx)
        + read(y1_, x0, fy, 1 - fx)
        + read(y1_, x1_, fy, fx)
    )
    if sampling == 1:
        return sampled
    shape = (-1, boxes.shape[1], size, sampling, size, sampling, channels)
    return ops.mean(ops.reshape(sampled, shape), axis=(3, 5))


def _corners(position, extent):
    """Split a cell position into its two neighbours and the share of the second."""
    position = ops.clip(position - 0.5, 0.0, extent - 1.0)
    low = ops.floor(position)
    high = ops.minimum(low + 1.0, extent - 1.0)
    return low, high, position - low


def pyramid_level(boxes, canonical_size: float, count: int):
    """Return the level index (B, N) in [0, count) that suits each box's size.

    A box of `canonical_size` is read from the second finest level; each doubling goes
    one level up (Lin et al. 2017, equation 1).
    """
    side = ops.sqrt(ops.maximum(box_area(boxes), 1.0))
    level = 1.0 + ops.floor(ops.log(side / canonical_size) / 0.6931472 + 1e-6)
    return ops.cast(ops.clip(level, 0.0, float(count - 1)), "int32")
