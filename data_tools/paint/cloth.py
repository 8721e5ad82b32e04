"""Cloth laid over a part of a photo, in the light that falls there."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from data_tools.paint.designs import extend_nearest

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]
SHADE = (0.4, 1.7)  # of cloth, as the light on what it covers has it
TONE = 20.0  # added to colours before their light is told: less contrast in the dark
SOFT = 0.7  # pixels, of a painted edge


def cloth_of(image: Picture, garment: Mask) -> Picture:
    """Return the square of cloth around a garment's innermost pixel, (N, N, 3)."""
    depth = ndimage.distance_transform_edt(np.pad(garment, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    half = max(int(depth[y, x] / np.sqrt(2)), 1)
    return image[max(y - half, 0) : y + half, max(x - half, 0) : x + half]


def lay_cloth(
    image: Picture,
    cloth: Picture,
    where: Mask,
    lit: Mask,
    rng: np.random.Generator,
) -> Picture:
    """Lay cloth over a part of a picture.

    Args:
        image: uint8 (H, W, 3).
        cloth: uint8 (h, w, 3), any size; it is folded back and forth.
        where: bool (H, W), what it covers.
        lit: the same, what tells the light; not empty. It is continued around that.
        rng: moves the cloth.

    Returns:
        uint8 (H, W, 3), a new picture.
    """
    top, left = rng.integers(0, 2 * max(cloth.shape), 2)
    sides = [
        (0, max(first + count - side, 0))
        for first, count, side in zip((top, left), where.shape, cloth.shape, strict=False)
    ]
    folded = np.pad(cloth, [*sides, (0, 0)], mode="symmetric")
    colours = folded[top : top + where.shape[0], left : left + where.shape[1]]
    colours = np.clip(colours * _light_on(image, lit), 0, 255)
    alpha = ndimage.gaussian_filter(where.astype(np.float32), SOFT)[..., None]
    return np.rint(image * (1 - alpha) + colours * alpha).astype(np.uint8)


def _light_on(image: Picture, lit: Mask) -> NDArray[np.float32]:
    """Return the light (H, W, 1) on a part of a picture, about 1, continued around it."""
    grey = image.mean(axis=2, dtype=np.float32, keepdims=True)
    light = extend_nearest(grey, lit) + np.float32(TONE)
    return np.clip(light / np.median(light[lit]), *SHADE)
