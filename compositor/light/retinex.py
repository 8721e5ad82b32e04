"""Estimate the shading of a garment by Retinex: separate folds from print."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from compositor.colorspace import LUMINANCE
from compositor.raster import resize

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class RetinexConfig:
    """Resolution of `shading`, and what counts as an edge of print and as plain cloth."""

    margin: float = 0.02  # around the garment, share of its box's longer side
    read_size: int = 768  # pixels along the garment that are read, or a few more
    min_gain: float = 0.25  # of linear light, relative to the mean over the garment
    max_gain: float = 4.0
    work_size: int = 256  # longest side in pixels at which shading is estimated
    max_luminance_step: float = 0.5  # log, between neighbours: a larger one is print
    max_chroma_step: float = 0.2  # log chromaticity: a larger one is print
    # Plainness falls from 1 to 0 over these: local contrast (log luminance) and spread
    # of log chromaticity, the first of plain cloth, the second of a print.
    detail_range: tuple[float, float] = (0.45, 0.75)
    chroma_range: tuple[float, float] = (0.25, 0.45)
    # Share of the work size: on plain cloth scales above come from the luminance itself.
    coarse_scale: float = 0.05


DEFAULT = RetinexConfig()


def log_shading(
    light: Plane,
    weight: Plane,
    sigma_share: float,
    config: RetinexConfig = DEFAULT,
) -> Plane:
    """Estimate the log shading of a garment.

    Gradients too steep for a fold, or of another colour, count as print and are set to
    zero; the rest is integrated by a Poisson equation. On plain cloth the luminance
    itself gives the larger scales.

    Args:
        light: `(H, W, 3)` linear light in [0, 1].
        weight: `(H, W)` matte of the garment in [0, 1].
        sigma_share: Scale of the last smoothing, as a share of the longer side.
        config: thresholds of print.

    Returns:
        `(H, W)` float32 log gain, any mean.

    References:
        Land, McCann: Lightness and Retinex Theory, JOSA 1971.
        Limare et al.: Retinex Poisson Equation, IPOL 2011.
    """
    scale = min(1.0, config.work_size / max(weight.shape))
    height, width = (max(2, round(side * scale)) for side in weight.shape)
    size = (height, width)
    share = resize(weight, size)
    colors = resize(light * weight[..., None], size)
    colors /= np.maximum(share, 1e-3)[..., None]
    inside = share > 0.9
    tone = np.log(colors @ LUMINANCE + 0.005)
    folds = _solve_poisson(_fold_gradients(tone, colors, inside, config), size)
    plainness = _plainness(tone, colors, inside, config)
    if plainness > 0 and inside.any():
        sigma = config.coarse_scale * max(size)
        folds = folds + plainness * _smooth_inside(tone - folds, inside, sigma)
    folds = _smooth_inside(folds, inside, 0.1 * sigma_share * max(size))
    return resize(folds, (weight.shape[0], weight.shape[1]))


def _fold_gradients(
    tone: Plane, colors: Plane, inside: NDArray[np.bool_], config: RetinexConfig
) -> tuple[Plane, Plane]:
    """Return the differences of the tone down and across; 0 at print and outside."""
    chroma = _log_chromaticity(colors)
    gradients = []
    for axis in (0, 1):
        step = np.diff(tone, axis=axis)
        change = np.abs(np.diff(chroma, axis=axis)).max(axis=-1)
        known = inside[1:] & inside[:-1]
        if axis == 1:
            known = inside[:, 1:] & inside[:, :-1]
        fold = np.abs(step) < config.max_luminance_step
        fold &= change < config.max_chroma_step
        # An edge is wider than one pixel: what touches print is print.
        printed = ndimage.binary_dilation(known & ~fold, np.ones((3, 3), bool))
        gradients.append(np.where(known & ~printed, step, 0.0).astype(np.float32))
    return gradients[0], gradients[1]


def _log_chromaticity(colors: Plane) -> Plane:
    """Return log colour without its brightness, `(h, w, 3)`; dark colours become grey."""
    logs = np.log(colors + 0.03)
    return np.asarray(logs - logs.mean(axis=-1, keepdims=True), np.float32)


def _solve_poisson(gradients: tuple[Plane, Plane], size: tuple[int, int]) -> Plane:
    """Integrate gradients: the plane whose differences are closest to them."""
    down, across = gradients
    divergence = np.zeros(size, np.float32)
    divergence[:-1] += down
    divergence[1:] -= down
    divergence[:, :-1] += across
    divergence[:, 1:] -= across
    frequencies = [2.0 * np.cos(np.pi * np.arange(side) / side) - 2.0 for side in size]
    laplacian = frequencies[0][:, None] + frequencies[1][None]
    laplacian[0, 0] = 1.0
    spectrum = fft.dctn(divergence, norm="ortho") / laplacian
    spectrum[0, 0] = 0.0
    return np.asarray(fft.idctn(spectrum, norm="ortho"), np.float32)


def _plainness(
    tone: Plane, colors: Plane, inside: NDArray[np.bool_], config: RetinexConfig
) -> float:
    """Return how plain the cloth is, 0 (printed) to 1 (one colour)."""
    core = ndimage.binary_erosion(inside, iterations=2)
    if core.sum() < 16:
        return 1.0
    detail = np.abs(tone - ndimage.uniform_filter(tone, 17))[core]
    chroma = _log_chromaticity(colors)[core]
    spread = np.linalg.norm(chroma - np.median(chroma, axis=0), axis=1)
    fine = _ramp_down(float(np.quantile(detail, 0.9)), config.detail_range)
    return fine * _ramp_down(float(np.quantile(spread, 0.9)), config.chroma_range)


def _ramp_down(value: float, span: tuple[float, float]) -> float:
    """Fall linearly from 1 to 0 over a span."""
    return float(np.clip((span[1] - value) / (span[1] - span[0]), 0.0, 1.0))


def _smooth_inside(plane: Plane, inside: NDArray[np.bool_], sigma: float) -> Plane:
    """Blur by the pixels inside alone (normalized convolution); extends outwards."""
    weight = np.maximum(inside.astype(np.float32), 1e-4)
    total = ndimage.gaussian_filter(plane * weight, sigma)
    return np.asarray(total / ndimage.gaussian_filter(weight, sigma), np.float32)
