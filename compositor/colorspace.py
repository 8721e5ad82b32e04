"""Convert colours between sRGB, linear light and CIELAB, and compare them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import spatial
from skimage import color as skcolor

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear sRGB, BT.709


def to_linear(srgb: NDArray[Any]) -> NDArray[np.float32]:
    """Convert sRGB values to linear light.

    Args:
        srgb: any shape, 0 to 255.

    Returns:
        The same shape, float32 in [0, 1].

    References:
        IEC 61966-2-1: the sRGB transfer function.
    """
    if srgb.dtype == np.uint8:
        table = _linearize(np.arange(256, dtype=np.float32) / 255.0)
        return np.asarray(table[srgb], np.float32)
    return _linearize(np.clip(srgb.astype(np.float32) / 255.0, 0.0, 1.0))


def from_linear(light: NDArray[np.floating]) -> NDArray[np.float32]:
    """Convert linear light to sRGB values.

    Args:
        light: any shape, [0, 1]; values beyond are clipped.

    Returns:
        The same shape, float32 in [0, 255], not rounded.
    """
    light = np.clip(light.astype(np.float32), 0.0, 1.0)
    curve = 1.055 * np.power(light, np.float32(1 / 2.4)) - 0.055
    srgb = 255.0 * np.where(light <= 0.0031308, 12.92 * light, curve)
    return srgb.astype(np.float32)


def _linearize(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Invert the sRGB transfer function for values in [0, 1]."""
    curve = np.power((values + 0.055) / 1.055, np.float32(2.4))
    return np.where(values <= 0.04045, values / 12.92, curve).astype(np.float32)


def to_lab(srgb: NDArray[Any]) -> NDArray[np.float32]:
    """Convert sRGB values to CIELAB (D65).

    Args:
        srgb: `(..., 3)`, 0 to 255.

    Returns:
        The same shape, float32: L in [0, 100], a and b about [-128, 127].
    """
    return np.asarray(skcolor.rgb2lab(srgb.astype(np.float32) / 255.0), np.float32)


def subsample(colors: NDArray[Any], max_count: int) -> NDArray[Any]:
    """Keep every n-th of `(N, 3)` colours, N >= 1, so that at most `max_count` stay."""
    return colors[:: -(-len(colors) // max_count)]


def are_common(
    colors: NDArray[np.floating],
    reference: NDArray[np.floating],
    max_distance: float,
    min_share: float,
) -> NDArray[np.bool_]:
    """Return which colours have enough neighbours among reference colours.

    Args:
        colors: `(N, 3)` CIELAB.
        reference: `(M, 3)` CIELAB, M >= 1.
        max_distance: radius of the neighbourhood, CIE76 units.
        min_share: share of the reference colours that must lie within, [0, 1].

    Returns:
        `(N,)` bool.
    """
    tree = spatial.cKDTree(reference)
    neighbors = tree.query_ball_point(colors, max_distance, return_length=True)
    return np.asarray(neighbors >= min_share * len(reference), bool)
