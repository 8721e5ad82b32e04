"""Photos whose charts nobody knows: what they still teach the chart network.

Two views of one garment, shifted, turned, mirrored and lit in their own ways, must read
the same place at the same spot; and landmarks must be read where they lie on any garment.
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
    view_charted,
)
from mrcnn.config import CHART_STRIDE as STRIDE

LEAST_SEEN = 0.5  # visibility from which a landmark is met


@dataclass(frozen=True)
class Uncharted:
    """A garment in a photo, without its chart.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W).
        landmarks: float32 (K, 3): x, y in pixels, and how surely it is seen, 0 to 1.
        marks: float32 (K, 2): where on the chart each of them lies; NaN for those that
            lie elsewhere on every garment.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    landmarks: NDArray[np.float32]
    marks: NDArray[np.float32]


def twin_rows(
    photo: Uncharted,
    size: int,
    rng: np.random.Generator,
    change: Change,
) -> tuple[Row, Row]:
    """Look at a garment twice.

    Args:
        photo: the garment.
        size: height and width of a view, S.
        rng: source of chance.
        change: changes a view's colours, and covers parts of it; moves nothing.

    Returns:
        Two rows of a batch: `views` and an empty `gt_chart` as of `pack_view`; `twin`
        float32 (S/4, S/4, 3), for each cell x and y of its spot in the other view, in
        cells, and 1 where both show the garment, -1 where they do as in a mirror, else
        0; `marks` float32 (S/4, S/4, 3), the place of a landmark and 1 in its cell.
    """
    blank = np.zeros((*photo.mask.shape, 2), np.float32)
    picture = Charted(photo.image, photo.mask, blank, np.zeros_like(photo.mask))
    windows = [random_window(photo.mask, size, rng) for _ in range(2)]
    views = [change(view_charted(picture, window, size), rng) for window in windows]
    rows = []
    for own, other in ((0, 1), (1, 0)):
        row = pack_view(views[own])
        row["gt_chart"] = np.zeros_like(row["gt_chart"])
        row["twin"] = _twin(views[own], views[other], windows[own], windows[other])
        row["marks"] = _marks(photo, views[own].mask, windows[own])
        rows.append(row)
    return rows[0], rows[1]


def _twin(own: Charted, other: Charted, window: NDArray, its: NDArray) -> NDArray:
    size = len(own.mask)
    middles = np.arange(0, size, STRIDE) + STRIDE // 2  # the pixels that cells stand for
    x, y = np.meshgrid(middles + 0.5, middles + 0.5)
    spots = np.stack([x, y, np.ones_like(x)], axis=-1) @ (np.linalg.inv(its) @ window).T
    places = spots[..., :2] / spots[..., 2:]
    column, row = np.clip(places.astype(np.intp), 0, size - 1).transpose(2, 0, 1)
    seen = own.mask[np.ix_(middles, middles)] & other.mask[row, column]
    seen &= ((places > 0) & (places < size)).all(axis=-1)
    hand = np.sign(np.linalg.det(window[:2, :2]) * np.linalg.det(its[:2, :2]))
    cells = (places - 0.5 - STRIDE // 2) / STRIDE
    return np.dstack([cells, seen * hand]).astype(np.float32)


def _marks(photo: Uncharted, mask: NDArray[np.bool_], window: NDArray) -> NDArray:
    known = (photo.landmarks[:, 2] >= LEAST_SEEN) & np.isfinite(photo.marks).all(axis=1)
    spots = np.c_[photo.landmarks[known, :2] + 0.5, np.ones(known.sum())]
    spots = spots @ np.linalg.inv(window).T
    cells = np.floor(spots[:, :2] / spots[:, 2:] / STRIDE).astype(np.intp)
    marks = photo.marks[known].copy()
    if np.linalg.det(window[:2, :2]) < 0:
        marks[:, 0] = 1 - marks[:, 0]
    side = len(mask) // STRIDE
    plane = np.zeros((side, side, 3), np.float32)
    inside = ((cells >= 0) & (cells < side)).all(axis=1)
    for (column, row), mark in zip(cells[inside], marks[inside], strict=True):
        if mask[row * STRIDE + STRIDE // 2, column * STRIDE + STRIDE // 2]:
            plane[row, column] = *mark, 1
    return plane


def agreement_losses(pred, twin, marks):
    """Return the losses of photos without charts.

    Args:
        pred: the outputs of `build_chart_network`; rows 2 k and 2 k + 1 are twins.
        twin: (B, h, w, 3), see `twin_rows`.
        marks: (B, h, w, 3), see there.

    Returns:
        twin: mean distance of the places that both views read at one spot, on the
        front; mark: mean distance of landmarks from their places.
    """
    places = pred["places"][..., 0, :]
    height, width = places.shape[1:3]
    pairs = ops.reshape(ops.stop_gradient(places), (-1, 2, height, width, 2))
    others = ops.reshape(ops.flip(pairs, axis=1), (-1, height, width, 2))
    read = read_cells(others, twin[..., :2])
    mirrored = ops.cast(twin[..., 2:] < 0, read.dtype)
    x = read[..., :1] * (1 - 2 * mirrored) + mirrored
    read = ops.concatenate([x, read[..., 1:]], axis=-1)
    front = ops.cast(ops.stop_gradient(pred["back"]) < 0, read.dtype)
    return {
        "twin": _mean_distance(places - read, ops.abs(twin[..., 2]) * front),
        "mark": _mean_distance(places - marks[..., :2], marks[..., 2]),
    }


def read_cells(planes, spots):
    """Read planes between their cells, bilinear.

    Args:
        planes: (B, h, w, C).
        spots: (B, h, w, 2), x and y in cells; those beside the planes read their rim.
    """
    height, width, channels = planes.shape[1:]
    flat = ops.reshape(planes, (-1, height * width, channels))
    x = ops.clip(spots[..., 0], 0.0, width - 1.001)
    y = ops.clip(spots[..., 1], 0.0, height - 1.001)
    left, top = ops.floor(x), ops.floor(y)
    right, down = (x - left)[..., None], (y - top)[..., None]

    def corner(rows: int, columns: int):
        index = ops.cast((top + rows) * width + left + columns, "int32")
        index = ops.reshape(index, (-1, height * width, 1))
        found = ops.take_along_axis(flat, index, axis=1)
        return ops.reshape(found, (-1, height, width, channels))

    upper = corner(0, 0) * (1 - right) + corner(0, 1) * right
    lower = corner(1, 0) * (1 - right) + corner(1, 1) * right
    return upper * (1 - down) + lower * down


def _mean_distance(away, weight):
    distance = ops.sqrt(ops.sum(ops.square(away), axis=-1) + 1e-8)
    return ops.sum(distance * weight) / (ops.sum(weight) + 1.0)
