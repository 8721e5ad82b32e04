"""The colours on both sides of a soft edge."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compositor._checks import check_image, check_plane
from compositor.blur import Plane, box_mean

PURITY = 4  # power of the matte: how much more pure pixels count for colours nearby
OWN_DETAIL = 8  # power of the matte: how fast a mixed pixel loses its own detail


def estimate_foreground_background(
    image: NDArray[Any], alpha: NDArray[Any]
) -> tuple[Plane, Plane]:
    """Estimate the colours in front of and behind a soft edge.

    At a soft edge a pixel mixes both. Blending a new garment with the photo there
    would let the old garment's colour shine out; blending with the estimated
    background does not. Work on a patch around the garment, not on a whole photo.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        alpha: `(H, W)` matte in [0, 1].

    Returns:
        `(H, W, 3)` float32 foreground and `(H, W, 3)` float32 background, both in
        [0, 255]. Where alpha is 1 the foreground is the picture and the background a
        guess from around, which is worth less the farther the edge is; where alpha is 0
        the other way round.

    References:
        Forte: Approximate Fast Foreground Colour Estimation, ICIP 2021.
    """
    check_image(image)
    check_plane(alpha, "alpha", image.shape[:2])
    picture = image.astype(np.float32)
    weight = np.clip(alpha.astype(np.float32), 0.0, 1.0)[..., None]
    fore = back = picture
    reach = max(4, round(0.1 * float(np.sqrt((weight > 0).sum()))))
    for radius in (reach, max(3, reach // 4)):
        fore, back = _blur_fusion(picture, weight, fore, back, radius)
    return fore, back


def _blur_fusion(
    picture: Plane, weight: Plane, fore: Plane, back: Plane, radius: int
) -> tuple[Plane, Plane]:
    """Run one pass of blur fusion at one radius."""
    soft = (weight > 0) & (weight < 1)
    near_fore = _near(fore, weight**PURITY, radius, soft)
    near_back = _near(back, (1.0 - weight) ** PURITY, radius, soft)
    missing = picture - weight * near_fore - (1.0 - weight) * near_back
    # Only nearly pure pixels get their own detail back: elsewhere a matte that is off
    # by a pixel would put the other side's colour there.
    new_fore = near_fore + weight**OWN_DETAIL * missing
    new_back = near_back + (1.0 - weight) ** OWN_DETAIL * missing
    return np.clip(new_fore, 0, 255), np.clip(new_back, 0, 255)


def _near(values: Plane, weight: Plane, radius: int, needed: NDArray[np.bool_]) -> Plane:
    """Average `(H, W, 3)` values in boxes, with `(H, W, 1)` weights.

    Where no weight is near, the plain average stands in if any pixel is needed there,
    and else the value itself.
    """
    size = 2 * radius + 1
    total = box_mean(values * weight, size)
    share = box_mean(weight, size)
    known = share > 1e-5
    plain = values if (known | ~needed).all() else box_mean(values, size)
    return np.where(known, total / np.maximum(share, 1e-5), plain)
