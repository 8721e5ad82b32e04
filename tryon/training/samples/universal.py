"""Draw training samples for the universal generator: pairs repainted with random designs.

The light of a `relit_pairs.PaintedPair` is known, so that both the network's input and
its target can be painted with any design.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cyclegan.data import to_model_range
from data_tools.paint import designs
from tryon.light import paint_plain
from tryon.training.samples.relit_pairs import PaintedPair, RelitPairsConfig

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class UniversalSamplesConfig:
    """How a pair is repainted.

    Probabilities are shares of the samples; ranges are those of uniform draws.
    """

    own_photo_probability: float = 0.5  # the user's photo is not repainted
    shop_photo_probability: float = 0.6  # the shop picture is not repainted
    true_photo_probability: float = 0.6  # the true photo is the target, where it exists
    plain_probability: float = 0.8  # the shirt in the input is plain cloth
    mirror_probability: float = 0.5
    # Factors on the linear light of the whole photo. Cameras meter, so most photos are
    # normally exposed; odd ones may have been taken in the dark.
    exposure: tuple[float, float] = (0.85, 1.15)
    odd_probability: float = 0.4
    odd_exposure: tuple[float, float] = (0.12, 1.3)
    tint: tuple[float, float] = (0.88, 1.12)  # factors on each channel
    # Log of red over blue light, at sunset or by lamps that no camera corrected.
    warm_probability: float = 0.3
    warmth: tuple[float, float] = (-0.3, 0.9)
    # Another skin in the same light, which tells nothing of the light: factors on the
    # linear colours of bare skin, in all and in each channel; in log-uniform draws.
    skin_probability: float = 0.75
    skin_gain: tuple[float, float] = (0.15, 5.0)
    skin_tint: tuple[float, float] = (0.85, 1.18)
    skin_range: tuple[float, float] = (0.01, 0.75)  # linear mean of what may come out
    fold_contrast: tuple[float, float] = (0.7, 1.4)  # exponents of a repainted shirt's
    noise_sigma: float = 2.0  # grey levels of noise on a repainted shirt
    # Errors of the shading network: a smooth error of log light, its deviation and the
    # cells along a side of its grid, and a factor on the log light.
    light_error_sigma: float = 0.15
    light_error_grid: int = 8
    light_factor: tuple[float, float] = (0.6, 1.05)
    # Light in the shop: deviation of a smooth field of log light and the cells along a
    # side of its grid; factors on all of it and on each channel.
    shop_light_sigma: float = 0.1
    shop_light_grid: int = 6
    shop_light: tuple[float, float] = (0.8, 1.3)
    shop_tint: tuple[float, float] = (0.95, 1.05)
    shop_exposure: tuple[float, float] = (0.9, 1.15)  # of a shop picture as it is
    min_light: float = (
        RelitPairsConfig.min_light
    )  # linear: lower bound before a logarithm


DEFAULT = UniversalSamplesConfig()
COORDINATES = "places_a", "places_b"  # keys of a sample that hold x and y


def paint_sample(
    pair: PaintedPair,
    design_a: Picture,
    design_b: Picture,
    rng: np.random.Generator,
    config: UniversalSamplesConfig = DEFAULT,
) -> dict[str, Array]:
    """Draw one sample for `UniversalTrainer` from a pair.

    The shirt is seen as in the photo, or in design A. The shop's tee is seen as in its
    picture, or in design B under flat light, slightly overexposed at times. The target is
    the true photo where there is one, else the tee's design in the shirt's light. User
    photo and target get the same random exposure and tint. As in inference, the input
    mostly shows the shirt as plain cloth, under a light with errors
    (`perturb_log_light`); `photo` has the print.

    Args:
        pair: the shirt and the shop's tee.
        design_a: uint8 (h, w, 3), RGB.
        design_b: likewise.
        rng: random generator.
        config: how the pair is repainted.

    Returns:
        photo, view, warped_b, truth_b, warped_a float32 (S, S, 3) in [-1, 1]; mask,
        valid_b, valid_a float32 (S, S, 1) in {0, 1}; places_a, places_b float32 (S, S, 2)
        in [-1, 1], x and y in the own design and in the shop picture.
    """
    flat = _shop_light(pair.mask.shape, rng, config)
    light = pair.light.astype(np.float32)
    use_truth = pair.truth is not None and rng.random() < config.true_photo_probability
    repaint = not use_truth and rng.random() > config.own_photo_probability
    if repaint:
        contrast = rng.uniform(*config.fold_contrast)
        light = change_contrast(light, pair.mask, contrast, config)
    own = design_a if repaint else pair.own_design
    exemplar, target = _draw_target(pair, light, use_truth, design_b, flat, rng, config)
    gain = _draw_gain(rng, config)
    photo = (_repaint(pair, own, light, rng, config) if repaint else pair.photo) * gain
    if pair.skin is not None and rng.random() < config.skin_probability:
        photo = change_skin(photo, pair.skin & ~pair.mask, rng, config)
    photo = np.clip(photo, 0, 255)
    log_light = perturb_log_light(light, pair.mask, rng, config)
    plain = rng.random() < config.plain_probability
    planes: dict[str, NDArray[Any]] = {
        "photo": photo,
        "view": paint_plain(photo, pair.mask, log_light) if plain else photo,
        "warped_a": designs.paint(own, pair.chart.astype(np.float32), flat),
        "warped_b": exemplar,
        "truth_b": target * gain,
    }
    sample = _pack(pair, planes)
    return mirror_sample(sample) if rng.random() < config.mirror_probability else sample


def change_skin(
    photo: NDArray[np.floating],
    skin: NDArray[np.bool_],
    rng: np.random.Generator,
    config: UniversalSamplesConfig = DEFAULT,
) -> NDArray[np.floating]:
    """Give a person darker or lighter skin, under the same light.

    Args:
        photo: (S, S, 3), 0..255.
        skin: bool (S, S), bare skin.
        rng: random generator.
        config: how much darker or lighter.

    Returns:
        (S, S, 3), 0..255.
    """
    if not skin.any():
        return photo
    linear = (np.clip(photo, 0, 255) / 255) ** designs.GAMMA
    mean = max(float(linear[skin].mean()), config.min_light)
    low, high = (limit / mean for limit in config.skin_range)
    low, high = max(low, config.skin_gain[0]), min(high, config.skin_gain[1])
    level = np.exp(rng.uniform(np.log(min(low, 1.0)), np.log(max(high, 1.0))))
    cool, warm = np.log(config.skin_tint)
    gain = level * np.exp(rng.uniform(cool, warm, 3))
    share = ndimage.gaussian_filter(skin.astype(np.float32), 1.0)[..., None]
    changed = 255 * np.clip(linear * gain, 0, 1) ** (1 / designs.GAMMA)
    return photo + share * (changed - photo)


def _draw_gain(
    rng: np.random.Generator, config: UniversalSamplesConfig
) -> NDArray[np.floating]:
    """Draw a photo's exposure and tint: factors (3,) on gamma-encoded channels."""
    odd = rng.random() < config.odd_probability
    log_range = np.log(config.odd_exposure if odd else config.exposure)
    exposure = np.exp(rng.uniform(*log_range))
    tint = rng.uniform(*config.tint, 3)
    if rng.random() < config.warm_probability:
        tint *= np.exp(rng.uniform(*config.warmth) * np.array([0.5, 0.0, -0.5]))
    return np.asarray((exposure * tint) ** (1 / designs.GAMMA))


def _pack(pair: PaintedPair, planes: dict[str, NDArray[Any]]) -> dict[str, Array]:
    """Return a sample of pictures in 0..255, with masks and coordinates of their pair."""
    mask = pair.mask[..., None].astype(np.float32)
    sample = {key: to_model_range(np.clip(v, 0, 255)) for key, v in planes.items()}
    sample["truth_b"] = np.where(mask > 0, sample["truth_b"], np.float32(0))
    sample |= {"mask": mask, "valid_a": mask}
    sample["valid_b"] = pair.valid[..., None].astype(np.float32)
    sample["places_a"] = pair.chart.astype(np.float32) * 2 - 1
    sample["places_b"] = np.clip(pair.coordinates.astype(np.float32) * 2 - 1, -1, 1)
    return sample


def perturb_log_light(
    light: Array,
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    config: UniversalSamplesConfig = DEFAULT,
) -> Array:
    """Return the light on a shirt with errors like those of the shading network.

    Args:
        light: float32 (S, S, 3), linear.
        mask: bool (S, S), the shirt.
        rng: random generator.
        config: size of the errors.

    Returns:
        float32 (S, S, 1), log light, 0 on average over the shirt.
    """
    log_light = np.log(np.maximum(light.mean(axis=-1), config.min_light))
    cells = config.light_error_grid
    coarse = rng.normal(0, config.light_error_sigma, (cells, cells))
    log_light = log_light * rng.uniform(*config.light_factor)
    log_light = log_light + ndimage.zoom(coarse, len(mask) / cells, order=1)
    level = log_light[mask].mean() if mask.any() else 0.0
    return (log_light - level)[..., None].astype(np.float32)


def _draw_target(
    pair: PaintedPair,
    light: Array,
    use_truth: bool,
    design: Picture,
    flat: Array,
    rng: np.random.Generator,
    config: UniversalSamplesConfig,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the warped shop's tee, and the tee as worn, (S, S, 3) in 0..255 each."""
    if use_truth:
        assert pair.truth is not None
        return pair.shop, pair.truth
    chart = pair.shop_chart.astype(np.float32)
    if rng.random() < config.shop_photo_probability:
        exposure = rng.uniform(*config.shop_exposure) ** (1 / designs.GAMMA)
        return pair.shop * exposure, _paint_worn(pair, pair.shop_design, chart, light)
    return designs.paint(design, chart, flat), _paint_worn(pair, design, chart, light)


def _paint_worn(pair: PaintedPair, design: Picture, chart: Array, light: Array) -> Array:
    """Paint a design with the tone curve of the camera of the pair's photo."""
    return designs.paint(design, chart, light, pair.filmed)


def _repaint(
    pair: PaintedPair,
    design: Picture,
    light: Array,
    rng: np.random.Generator,
    config: UniversalSamplesConfig,
) -> Array:
    """Give the shirt in the photo another design."""
    shirt = _paint_worn(pair, design, pair.chart.astype(np.float32), light)
    shirt += rng.normal(0, config.noise_sigma, shirt.shape).astype(np.float32)
    return np.where(pair.mask[..., None], shirt, pair.photo)


def change_contrast(
    light: Array,
    mask: NDArray[np.bool_],
    power: float,
    config: UniversalSamplesConfig = DEFAULT,
) -> Array:
    """Make folds deeper or shallower without changing the level of the light.

    Args:
        light: float32 (S, S, 3), linear.
        mask: bool (S, S), the garment.
        power: exponent on the light; above 1 folds become deeper.
        config: lower bound of the light.

    Returns:
        float32 (S, S, 3).
    """
    light = np.maximum(light, config.min_light)
    level = light[mask].mean() if mask.any() else np.float32(1)
    return np.asarray((light / level) ** power * level, np.float32)


def _shop_light(
    shape: tuple[int, int], rng: np.random.Generator, config: UniversalSamplesConfig
) -> Array:
    """Draw the almost flat linear light of a shop picture, float32 (*shape, 3)."""
    cells = config.shop_light_grid
    coarse = rng.normal(0, config.shop_light_sigma, (cells, cells))
    zoom = (shape[0] / cells, shape[1] / cells)
    field = np.exp(ndimage.zoom(coarse, zoom, order=1))[..., None]
    lit = field * rng.uniform(*config.shop_light) * rng.uniform(*config.shop_tint, 3)
    return lit.astype(np.float32)


def mirror_sample(sample: dict[str, Array]) -> dict[str, Array]:
    """Mirror all planes of a sample, and the x of its coordinates in [-1, 1]."""
    flipped = {key: plane[:, ::-1].copy() for key, plane in sample.items()}
    for key in COORDINATES:
        if key in flipped:
            flipped[key][..., 0] *= -1
    return flipped
