"""Turn dresses into tops with skirts, and tops with skirts into dresses.

What distinguishes them is the waist: whether the same cloth goes on below it. The upper
half of a dress above a skirt of other cloth is a top; a top above a skirt of its own
cloth looks like a dress.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from data_tools.paint.cloth import Mask, Picture, lay_cloth, sample_cloth


@dataclass(frozen=True)
class DressConfig:
    """Where a dress is cut, which cloth a skirt gets, and which skirts are used."""

    waist: tuple[float, float] = (0.36, 0.58)  # share of a dress's height, from its top
    max_slant: float = 0.06  # of a waist across the dress, share of the dress's height
    max_sag: float = 0.04  # of a waist's middle against its ends, likewise
    plain_share: float = 0.6  # of skirts in one colour; others get a piece of the photo
    min_color_distance: float = 40  # grey levels between skirt and dress, in one channel
    max_draws: int = 8  # of a cloth; then the complementary colour is taken
    # Share of a top's height: a skirt that starts farther from the top is not joined.
    max_gap: float = 0.15
    # Share of a top's height: the middle of a skirt lies below this.
    min_skirt_middle: float = 0.5


DEFAULT = DressConfig()


def split_dress(
    image: Picture,
    dress: Mask,
    rng: np.random.Generator,
    config: DressConfig = DEFAULT,
) -> tuple[Picture, Mask]:
    """Give the lower part of a dress another cloth.

    Args:
        image: uint8 (H, W, 3).
        dress: bool (H, W), not empty.
        rng: random generator.
        config: where the waist lies, and what the cloth is.

    Returns:
        The new photo, and the mask (H, W) of the upper part, which is a top now.
    """
    ys, xs = np.flatnonzero(dress.any(axis=1)), np.flatnonzero(dress.any(axis=0))
    height = ys[-1] - ys[0] + 1
    across = (np.arange(dress.shape[1]) - xs.mean()) / max(np.ptp(xs) / 2, 1)
    slant, sag = config.max_slant, config.max_sag
    waist = ys[0] + height * (
        rng.uniform(*config.waist)
        + rng.uniform(-slant, slant) * across
        + rng.uniform(-sag, sag) * np.clip(across, -1, 1) ** 2
    )
    skirt = dress & (np.arange(dress.shape[0])[:, None] > waist)
    upper = dress & ~skirt
    if not skirt.any() or not upper.any():
        return image, dress
    cloth = _draw_cloth(image, image[upper].mean(axis=0), rng, config)
    return lay_cloth(image, cloth, skirt, skirt, rng), upper


def _draw_cloth(
    image: Picture,
    color: NDArray[np.floating],
    rng: np.random.Generator,
    config: DressConfig,
) -> Picture:
    """Draw a cloth (h, w, 3) whose mean differs from `color` (3,)."""
    side = max(min(image.shape[:2]) // 6, 1)
    for _ in range(config.max_draws):
        y, x = (int(rng.integers(0, count - side + 1)) for count in image.shape[:2])
        cloth = image[y : y + side, x : x + side]
        if rng.random() < config.plain_share:
            cloth = rng.integers(10, 245, (1, 1, 3)).astype(np.uint8)
        distance = np.abs(cloth.mean(axis=(0, 1)) - color).max()
        if distance > config.min_color_distance:
            return cloth
    return ((color + 128) % 256).astype(np.uint8)[None, None]


def make_dress(
    image: Picture,
    top: Mask,
    skirt: Mask,
    rng: np.random.Generator,
    config: DressConfig = DEFAULT,
) -> tuple[Picture, Mask] | None:
    """Give a skirt the cloth of the top above it.

    Args:
        image: uint8 (H, W, 3).
        top: bool (H, W).
        skirt: bool (H, W).
        rng: random generator.
        config: which skirts are joined to a top.

    Returns:
        The new photo, and the mask (H, W) of both as one garment; None when the skirt
        does not start where the top ends.
    """
    rows, below = (np.flatnonzero(m.any(axis=1)) for m in (top, skirt))
    height = len(rows)
    if (
        not height
        or not len(below)
        or below.mean() < rows[0] + config.min_skirt_middle * height
    ):
        return None
    gap = max(int(config.max_gap * height), 1)
    if not (ndimage.binary_dilation(top, iterations=gap) & skirt).any():
        return None
    return lay_cloth(image, sample_cloth(image, top), skirt, skirt, rng), top | skirt
