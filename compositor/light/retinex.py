"""Tell folds from print: the light on a garment, whatever its pattern."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from compositor.raster import resize

Plane = NDArray[np.float32]

WORK_SIZE = 256  # longest side in pixels at which the light is estimated
STEP = 0.5  # a larger step of log luminance between two pixels is print
TINT_STEP = 0.2  # a larger step of log chromaticity is print
PLAIN_DETAIL = (0.45, 0.75)  # local detail of plain cloth, and of a print
PLAIN_TINT = (0.25, 0.45)  # spread of log chromaticity of plain cloth, and of a print
TRUST_SHARE = 0.05  # scale from which plain cloth is trusted, share of the work size


def log_light(light: Plane, weight: Plane, luminance: Plane, sigma_share: float) -> Plane:
    """Estimate the logarithm of the light that falls on a garment.

    Steps too sharp for a fold, or of another colour, are taken for print and left out;
    what is left is put together again (Poisson). On plain cloth the luminance itself
    decides over the larger scales.

    Args:
        light: `(H, W, 3)` linear light in [0, 1].
        weight: `(H, W)` matte of the garment in [0, 1].
        luminance: `(3,)` weights of the channels.
        sigma_share: Scale of the last smoothing, as a share of the longer side.

    Returns:
        `(H, W)` float32 log gain, any mean.

    References:
        Land, McCann: Lightness and Retinex Theory, JOSA 1971.
        Limare et al.: Retinex Poisson Equation, IPOL 2011.
    """
    scale = min(1.0, WORK_SIZE / max(weight.shape))
    height, width = (max(2, round(side * scale)) for side in weight.shape)
    size = (height, width)
    share = resize(weight, size)
    colours = resize(light * weight[..., None], size)
    colours /= np.maximum(share, 1e-3)[..., None]
    inside = share > 0.9
    tone = np.log(colours @ luminance + 0.005)
    folds = _solve(_fold_steps(tone, colours, inside), size)
    plain = _plainness(tone, colours, inside)
    if plain > 0 and inside.any():
        sigma = TRUST_SHARE * max(size)
        folds = folds + plain * _smooth_inside(tone - folds, inside, sigma)
    folds = _smooth_inside(folds, inside, 0.1 * sigma_share * max(size))
    return resize(folds, (weight.shape[0], weight.shape[1]))


def _fold_steps(
    tone: Plane, colours: Plane, inside: NDArray[np.bool_]
) -> tuple[Plane, Plane]:
    """Steps of the tone down and across; 0 at print and outside."""
    tint = _log_tint(colours)
    steps = []
    for axis in (0, 1):
        step = np.diff(tone, axis=axis)
        change = np.abs(np.diff(tint, axis=axis)).max(axis=-1)
        known = inside[1:] & inside[:-1]
        if axis == 1:
            known = inside[:, 1:] & inside[:, :-1]
        fold = (np.abs(step) < STEP) & (change < TINT_STEP)
        # An edge is wider than one pixel: what touches print is print.
        printed = ndimage.binary_dilation(known & ~fold, np.ones((3, 3), bool))
        steps.append(np.where(known & ~printed, step, 0.0).astype(np.float32))
    return steps[0], steps[1]


def _log_tint(colours: Plane) -> Plane:
    """Colour without its brightness, `(h, w, 3)`; dark colours count as grey."""
    logs = np.log(colours + 0.03)
    return np.asarray(logs - logs.mean(axis=-1, keepdims=True), np.float32)


def _solve(steps: tuple[Plane, Plane], size: tuple[int, int]) -> Plane:
    """Find the plane whose steps are closest to the given ones."""
    down, across = steps
    bend = np.zeros(size, np.float32)
    bend[:-1] += down
    bend[1:] -= down
    bend[:, :-1] += across
    bend[:, 1:] -= across
    waves = [2.0 * np.cos(np.pi * np.arange(side) / side) - 2.0 for side in size]
    scale = waves[0][:, None] + waves[1][None]
    scale[0, 0] = 1.0
    spectrum = fft.dctn(bend, norm="ortho") / scale
    spectrum[0, 0] = 0.0
    return np.asarray(fft.idctn(spectrum, norm="ortho"), np.float32)


def _plainness(tone: Plane, colours: Plane, inside: NDArray[np.bool_]) -> float:
    """How plain the cloth is, 0 (printed) to 1 (one colour)."""
    core = ndimage.binary_erosion(inside, iterations=2)
    if core.sum() < 16:
        return 1.0
    detail = np.abs(tone - ndimage.uniform_filter(tone, 17))[core]
    tint = _log_tint(colours)[core]
    spread = np.linalg.norm(tint - np.median(tint, axis=0), axis=1)
    fine = _fall(float(np.quantile(detail, 0.9)), PLAIN_DETAIL)
    return fine * _fall(float(np.quantile(spread, 0.9)), PLAIN_TINT)


def _fall(value: float, span: tuple[float, float]) -> float:
    """Fall from 1 to 0 over a span."""
    return float(np.clip((span[1] - value) / (span[1] - span[0]), 0.0, 1.0))


def _smooth_inside(plane: Plane, inside: NDArray[np.bool_], sigma: float) -> Plane:
    """Smooth inside the garment, and continue outwards."""
    weight = np.maximum(inside.astype(np.float32), 1e-4)
    total = ndimage.gaussian_filter(plane * weight, sigma)
    return np.asarray(total / ndimage.gaussian_filter(weight, sigma), np.float32)
