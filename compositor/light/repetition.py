"""Measure how strongly a pattern repeats itself, by autocorrelation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from compositor._checks import check_plane
from compositor.blur import block_mean
from compositor.mask.cutout import mask_box


@dataclass(frozen=True)
class RepetitionConfig:
    """Resolution, and which peaks of the autocorrelation count."""

    work_size: int = 200  # pixels along the longer side, or a few more
    min_overlap: float = 0.3  # of the mask that must overlap its shifted copy
    peak_size: int = 5  # pixels: a peak is the maximum of a window of this side


DEFAULT = RepetitionConfig()


def measure_repetition(
    values: NDArray[Any],
    mask: NDArray[Any],
    min_shift: float,
    max_shift: float,
    config: RepetitionConfig = DEFAULT,
) -> float:
    """Return the highest peak of the autocorrelation among shifts of some lengths.

    Checks repeat across and down, which gives peaks; folds do not.

    Args:
        values: `(H, W)`, about 0 on average.
        mask: `(H, W)` bool, where they count.
        min_shift: shortest shift, pixels.
        max_shift: longest shift, pixels.
        config: resolution and peaks.

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
    step = max(1, max(y2 - y1, x2 - x1) // config.work_size)
    part = np.s_[y1:y2, x1:x2]
    inside = (block_mean(mask[part].astype(np.float32), step) > 0.9).astype(np.float32)
    plane = block_mean(values[part].astype(np.float32), step) * inside
    if not plane.any():
        return 0.0
    correlation = _autocorrelation(plane, inside, config.min_overlap)
    center = np.array(correlation.shape) // 2
    ys, xs = np.ogrid[: correlation.shape[0], : correlation.shape[1]]
    shift = np.hypot(ys - center[0], xs - center[1]) * step
    highest = ndimage.maximum_filter(correlation, config.peak_size)
    peaks = (highest == correlation) & (correlation > 0)
    peaks &= (shift >= min_shift) & (shift <= max_shift)
    return float(np.clip(correlation[peaks].max(initial=0.0), 0, 1))


def _autocorrelation(
    plane: NDArray[np.float32], inside: NDArray[np.float32], min_overlap: float
) -> NDArray[np.floating]:
    """Return the normalised autocorrelation for all shifts, 0 in the centre.

    `skimage.registration.phase_cross_correlation` with masks does the same, but returns
    the best shift alone.
    """
    shape = [fft.next_fast_len(2 * side, real=True) for side in plane.shape]
    power, overlap = (
        fft.irfft2(np.abs(fft.rfft2(p, shape)) ** 2, shape) for p in (plane, inside)
    )
    variance = float((plane**2).sum() / inside.sum())
    correlation = power / np.maximum(overlap, 1) / variance
    correlation[overlap < min_overlap * inside.sum()] = 0
    return np.asarray(fft.fftshift(correlation))
