"""Separate the foreground's and the background's colours at soft edges."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compositor._checks import check_image, check_plane
from compositor.blur import Plane, box_mean


@dataclass(frozen=True)
class ForegroundConfig:
    """Neighbourhoods and weights of `estimate_foreground_background`."""

    purity: int = 4  # exponent of alpha: how much more pure pixels weigh in local means
    own_detail: int = 8  # exponent of alpha: how fast a mixed pixel loses its own detail
    radius_share: float = 0.1  # first radius, of the square root of the matte's area
    min_radius: int = 4  # pixels, of the first pass
    second_divisor: int = 4  # the second pass has the first radius over this
    min_second_radius: int = 3  # pixels, of the second pass


DEFAULT = ForegroundConfig()


def estimate_foreground_background(
    image: NDArray[Any], alpha: NDArray[Any], config: ForegroundConfig = DEFAULT
) -> tuple[Plane, Plane]:
    """Estimate the foreground and background colours that a soft edge mixes.

    Blending a new garment with the photo there would let the old garment's colour show
    as a halo; blending with the estimated background does not. Meant for a crop around
    the garment, not for a whole photo.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        alpha: `(H, W)` matte in [0, 1].
        config: neighbourhoods and weights.

    Returns:
        `(H, W, 3)` float32 foreground and `(H, W, 3)` float32 background, both in
        [0, 255]. Where alpha is 1 the foreground is the picture and the background an
        extrapolation, the less reliable the farther the edge is; where alpha is 0 the
        other way round.

    References:
        Forte: Approximate Fast Foreground Colour Estimation, ICIP 2021.
    """
    check_image(image)
    check_plane(alpha, "alpha", image.shape[:2])
    picture = image.astype(np.float32)
    weight = np.clip(alpha.astype(np.float32), 0.0, 1.0)[..., None]
    fore = back = picture
    scale = float(np.sqrt((weight > 0).sum()))
    first = max(config.min_radius, round(config.radius_share * scale))
    second = max(config.min_second_radius, first // config.second_divisor)
    for radius in (first, second):
        fore, back = _blur_fusion(picture, weight, fore, back, radius, config)
    return fore, back


def _blur_fusion(
    picture: Plane,
    weight: Plane,
    fore: Plane,
    back: Plane,
    radius: int,
    config: ForegroundConfig,
) -> tuple[Plane, Plane]:
    """Run one pass of blur fusion at one radius."""
    soft = (weight > 0) & (weight < 1)
    mean_fore = _local_mean(fore, weight**config.purity, radius, soft)
    mean_back = _local_mean(back, (1.0 - weight) ** config.purity, radius, soft)
    residual = picture - weight * mean_fore - (1.0 - weight) * mean_back
    # Only nearly pure pixels get their own detail back: elsewhere a matte that is off
    # by a pixel would put the other side's colour there.
    new_fore = mean_fore + weight**config.own_detail * residual
    new_back = mean_back + (1.0 - weight) ** config.own_detail * residual
    return np.clip(new_fore, 0, 255), np.clip(new_back, 0, 255)


def _local_mean(
    values: Plane, weight: Plane, radius: int, needed: NDArray[np.bool_]
) -> Plane:
    """Average `(H, W, 3)` values in boxes, with `(H, W, 1)` weights.

    Where all weights in the box are 0 the unweighted mean is returned, or the value
    itself where no such pixel is `needed` (which saves a filter).
    """
    size = 2 * radius + 1
    total = box_mean(values * weight, size)
    share = box_mean(weight, size)
    known = share > 1e-5
    fallback = values if (known | ~needed).all() else box_mean(values, size)
    return np.where(known, total / np.maximum(share, 1e-5), fallback)


@dataclass(frozen=True)
class BackgroundConfig:
    """Neighbourhoods and weights of `continue_background`."""

    purity: int = 8  # exponent: how much more pure background weighs in local means
    radii: tuple[int, ...] = (2, 4, 8, 16, 32)  # pixels; the first that sees some counts
    min_share: float = 0.08  # of a neighbourhood that must be background


BACKGROUND = BackgroundConfig()


def continue_background(
    image: NDArray[Any], alpha: NDArray[Any], config: BackgroundConfig = BACKGROUND
) -> Plane:
    """Continue what lies beside a garment behind its soft edge.

    The old garment's colours are not unmixed but removed: whatever it looked like, and
    however well its matte fits, nothing of it is left.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        alpha: `(H, W)` matte of the garment in [0, 1].
        config: neighbourhoods and weights.

    Returns:
        `(H, W, 3)` float32 in [0, 255]: the picture where alpha is 0; where it is 1, far
        from the edge, means nothing.
    """
    check_image(image)
    check_plane(alpha, "alpha", image.shape[:2])
    picture = image.astype(np.float32)
    pure = (1.0 - np.clip(alpha.astype(np.float32), 0.0, 1.0))[..., None] ** config.purity
    mean, missing = picture.copy(), np.ones((*alpha.shape, 1), bool)
    for radius in config.radii:
        size = 2 * radius + 1
        share = box_mean(pure, size)
        found = missing & (share >= config.min_share)
        local = box_mean(picture * pure, size) / np.maximum(share, 1e-5)
        mean = np.where(found, local, mean)
        missing &= ~found
    return np.asarray(mean + pure * (picture - mean), np.float32)
