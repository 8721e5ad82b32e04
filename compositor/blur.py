"""Means of pixels and of their neighbours."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Plane = NDArray[np.float32]


def box_mean(values: Plane, size: int) -> Plane:
    """Average the `size` rows and columns around each pixel; the frame is repeated.

    Args:
        values: `(H, W)` or `(H, W, C)` float32.
        size: pixels.

    Returns:
        The same shape.
    """
    sizes = (size, size) + (1,) * (values.ndim - 2)
    return np.asarray(ndimage.uniform_filter(values, sizes, mode="nearest"))


def block_mean(values: Plane, step: int) -> Plane:
    """Average blocks of pixels; the frame is repeated where the last one is cut.

    Args:
        values: `(H, W)` or `(H, W, C)` float32.
        step: pixels of a block, across and down.

    Returns:
        One value for each block that is half there, at least one: about
        `(H / step, W / step)`.
    """
    for axis in (0, 1) if step > 1 else ():
        side = values.shape[axis]
        count = max(1, (side + (step - 1) // 2) // step)
        ends = [(0, 0)] * values.ndim
        ends[axis] = 0, max(count * step - side, 0)
        lines = np.moveaxis(np.pad(values, ends, mode="edge"), axis, 0)
        total = np.zeros((count, *lines.shape[1:]))
        for first in range(step):
            total += lines[first : count * step : step]
        values = np.moveaxis((total / step).astype(np.float32), 0, axis)
    return values


def blur_widely(plane: Plane, sigma: float) -> Plane:
    """Blur a plane by a Gaussian of many pixels.

    `scipy.ndimage.gaussian_filter` to rounding, with the same kernel and the plane
    mirrored at its edges, but by cosine transforms: ten times faster at 20 pixels.

    Args:
        plane: `(H, W)` float32; sides without large prime factors are fastest.
        sigma: standard deviation in pixels, above 0.

    Returns:
        `(H, W)` float32.
    """
    waves = fft.dctn(plane)
    reach = np.arange(1, int(4 * sigma + 0.5) + 1)
    kernel = np.exp(-0.5 * (reach / sigma) ** 2)
    for axis, side in enumerate(plane.shape):
        steps = np.pi * np.arange(side)[:, None] / side
        share = (1 + 2 * np.cos(steps * reach) @ kernel) / (1 + 2 * kernel.sum())
        waves *= np.expand_dims(share.astype(np.float32), 1 - axis)
    return np.asarray(fft.idctn(waves, overwrite_x=True), np.float32)
