"""Pairs that the universal generator is taught on: who wears what, and in which light.

Each is a worn shirt in its photo and a shop picture, warped onto the shirt. The light on
the shirt is known, with its colour and level: any design painted in it is what the user
would look like. Three kinds: rendered people whose photo in the shop's very tee exists;
rendered people with any shop picture; and photos of people in plain light tops, whose
colours are nearly their light.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from compositor import fit_warp
from compositor.colorspace import to_linear
from data_tools.annotations import AnnotatedPhoto
from data_tools.formats.label_maps import RENDERED_VAL
from data_tools.paint import camera, designs
from data_tools.paint.rendered_pairs import RenderedPair, pairs_of, read_truth
from mrcnn.windows import box_or_frame
from tryon.evaluation.baselines import true_places
from tryon.frames import LIGHT_MARGIN, Frame, crop
from tryon.transfer import to_fractions

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]
LEAST_TONE, MOST_TONE = 8, 247  # of channels that can tell the light
LEAST_LIGHT = 0.02  # linear
LEAST_DYE = 40  # of a design's channel that tells the light's colour
MOST_TINT = 0.5  # log of a channel's light over the mean of all
SPOTS = 1500  # pixels of a render that tell its light
LEAST_SPOTS = 200  # pixels that tell a channel's light
TOPS = (1, 2)  # categories whose plain ones are painted in photos
PLAIN_LIGHT, PLAIN_CHROMA, PLAIN_SPREAD = 0.25, 0.15, 0.4
MOST_LIGHT = 60.0  # what float16 and the eye can do with
WHITE = 0.8  # reflectance of white cotton
LEAST_AREA = 6000  # pixels of such a top
TRUE_LOOKS = 8  # pairs of a photo and the shop's tee that it was taken in as well
PHOTO_LOOKS = 8  # times as many as of a render: they are few, and other cameras saw them


@dataclass(frozen=True)
class PaintedPair:
    """A worn shirt and a shop picture, seen through one frame; arrays (S, S, ...).

    Attributes:
        photo: uint8, 3 channels, the user's photo; 0 outside it.
        mask: bool, the shirt.
        chart: float16, u and v of the shirt on its own design.
        light: float16, 3 channels, linear: design x light is the photo.
        filmed: whether that is so for the camera of the renders, see `designs.paint`.
        shop: uint8, 3 channels, the shop picture as warped.
        shop_chart: float16, u and v of the shop's tee on its design, warped.
        places: float16, x and y in the shop picture, shares.
        valid: bool, where the warp hits the shop's tee.
        own_design: the flat design of the shirt, uint8 (h, w, 3).
        shop_design: that of the shop's tee.
        truth: uint8, the photo of the user in the shop's tee; None where there is none.
    """

    photo: Picture
    mask: NDArray[np.bool_]
    chart: NDArray[np.float16]
    light: NDArray[np.float16]
    shop: Picture
    shop_chart: NDArray[np.float16]
    places: NDArray[np.float16]
    valid: NDArray[np.bool_]
    own_design: Picture
    shop_design: Picture
    filmed: bool = False
    truth: Picture | None = None


@dataclass(frozen=True)
class RelightableGarment:
    """A garment in its photo whose light is known: any design can be painted on it.

    Arrays are (H, W, ...); the fields are those of `PaintedPair`, before its frame.
    """

    photo: Picture
    mask: NDArray[np.bool_]
    chart: Array
    light: Array
    design: Picture
    filmed: bool = False


@dataclass(frozen=True)
class ShopTee:
    """A rendered shop picture, (h, w, ...), with its flat design."""

    image: Picture
    mask: NDArray[np.bool_]
    chart: Array
    design: Picture


def find_renders(folders: Sequence[Path], split: str) -> list[Path]:
    """Return the worn renders' stems (without ending) of a split, sorted."""
    stems = []
    for folder in folders:
        for light in sorted(folder.glob("p*.shade.png")):
            number = int(light.name[1:].split("_")[0])
            if (number in RENDERED_VAL) == (split == "val"):
                stems.append(light.with_name(light.name.removesuffix(".shade.png")))
    return stems


def make_pairs(
    stems: Sequence[Path],
    photos: Sequence[AnnotatedPhoto],
    size: int,
    looks: int,
    seed: int,
) -> Iterator[PaintedPair]:
    """Pair every worn shirt with shop pictures.

    Args:
        stems: of `find_renders`.
        photos: of people, with the masks of their garments; those in plain light tops
            are taken.
        size: of the frames.
        looks: pairs per worn shirt; a render's first is its own tee.
        seed: of the choice.

    Yields:
        The pairs; renders without a visible tee are passed over.
    """
    rng = np.random.default_rng(seed)
    for pair in _true_pairs(stems) * TRUE_LOOKS:
        yield _make_true_pair(pair, size, rng)
    for stem in stems:
        worn = read_filmed(stem)
        for number in range(looks if worn.mask.any() else 0):
            shop = stem if number == 0 else stems[int(rng.integers(len(stems)))]
            yield make_pair(worn, read_shop(shop), size, rng)
    for photo in photos:
        plain = find_white_top(photo)
        for _ in range(PHOTO_LOOKS * looks):
            if plain is not None:
                shop = stems[int(rng.integers(len(stems)))]
                yield make_pair(plain, read_shop(shop), size, rng)


def _true_pairs(stems: Sequence[Path]) -> list[RenderedPair]:
    people = sorted({(s.parent, s.name.split("_")[0]) for s in stems})
    both = [
        (folder, name) for folder, name in people if (folder / f"{name}_C.jpg").exists()
    ]
    return [pair for folder, name in both for pair in pairs_of(folder, name)]


def read_filmed(stem: Path) -> RelightableGarment:
    """Read a worn render with the light on its shirt, as its own camera saw it.

    The light's level is told by all pictures of the person in that folder.
    """
    worn = _read_unlevelled(stem)
    level = _person_levels(stem.parent, stem.name.split("_")[0])[stem.name]
    return replace(worn, light=worn.light * level, filmed=True)


@cache
def _person_levels(folder: Path, person: str) -> dict[str, Array]:
    """Return the level of light, (3,), of each worn picture of a person."""
    ending = ".shade.png"
    found = sorted(folder.glob(f"{person}_?{ending}"))
    names = [path.name.removesuffix(ending) for path in found]
    looks = [_lit_pixels(_read_unlevelled(folder / name)) for name in names]
    return dict(zip(names, camera.fit_levels(looks), strict=True))


def _lit_pixels(worn: RelightableGarment) -> camera.LitPixels:
    """Return pixels of a worn render's tee, its design and photo without their grain."""
    flat = designs.paint(worn.design, worn.chart, np.ones_like(worn.light))
    dye, photo = (
        ndimage.gaussian_filter(plane.astype(np.float32), (1, 1, 0))
        for plane in (flat, worn.photo)
    )
    light = worn.light[..., 0]
    inner = ndimage.binary_erosion(worn.mask, iterations=4) & (light > LEAST_LIGHT)
    spots = np.flatnonzero(inner)
    spots = spots[:: -(-len(spots) // SPOTS) or 1]
    return camera.LitPixels(
        camera.reflectance(dye).reshape(-1, 3)[spots],
        light.ravel()[spots],
        photo.reshape(-1, 3)[spots] / 255,
    )


def read_worn(stem: Path) -> RelightableGarment:
    """Read a worn render with the light on its shirt, as a power of colours tells it."""
    worn = _read_unlevelled(stem)
    colours = designs.paint(worn.design, worn.chart, np.ones_like(worn.light))
    level = light_level(worn.photo, colours, worn.light, worn.mask)
    return replace(worn, light=worn.light * level)


def _read_unlevelled(stem: Path) -> RelightableGarment:
    """Read a worn render; its light (H, W, 1) is known up to level and tint."""
    return RelightableGarment(
        _read(stem, ".jpg"),
        designs.read_tee(_file(stem, ".labels.png")),
        designs.read_chart(_file(stem, ".uv.png")),
        designs.read_light(_file(stem, ".shade.png"))[..., None],
        designs.read_texture(_file(stem, ".tex.jpg")),
    )


def light_level(
    photo: Picture, colours: Array, light: Array, mask: NDArray[np.bool_]
) -> Array:
    """Measure the level and the tint of the light from a shirt of known colours.

    Args:
        photo: uint8 (H, W, 3).
        colours: (H, W, 3), 0..255, the design under white light.
        light: (H, W, 1), linear, any scale.
        mask: bool (H, W), the shirt.

    Returns:
        float32 (3,): light x these is the light in the photo; 1 where nothing tells.
    """
    inner = ndimage.binary_erosion(mask, iterations=3)[..., None]
    known = inner & (photo > LEAST_TONE) & (photo < MOST_TONE) & (light > LEAST_LIGHT)
    known &= (colours > LEAST_DYE) & (colours < MOST_TONE)
    lit = (np.maximum(colours, 1) / 255) ** designs.GAMMA * np.maximum(light, 1e-3)
    ratio = designs.GAMMA * np.log(np.maximum(photo, 1) / 255) - np.log(lit)
    if known.sum() < LEAST_SPOTS:
        return np.ones(3, np.float32)
    mean = float(np.median(ratio[known]))
    levels = [
        float(np.median(ratio[..., c][known[..., c]]))
        if known[..., c].sum() >= LEAST_SPOTS
        else mean
        for c in range(3)
    ]
    return np.exp(np.clip(levels, mean - MOST_TINT, mean + MOST_TINT)).astype(np.float32)


def read_shop(stem: Path) -> ShopTee:
    """Read the shop picture of a worn render's tee."""
    shop = stem.with_name(stem.name + "_shop")
    mask = designs.read_tee(_file(shop, ".labels.png"))
    chart = designs.extend_nearest(designs.read_chart(_file(shop, ".uv.png")), mask)
    design = designs.read_texture(_file(stem, ".tex.jpg"))
    return ShopTee(_read(shop, ".jpg"), mask, chart, design)


def find_white_top(photo: AnnotatedPhoto) -> RelightableGarment | None:
    """Take a plain, nearly white top of a photo as its own light; None without one.

    Its colours over those of white cotton are its light, level and tint included. Its
    chart is its box.
    """
    mask = largest_top(photo)
    if mask is None:
        return None
    inner = ndimage.binary_erosion(mask, iterations=3)
    if inner.sum() < LEAST_AREA:
        return None
    image = photo.image()
    light = to_linear(image) / WHITE
    tone = light[inner].mean(axis=1)
    chroma = np.ptp(light[inner].mean(axis=0)) / max(float(tone.mean()), 1e-3)
    spread = float(np.std(np.log(np.maximum(tone, 1e-3))))
    if np.median(tone) < PLAIN_LIGHT or chroma > PLAIN_CHROMA or spread > PLAIN_SPREAD:
        return None
    white = np.full((*designs.TEXTURE_SIZE, 3), 255 * WHITE ** (1 / designs.GAMMA))
    return RelightableGarment(image, mask, box_chart(mask), light, white.astype(np.uint8))


def largest_top(photo: AnnotatedPhoto) -> NDArray[np.bool_] | None:
    """Return the mask (H, W) of the largest top of a photo; None without any."""
    masks = [g.mask for g in photo.garments() if g.label in TOPS]
    return max(masks, key=np.count_nonzero, default=None)


def box_chart(mask: NDArray[np.bool_]) -> Array:
    """Return a chart (H, W, 2) on which a garment's box is the front panel."""
    x1, y1, x2, y2 = (float(v) for v in box_or_frame(mask))
    v, u = np.indices(mask.shape, np.float32)
    chart = np.stack([(u - x1) / (x2 - x1) * 0.5, 1 - (v - y1) / (y2 - y1)], axis=-1)
    return np.asarray(np.clip(chart, 0, 1), np.float32)


def make_pair(
    worn: RelightableGarment, shop: ShopTee, size: int, rng: np.random.Generator
) -> PaintedPair:
    """Warp a shop tee onto a worn shirt by the outlines.

    Args:
        worn: the shirt.
        shop: the tee.
        size: of the frame.
        rng: moves the frame a little.
    """
    frame = shaken_frame(worn.mask, size, LIGHT_MARGIN, rng)
    spots = fit_warp(shop.mask, worn.mask).coordinates(*frame.raster)
    return _look(worn, shop, spots, frame)


def _make_true_pair(
    pair: RenderedPair, size: int, rng: np.random.Generator
) -> PaintedPair:
    """Lay the shop's tee where it truly lies, with the photo of the person in it."""
    worn = read_filmed(pair.folder / pair.user)
    shop = read_shop(pair.folder / pair.shop.removesuffix("_shop"))
    frame = shaken_frame(worn.mask, size, LIGHT_MARGIN, rng)
    spots = read_nearest(true_places(read_truth(pair)), frame)
    truth = np.rint(crop(frame, _read(pair.folder / pair.truth, ".jpg"), 0.0))
    return replace(_look(worn, shop, spots, frame), truth=truth.astype(np.uint8))


def _look(
    worn: RelightableGarment, shop: ShopTee, spots: Array, frame: Frame
) -> PaintedPair:
    """Look at both through a frame; spots (S, S, 2) are x and y in the shop picture."""
    height, width = shop.mask.shape
    column = np.clip(np.rint(spots[..., 0]), 0, width - 1).astype(np.intp)
    row = np.clip(np.rint(spots[..., 1]), 0, height - 1).astype(np.intp)
    return PaintedPair(
        photo=np.rint(crop(frame, worn.photo, 0.0)).astype(np.uint8),
        mask=crop(frame, worn.mask[..., None], 0.0)[..., 0] > 0.5,
        chart=read_nearest(worn.chart, frame).astype(np.float16),
        light=np.clip(crop(frame, worn.light, 0.0), 0, MOST_LIGHT).astype(np.float16),
        shop=shop.image[row, column],
        shop_chart=shop.chart[row, column].astype(np.float16),
        places=to_fractions(spots, shop.mask.shape).astype(np.float16),
        valid=shop.mask[row, column],
        own_design=worn.design,
        shop_design=shop.design,
        filmed=worn.filmed,
    )


def read_nearest(plane: Array, frame: Frame) -> Array:
    """Read an array (h, w, C) through a frame without mixing its values."""
    index = [
        np.clip(np.rint(places), 0, count - 1).astype(np.intp)
        for places, count in zip(frame.raster, plane.shape[:2], strict=True)
    ]
    return plane[np.ix_(*index)]


def _file(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def _read(stem: Path, ending: str) -> Picture:
    with Image.open(_file(stem, ending)) as picture:
        return np.asarray(picture.convert("RGB"))


def shaken_frame(
    mask: NDArray[np.bool_], size: int, margin: float, rng: np.random.Generator
) -> Frame:
    """Return a frame around a garment that is moved and scaled a little."""
    x1, y1, x2, y2 = (int(v) for v in box_or_frame(mask))
    frame = Frame.around((x1, y1, x2, y2), size, margin)
    shift = rng.uniform(-0.05, 0.05, 2) * frame.side
    centre = frame.centre[0] + shift[0], frame.centre[1] + shift[1]
    return Frame(centre, frame.side * rng.uniform(0.9, 1.15), size)
