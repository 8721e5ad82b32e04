"""The plain ground of a garment: the cloth beside and under its print, evened out."""

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
GAMMA = 2.2  # of pictures: linear light to the power of its inverse
LOOK_SIZE = 320  # pixels along the picture that the ground is told from
DARKEST = 0.004  # linear: below, a channel tells no colour
ROUNDS = 6  # of looking for the commonest colour
NEAR = 0.35  # log distance that is still about that colour
LEAST_SHARE = 0.6  # of the garment that must be; else there is no ground
TONE = (0.12, 0.4)  # log deviation of light: up to the first a crease, then print
TINT = (0.1, 0.26)  # the same of colour
BROAD = 0.06  # of the picture: what changes more slowly is the room's light, and stays
WHITE = 0.88  # linear, of white cotton in a well exposed picture
LIGHT = (0.5, 0.68)  # linear: light grey cloth, and from where on it is taken for white
MOST_LACK = 0.35  # log: cameras are not further off
TONE_STRENGTH, TINT_STRENGTH = 0.8, 0.9  # share of a crease that is taken away


def even_ground(image: NDArray[np.uint8], mask: NDArray[Any]) -> NDArray[np.uint8]:
    """Take creases, and the colours that light throws into them, from plain cloth.

    A shop's picture of a white tee has yellow folds and grey ones; on another body they
    are stains. What differs little from the garment's commonest colour is that ground:
    there its colour becomes the same, and its light loses what is finer than the room's.
    Prints, which differ more, stay. A garment without a ground stays as it is. A camera
    that takes a mean of what it sees makes white cloth grey: that gets its level back.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        mask: `(H, W)` bool, the garment.

    Returns:
        `(H, W, 3)` uint8, a changed copy; outside the mask as before.

    Raises:
        ValueError: When the sizes differ.
    """
    check_image(image)
    check_plane(mask, "mask", image.shape[:2])
    if not mask.any():
        return image
    x1, y1, x2, y2 = mask_box(mask)
    part, within = image[y1:y2, x1:x2], mask[y1:y2, x1:x2]
    small, inside = _small(part, within)
    if not inside.any():
        return image
    logs = np.log(np.maximum(to_linear(small), DARKEST))
    ground = _commonest(logs[inside])
    away = logs - ground
    share = float((_distance(away[inside]) < NEAR).mean())
    if share < LEAST_SHARE:
        return image
    change = resize(_change(away, inside), within.shape) + _underexposure(ground)
    gain = np.exp(change / np.float32(GAMMA))
    evened = image.copy()
    evened[y1:y2, x1:x2][within] = np.rint(np.minimum(part * gain, 255))[within]
    return evened


def _underexposure(ground: Array) -> float:
    """Return the log gain that white cloth lacks; 0 for dark or coloured cloth.

    Args:
        ground: `(3,)` log of the linear colour.
    """
    tone = float(ground.mean())
    tint = float(np.linalg.norm(ground - tone))
    light = 1 - _fall(np.array(np.exp(tone)), LIGHT)
    lacks = np.clip(np.log(WHITE) - tone, 0, MOST_LACK)
    return float(lacks * light * _fall(np.array(tint), TINT))


def _parts(away: Array) -> tuple[Array, Array]:
    """Return the deviation in tone of (..., 3) logs, and the amount of that in tint."""
    tone = away.mean(axis=-1)
    return tone, np.linalg.norm(away - tone[..., None], axis=-1)


def _small(
    image: NDArray[np.uint8], mask: NDArray[Any]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    scale = min(1.0, LOOK_SIZE / max(mask.shape))
    size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
    plane = Image.fromarray(mask.astype(np.uint8) * 255)
    small = Image.fromarray(image).resize(size, Image.Resampling.BOX)
    return np.asarray(small), np.asarray(plane.resize(size, Image.Resampling.BOX)) > 250


def _commonest(logs: Array) -> Array:
    """Return the commonest of (N, 3) log colours: a median that outliers do not move."""
    colour = np.median(logs, axis=0)
    for _ in range(ROUNDS):
        near = _distance(logs - colour) < NEAR
        if not near.any():
            break
        colour = np.median(logs[near], axis=0)
    return np.asarray(colour, np.float32)


def _distance(away: Array) -> Array:
    """Return the largest of the deviations in light and in colour, (...)."""
    tone, tint = _parts(away)
    return np.maximum(np.abs(tone), tint)


def _change(away: Array, inside: NDArray[np.bool_]) -> Array:
    """Return the log gain (h, w, 3) that evens the ground."""
    tone = away.mean(axis=-1, keepdims=True)
    tint = away - tone
    ground = _fall(np.abs(tone[..., 0]), TONE) * _fall(
        np.linalg.norm(tint, axis=-1), TINT
    )
    ground = (ground * inside)[..., None]
    reach = round(2 * BROAD * max(inside.shape)) + 1
    crease = tone - _blur(tone * ground, reach) / np.maximum(_blur(ground, reach), 1e-3)
    change = -ground * (TONE_STRENGTH * crease + TINT_STRENGTH * tint)
    return change.astype(np.float32)


def _blur(plane: Array, reach: int) -> Array:
    """Blur (h, w, 1): twice a box, which is nearly a Gaussian, at any reach as cheap."""
    once = ndimage.uniform_filter(plane, (reach, reach, 1))
    return np.asarray(ndimage.uniform_filter(once, (reach, reach, 1)), np.float32)


def _fall(values: Array, limits: tuple[float, float]) -> Array:
    """Return 1 up to the first limit, 0 from the second, smoothly between."""
    low, high = limits
    share = np.clip((high - values) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)
