"""Composite a piece of cloth over part of a photo, with the shading that is there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from data_tools.paint.designs import extend_nearest

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ClothConfig:
    """How cloth is shaded and blended in."""

    # Range of the shading; 1 is its median where it is read.
    shading_range: tuple[float, float] = (0.4, 1.7)
    # Grey levels added before the shading is read: less contrast in the dark.
    tone_offset: float = 20.0
    edge_sigma: float = 0.7  # pixels, of the Gaussian that softens the edge


DEFAULT = ClothConfig()


def sample_cloth(image: Picture, garment: Mask) -> Picture:
    """Crop the largest square around the pixel deepest inside a garment.

    Args:
        image: uint8 (H, W, 3).
        garment: bool (H, W).

    Returns:
        uint8 (N, N, 3), a view of `image`.
    """
    depth = ndimage.distance_transform_edt(np.pad(garment, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    half = max(int(depth[y, x] / np.sqrt(2)), 1)
    return image[max(y - half, 0) : y + half, max(x - half, 0) : x + half]


def lay_cloth(
    image: Picture,
    cloth: Picture,
    target: Mask,
    lit: Mask,
    rng: np.random.Generator,
    config: ClothConfig = DEFAULT,
) -> Picture:
    """Cover part of a picture with cloth.

    Args:
        image: uint8 (H, W, 3).
        cloth: uint8 (h, w, 3), any size; it is tiled by reflection.
        target: bool (H, W), what is covered.
        lit: bool (H, W), where the shading is read; not empty. Beyond it, the shading is
            extrapolated.
        rng: draws the offset of the cloth.
        config: shading and blending.

    Returns:
        uint8 (H, W, 3), a new picture.
    """
    top, left = rng.integers(0, 2 * max(cloth.shape), 2)
    padding = [
        (0, max(first + count - side, 0))
        for first, count, side in zip(
            (top, left), target.shape, cloth.shape, strict=False
        )
    ]
    tiled = np.pad(cloth, [*padding, (0, 0)], mode="symmetric")
    colors = tiled[top : top + target.shape[0], left : left + target.shape[1]]
    colors = np.clip(colors * _relative_shading(image, lit, config), 0, 255)
    alpha = ndimage.gaussian_filter(target.astype(np.float32), config.edge_sigma)
    alpha = alpha[..., None]
    return np.rint(image * (1 - alpha) + colors * alpha).astype(np.uint8)


def _relative_shading(
    image: Picture, lit: Mask, config: ClothConfig
) -> NDArray[np.float32]:
    """Return the brightness (H, W, 1) over its median inside `lit`, extrapolated."""
    gray = image.mean(axis=2, dtype=np.float32, keepdims=True)
    light = extend_nearest(gray, lit) + np.float32(config.tone_offset)
    return np.clip(light / np.median(light[lit]), *config.shading_range)
