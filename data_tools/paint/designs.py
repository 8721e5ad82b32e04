"""Paint designs on rendered people: truth for free, in milliseconds.

A rendered tee has a chart: every pixel knows its place (u, v) on a flat texture, and how
much light falls on it. Colour = texture[chart] x light, then gamma, or a camera's curve.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from data_tools.paint import camera

Array = NDArray[np.float32]
GAMMA = 2.2
TEE = 2  # value of the tee in a rendered label map
TEXTURE_SIZE = (256, 512)  # height, width that designs are painted from


def read_chart(path: Path) -> Array:
    """Read `….uv.png`: returns (H, W, 2) float32, u and v in [0, 1]."""
    with Image.open(path) as picture:
        planes = np.asarray(picture).astype(np.float32) / 4095.0
    u, v = np.split(planes, 2)
    return np.stack([u, v], axis=-1)


def extend_nearest(values: Array, mask: NDArray[np.bool_]) -> Array:
    """Extrapolate values of pixels: each pixel outside takes its nearest one's inside.

    Args:
        values: (H, W, C).
        mask: bool (H, W), where they are known; not empty.

    Returns:
        (H, W, C), equal to `values` inside the mask.
    """
    nearest = ndimage.distance_transform_edt(
        ~mask, return_distances=False, return_indices=True
    )
    return values[nearest[0], nearest[1]]


def read_light(path: Path) -> Array:
    """Read `….shade.png`: returns (H, W) linear light in [0, 1]."""
    with Image.open(path) as picture:
        return (np.asarray(picture.convert("L")).astype(np.float32) / 255.0) ** 2


def read_tee(path: Path) -> NDArray[np.bool_]:
    """Read `….labels.png`: returns the tee's mask (H, W)."""
    with Image.open(path) as picture:
        return np.asarray(picture) == TEE


def read_texture(path: Path) -> NDArray[np.uint8]:
    """Read a design at `TEXTURE_SIZE`, uint8 (H, W, 3)."""
    with Image.open(path) as picture:
        size = TEXTURE_SIZE[::-1]
        small = picture.convert("RGB").resize(size, Image.Resampling.BOX)
        return np.asarray(small)


def paint(
    texture: NDArray[np.uint8],
    chart: Array,
    light: NDArray[np.floating],
    filmed: bool = False,
) -> Array:
    """Paint a design on a chart.

    Args:
        texture: uint8 (h, w, 3); row (1 - v) * h, column u * w.
        chart: (H, W, 2), u and v in [0, 1].
        light: (H, W, 1) or (H, W, 3) linear light, 1 leaves the design as it is.
        filmed: the camera of the rendered people sees it (`data_tools.camera`), and
            else one whose colours are a power of light.

    Returns:
        float32 (H, W, 3), sRGB-like 0..255.
    """
    height, width = texture.shape[:2]
    column = np.clip(chart[..., 0] * width, 0, width - 1).astype(np.intp)
    row = np.clip((1.0 - chart[..., 1]) * height, 0, height - 1).astype(np.intp)
    colours = texture[row, column].astype(np.float32)
    if filmed:
        return camera.develop(camera.reflectance(colours) * np.maximum(light, 0.0))
    lit = colours * np.power(np.maximum(light, 0.0), 1.0 / GAMMA).astype(np.float32)
    return np.clip(lit, 0.0, 255.0)


def vary_design(
    texture: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Change a design's colours at random; one time in four a plain cloth instead.

    Args:
        texture: uint8 (h, w, 3).
        rng: source of chance.

    Returns:
        uint8 (h, w, 3).
    """
    if rng.random() < 0.25:
        return np.broadcast_to(_cloth_colour(rng), texture.shape).astype(np.uint8)
    mixed = texture[..., rng.permutation(3)].astype(np.float32)
    if rng.random() < 0.3:
        mixed = 255.0 - mixed
    gain, lift = rng.uniform(0.6, 1.1, 3), rng.uniform(0, 30)
    return np.clip(mixed * gain + lift, 0, 255).astype(np.uint8)


def _cloth_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a colour as tees have it: white, black, grey or any other."""
    grey = rng.choice([245.0, 20.0, 128.0, 60.0])
    if rng.random() < 0.4:
        return np.clip(grey + rng.normal(0, 6, 3), 0, 255)
    return rng.uniform(10, 245, 3)
