"""The camera of the rendered people: light of a scene in, colours of a picture out.

Their photos were developed by Blender's AgX with medium high contrast. A gain on such
colours is no gain of light: bright dyes pale, dark ones deepen, blue drifts. Its curve is
told here by fifteen figures, fitted to it (CIEDE2000 1.7 on random dyes and lights).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
# Channels are mixed, bent and mixed back; rows add up to 1, so that grey stays grey.
MIX = ((0.7764, 0.1726, 0.0510), (0.0665, 0.8136, 0.1199), (0.0499, 0.0931, 0.8570))
UNMIX = (
    (1.2351, -0.1769, -0.0582),
    (-0.0787, 1.1022, -0.0235),
    (-0.0785, -0.1125, 1.1910),
)
SLOPE, MIDDLE, POWER = 0.6123, -3.542, 1.8666  # of the bend, over log2 of light
LEAST = 1e-6  # of light
# Fit of the light's level: as Gauss and Newton do it, with steps of at most MOST_STEP.
STEPS, MOST_STEP, PROBE = 25, 0.5, 0.02
STRANGE = 0.08  # error of a channel at which a pixel counts half: a seam, a hair
UNTINTED, ALIKE = 20.0, 200.0  # weights: light is white, and one person's pictures alike


class Lit(NamedTuple):
    """Pixels of a garment whose dye is known.

    Attributes:
        dye: float (N, 3), linear reflectance.
        light: float (N,), linear light up to a factor.
        photo: float (N, 3), what the camera made of them, 0..1.
    """

    dye: NDArray[np.floating]
    light: NDArray[np.floating]
    photo: NDArray[np.floating]


def develop(scene: NDArray[np.floating]) -> Array:
    """Turn linear light (..., 3) into colours, float32, 0..255."""
    mixed = np.maximum(scene @ np.array(MIX).T, LEAST)
    bent = (1 + np.exp(-SLOPE * (np.log2(mixed) - MIDDLE))) ** -POWER
    return np.clip(bent @ np.array(UNMIX).T * 255, 0, 255).astype(np.float32)


def reflectance(design: NDArray[np.generic]) -> Array:
    """Turn sRGB colours of a design, 0..255, into linear reflectance, float32."""
    share = np.asarray(design, np.float32) / np.float32(255)
    dark = share <= 0.04045
    return np.where(dark, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def fit_levels(looks: Sequence[Lit]) -> list[Array]:
    """Find by which factor light reaches the camera, and its tint.

    Args:
        looks: pictures of one person in one light; their factors are nearly alike, their
            tint is one. Black cloth hardly tells it: then the other pictures do.

    Returns:
        float32 (3,) for each: dye x light x this, developed, is the photo.
    """
    tint, levels = np.zeros(3), np.zeros(len(looks))
    flat = np.eye(3) - np.full((3, 3), 1 / 3)
    for _ in range(STEPS):
        normal = np.diag([0.0] * 3 + [ALIKE] * len(looks)) + 1e-3 * np.eye(3 + len(looks))
        normal[:3, :3] += UNTINTED * flat
        right = np.concatenate([-UNTINTED * (flat @ tint), -ALIKE * levels])
        for number, look in enumerate(looks):
            slopes, errors, weights = _linearised(look, tint + levels[number])
            columns = [0, 1, 2, 3 + number]
            all_slopes = np.dstack([slopes, slopes.sum(axis=-1)])
            part = np.einsum("nci,n,ncj->ij", all_slopes, weights, all_slopes)
            normal[np.ix_(columns, columns)] += part
            right[columns] += np.einsum("nci,n,nc->i", all_slopes, weights, errors)
        step = np.clip(np.linalg.solve(normal, right), -MOST_STEP, MOST_STEP)
        tint, levels = tint + step[:3], levels + step[3:]
    return [np.exp(tint + level).astype(np.float32) for level in levels]


def _linearised(
    look: Lit, logs: NDArray[np.floating]
) -> tuple[NDArray[np.floating], ...]:
    """Return slopes (N, 3, 3) over the log of each channel's light, errors, weights."""
    lit = look.dye * look.light[:, None]

    def seen(extra: NDArray[np.floating]) -> NDArray[np.floating]:
        return develop(lit * np.exp(logs + extra)) / 255

    now = seen(np.zeros(3))
    moved = [(seen(probe) - now) / PROBE for probe in PROBE * np.eye(3)]
    errors = look.photo - now
    weights = 1 / (1 + (np.abs(errors).max(axis=1) / STRANGE) ** 2)
    return np.stack(moved, axis=-1), errors, weights
