"""Camera model of the rendered people: linear light to the colours of their pictures.

Blender developed their photos with AgX at medium high contrast. In such colours, brighter
light is no constant gain: bright dyes pale, dark ones deepen, blue shifts. The curve is
approximated here by fifteen free parameters, fitted to it (CIEDE2000 1.7 on random dyes
and lights).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class ToneCurve:
    """Channels are mixed, mapped by a sigmoid over log2 of light, and mixed back.

    The defaults are the fit to AgX. The rows of both matrices add up to 1, so that grey
    stays grey.
    """

    mix: tuple[tuple[float, ...], ...] = (
        (0.7764, 0.1726, 0.0510),
        (0.0665, 0.8136, 0.1199),
        (0.0499, 0.0931, 0.8570),
    )
    unmix: tuple[tuple[float, ...], ...] = (
        (1.2351, -0.1769, -0.0582),
        (-0.0787, 1.1022, -0.0235),
        (-0.0785, -0.1125, 1.1910),
    )
    slope: float = 0.6123  # of the sigmoid
    middle: float = -3.542  # log2 of light at its middle
    power: float = 1.8666  # that it is raised to
    min_light: float = 1e-6  # linear, so that its logarithm is finite


@dataclass(frozen=True)
class LevelFitConfig:
    """Robust Gauss-Newton fit of the light's level in `fit_levels`; all in log light."""

    steps: int = 25
    max_step: float = 0.5  # of one iteration
    probe: float = 0.02  # step of the numeric derivative
    # Error of a channel (of 1) at which a pixel's weight is a half: seams and hairs are
    # outliers.
    error_scale: float = 0.08
    tint_weight: float = 20.0  # of the prior that light is white
    level_weight: float = 200.0  # of the prior that a person's pictures have one level
    ridge: float = 1e-3  # added to the normal matrix's diagonal


AGX, DEFAULT = ToneCurve(), LevelFitConfig()


class LitPixels(NamedTuple):
    """Pixels of a garment whose dye is known.

    Attributes:
        dye: float (N, 3), linear reflectance in [0, 1].
        light: float (N,), linear light up to a factor.
        photo: float (N, 3), the camera's colours in [0, 1].
    """

    dye: NDArray[np.floating]
    light: NDArray[np.floating]
    photo: NDArray[np.floating]


def develop(scene: NDArray[np.floating], curve: ToneCurve = AGX) -> Array:
    """Turn linear light (..., 3) into colours, float32 (..., 3) in 0..255."""
    mixed = np.maximum(scene @ np.array(curve.mix).T, curve.min_light)
    exponent = -curve.slope * (np.log2(mixed) - curve.middle)
    curved = (1 + np.exp(exponent)) ** -curve.power
    return np.clip(curved @ np.array(curve.unmix).T * 255, 0, 255).astype(np.float32)


def reflectance(design: NDArray[np.generic]) -> Array:
    """Turn sRGB colours of a design, 0..255, into linear reflectance, float32."""
    share = np.asarray(design, np.float32) / np.float32(255)
    dark = share <= 0.04045
    return np.where(dark, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def fit_levels(
    pictures: Sequence[LitPixels], config: LevelFitConfig = DEFAULT
) -> list[Array]:
    """Estimate the level and the tint of the light in each picture.

    Args:
        pictures: of one person in one light: their levels are nearly alike, their tint
            is the same. Black cloth hardly shows the light: there the other pictures
            decide.
        config: weights and steps of the fit.

    Returns:
        float32 (3,) for each picture: dye x light x this, developed, is the photo.
    """
    tint, levels = np.zeros(3), np.zeros(len(pictures))
    flat = np.eye(3) - np.full((3, 3), 1 / 3)
    tint_weight, level_weight = config.tint_weight, config.level_weight
    ridge = config.ridge * np.eye(3 + len(pictures))
    for _ in range(config.steps):
        normal = np.diag([0.0] * 3 + [level_weight] * len(pictures)) + ridge
        normal[:3, :3] += tint_weight * flat
        right = np.concatenate([-tint_weight * (flat @ tint), -level_weight * levels])
        for number, pixels in enumerate(pictures):
            slopes, errors, weights = _linearize(pixels, tint + levels[number], config)
            columns = [0, 1, 2, 3 + number]
            all_slopes = np.dstack([slopes, slopes.sum(axis=-1)])
            part = np.einsum("nci,n,ncj->ij", all_slopes, weights, all_slopes)
            normal[np.ix_(columns, columns)] += part
            right[columns] += np.einsum("nci,n,nc->i", all_slopes, weights, errors)
        step = np.linalg.solve(normal, right)
        step = np.clip(step, -config.max_step, config.max_step)
        tint, levels = tint + step[:3], levels + step[3:]
    return [np.exp(tint + level).astype(np.float32) for level in levels]


def _linearize(
    pixels: LitPixels, logs: NDArray[np.floating], config: LevelFitConfig
) -> tuple[NDArray[np.floating], ...]:
    """Return slopes (N, 3, 3) over each channel's log light, residuals and weights."""
    lit = pixels.dye * pixels.light[:, None]

    def predict(extra: NDArray[np.floating]) -> NDArray[np.floating]:
        return develop(lit * np.exp(logs + extra)) / 255

    now = predict(np.zeros(3))
    moved = [(predict(probe) - now) / config.probe for probe in config.probe * np.eye(3)]
    errors = pixels.photo - now
    weights = 1 / (1 + (np.abs(errors).max(axis=1) / config.error_scale) ** 2)
    return np.stack(moved, axis=-1), errors, weights
