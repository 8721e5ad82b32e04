"""Make training pairs for the universal generator: a worn shirt and a shop picture.

The shop picture is warped onto the shirt. The light on the shirt is known, with its color
and level: a design painted in that light shows how the shirt would look with it. There
are three kinds: rendered people who were rendered in the shop's tee as well; rendered
people with any shop picture; and photos of people in plain, nearly white tops, whose
colors are almost those of the light.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor import fit_warp
from compositor.colorspace import to_linear
from data_tools.annotations import AnnotatedPhoto
from data_tools.formats.label_maps import RENDERED_VAL, read_map
from data_tools.paint import camera, designs
from data_tools.paint.rendered_pairs import RenderedPair, pairs_of, read_truth
from data_tools.pictures import open_picture
from mrcnn.windows import box_or_frame
from tryon.evaluation.baselines import true_coordinates
from tryon.frames import LIGHT_MARGIN, Frame, crop
from tryon.transfer import to_fractions

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]
TOPS = (1, 2)  # category ids of short- and long-sleeve tops
SKIN = (1, 5)  # values of body and face in a rendered label map


@dataclass(frozen=True)
class RelitPairsConfig:
    """How light is estimated, which tops are used, and how many pairs are made."""

    # Linear light, 1 leaves a design as it is: darker pixels say nothing reliable about
    # it, and brighter ones are clipped, to fit into float16.
    min_light: float = 0.02
    max_light: float = 60.0
    # Grey levels between which a photo's channel is neither black nor saturated, and the
    # design's at least min_dye: only such pixels are used to estimate the light.
    min_tone: int = 8
    max_tone: int = 247
    min_dye: int = 40
    # Largest difference of a channel's log light to that of all channels.
    max_tint: float = 0.5
    max_fit_pixels: int = 1500  # pixels of a render that its camera is fitted to
    min_fit_pixels: int = 200  # minimum number for a channel's own level
    # A nearly white top in a photo: minimum median of its light, largest difference of
    # its channels over their mean, and largest deviation of its log light.
    white_min_light: float = 0.25
    white_max_chroma: float = 0.15
    white_max_deviation: float = 0.4
    white_reflectance: float = 0.8  # of white cotton
    min_area: int = 6000  # pixels of a top in a photo
    true_pairs: int = 8  # pairs of each photo that exists in the shop's tee as well
    # Pairs of a photo, as a multiple of a render's: there are few photos, and they were
    # taken with various cameras.
    photo_factor: int = 8
    erosion: int = 3  # pixels: light is measured so far inside a shirt's outline
    fit_erosion: int = 4  # pixels: the same where a camera is fitted to renders
    # Shift of a frame, share of its side, and its scale, both random.
    frame_shift: float = 0.05
    frame_scale: tuple[float, float] = (0.9, 1.15)


DEFAULT = RelitPairsConfig()


@dataclass(frozen=True)
class PaintedPair:
    """A worn shirt and a shop picture in one frame of side S; arrays (S, S, ...).

    Attributes:
        photo: uint8, 3 channels, the user's photo; 0 outside it.
        mask: bool, the shirt.
        chart: float16, u and v of the shirt on its own design, in [0, 1].
        light: float16, 3 channels, linear: design x light is the photo.
        filmed: whether the photo has the tone curve of the renders' camera, see
            `designs.paint`.
        shop: uint8, 3 channels, the warped shop picture.
        shop_chart: float16, u and v of the shop's tee on its design, warped.
        coordinates: float16, x and y in the shop picture, shares of its width and height.
        valid: bool, where the warp hits the shop's tee.
        own_design: uint8 (h, w, 3), the flat design of the shirt.
        shop_design: uint8 (h, w, 3), that of the shop's tee.
        truth: uint8, the photo of the user in the shop's tee; None where there is none.
        skin: bool, bare skin in the photo; None where it is not known.
    """

    photo: Picture
    mask: NDArray[np.bool_]
    chart: NDArray[np.float16]
    light: NDArray[np.float16]
    shop: Picture
    shop_chart: NDArray[np.float16]
    coordinates: NDArray[np.float16]
    valid: NDArray[np.bool_]
    own_design: Picture
    shop_design: Picture
    filmed: bool = False
    truth: Picture | None = None
    skin: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class RelightableGarment:
    """A garment in its photo whose light is known: any design can be painted on it.

    Arrays are (H, W, ...), of the whole photo; the fields are those of `PaintedPair`.
    """

    photo: Picture
    mask: NDArray[np.bool_]
    chart: Array
    light: Array
    design: Picture
    filmed: bool = False
    skin: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class ShopTee:
    """A rendered shop picture with its flat design.

    Attributes:
        image: uint8 (h, w, 3), RGB.
        mask: bool (h, w), the tee.
        chart: float32 (h, w, 2), u and v on the design, extended beyond the mask.
        design: uint8 (H, W, 3), RGB.
    """

    image: Picture
    mask: NDArray[np.bool_]
    chart: Array
    design: Picture


def find_renders(folders: Sequence[Path], split: str) -> list[Path]:
    """Return the paths of a split's worn renders, without endings, sorted.

    Pictures without a flat design of their own, as those of a tee's other cuts, are left
    out.

    Raises:
        FileNotFoundError: when there are none.
    """
    stems = []
    for folder in folders:
        for design in sorted(folder.glob("p*.tex.jpg")):
            stem = design.with_name(design.name.removesuffix(".tex.jpg"))
            number = int(stem.name[1:].split("_")[0])
            is_worn = _file(stem, ".shade.png").exists()
            if is_worn and (number in RENDERED_VAL) == (split == "val"):
                stems.append(stem)
    if not stems:
        raise FileNotFoundError(
            "expected rendered people with their light (pNNN_A.shade.png) in "
            + ", ".join(map(str, folders))
        )
    return stems


def make_pairs(
    stems: Sequence[Path],
    photos: Sequence[AnnotatedPhoto],
    size: int,
    views: int,
    seed: int,
    config: RelitPairsConfig = DEFAULT,
) -> Iterator[PaintedPair]:
    """Pair every worn shirt with shop pictures.

    Args:
        stems: of `find_renders`.
        photos: of people, with the masks of their garments; those in plain, nearly white
            tops are used.
        size: S, side of the frames in pixels.
        views: pairs per worn shirt; a render's first is with its own tee.
        seed: of the shop pictures and the frames.
        config: which tops are used, and how many pairs are made.

    Yields:
        The pairs; renders without a visible tee give none.
    """
    rng = np.random.default_rng(seed)
    for pair in _true_pairs(stems) * config.true_pairs:
        yield _make_true_pair(pair, size, rng, config)
    for stem in stems:
        worn = read_worn_filmic(stem, config)
        for number in range(views if worn.mask.any() else 0):
            shop = stem if number == 0 else stems[int(rng.integers(len(stems)))]
            yield make_pair(worn, read_shop(shop), size, rng, config)
    for photo in photos:
        white = find_white_top(photo, config)
        for _ in range(config.photo_factor * views):
            if white is not None:
                shop = stems[int(rng.integers(len(stems)))]
                yield make_pair(white, read_shop(shop), size, rng, config)


def _true_pairs(stems: Sequence[Path]) -> list[RenderedPair]:
    """Return the pairs of people who were rendered in a second tee, C, as well."""
    people = sorted({(s.parent, s.name.split("_")[0]) for s in stems})
    both = [
        (folder, name) for folder, name in people if (folder / f"{name}_C.jpg").exists()
    ]
    return [pair for folder, name in both for pair in pairs_of(folder, name)]


def read_worn_filmic(
    stem: Path, config: RelitPairsConfig = DEFAULT
) -> RelightableGarment:
    """Read a worn render, its light estimated with the tone curve of the renders' camera.

    The level of the light is fitted to all pictures of the person in that folder.
    """
    worn = _read_worn_relative(stem)
    level = _person_levels(stem.parent, stem.name.split("_")[0], config)[stem.name]
    return replace(worn, light=worn.light * level, filmed=True)


@cache
def _person_levels(
    folder: Path, person: str, config: RelitPairsConfig
) -> dict[str, Array]:
    """Return the level of light, (3,), of each worn picture of a person."""
    ending = ".tex.jpg"
    paths = sorted(folder.glob(f"{person}_?{ending}"))
    names = [path.name.removesuffix(ending) for path in paths]
    pixels = [_lit_pixels(_read_worn_relative(folder / name), config) for name in names]
    return dict(zip(names, camera.fit_levels(pixels), strict=True))


def _lit_pixels(worn: RelightableGarment, config: RelitPairsConfig) -> camera.LitPixels:
    """Return pixels of a worn render's tee; design and photo are smoothed before."""
    flat = designs.paint(worn.design, worn.chart, np.ones_like(worn.light))
    dye, photo = (
        ndimage.gaussian_filter(plane.astype(np.float32), (1, 1, 0))
        for plane in (flat, worn.photo)
    )
    light = worn.light[..., 0]
    inner = ndimage.binary_erosion(worn.mask, iterations=config.fit_erosion)
    indices = np.flatnonzero(inner & (light > config.min_light))
    indices = indices[:: -(-len(indices) // config.max_fit_pixels) or 1]
    return camera.LitPixels(
        camera.reflectance(dye).reshape(-1, 3)[indices],
        light.ravel()[indices],
        photo.reshape(-1, 3)[indices] / 255,
    )


def read_worn(stem: Path, config: RelitPairsConfig = DEFAULT) -> RelightableGarment:
    """Read a worn render, its light estimated with a gamma of 2.2."""
    worn = _read_worn_relative(stem)
    colors = designs.paint(worn.design, worn.chart, np.ones_like(worn.light))
    level = estimate_light_level(worn.photo, colors, worn.light, worn.mask, config)
    return replace(worn, light=worn.light * level)


def _read_worn_relative(stem: Path) -> RelightableGarment:
    """Read a worn render; its light (H, W, 1) is known up to level and tint."""
    return RelightableGarment(
        _read(stem, ".jpg"),
        designs.read_tee(_file(stem, ".labels.png")),
        designs.read_chart(_file(stem, ".uv.png")),
        designs.read_light(_file(stem, ".shade.png"))[..., None],
        designs.read_texture(_file(stem, ".tex.jpg")),
        skin=np.isin(read_map(_file(stem, ".labels.png")), SKIN),
    )


def estimate_light_level(
    photo: Picture,
    colors: Array,
    light: Array,
    mask: NDArray[np.bool_],
    config: RelitPairsConfig = DEFAULT,
) -> Array:
    """Estimate the level and tint of the light on a shirt of known colors.

    Args:
        photo: uint8 (H, W, 3), RGB.
        colors: float32 (H, W, 3), 0..255, the design under white light.
        light: float32 (H, W, 1), linear, any scale.
        mask: bool (H, W), the shirt.
        config: which pixels are used.

    Returns:
        float32 (3,): light x this is the light in the photo; 1 with too few such pixels.
    """
    inner = ndimage.binary_erosion(mask, iterations=config.erosion)[..., None]
    known = inner & (photo > config.min_tone) & (photo < config.max_tone)
    known = known & (light > config.min_light)
    known &= (colors > config.min_dye) & (colors < config.max_tone)
    lit = (np.maximum(colors, 1) / 255) ** designs.GAMMA * np.maximum(light, 1e-3)
    log_ratio = designs.GAMMA * np.log(np.maximum(photo, 1) / 255) - np.log(lit)
    if known.sum() < config.min_fit_pixels:
        return np.ones(3, np.float32)
    middle = float(np.median(log_ratio[known]))
    levels = [
        float(np.median(log_ratio[..., c][known[..., c]]))
        if known[..., c].sum() >= config.min_fit_pixels
        else middle
        for c in range(3)
    ]
    low, high = middle - config.max_tint, middle + config.max_tint
    return np.exp(np.clip(levels, low, high)).astype(np.float32)


def read_shop(stem: Path) -> ShopTee:
    """Read the shop picture of a worn render's tee."""
    shop = stem.with_name(stem.name + "_shop")
    mask = designs.read_tee(_file(shop, ".labels.png"))
    chart = designs.extend_nearest(designs.read_chart(_file(shop, ".uv.png")), mask)
    design = designs.read_texture(_file(stem, ".tex.jpg"))
    return ShopTee(_read(shop, ".jpg"), mask, chart, design)


def find_white_top(
    photo: AnnotatedPhoto, config: RelitPairsConfig = DEFAULT
) -> RelightableGarment | None:
    """Return the largest top of a photo with its light, if it is plain and nearly white.

    Its colors, divided by the reflectance of white cotton, are its light, level and tint
    included. Its bounding box serves as chart.
    """
    mask = largest_top(photo)
    if mask is None:
        return None
    inner = ndimage.binary_erosion(mask, iterations=config.erosion)
    if inner.sum() < config.min_area:
        return None
    image = photo.image()
    light = to_linear(image) / config.white_reflectance
    if not _is_white(light[inner], config):
        return None
    level = 255 * config.white_reflectance ** (1 / designs.GAMMA)
    white = np.full((*designs.TEXTURE_SIZE, 3), level)
    return RelightableGarment(
        image,
        mask,
        box_chart(mask),
        light,
        white.astype(np.uint8),
        skin=photo.skin(),
    )


def _is_white(light: Array, config: RelitPairsConfig) -> bool:
    """Tell whether linear colors (N, 3) of a top are bright, neutral and even."""
    tone = light.mean(axis=1)
    chroma = np.ptp(light.mean(axis=0)) / max(float(tone.mean()), 1e-3)
    deviation = float(np.std(np.log(np.maximum(tone, 1e-3))))
    return not (
        np.median(tone) < config.white_min_light
        or chroma > config.white_max_chroma
        or deviation > config.white_max_deviation
    )


def largest_top(photo: AnnotatedPhoto) -> NDArray[np.bool_] | None:
    """Return the mask (H, W) of the largest top of a photo; None without any."""
    masks = [g.mask for g in photo.garments() if g.label in TOPS]
    return max(masks, key=np.count_nonzero, default=None)


def box_chart(mask: NDArray[np.bool_]) -> Array:
    """Return a chart (H, W, 2) that maps a garment's bounding box to the front panel."""
    x1, y1, x2, y2 = (float(v) for v in box_or_frame(mask))
    v, u = np.indices(mask.shape, np.float32)
    chart = np.stack([(u - x1) / (x2 - x1) * 0.5, 1 - (v - y1) / (y2 - y1)], axis=-1)
    return np.asarray(np.clip(chart, 0, 1), np.float32)


def make_pair(
    worn: RelightableGarment,
    shop: ShopTee,
    size: int,
    rng: np.random.Generator,
    config: RelitPairsConfig = DEFAULT,
) -> PaintedPair:
    """Warp a shop tee onto a worn shirt, by the outlines of both.

    Args:
        worn: the shirt.
        shop: the tee.
        size: S, side of the frame in pixels.
        rng: random generator that shifts and scales the frame.
        config: range of shift and scale.
    """
    frame = jittered_frame(worn.mask, size, LIGHT_MARGIN, rng, config)
    coordinates = fit_warp(shop.mask, worn.mask).coordinates(*frame.raster)
    return _crop_pair(worn, shop, coordinates, frame, config)


def _make_true_pair(
    pair: RenderedPair, size: int, rng: np.random.Generator, config: RelitPairsConfig
) -> PaintedPair:
    """Warp the shop's tee by the true correspondence, and add the true photo."""
    worn = read_worn_filmic(pair.folder / pair.user, config)
    shop = read_shop(pair.folder / pair.shop.removesuffix("_shop"))
    frame = jittered_frame(worn.mask, size, LIGHT_MARGIN, rng, config)
    coordinates = sample_nearest(true_coordinates(read_truth(pair)), frame)
    truth = np.rint(crop(frame, _read(pair.folder / pair.truth, ".jpg"), 0.0))
    made = _crop_pair(worn, shop, coordinates, frame, config)
    return replace(made, truth=truth.astype(np.uint8))


def _crop_pair(
    worn: RelightableGarment,
    shop: ShopTee,
    coordinates: Array,
    frame: Frame,
    config: RelitPairsConfig,
) -> PaintedPair:
    """Crop the photo to a frame, and sample the shop picture at coordinates (S, S, 2).

    The coordinates are x and y in the shop picture, in pixels.
    """
    height, width = shop.mask.shape
    column = np.clip(np.rint(coordinates[..., 0]), 0, width - 1).astype(np.intp)
    row = np.clip(np.rint(coordinates[..., 1]), 0, height - 1).astype(np.intp)
    light = np.clip(crop(frame, worn.light, 0.0), 0, config.max_light)
    return PaintedPair(
        photo=np.rint(crop(frame, worn.photo, 0.0)).astype(np.uint8),
        mask=_crop_mask(worn.mask, frame),
        chart=sample_nearest(worn.chart, frame).astype(np.float16),
        light=light.astype(np.float16),
        shop=shop.image[row, column],
        shop_chart=shop.chart[row, column].astype(np.float16),
        coordinates=to_fractions(coordinates, shop.mask.shape).astype(np.float16),
        valid=shop.mask[row, column],
        own_design=worn.design,
        shop_design=shop.design,
        filmed=worn.filmed,
        skin=None if worn.skin is None else _crop_mask(worn.skin, frame),
    )


def _crop_mask(mask: NDArray[np.bool_], frame: Frame) -> NDArray[np.bool_]:
    """Crop a mask (H, W) to a frame."""
    return crop(frame, mask[..., None], 0.0)[..., 0] > 0.5


def sample_nearest(plane: Array, frame: Frame) -> Array:
    """Crop an array (h, w, C) to a frame by nearest-neighbour sampling."""
    index = [
        np.clip(np.rint(positions), 0, count - 1).astype(np.intp)
        for positions, count in zip(frame.raster, plane.shape[:2], strict=True)
    ]
    return plane[np.ix_(*index)]


def _file(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def _read(stem: Path, ending: str) -> Picture:
    with open_picture(_file(stem, ending)) as picture:
        return np.asarray(picture.convert("RGB"))


def jittered_frame(
    mask: NDArray[np.bool_],
    size: int,
    margin: float,
    rng: np.random.Generator,
    config: RelitPairsConfig = DEFAULT,
) -> Frame:
    """Return a frame around a garment, shifted and scaled at random.

    Args:
        mask: bool (H, W), the garment.
        size: side of the frame's raster, pixels.
        margin: see `Frame.around`.
        rng: random generator.
        config: range of shift and scale.
    """
    x1, y1, x2, y2 = (int(v) for v in box_or_frame(mask))
    frame = Frame.around((x1, y1, x2, y2), size, margin)
    shift = rng.uniform(-config.frame_shift, config.frame_shift, 2) * frame.side
    center = frame.centre[0] + shift[0], frame.centre[1] + shift[1]
    return Frame(center, frame.side * rng.uniform(*config.frame_scale), size)
