"""Patterns that repeat themselves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from compositor._checks import check_plane
from compositor.blur import block_mean
from compositor.mask.cutout import mask_box

LOOK_SIZE = 200  # pixels along the longer side that repeats are looked for in
LEAST_OVERLAP = 0.3  # of the mask that must lie on itself when it is shifted
PEAK = 5  # pixels: a repeat is more alike than any other shift so near


def repetition(
    values: NDArray[Any], mask: NDArray[Any], nearest: float, farthest: float
) -> float:
    """Tell how alike values are to themselves, shifted by a repeat of their pattern.

    Checks repeat across and down; folds do not.

    Args:
        values: `(H, W)`, about 0 on average.
        mask: `(H, W)` bool, where they count.
        nearest: smallest shift that is looked at, pixels.
        farthest: largest one.

    Returns:
        The largest correlation at a peak among those shifts, 0 to 1; 0 for none.

    Raises:
        ValueError: When the sizes differ.

    References:
        Wiener and Khinchin: the autocorrelation is the power spectrum's transform.
    """
    check_plane(values, "values")
    check_plane(mask, "mask", values.shape)
    x1, y1, x2, y2 = mask_box(mask)
    if x2 <= x1:
        return 0.0
    step = max(1, max(y2 - y1, x2 - x1) // LOOK_SIZE)
    part = np.s_[y1:y2, x1:x2]
    inside = (block_mean(mask[part].astype(np.float32), step) > 0.9).astype(np.float32)
    plane = block_mean(values[part].astype(np.float32), step) * inside
    if not plane.any():
        return 0.0
    alike = _autocorrelation(plane, inside)
    middle = np.array(alike.shape) // 2
    ys, xs = np.ogrid[: alike.shape[0], : alike.shape[1]]
    shift = np.hypot(ys - middle[0], xs - middle[1]) * step
    peaks = (ndimage.maximum_filter(alike, PEAK) == alike) & (alike > 0)
    peaks &= (shift >= nearest) & (shift <= farthest)
    return float(np.clip(alike[peaks].max(initial=0.0), 0, 1))


def _autocorrelation(
    plane: NDArray[np.float32], inside: NDArray[np.float32]
) -> NDArray[np.floating]:
    """Return the correlation of a plane with itself for all shifts, 0 in the middle."""
    shape = [fft.next_fast_len(2 * side, real=True) for side in plane.shape]
    power, overlap = (
        fft.irfft2(np.abs(fft.rfft2(p, shape)) ** 2, shape) for p in (plane, inside)
    )
    variance = float((plane**2).sum() / inside.sum())
    alike = power / np.maximum(overlap, 1) / variance
    alike[overlap < LEAST_OVERLAP * inside.sum()] = 0
    return np.asarray(fft.fftshift(alike))
