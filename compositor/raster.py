"""Sample and resize arrays by bilinear interpolation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Array = NDArray[np.float32]


def sample_raster(
    values: NDArray[Any],
    corners: tuple[float, float, float, float],
    ys: NDArray[Any],
    xs: NDArray[Any],
) -> Array:
    """Sample a raster at the rows and columns of another one, bilinear.

    Convention: `corners` gives the coordinates of the centres of the raster's first and
    last pixels; ys and xs are in the same unit. Beyond them the edge is repeated.

    Args:
        values: `(rows, columns, C)` numbers.
        corners: (x_first, y_first, x_last, y_last).
        ys: `(h,)` coordinates of the rows wanted.
        xs: `(w,)` coordinates of the columns wanted.

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
    top, below, down = _neighbors(ys, y1, y2, values.shape[0])
    left, right, across = _neighbors(xs, x1, x2, values.shape[1])
    rows = _interpolate(values, top, below, down[:, None, None], 0)
    return _interpolate(rows, left, right, across[None, :, None], 1)


def _neighbors(
    coordinates: NDArray[Any], first: float, last: float, count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Return the indices on both sides of each coordinate and the second's weight."""
    step = (last - first) / max(count - 1, 1) or 1.0
    position = (np.asarray(coordinates, np.float64) - first) / step
    position = np.clip(position, 0, count - 1)
    low = np.floor(position).astype(np.intp)
    return low, np.minimum(low + 1, count - 1), (position - low).astype(np.float32)


def _interpolate(
    values: NDArray[Any],
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    weight: Array,
    axis: int,
) -> Array:
    """Interpolate linearly between pairs of slices along an axis."""
    first = np.take(values, low, axis=axis).astype(np.float32)
    second = np.take(values, high, axis=axis).astype(np.float32)
    return lerp(first, second, weight)


def lerp(first: Array, second: Array, weight: Array) -> Array:
    """Interpolate linearly: `first` where the weight is 0, `second` where it is 1.

    Args:
        first: any shape, float32.
        second: the same shape.
        weight: [0, 1], or beyond to extrapolate; broadcast to that shape.

    Returns:
        The same shape, float32, a new array.
    """
    result = second - first  # in place from here on: arrays may be as large as a photo
    result *= weight
    result += first
    return result


def sample_points(
    plane: NDArray[Any], ys: NDArray[np.floating], xs: NDArray[np.floating]
) -> Array:
    """Sample a plane at scattered points, bilinear; the frame is repeated.

    Args:
        plane: `(H, W)` numbers.
        ys: rows in pixels, any shape.
        xs: columns in pixels, the same shape.

    Returns:
        The shape of `ys`, float32.
    """
    sampled = ndimage.map_coordinates(
        plane, [ys, xs], np.float32, order=1, mode="nearest"
    )
    return np.asarray(sampled)


def resize(plane: Array, size: tuple[int, int]) -> Array:
    """Resize a picture of floats, bilinear, low-pass filtered where it shrinks.

    Pillow is several times faster than `skimage.transform.resize`.

    Args:
        plane: `(H, W)` or `(H, W, C)` float32.
        size: `(height, width)` wanted.

    Returns:
        The same in that size; the picture itself when it already has it.
    """
    if plane.shape[:2] == size:
        return plane
    shape = size[1], size[0]
    channels = [
        np.asarray(Image.fromarray(channel).resize(shape, Image.Resampling.BILINEAR))
        for channel in np.moveaxis(np.atleast_3d(plane), -1, 0).copy()
    ]
    return np.stack(channels, axis=-1).reshape(*size, *plane.shape[2:])
