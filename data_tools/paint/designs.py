"""Paint designs on rendered tees: new training images in milliseconds, labels unchanged.

A rendered tee comes with a chart, which gives each pixel its coordinates (u, v) on a flat
texture, and with the light that falls on it. Colour = texture[chart] x light, then gamma,
or the camera model of the renders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from data_tools.paint import camera
from data_tools.pictures import open_picture

Array = NDArray[np.float32]
GAMMA = 2.2  # display gamma: encoded = linear ** (1 / GAMMA), near sRGB
TEE = 2  # value of the tee in a rendered label map
TEXTURE_SIZE = (256, 512)  # height, width in texels that designs are painted from


@dataclass(frozen=True)
class VariationConfig:
    """How `vary_design` changes a design; shares are of all draws."""

    plain_share: float = 0.25  # become cloth of one colour
    inverted_share: float = 0.3  # of the others: colours become their negatives
    gain: tuple[float, float] = (0.6, 1.1)  # of each channel
    max_offset: float = 30  # grey levels added to all channels
    gray_share: float = 0.4  # of plain cloth, in one of `grays`; others in any colour
    grays: tuple[float, ...] = (245.0, 20.0, 128.0, 60.0)  # white, black, two greys
    gray_noise: float = 6  # grey levels, standard deviation in each channel


@dataclass(frozen=True)
class StripesConfig:
    """Distribution of drawn stripes and checks; lengths in texels of `TEXTURE_SIZE`."""

    share: float = 0.45  # of the designs of `draw_design`
    period: tuple[float, float] = (10.0, 90.0)  # log-uniform
    duty: tuple[float, float] = (0.2, 0.8)  # share of a period in the first colour
    checks_share: float = 0.3
    diagonal_share: float = 0.15
    contrast_share: float = 0.5  # of black on white; others have any two colours
    noise: float = 12  # grey levels, standard deviation of a colour's channels


DEFAULT = VariationConfig()
STRIPES = StripesConfig()


def read_chart(path: Path) -> Array:
    """Read `….uv.png`: returns (H, W, 2) float32, u and v in [0, 1]."""
    with open_picture(path) as picture:
        planes = np.asarray(picture).astype(np.float32) / 4095.0
    u, v = np.split(planes, 2)
    return np.stack([u, v], axis=-1)


def extend_nearest(values: Array, mask: NDArray[np.bool_]) -> Array:
    """Extrapolate: each pixel outside a mask takes the value of the nearest one inside.

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
    """Read `….shade.png`: returns (H, W) float32, linear light in [0, 1]."""
    with open_picture(path) as picture:
        return (np.asarray(picture.convert("L")).astype(np.float32) / 255.0) ** 2


def read_tee(path: Path) -> NDArray[np.bool_]:
    """Read `….labels.png`: returns the tee's mask, bool (H, W)."""
    with open_picture(path) as picture:
        return np.asarray(picture) == TEE


def read_texture(path: Path) -> NDArray[np.uint8]:
    """Read a design at `TEXTURE_SIZE`, uint8 (H, W, 3)."""
    with open_picture(path) as picture:
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
        texture: uint8 (h, w, 3); row (1 - v) * h, column u * w, nearest texel.
        chart: (H, W, 2), u and v in [0, 1].
        light: (H, W, 1) or (H, W, 3) linear light, 1 leaves the design as it is.
        filmed: take the camera model of the rendered people (`data_tools.paint.camera`)
            instead of a gamma of 2.2.

    Returns:
        float32 (H, W, 3), sRGB-like 0..255.
    """
    height, width = texture.shape[:2]
    column = np.clip(chart[..., 0] * width, 0, width - 1).astype(np.intp)
    row = np.clip((1.0 - chart[..., 1]) * height, 0, height - 1).astype(np.intp)
    colors = texture[row, column].astype(np.float32)
    if filmed:
        return camera.develop(camera.reflectance(colors) * np.maximum(light, 0.0))
    lit = colors * np.power(np.maximum(light, 0.0), 1.0 / GAMMA).astype(np.float32)
    return np.clip(lit, 0.0, 255.0)


def vary_design(
    texture: NDArray[np.uint8],
    rng: np.random.Generator,
    config: VariationConfig = DEFAULT,
) -> NDArray[np.uint8]:
    """Change a design's colours at random, or return a plain cloth instead.

    Args:
        texture: uint8 (h, w, 3).
        rng: random generator.
        config: how much changes, and how often.

    Returns:
        uint8 (h, w, 3).
    """
    if rng.random() < config.plain_share:
        return np.broadcast_to(_cloth_color(rng, config), texture.shape).astype(np.uint8)
    mixed = texture[..., rng.permutation(3)].astype(np.float32)
    if rng.random() < config.inverted_share:
        mixed = 255.0 - mixed
    gain, offset = rng.uniform(*config.gain, 3), rng.uniform(0, config.max_offset)
    return np.clip(mixed * gain + offset, 0, 255).astype(np.uint8)


def draw_design(
    textures: Sequence[NDArray[np.uint8]],
    rng: np.random.Generator,
    config: StripesConfig = STRIPES,
) -> NDArray[np.uint8]:
    """Draw stripes or checks, or one of some designs in other colours.

    Args:
        textures: uint8 (h, w, 3) each; without any, all designs are stripes.
        rng: random generator.
        config: how many are stripes, and which.

    Returns:
        uint8 (h, w, 3).
    """
    if rng.random() < config.share or not textures:
        return draw_stripes(rng, config)
    return vary_design(textures[int(rng.integers(len(textures)))], rng)


def draw_stripes(
    rng: np.random.Generator, config: StripesConfig = STRIPES
) -> NDArray[np.uint8]:
    """Draw stripes or checks of two colours, uint8 of `TEXTURE_SIZE`."""
    height, width = TEXTURE_SIZE
    ys, xs = np.indices((height, width), np.float32)
    shortest, longest = np.log(config.period)
    period = np.exp(rng.uniform(shortest, longest))
    duty, angle = rng.uniform(*config.duty), rng.choice([0.0, np.pi / 2])
    if rng.random() < config.diagonal_share:
        angle = rng.uniform(0, np.pi)
    along = (np.cos(angle) * ys + np.sin(angle) * xs) / period + rng.random()
    across = (np.cos(angle) * xs - np.sin(angle) * ys) / period
    is_first = along % 1 < duty
    if rng.random() < config.checks_share:
        is_first ^= across % 1 < duty
    colors = rng.uniform(5, 250, (2, 3))
    if rng.random() < config.contrast_share:
        colors = np.repeat(rng.permutation([[20.0], [235.0]]), 3, axis=1)
    colors = np.clip(colors + rng.normal(0, config.noise, colors.shape), 0, 255)
    one, other = colors.astype(np.uint8)
    return np.where(is_first[..., None], one, other)


def _cloth_color(
    rng: np.random.Generator, config: VariationConfig
) -> NDArray[np.float64]:
    """Draw a colour as tees have it: white, black, grey or any other."""
    gray = rng.choice(config.grays)
    if rng.random() < config.gray_share:
        return np.clip(gray + rng.normal(0, config.gray_noise, 3), 0, 255)
    return rng.uniform(10, 245, 3)
