"""Flatten the base colour of a garment: the plain cloth beside and under its print."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from compositor._checks import check_image, check_plane
from compositor.colorspace import to_linear
from compositor.mask.cutout import mask_box
from compositor.raster import resize

Array = NDArray[np.float32]
GAMMA = 2.2  # display gamma: encoded = linear ** (1 / GAMMA), near sRGB


@dataclass(frozen=True)
class BaseColorConfig:
    """What counts as base colour, and how far it is flattened.

    Tone is the mean of the logs of the three linear channels; tint is what is left of
    each. Ranges give two deviations: up to the first a pixel is base colour, from the
    second on it is print, with a smooth transition between.
    """

    work_size: int = 320  # pixels along the longer side at which colours are compared
    min_light: float = 0.004  # linear: darker channels are clipped, they are noise
    rounds: int = 6  # at most, of the trimmed median
    max_distance: float = 0.35  # log: colours within belong to the trimmed median
    min_share: float = 0.6  # of the garment within: with less there is no base colour
    tone_range: tuple[float, float] = (0.12, 0.4)  # log: creases, then print
    tint_range: tuple[float, float] = (0.1, 0.26)  # log
    # Of the longer side: coarser shading is the room's light, and stays.
    coarse_scale: float = 0.06
    tone_strength: float = 0.8  # share of a crease's tone that is removed
    tint_strength: float = 0.9  # share of its tint

    # Underexposed white cloth.
    white: float = 0.88  # linear, of white cotton in a well exposed picture
    # Linear: a base colour is taken for white cloth from grey (not) to light grey (all).
    white_range: tuple[float, float] = (0.5, 0.68)
    max_exposure_gain: float = 0.35  # log: cameras are not further off


DEFAULT = BaseColorConfig()


def flatten_base_color(
    image: NDArray[np.uint8], mask: NDArray[Any], config: BaseColorConfig = DEFAULT
) -> NDArray[np.uint8]:
    """Remove creases, and the colour casts in them, from a garment's base colour.

    A shop's picture of a white tee has yellow and grey folds, which would be stains on
    another body. Pixels near the garment's most common colour are its base: they get one
    tint, and their tone loses what is finer than the room's light. Prints, which differ
    more, stay. A garment without a base colour is returned unchanged. White cloth that
    the camera's exposure made grey is brightened.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        mask: `(H, W)` bool, the garment.
        config: what counts as base colour.

    Returns:
        `(H, W, 3)` uint8, a changed copy, or the picture itself where nothing changes;
        outside the mask as before.

    Raises:
        ValueError: When the sizes differ.
    """
    check_image(image)
    check_plane(mask, "mask", image.shape[:2])
    if not mask.any():
        return image
    x1, y1, x2, y2 = mask_box(mask)
    crop, within = image[y1:y2, x1:x2], mask[y1:y2, x1:x2]
    small, inside = _downsample(crop, within, config.work_size)
    if not inside.any():
        return image
    logs = np.log(np.maximum(to_linear(small), config.min_light))
    base = _trimmed_median(logs[inside], config)
    deviation = logs - base
    near = _distance(deviation[inside]) < config.max_distance
    if float(near.mean()) < config.min_share:
        return image
    change = resize(_log_gain(deviation, inside, config), (y2 - y1, x2 - x1))
    change = change + _exposure_gain(base, config)
    gain = np.exp(change / np.float32(GAMMA))
    flattened = image.copy()
    flattened[y1:y2, x1:x2][within] = np.rint(np.minimum(crop * gain, 255))[within]
    return flattened


def _exposure_gain(base: Array, config: BaseColorConfig) -> float:
    """Return the log gain that white cloth lacks; 0 for dark or coloured cloth.

    Args:
        base: `(3,)` log of the linear colour.
        config: what counts as white.
    """
    tone = float(base.mean())
    tint = float(np.linalg.norm(base - tone))
    whiteness = 1 - _smoothstep_down(np.array(np.exp(tone)), config.white_range)
    missing = np.clip(np.log(config.white) - tone, 0, config.max_exposure_gain)
    grey = _smoothstep_down(np.array(tint), config.tint_range)
    return float(missing * whiteness * grey)


def _downsample(
    image: NDArray[np.uint8], mask: NDArray[Any], work_size: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Shrink a picture and its mask to working size; mixed pixels leave the mask."""
    scale = min(1.0, work_size / max(mask.shape))
    size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
    plane = Image.fromarray(mask.astype(np.uint8) * 255)
    small = Image.fromarray(image).resize(size, Image.Resampling.BOX)
    return np.asarray(small), np.asarray(plane.resize(size, Image.Resampling.BOX)) > 250


def _trimmed_median(logs: Array, config: BaseColorConfig) -> Array:
    """Return the most common of (N, 3) log colours: a median of the colours near it."""
    color = np.median(logs, axis=0)
    for _ in range(config.rounds):
        near = _distance(logs - color) < config.max_distance
        if not near.any():
            break
        color = np.median(logs[near], axis=0)
    return np.asarray(color, np.float32)


def _distance(deviation: Array) -> Array:
    """Return the larger of the deviations (..., 3) in tone and in tint, (...)."""
    tone = deviation.mean(axis=-1)
    tint = np.linalg.norm(deviation - tone[..., None], axis=-1)
    return np.maximum(np.abs(tone), tint)


def _log_gain(
    deviation: Array, inside: NDArray[np.bool_], config: BaseColorConfig
) -> Array:
    """Return the log gain (h, w, 3) that flattens the base colour."""
    tone = deviation.mean(axis=-1, keepdims=True)
    tint = deviation - tone
    base = _smoothstep_down(np.abs(tone[..., 0]), config.tone_range)
    base = base * _smoothstep_down(np.linalg.norm(tint, axis=-1), config.tint_range)
    base = (base * inside)[..., None]
    size = round(2 * config.coarse_scale * max(inside.shape)) + 1
    coarse = _blur(tone * base, size) / np.maximum(_blur(base, size), 1e-3)
    crease = tone - coarse
    change = -base * (config.tone_strength * crease + config.tint_strength * tint)
    return change.astype(np.float32)


def _blur(plane: Array, size: int) -> Array:
    """Blur (h, w, 1) by a box twice: nearly a Gaussian, in time that no size changes."""
    once = ndimage.uniform_filter(plane, (size, size, 1))
    return np.asarray(ndimage.uniform_filter(once, (size, size, 1)), np.float32)


def _smoothstep_down(values: Array, limits: tuple[float, float]) -> Array:
    """Fall smoothly from 1, up to the first limit, to 0, from the second."""
    low, high = limits
    share = np.clip((high - values) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)
