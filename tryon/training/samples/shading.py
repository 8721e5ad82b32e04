"""Draw training samples for the shading network: garments whose light is known.

There are three kinds: worn renders with their shading pass; shop pictures, rendered or
real, of plain tees; and photos of people in plain tops. On a plain garment all variation
is shading, whatever its color. Another design can be painted on it in that light, and the
ground truth stays the same: the network must not take the design for shading.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from compositor.colorspace import to_linear
from data_tools.annotations import AnnotatedPhoto
from data_tools.paint import designs
from tryon.frames import FRAME_MARGIN, crop
from tryon.light import shading_input
from tryon.training.samples.relit_pairs import (
    RelightableGarment,
    RelitPairsConfig,
    box_chart,
    jittered_frame,
    largest_top,
    read_shop,
    read_worn,
    sample_nearest,
)
from tryon.training.samples.universal import change_contrast, mirror_sample

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]
READERS = 4  # threads that read pictures


@dataclass(frozen=True)
class PlainGarmentConfig:
    """When a garment counts as plain, so that its variation is its light."""

    min_area: int = RelitPairsConfig.min_area  # pixels inside the eroded mask
    erosion: int = 4  # pixels that the outline's surroundings are left out
    # Linear: with a darker channel the cloth's color does not give the light.
    min_cloth: float = 0.06
    # Range of the linear light, relative to the cloth's color.
    min_light: float = RelitPairsConfig.min_light
    max_light: float = RelitPairsConfig.max_light
    # Pixels: sigma of the surroundings that a pixel is compared with. Prints and seams
    # differ from them, folds less so.
    local_sigma: float = 12.0
    smoothing: int = 3  # pixels: side of the mean filter on both differences
    # Steps of log light beyond which a pixel may be print: of a channel from the mean of
    # all, and down from the surroundings; and the largest shares of the garment that may
    # be so. Creases are dark as well.
    print_tint: float = 0.2
    print_tone: float = 0.3
    max_tinted: float = 0.01
    max_dark: float = 0.018
    max_deviation: float = 0.42  # of log light; two-colored cloth exceeds it
    max_step: float = 0.42  # 99th percentile of steps of log light from the surroundings
    level: float = 0.6  # mean linear light that a plain garment is given


@dataclass(frozen=True)
class ShadingSamplesConfig:
    """How a garment of known light is repainted and photographed.

    Probabilities are shares of the samples; ranges are those of uniform draws.
    """

    unchanged_probability: float = 0.2  # the garment is not repainted
    photo_print_probability: float = 0.2  # a piece of a photo is printed on the design
    rough_mask_probability: float = 0.7
    blur_probability: float = 0.3
    compress_probability: float = 0.5
    mirror_probability: float = 0.5
    fold_contrast: tuple[float, float] = (0.6, 1.5)  # exponents of the light
    exposure: tuple[float, float] = (0.5, 1.4)  # factors on the light
    tint: tuple[float, float] = (0.85, 1.15)  # factors on each channel
    # Size of a printed photo: share of the front panel's height and width.
    print_size: tuple[float, float] = (0.2, 0.7)
    max_mask_shift: int = 3  # pixels that a mask is shifted, and grown or shrunk
    haze: tuple[float, float] = (0, 12)  # grey level of black
    blur_sigma: tuple[float, float] = (0.4, 1.2)  # pixels
    noise_sigma: tuple[float, float] = (0, 4)  # grey levels
    jpeg_quality: tuple[int, int] = (40, 95)  # the upper end excluded
    # Linear light: where it is darker, it is not known well enough for the loss.
    min_light: float = RelitPairsConfig.min_light


PLAIN = PlainGarmentConfig()
DEFAULT = ShadingSamplesConfig()


@dataclass(frozen=True)
class LitGarment:
    """A crop around a garment whose light is known; arrays (S, S, ...).

    Attributes:
        photo: uint8, 3 channels, RGB.
        mask: bool, the garment.
        chart: float16, u and v on a design, in [0, 1].
        light: float16, 3 channels, linear.
        drawn: whether the chart comes from a render; else it is the bounding box.
    """

    photo: Picture
    mask: NDArray[np.bool_]
    chart: NDArray[np.float16]
    light: NDArray[np.float16]
    drawn: bool


def light_garments(
    stems: Sequence[Path],
    photos: Iterable[AnnotatedPhoto],
    size: int,
    views: int,
    seed: int,
) -> Iterator[LitGarment]:
    """Read all garments whose light is known, in several crops each.

    Args:
        stems: of worn renders, see `relit_pairs.find_renders`.
        photos: with the masks of their garments; plain tops are used.
        size: S, side of the crops in pixels.
        views: crops of each garment.
        seed: of the crops' random shift and scale.

    Yields:
        The crops; pictures without a visible garment of known light give none.
    """

    readers: list[tuple[Callable[[], RelightableGarment | None], bool]] = [
        (partial(read, stem), True)
        for stem in stems
        for read in (read_worn, find_plain_shop)
    ]
    readers += [(partial(find_plain_top, photo), False) for photo in photos]

    def crop_views(index: int) -> list[LitGarment]:
        read, drawn = readers[index]
        worn, rng = read(), np.random.default_rng([seed, index])
        if worn is None or not worn.mask.any():
            return []
        return [crop_garment(worn, drawn, size, rng) for _ in range(views)]

    with ThreadPoolExecutor(max_workers=READERS) as pool:
        for garments in pool.map(crop_views, range(len(readers))):
            yield from garments


def find_plain_shop(stem: Path) -> RelightableGarment | None:
    """Return the tee in the rendered shop picture of a worn render, if it is plain."""
    shop = read_shop(stem)
    light = plain_light(shop.image, shop.mask)
    if light is None:
        return None
    return RelightableGarment(shop.image, shop.mask, shop.chart, light, shop.design)


def find_plain_top(photo: AnnotatedPhoto) -> RelightableGarment | None:
    """Return the largest top of a photo with its light, if it is of one color.

    Its colors, divided by their median, are its light, at a fixed mean level. Its
    bounding box serves as chart.
    """
    mask = largest_top(photo)
    if mask is None:
        return None
    image = photo.image()
    light = plain_light(image, mask)
    if light is None:
        return None
    white = np.full((*designs.TEXTURE_SIZE, 3), 255, np.uint8)
    return RelightableGarment(image, mask, box_chart(mask), light, white)


def plain_light(
    image: Picture, mask: NDArray[np.bool_], config: PlainGarmentConfig = PLAIN
) -> Array | None:
    """Return the light on a garment of one color, whichever that is.

    Args:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W), the garment.
        config: what counts as plain.

    Returns:
        float32 (H, W, 3), linear, of mean `config.level`; None when the garment is
        small, dark or not plain.
    """
    inner = ndimage.binary_erosion(mask, iterations=config.erosion)
    if inner.sum() < config.min_area:
        return None
    light = to_linear(image)
    cloth = np.median(light[inner], axis=0)
    if cloth.min() < config.min_cloth:
        return None
    logs = np.log(np.clip(light / cloth, config.min_light, config.max_light))
    tone = logs.mean(axis=-1)
    if tone[inner].std() > config.max_deviation:
        return None
    if not _is_plain(logs, tone, inner, config):
        return None
    return np.asarray(light / cloth * config.level, np.float32)


def _is_plain(
    logs: Array, tone: Array, inner: NDArray[np.bool_], config: PlainGarmentConfig
) -> bool:
    """Tell whether a garment shows no print.

    Args:
        logs: (H, W, 3), log light.
        tone: (H, W), its mean over the channels.
        inner: bool (H, W), the garment without its outline.
        config: what counts as plain.
    """
    smooth, sigma = config.smoothing, config.local_sigma
    tint = ndimage.uniform_filter(np.abs(logs - tone[..., None]).max(axis=-1), smooth)
    weight = ndimage.gaussian_filter(inner.astype(np.float32), sigma)
    local = ndimage.gaussian_filter(np.where(inner, tone, 0), sigma)
    step = ndimage.uniform_filter(tone - local / np.maximum(weight, 1e-3), smooth)
    core = ndimage.binary_erosion(inner, iterations=config.erosion)
    if not core.any():
        return False
    return bool(
        (tint[core] > config.print_tint).mean() < config.max_tinted
        and (step[core] < -config.print_tone).mean() < config.max_dark
        and np.quantile(np.abs(step[core]), 0.99) < config.max_step
    )


def crop_garment(
    worn: RelightableGarment,
    drawn: bool,
    size: int,
    rng: np.random.Generator,
    max_light: float = RelitPairsConfig.max_light,
) -> LitGarment:
    """Crop a photo to a randomly shifted and scaled frame around its garment.

    Args:
        worn: the garment in its photo.
        drawn: see `LitGarment`.
        size: S, side of the crop in pixels.
        rng: random generator.
        max_light: linear light that is clipped, to fit into float16.
    """
    frame = jittered_frame(worn.mask, size, FRAME_MARGIN, rng)
    light = np.clip(crop(frame, worn.light, 0.0), 0, max_light)
    return LitGarment(
        photo=np.rint(crop(frame, worn.photo, 0.0)).astype(np.uint8),
        mask=crop(frame, worn.mask[..., None], 0.0)[..., 0] > 0.5,
        chart=sample_nearest(worn.chart, frame).astype(np.float16),
        light=light.astype(np.float16),
        drawn=drawn,
    )


def shading_sample(
    garment: LitGarment,
    design: Picture,
    scene: Picture,
    rng: np.random.Generator,
    config: ShadingSamplesConfig = DEFAULT,
) -> dict[str, Array]:
    """Draw one sample for `ShadingTrainer`.

    Args:
        garment: its light is the ground truth.
        design: uint8 (h, w, 3), RGB, painted on the garment, unless that stays unchanged.
        scene: uint8 (S, S, 3), any photo; a piece of it is printed on the design at
            times.
        rng: random generator.
        config: how the garment is repainted and photographed.

    Returns:
        See `ShadingTrainer.train_step`; float32 (S, S, C).
    """
    light, photo = garment.light.astype(np.float32), garment.photo.astype(np.float32)
    mask = garment.mask
    if rng.random() > config.unchanged_probability:
        light = change_contrast(light, mask, rng.uniform(*config.fold_contrast))
        photo = _repaint(garment, light, design, scene, rng, config)
    if rng.random() < config.rough_mask_probability:
        mask = perturb_mask(mask, rng, config)
    picture = np.where(garment.mask[..., None], photo, garment.photo)
    picture = degrade_photo(picture, rng, config)
    tone = light.mean(axis=-1, keepdims=True)
    known = garment.mask & mask & (tone[..., 0] > config.min_light)
    view = shading_input(picture, mask)
    sample = {
        "view": view[..., :3],
        "mask": view[..., 3:],
        "log_light": np.log(np.maximum(tone, config.min_light)),
        "known": known[..., None].astype(np.float32),
    }
    return mirror_sample(sample) if rng.random() < config.mirror_probability else sample


def _repaint(
    garment: LitGarment,
    light: Array,
    design: Picture,
    scene: Picture,
    rng: np.random.Generator,
    config: ShadingSamplesConfig,
) -> Array:
    """Paint a design on a garment in its light, under a random exposure and tint."""
    if rng.random() < config.photo_print_probability:
        design = print_photo(design, scene, rng, config)
    chart = garment.chart.astype(np.float32)
    chart = chart if garment.drawn else deform_chart(chart, rng)
    gain = rng.uniform(*config.exposure) * rng.uniform(*config.tint, 3)
    return designs.paint(design, chart, light * gain.astype(np.float32))


def deform_chart(chart: Array, rng: np.random.Generator) -> Array:
    """Rotate, scale and bend a chart (H, W, 2) that is just a garment's bounding box."""
    angle, scale = rng.normal(0, 0.12), rng.uniform(0.5, 1.3, 2)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    center = np.array([0.25, 0.5])  # of the front panel
    moved = (chart - center) @ (matrix * scale) + center
    # Along each axis; the amplitude is a share of the design.
    frequency, phase = rng.uniform(2, 9, 2), rng.uniform(0, 6, 2)
    amplitude = rng.uniform(0, 0.015, 2)
    bent = moved + amplitude * np.sin(moved[..., ::-1] * frequency * 6 + phase)
    return np.clip(bent, 0, 1).astype(np.float32)


def print_photo(
    design: Picture,
    scene: Picture,
    rng: np.random.Generator,
    config: ShadingSamplesConfig = DEFAULT,
) -> Picture:
    """Print a random piece of a photo on the front panel (left half) of a design."""
    height, width = design.shape[:2]
    tall, wide = (
        int(side * rng.uniform(*config.print_size)) for side in (height, width // 2)
    )
    top = int(rng.integers(0, height - tall))
    left = int(rng.integers(0, width // 2 - wide))
    side = scene.shape[0] // 2
    y, x = rng.integers(0, side, 2)
    piece = Image.fromarray(scene[y : y + side, x : x + side])
    printed = design.copy()
    patch = np.asarray(piece.resize((wide, tall)))
    printed[top : top + tall, left : left + wide] = patch
    return printed


def perturb_mask(
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    config: ShadingSamplesConfig = DEFAULT,
) -> NDArray[np.bool_]:
    """Shift a mask (S, S) by a few pixels, and dilate or erode it."""
    limit = config.max_mask_shift
    moved = np.roll(mask, rng.integers(-limit, limit + 1, 2), (0, 1))
    steps = int(rng.integers(-limit, limit + 1))
    if steps > 0:
        return ndimage.binary_dilation(moved, iterations=steps)
    return ndimage.binary_erosion(moved, iterations=-steps) if steps else moved


def degrade_photo(
    photo: Array, rng: np.random.Generator, config: ShadingSamplesConfig = DEFAULT
) -> Picture:
    """Degrade a photo as cameras do: haze, blur, noise, quantization, JPEG.

    Args:
        photo: float32 (S, S, 3), 0..255.
        rng: random generator.
        config: probability and strength of each.

    Returns:
        uint8 (S, S, 3).
    """
    black = np.float32(rng.uniform(*config.haze))
    degraded = black + photo * (255 - black) / 255
    if rng.random() < config.blur_probability:
        sigma = rng.uniform(*config.blur_sigma)
        degraded = ndimage.gaussian_filter(degraded, (sigma, sigma, 0))
    noise = rng.standard_normal(degraded.shape, np.float32)
    strength = np.float32(rng.uniform(*config.noise_sigma))
    picture = np.rint(np.clip(degraded + strength * noise, 0, 255)).astype(np.uint8)
    if rng.random() > config.compress_probability:
        return picture
    file = BytesIO()
    quality = int(rng.integers(*config.jpeg_quality))
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    with Image.open(file) as compressed:
        return np.asarray(compressed)
