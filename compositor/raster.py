"""Read coarse arrays at any place: light, colours and masks of a small size."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def sample_raster(
    values: NDArray[Any],
    corners: tuple[float, float, float, float],
    ys: NDArray[Any],
    xs: NDArray[Any],
) -> Array:
    """Read a raster at rows and columns of another one, bilinear.

    Convention: `corners` says where the centres of the raster's first and last pixels
    lie; ys and xs are in the same unit. Beyond them the edge is repeated.

    Args:
        values: `(rows, columns, C)` numbers.
        corners: (x_first, y_first, x_last, y_last).
        ys: `(h,)` places.
        xs: `(w,)` places.

    Returns:
        `(h, w, C)` float32.

    Raises:
        ValueError: When values has not three axes.

    Example:
        >>> two = np.array([[[0.0], [10.0]]])
        >>> sample_raster(two, (0, 0, 1, 0), np.array([0]), np.array([0.5, 9]))[..., 0]
        array([[ 5., 10.]], dtype=float32)
    """
    if values.ndim != 3:
        raise ValueError(f"expected values (rows, columns, C), got {values.shape}")
    x1, y1, x2, y2 = corners
    top, below, down = _neighbours(ys, y1, y2, values.shape[0])
    left, right, across = _neighbours(xs, x1, x2, values.shape[1])
    lines = _between(values, top, below, down[:, None, None], 0)
    return _between(lines, left, right, across[None, :, None], 1)


def _neighbours(
    places: NDArray[Any], first: float, last: float, count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Return the indices on both sides of each place and the share of the second."""
    step = (last - first) / max(count - 1, 1) or 1.0
    position = np.clip((np.asarray(places, np.float64) - first) / step, 0, count - 1)
    low = np.floor(position).astype(np.intp)
    return low, np.minimum(low + 1, count - 1), (position - low).astype(np.float32)


def _between(
    values: NDArray[Any],
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    share: Array,
    axis: int,
) -> Array:
    first = np.take(values, low, axis=axis).astype(np.float32)
    first += (np.take(values, high, axis=axis).astype(np.float32) - first) * share
    return first
