"""Samples that the universal generator is taught on, painted anew at every look.

From a `painted_pairs.PaintedPair`, whose light is known, comes what the network sees, and
what it should make of it, in ever other designs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cyclegan.data import to_model_range
from data_tools.paint import designs
from tryon.light import paint_plain
from tryon.training.samples.relit_pairs import LEAST_LIGHT, PaintedPair

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]
# How often a sample shows the user's photo as it is, the shop's, and the true photo.
OWN_PHOTO, SHOP_PHOTO, TRUE_PHOTO = 0.5, 0.6, 0.6
# Cameras meter: most photos are about as bright as the light on the user is. Some are
# not, and some are taken in the dark.
EXPOSURE, TINT = (0.85, 1.15), (0.88, 1.12)
ODD, ODD_EXPOSURE = 0.4, (0.12, 1.3)
PLAIN = 0.8  # how often the network sees the shirt as plain cloth
MISREAD, SHRUNK = 0.15, (0.6, 1.05)  # log light: spread of errors; how much is seen


def paint_sample(
    pair: PaintedPair,
    design_a: Picture,
    design_b: Picture,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Draw one sample for `UniversalTrainer` from a pair.

    The shirt is seen as in the photo, or in design A. The shop's tee is seen as in its
    picture, or in design B, flatly lit, a little over-exposed at times. The truth is the
    true photo where there is one, else the tee's design in the shirt's light. The whole
    of the user's photo is made brighter or darker and tinted, and the truth with it. As
    in use the network mostly sees the shirt as plain cloth under a light that is a
    little wrong (`spoil_light`); `photo` is what the camera saw.

    Args:
        pair: the shirt and the shop's tee.
        design_a: uint8 (h, w, 3).
        design_b: the same.
        rng: source of chance.

    Returns:
        photo, view, warped_b, truth_b, warped_a float32 (S, S, 3) in [-1, 1]; mask,
        valid_b, valid_a float32 (S, S, 1); places_a, places_b float32 (S, S, 2) in
        [-1, 1].
    """
    flat = _shop_light(pair.mask.shape, rng)
    light = pair.light.astype(np.float32)
    given = pair.truth is not None and rng.random() < TRUE_PHOTO
    repaint = not given and rng.random() > OWN_PHOTO
    if repaint:
        light = change_contrast(light, pair.mask, rng.uniform(0.7, 1.4))
    own = design_a if repaint else pair.own_design
    exemplar, truth = _wear(pair, light, given, design_b, flat, rng)
    stops = np.log(ODD_EXPOSURE if rng.random() < ODD else EXPOSURE)
    exposure = np.exp(rng.uniform(*stops))
    room = (exposure * rng.uniform(*TINT, 3)) ** (1 / designs.GAMMA)
    photo = _repaint(pair, own, light, rng) * room if repaint else pair.photo * room
    photo = np.clip(photo, 0, 255)
    logs = spoil_light(light, pair.mask, rng)
    planes: dict[str, NDArray[Any]] = {
        "photo": photo,
        "view": paint_plain(photo, pair.mask, logs) if rng.random() < PLAIN else photo,
        "warped_a": designs.paint(own, pair.chart.astype(np.float32), flat),
        "warped_b": exemplar,
        "truth_b": truth * room,
    }
    mask = pair.mask[..., None].astype(np.float32)
    sample = {key: to_model_range(np.clip(v, 0, 255)) for key, v in planes.items()}
    sample["truth_b"] = np.where(mask > 0, sample["truth_b"], np.float32(0))
    sample |= {"mask": mask, "valid_a": mask}
    sample["valid_b"] = pair.valid[..., None].astype(np.float32)
    sample["places_a"] = pair.chart.astype(np.float32) * 2 - 1
    sample["places_b"] = np.clip(pair.places.astype(np.float32) * 2 - 1, -1, 1)
    return _mirror(sample) if rng.random() < 0.5 else sample


def spoil_light(light: Array, mask: NDArray[np.bool_], rng: np.random.Generator) -> Array:
    """Return the light on a shirt as the shading network might read it.

    Args:
        light: (S, S, 3), linear.
        mask: bool (S, S), the shirt.
        rng: source of chance.

    Returns:
        float32 (S, S, 1), its log, 0 on average over the shirt.
    """
    logs = np.log(np.maximum(light.mean(axis=-1), LEAST_LIGHT))
    coarse = rng.normal(0, MISREAD, (8, 8))
    logs = logs * rng.uniform(*SHRUNK) + ndimage.zoom(coarse, len(mask) / 8, order=1)
    level = logs[mask].mean() if mask.any() else 0.0
    return (logs - level)[..., None].astype(np.float32)


def _wear(
    pair: PaintedPair,
    light: Array,
    given: bool,
    design: Picture,
    flat: Array,
    rng: np.random.Generator,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the shop's tee as warped, and as worn."""
    if given:
        assert pair.truth is not None
        return pair.shop, pair.truth
    chart = pair.shop_chart.astype(np.float32)
    if rng.random() < SHOP_PHOTO:
        exposure = rng.uniform(0.9, 1.15) ** (1 / designs.GAMMA)
        return pair.shop * exposure, _worn(pair, pair.shop_design, chart, light)
    return designs.paint(design, chart, flat), _worn(pair, design, chart, light)


def _worn(pair: PaintedPair, design: Picture, chart: Array, light: Array) -> Array:
    """Paint a design as the camera of the pair's photo would see it worn."""
    return designs.paint(design, chart, light, pair.filmed)


def _repaint(
    pair: PaintedPair, design: Picture, light: Array, rng: np.random.Generator
) -> Array:
    """Give the shirt in the photo another design."""
    shirt = _worn(pair, design, pair.chart.astype(np.float32), light)
    shirt += rng.normal(0, 2.0, shirt.shape).astype(np.float32)
    return np.where(pair.mask[..., None], shirt, pair.photo)


def change_contrast(light: Array, mask: NDArray[np.bool_], power: float) -> Array:
    """Make folds deeper or shallower without changing the level of the light."""
    light = np.maximum(light, LEAST_LIGHT)
    level = light[mask].mean() if mask.any() else np.float32(1)
    return np.asarray((light / level) ** power * level, np.float32)


def _shop_light(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    coarse = rng.normal(0, 0.1, (6, 6))
    zoom = (shape[0] / 6, shape[1] / 6)
    field = np.exp(ndimage.zoom(coarse, zoom, order=1))[..., None]
    lit = field * rng.uniform(0.8, 1.3) * rng.uniform(0.95, 1.05, 3)
    return lit.astype(np.float32)


def _mirror(sample: dict[str, Array]) -> dict[str, Array]:
    """Swap left and right; places go along: they lie in the same picture, mirrored."""
    flipped = {key: plane[:, ::-1].copy() for key, plane in sample.items()}
    for key in ("places_a", "places_b"):
        flipped[key][..., 0] *= -1
    return flipped
