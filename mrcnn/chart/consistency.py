"""Consistency losses: supervision of the chart network by photos without charts.

Two views of one garment that are shifted, rotated, mirrored and recoloured independently
must have the same chart coordinates at corresponding pixels; and landmarks that lie at
the same coordinates on every garment must have those.
"""

from dataclasses import dataclass

import numpy as np
from keras import ops
from numpy.typing import NDArray

from mrcnn.chart.data import (
    Change,
    Charted,
    Row,
    pack_view,
    random_window,
    warp_garment,
)
from mrcnn.config import CHART_STRIDE as STRIDE


@dataclass(frozen=True)
class ConsistencyConfig:
    """Selection of the landmarks that supervise the chart network."""

    min_visibility: float = 0.5  # probability


DEFAULT = ConsistencyConfig()


@dataclass(frozen=True)
class UnlabeledGarment:
    """A garment in a photo without its chart.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W).
        landmarks: float32 (K, 3): x, y in pixels, and the probability that it is visible.
        landmark_uv: float32 (K, 2): chart coordinates of each landmark; NaN for those
            that differ from garment to garment.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    landmarks: NDArray[np.float32]
    landmark_uv: NDArray[np.float32]


def paired_rows(
    photo: UnlabeledGarment,
    size: int,
    rng: np.random.Generator,
    change: Change,
    config: ConsistencyConfig = DEFAULT,
) -> tuple[Row, Row]:
    """Return two random views of one garment, and how they correspond.

    Args:
        photo: the garment.
        size: height and width of a view, S.
        rng: random generator.
        change: changes a view's colours and occludes parts of it, without moving any.
        config: selection of the landmarks.

    Returns:
        Two rows of a batch: `views` and an empty `gt_chart` as of `pack_view`; `matches`
        float32 (S/4, S/4, 3), for each cell x and y of the corresponding point in the
        other view, in cells, and 1 where both views show the garment, -1 where they do
        and are mirror images, else 0; `landmark_uv` float32 (S/4, S/4, 3), the chart
        coordinates of a landmark and 1 in its cell.
    """
    blank = np.zeros((*photo.mask.shape, 2), np.float32)
    garment = Charted(photo.image, photo.mask, blank, np.zeros_like(photo.mask))
    windows = [random_window(photo.mask, size, rng) for _ in range(2)]
    views = [change(warp_garment(garment, window, size), rng) for window in windows]
    rows = []
    for one, other in ((0, 1), (1, 0)):
        row = pack_view(views[one])
        row["gt_chart"] = np.zeros_like(row["gt_chart"])
        row["matches"] = _match_views(
            views[one], views[other], windows[one], windows[other]
        )
        row["landmark_uv"] = _rasterize_landmarks(
            photo, views[one].mask, windows[one], config.min_visibility
        )
        rows.append(row)
    return rows[0], rows[1]


def _match_views(
    view: Charted, other: Charted, window: NDArray, other_window: NDArray
) -> NDArray:
    """Return `matches` of a view, see `paired_rows`."""
    size = len(view.mask)
    centers = np.arange(0, size, STRIDE) + STRIDE // 2  # the pixel of each cell
    x, y = np.meshgrid(centers + 0.5, centers + 0.5)
    to_other = np.linalg.inv(other_window) @ window
    points = np.stack([x, y, np.ones_like(x)], axis=-1) @ to_other.T
    points = points[..., :2] / points[..., 2:]
    column, row = np.clip(points.astype(np.intp), 0, size - 1).transpose(2, 0, 1)
    visible = view.mask[np.ix_(centers, centers)] & other.mask[row, column]
    visible &= ((points > 0) & (points < size)).all(axis=-1)
    sign = np.sign(np.linalg.det(window[:2, :2]) * np.linalg.det(other_window[:2, :2]))
    cells = (points - 0.5 - STRIDE // 2) / STRIDE
    return np.dstack([cells, visible * sign]).astype(np.float32)


def _rasterize_landmarks(
    photo: UnlabeledGarment,
    mask: NDArray[np.bool_],
    window: NDArray,
    min_visibility: float,
) -> NDArray:
    """Return `landmark_uv` of a view with a mask, see `paired_rows`."""
    known = np.isfinite(photo.landmark_uv).all(axis=1)
    known &= photo.landmarks[:, 2] >= min_visibility
    points = np.c_[photo.landmarks[known, :2] + 0.5, np.ones(known.sum())]
    points = points @ np.linalg.inv(window).T
    cells = np.floor(points[:, :2] / points[:, 2:] / STRIDE).astype(np.intp)
    uv = photo.landmark_uv[known].copy()
    if np.linalg.det(window[:2, :2]) < 0:
        uv[:, 0] = 1 - uv[:, 0]
    side = len(mask) // STRIDE
    plane = np.zeros((side, side, 3), np.float32)
    inside = ((cells >= 0) & (cells < side)).all(axis=1)
    for (column, row), coordinates in zip(cells[inside], uv[inside], strict=True):
        if mask[row * STRIDE + STRIDE // 2, column * STRIDE + STRIDE // 2]:
            plane[row, column] = *coordinates, 1
    return plane


def consistency_losses(pred, matches, landmark_uv):
    """Return the losses of photos without charts.

    Args:
        pred: the outputs of `build_chart_network`; rows 2 k and 2 k + 1 are a pair.
        matches: (B, h, w, 3), see `paired_rows`.
        landmark_uv: (B, h, w, 3), see there.

    Returns:
        twin: mean distance of the coordinates of corresponding points, on the front;
        mark: mean distance of the coordinates at landmarks from the true ones.
    """
    uv = pred["places"][..., 0, :]
    height, width = uv.shape[1:3]
    pairs = ops.reshape(ops.stop_gradient(uv), (-1, 2, height, width, 2))
    other_uv = ops.reshape(ops.flip(pairs, axis=1), (-1, height, width, 2))
    target = sample_bilinear(other_uv, matches[..., :2])
    mirrored = ops.cast(matches[..., 2:] < 0, target.dtype)
    u = target[..., :1] * (1 - 2 * mirrored) + mirrored
    target = ops.concatenate([u, target[..., 1:]], axis=-1)
    front = ops.cast(ops.stop_gradient(pred["back"]) < 0, target.dtype)
    return {
        "twin": _mean_distance(uv - target, ops.abs(matches[..., 2]) * front),
        "mark": _mean_distance(uv - landmark_uv[..., :2], landmark_uv[..., 2]),
    }


def sample_bilinear(planes, points):
    """Sample planes at points, bilinearly.

    `keras.ops.image.map_coordinates` takes no batches.

    Args:
        planes: (B, h, w, C).
        points: (B, h, w, 2), x and y in cells; those outside are clamped to the edge.
    """
    height, width, channels = planes.shape[1:]
    flat = ops.reshape(planes, (-1, height * width, channels))
    x = ops.clip(points[..., 0], 0.0, width - 1.001)
    y = ops.clip(points[..., 1], 0.0, height - 1.001)
    left, top = ops.floor(x), ops.floor(y)
    right, down = (x - left)[..., None], (y - top)[..., None]  # weights

    def corner(rows: int, columns: int):
        index = ops.cast((top + rows) * width + left + columns, "int32")
        index = ops.reshape(index, (-1, height * width, 1))
        values = ops.take_along_axis(flat, index, axis=1)
        return ops.reshape(values, (-1, height, width, channels))

    upper = corner(0, 0) * (1 - right) + corner(0, 1) * right
    lower = corner(1, 0) * (1 - right) + corner(1, 1) * right
    return upper * (1 - down) + lower * down


def _mean_distance(residual, weight):
    distance = ops.sqrt(ops.sum(ops.square(residual), axis=-1) + 1e-8)
    return ops.sum(distance * weight) / (ops.sum(weight) + 1.0)
