"""Dresses made of tops and skirts, and tops and skirts made of dresses.

What tells them apart is the waist alone: whether cloth goes on there. The upper half of
a dress above a skirt of other cloth is a top; a top above a skirt of its own cloth looks
like a dress.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from data_tools.paint.cloth import Mask, Picture, cloth_of, lay_cloth

WAIST = (0.36, 0.58)  # of a dress's height, from its top
SLANT, SAG = 0.06, 0.04  # of a waist across the dress, share of its height
PLAIN = 0.6  # how often a skirt is of one colour, and else of a piece of the photo
UNLIKE, TRIES = 40, 8  # its colour is so far from the dress's; draws until it is
NEAR = 0.15  # of a top's height: a skirt begins so near to its hem
BELOW = 0.5  # of a top's height: a skirt's middle lies below this


def part_dress(
    image: Picture, dress: Mask, rng: np.random.Generator
) -> tuple[Picture, Mask]:
    """Give the lower part of a dress another cloth.

    Args:
        image: uint8 (H, W, 3).
        dress: bool (H, W), not empty.
        rng: source of chance.

    Returns:
        The new photo, and the upper part, which is a top now.
    """
    ys, xs = np.flatnonzero(dress.any(axis=1)), np.flatnonzero(dress.any(axis=0))
    height = ys[-1] - ys[0] + 1
    across = (np.arange(dress.shape[1]) - xs.mean()) / max(np.ptp(xs) / 2, 1)
    waist = ys[0] + height * (
        rng.uniform(*WAIST)
        + rng.uniform(-SLANT, SLANT) * across
        + rng.uniform(-SAG, SAG) * np.clip(across, -1, 1) ** 2
    )
    skirt = dress & (np.arange(dress.shape[0])[:, None] > waist)
    upper = dress & ~skirt
    if not skirt.any() or not upper.any():
        return image, dress
    cloth = _other_cloth(image, image[upper].mean(axis=0), rng)
    return lay_cloth(image, cloth, skirt, skirt, rng), upper


def _other_cloth(
    image: Picture, colour: NDArray[np.floating], rng: np.random.Generator
) -> Picture:
    """Draw cloth that is not of a colour."""
    side = max(min(image.shape[:2]) // 6, 1)
    for _ in range(TRIES):
        y, x = (int(rng.integers(0, count - side + 1)) for count in image.shape[:2])
        cloth = image[y : y + side, x : x + side]
        if rng.random() < PLAIN:
            cloth = rng.integers(10, 245, (1, 1, 3)).astype(np.uint8)
        if np.abs(cloth.mean(axis=(0, 1)) - colour).max() > UNLIKE:
            return cloth
    return ((colour + 128) % 256).astype(np.uint8)[None, None]


def make_dress(
    image: Picture, top: Mask, skirt: Mask, rng: np.random.Generator
) -> tuple[Picture, Mask] | None:
    """Give a skirt the cloth of the top above it.

    Args:
        image: uint8 (H, W, 3).
        top: bool (H, W).
        skirt: the same.
        rng: source of chance.

    Returns:
        The new photo, and both as one garment; None when the skirt does not begin where
        the top ends.
    """
    rows, below = (np.flatnonzero(m.any(axis=1)) for m in (top, skirt))
    height = len(rows)
    if not height or not len(below) or below.mean() < rows[0] + BELOW * height:
        return None
    near = max(int(NEAR * height), 1)
    if not (ndimage.binary_dilation(top, iterations=near) & skirt).any():
        return None
    return lay_cloth(image, cloth_of(image, top), skirt, skirt, rng), top | skirt
