"""What the shading network is taught on: garments whose light is known.

Three kinds: worn renders with their shading pass; shop pictures, rendered or real, of
plain tees; and photos of people in plain tops. A plain garment is nearly its own light,
whatever its colour. In that light any other design can be painted on it, and the truth
stays the same: what the network must not see is the design.
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
    LEAST_AREA,
    LEAST_LIGHT,
    MOST_LIGHT,
    RelightableGarment,
    box_chart,
    largest_top,
    read_nearest,
    read_shop,
    read_worn,
    shaken_frame,
)
from tryon.training.samples.universal import change_contrast

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]
READERS = 4  # threads that read pictures
LEAST_CLOTH = 0.06  # linear: a darker channel tells no light
LOCAL = 12.0  # pixels: prints and seams differ from what lies within it, folds less
PRINT_TINT, PRINT_TONE = 0.2, 0.3  # log steps from the cloth's colour that may be print
MOST_TINTED, MOST_DARK = 0.01, 0.018  # share of the garment; creases are dark as well
MOST_SPREAD = 0.42  # deviation of log light; more is two-coloured cloth
MOST_STEP = 0.42  # 99th percentile of log steps from the surroundings
CLOTH_LEVEL = 0.6  # mean linear light of a plain garment's light
# How often a sample shows the garment as it is, and pastes a photo on it.
AS_IT_IS, PHOTO_PRINT = 0.2, 0.2
ROUGH_MASK, COMPRESSED, BLURRED = 0.7, 0.5, 0.3
MOST_SHIFT = 3  # pixels that a mask may be off


@dataclass(frozen=True)
class LitGarment:
    """A garment of known light, seen through a frame; arrays (S, S, ...).

    Attributes:
        photo: uint8, 3 channels.
        mask: bool, the garment.
        chart: float16, u and v on a design.
        light: float16, 3 channels, linear.
        drawn: whether the chart is a garment's own, and not its box.
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
    looks: int,
    seed: int,
) -> Iterator[LitGarment]:
    """Read all garments whose light is known.

    Args:
        stems: of worn renders, see `painted_pairs.find_renders`.
        photos: with the masks of their garments; those of plain tops are taken.
        size: of the frames, pixels.
        looks: frames of each garment.
        seed: shakes the frames.

    Yields:
        The garments; those that are not seen are passed over.
    """

    finders: list[tuple[Callable[[], RelightableGarment | None], bool]] = [
        (partial(find, stem), True)
        for stem in stems
        for find in (read_worn, find_plain_shop)
    ]
    finders += [(partial(find_plain_top, photo), False) for photo in photos]

    def read(place: int) -> list[LitGarment]:
        find, drawn = finders[place]
        worn, rng = find(), np.random.default_rng([seed, place])
        if worn is None or not worn.mask.any():
            return []
        return [look_at(worn, drawn, size, rng) for _ in range(looks)]

    with ThreadPoolExecutor(max_workers=READERS) as pool:
        for garments in pool.map(read, range(len(finders))):
            yield from garments


def find_plain_shop(stem: Path) -> RelightableGarment | None:
    """Take the rendered shop picture of a worn render's tee, if it is plain."""
    shop = read_shop(stem)
    light = plain_light(shop.image, shop.mask)
    if light is None:
        return None
    return RelightableGarment(shop.image, shop.mask, shop.chart, light, shop.design)


def find_plain_top(photo: AnnotatedPhoto) -> RelightableGarment | None:
    """Take the largest top of a photo, if it is of one colour, as its own light.

    Its colours over their median are its light, of a fixed mean level. Its chart is its
    box.
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


def plain_light(image: Picture, mask: NDArray[np.bool_]) -> Array | None:
    """Return the light on a garment of one colour, whichever that is.

    Args:
        image: uint8 (H, W, 3).
        mask: bool (H, W).

    Returns:
        float32 (H, W, 3), linear, of mean `CLOTH_LEVEL`; None when the garment is
        small, dark or not plain.
    """
    inner = ndimage.binary_erosion(mask, iterations=4)
    if inner.sum() < LEAST_AREA:
        return None
    light = to_linear(image)
    cloth = np.median(light[inner], axis=0)
    if cloth.min() < LEAST_CLOTH:
        return None
    logs = np.log(np.clip(light / cloth, LEAST_LIGHT, MOST_LIGHT))
    tone = logs.mean(axis=-1)
    if tone[inner].std() > MOST_SPREAD or not _is_plain(logs, tone, inner):
        return None
    return np.asarray(light / cloth * CLOTH_LEVEL, np.float32)


def _is_plain(logs: Array, tone: Array, inner: NDArray[np.bool_]) -> bool:
    """Tell whether log light (H, W, 3) of mean `tone` (H, W) shows no print."""
    tint = ndimage.uniform_filter(np.abs(logs - tone[..., None]).max(axis=-1), 3)
    weight = ndimage.gaussian_filter(inner.astype(np.float32), LOCAL)
    around = ndimage.gaussian_filter(np.where(inner, tone, 0), LOCAL)
    step = ndimage.uniform_filter(tone - around / np.maximum(weight, 1e-3), 3)
    core = ndimage.binary_erosion(inner, iterations=4)
    if not core.any():
        return False
    return bool(
        (tint[core] > PRINT_TINT).mean() < MOST_TINTED
        and (step[core] < -PRINT_TONE).mean() < MOST_DARK
        and np.quantile(np.abs(step[core]), 0.99) < MOST_STEP
    )


def look_at(
    worn: RelightableGarment, drawn: bool, size: int, rng: np.random.Generator
) -> LitGarment:
    """Look at a garment through a frame that is a little off."""
    frame = shaken_frame(worn.mask, size, FRAME_MARGIN, rng)
    light = np.clip(crop(frame, worn.light, 0.0), 0, MOST_LIGHT)
    return LitGarment(
        photo=np.rint(crop(frame, worn.photo, 0.0)).astype(np.uint8),
        mask=crop(frame, worn.mask[..., None], 0.0)[..., 0] > 0.5,
        chart=read_nearest(worn.chart, frame).astype(np.float16),
        light=light.astype(np.float16),
        drawn=drawn,
    )


def shading_sample(
    garment: LitGarment, design: Picture, scene: Picture, rng: np.random.Generator
) -> dict[str, Array]:
    """Draw one sample for `ShadingTrainer`.

    Args:
        garment: its light is the truth.
        design: uint8 (h, w, 3), painted on it, unless it is left as it is.
        scene: uint8 (S, S, 3), any photo; a piece of it is printed on the design at
            times.
        rng: source of chance.

    Returns:
        See `ShadingTrainer.train_step`; float32 (S, S, C).
    """
    light, photo = garment.light.astype(np.float32), garment.photo.astype(np.float32)
    if rng.random() > AS_IT_IS:
        light = change_contrast(light, garment.mask, rng.uniform(0.6, 1.5))
        if rng.random() < PHOTO_PRINT:
            design = print_photo(design, scene, rng)
        chart = garment.chart.astype(np.float32)
        chart = chart if garment.drawn else bend_chart(chart, rng)
        room = rng.uniform(0.5, 1.4) * rng.uniform(0.85, 1.15, 3)
        photo = designs.paint(design, chart, light * room.astype(np.float32))
    mask = rough_mask(garment.mask, rng) if rng.random() < ROUGH_MASK else garment.mask
    seen = spoil(np.where(garment.mask[..., None], photo, garment.photo), rng)
    tone = light.mean(axis=-1, keepdims=True)
    known = garment.mask & mask & (tone[..., 0] > LEAST_LIGHT)
    view = shading_input(seen, mask)
    sample = {
        "view": view[..., :3],
        "mask": view[..., 3:],
        "log_light": np.log(np.maximum(tone, LEAST_LIGHT)),
        "known": known[..., None].astype(np.float32),
    }
    return _mirror(sample) if rng.random() < 0.5 else sample


def bend_chart(chart: Array, rng: np.random.Generator) -> Array:
    """Turn, stretch and bend the chart (H, W, 2) of a garment that has its box alone."""
    turn, scale = rng.normal(0, 0.12), rng.uniform(0.5, 1.3, 2)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centre = np.array([0.25, 0.5])  # of the front panel
    moved = (chart - centre) @ (matrix * scale) + centre
    waves = rng.uniform(2, 9, 2), rng.uniform(0, 6, 2), rng.uniform(0, 0.015, 2)
    bent = moved + waves[2] * np.sin(moved[..., ::-1] * waves[0] * 6 + waves[1])
    return np.clip(bent, 0, 1).astype(np.float32)


def print_photo(design: Picture, scene: Picture, rng: np.random.Generator) -> Picture:
    """Print a piece of a photo on the front panel of a design."""
    height, width = design.shape[:2]
    tall, wide = (int(s * rng.uniform(0.2, 0.7)) for s in (height, width // 2))
    top = int(rng.integers(0, height - tall))
    left = int(rng.integers(0, width // 2 - wide))
    side = scene.shape[0] // 2
    y, x = rng.integers(0, side, 2)
    piece = Image.fromarray(scene[y : y + side, x : x + side])
    printed = design.copy()
    patch = np.asarray(piece.resize((wide, tall)))
    printed[top : top + tall, left : left + wide] = patch
    return printed


def rough_mask(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Shift, grow or shrink a mask by a few pixels."""
    moved = np.roll(mask, rng.integers(-MOST_SHIFT, MOST_SHIFT + 1, 2), (0, 1))
    steps = int(rng.integers(-MOST_SHIFT, MOST_SHIFT + 1))
    if steps > 0:
        return ndimage.binary_dilation(moved, iterations=steps)
    return ndimage.binary_erosion(moved, iterations=-steps) if steps else moved


def spoil(photo: Array, rng: np.random.Generator) -> Picture:
    """Do to a photo what cameras do: haze, blur, noise, few grey levels, JPEG.

    Args:
        photo: (S, S, 3), 0..255.
        rng: source of chance.

    Returns:
        uint8 (S, S, 3).
    """
    lift = np.float32(rng.uniform(0, 12))
    seen = lift + photo * (255 - lift) / 255
    if rng.random() < BLURRED:
        seen = ndimage.gaussian_filter(seen, (*[rng.uniform(0.4, 1.2)] * 2, 0))
    noise = rng.standard_normal(seen.shape, np.float32)
    seen = np.clip(seen + np.float32(rng.uniform(0, 4)) * noise, 0, 255)
    picture = np.rint(seen).astype(np.uint8)
    if rng.random() > COMPRESSED:
        return picture
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=int(rng.integers(40, 95)))
    with Image.open(file) as again:
        return np.asarray(again)


def _mirror(sample: dict[str, Array]) -> dict[str, Array]:
    return {key: plane[:, ::-1].copy() for key, plane in sample.items()}
