"""Add pieces of a garment that its mask misses, as below hands or beyond a strap."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import morphology

from compositor._checks import check_image, check_plane
from compositor.colorspace import are_common, subsample, to_lab


@dataclass(frozen=True)
class PieceConfig:
    """What counts as a piece of the garment; lengths are shares of its area's root."""

    radius: float = 0.025  # narrower pieces are the outline, which nobody knows exactly
    min_share: float = 0.03  # of the mask's area: smaller pieces are not looked for
    distance: float = 8.0  # CIE76, radius within which colours are neighbours
    neighbors: float = 0.02  # share of the garment's colours, for one to be common
    samples: int = 2000  # colours of the garment that are compared


DEFAULT = PieceConfig()


def add_missed_pieces(
    mask: NDArray[np.bool_],
    image: NDArray[Any],
    likely: NDArray[np.bool_],
    config: PieceConfig = DEFAULT,
) -> NDArray[np.bool_]:
    """Add what another network takes for the garment and what has its colours.

    Arms, hair and straps cut a shirt in pieces, of which a network may miss one.

    Args:
        mask: `(H, W)` bool.
        image: `(H, W, 3)` RGB picture, 0 to 255.
        likely: `(H, W)` bool, where the other network sees the garment.
        config: size and colour thresholds.

    Returns:
        `(H, W)` bool, a superset of the mask.

    Raises:
        ValueError: When the sizes differ.
    """
    check_plane(mask)
    check_image(image)
    check_plane(likely, "likely", mask.shape)
    radius = config.radius * float(np.sqrt(mask.sum()))
    missed = _open(likely & ~mask, radius)
    least = max(1.0, config.min_share * float(mask.sum()))
    if not mask.any() or missed.sum() < least:
        return mask.copy()
    cloth = to_lab(subsample(image[mask], config.samples))
    similar = np.zeros_like(mask)
    similar[missed] = are_common(
        to_lab(image[missed]), cloth, config.distance, config.neighbors
    )
    pieces, _ = ndimage.label(_open(similar, radius))
    large = np.bincount(pieces.ravel()) >= least
    large[0] = False
    added = large[pieces]
    # Up to the mask, and to colours as those of a stripe that are rare.
    grown = morphology.isotropic_dilation(added, 2 * radius) & missed
    return np.asarray(mask | added | (grown & similar), bool)


def _open(plane: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Drop what is narrower than twice a radius in pixels; the frame is no edge."""
    margin = int(radius) + 1
    padded = np.pad(plane, margin, mode="edge")
    opened = morphology.isotropic_opening(padded, radius)
    return np.asarray(opened[margin:-margin, margin:-margin], bool)
