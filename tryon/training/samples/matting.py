"""Draw training samples for the matting network: garments whose soft edge is known.

On a render any design can be painted over what lies behind the shirt, so that alpha is
exact by construction: stripes and flowers end where the shirt ends, and nowhere else.
Photos with label maps show real cloth, skin and hair; their edges are not exact, so they
teach all but the edge.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from data_tools.annotations import AnnotatedPhoto, Garment
from data_tools.augment.backdrops import swap_background
from data_tools.formats.label_maps import read_map
from data_tools.paint import designs
from data_tools.paint.rendered_pairs import WORN_FILES
from mrcnn.matting.data import MatteScene
from tryon.training.samples.refiner import quality_augmenter

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]
Plane = NDArray[np.uint8]
Load = Callable[[np.random.Generator], MatteScene]
UPPER = (1, 2, 3, 4, 5, 6, 10, 11, 12, 13)  # categories of garments worn above
CACHED = 400  # renders kept in memory


@dataclass(frozen=True)
class PaintConfig:
    """How renders are painted anew."""

    unchanged_probability: float = 0.1
    exposure: tuple[float, float] = (0.25, 1.0)  # mean linear light on the cloth
    tint: tuple[float, float] = (0.9, 1.1)  # factors on each channel
    edge_sigma: tuple[float, float] = (0.35, 0.9)  # pixels, of an edge in focus
    blur_probability: float = 0.25
    blur_sigma: tuple[float, float] = (0.5, 1.6)  # pixels, out of focus
    mixed: float = 1.5  # pixels beside the shirt that hold its old colours


@dataclass(frozen=True)
class RoughConfig:
    """Faults of the masks that the network is given; lengths are shares of the view."""

    exact_probability: float = 0.08
    cells: tuple[int, int] = (3, 24)  # of a grid that the outline is bent by
    bend: tuple[float, float] = (0.001, 0.025)  # how far, log-uniform
    stain_probability: float = 0.45  # a piece of like colour is wrong, inside or outside
    stain_radius: tuple[float, float] = (0.03, 0.3)
    stain_tolerance: tuple[float, float] = (10, 50)  # grey levels
    max_stains: int = 4
    max_hole: float = 0.3  # of the garment, in one stain
    cut_probability: float = 0.3  # an end of the garment is missing
    cut_depth: tuple[float, float] = (0.0, 0.1)
    shift_probability: float = 0.2  # the mask lies on what is beside it as well
    shift: float = 0.05
    resolution: tuple[int, int] = (40, 200)  # cells a side


def _source_shares() -> Mapping[str, float]:
    return {
        "rendered": 0.25,
        "rendered-near": 0.4,
        "people": 0.08,
        "people-other": 0.2,
        "shop": 0.07,
        "shop-other": 0.0,  # what they show is not labelled by pixel
    }


@dataclass(frozen=True)
class MattingSamplesConfig:
    """Settings of the training samples."""

    paint: PaintConfig = PaintConfig()
    rough: RoughConfig = RoughConfig()
    background_probability: float = 0.25
    low_resolution_probability: float = 0.25
    backdrops: int = 150  # pieces of photos cut out for new backgrounds
    source_shares: Mapping[str, float] = field(default_factory=_source_shares)
    # Pixels beside an annotated outline that are not trusted, share of the diagonal.
    doubt: float = 0.004
    min_doubt: float = 1.5  # pixels
    min_area: float = 0.01  # of a photo: smaller garments are not trained on


DEFAULT = MattingSamplesConfig()


@dataclass(frozen=True)
class LitRender:
    """A rendered person; arrays (H, W, ...).

    Attributes:
        photo: uint8, 3 channels, RGB.
        behind: uint8, 3 channels, what is beside the garment, continued behind it.
        mask: bool, the garment.
        foreground: uint8, person and garment 255.
        chart: float32, u and v of the garment on its design, in [0, 1], continued.
        light: float16, linear, of mean 1 on the garment, continued.
    """

    photo: Picture
    behind: Picture
    mask: NDArray[np.bool_]
    foreground: Plane
    chart: Array
    light: NDArray[np.float16]


def render_loader(
    stem: Path, textures: Sequence[Picture], config: MattingSamplesConfig = DEFAULT
) -> Load:
    """Return a function that paints a worn render anew.

    Args:
        stem: of the files of a worn render.
        textures: flat designs to paint.
        config: how.
    """

    def load(rng: np.random.Generator) -> MatteScene:
        design = designs.draw_design(textures, rng)
        return paint_scene(_read_render(stem, config.paint.mixed), design, rng, config)

    return load


@lru_cache(CACHED)
def _read_render(stem: Path, mixed: float) -> LitRender:
    """Read a render; so many pixels beside the garment hold its colours as well."""
    photo, labels, chart, light = (
        stem.with_name(stem.name + ending) for ending in (".jpg", *WORN_FILES)
    )
    classes = read_map(labels)
    mask = classes == designs.TEE
    shade = designs.read_light(light)
    level = float(shade[mask].mean()) if mask.any() else 1.0
    with Image.open(photo) as picture:
        image = np.asarray(picture.convert("RGB"))
    near = ndimage.distance_transform_edt(~mask) <= mixed
    inside = _nearest(mask)
    return LitRender(
        image,
        image[_nearest(~near)],
        mask,
        np.where((classes > 0) | near, 255, 0).astype(np.uint8),
        designs.read_chart(chart)[inside],
        (shade[inside] / max(level, 1e-3)).astype(np.float16),
    )


def paint_scene(
    worn: LitRender,
    design: Picture,
    rng: np.random.Generator,
    config: MattingSamplesConfig = DEFAULT,
) -> MatteScene:
    """Paint a design on a worn garment, with an edge that is known exactly.

    Args:
        worn: the garment in its photo.
        design: uint8 (h, w, 3).
        rng: random generator.
        config: light and sharpness.
    """
    paint, mask = config.paint, worn.mask
    if rng.random() < paint.unchanged_probability:
        known = _sure(mask, paint.mixed)
        plane = np.where(mask, 255, 0).astype(np.uint8)
        return MatteScene(worn.photo, plane, known, worn.foreground)
    gain = rng.uniform(*paint.exposure) * rng.uniform(*paint.tint, 3)
    light = worn.light[..., None] * gain.astype(np.float32)
    cloth = designs.paint(design, worn.chart, light)
    sigma = rng.uniform(*paint.edge_sigma)
    alpha = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    image = alpha[..., None] * cloth + (1 - alpha[..., None]) * worn.behind
    if rng.random() < paint.blur_probability:
        sigma = rng.uniform(*paint.blur_sigma)
        image = ndimage.gaussian_filter(image, (sigma, sigma, 0))
        alpha = ndimage.gaussian_filter(alpha, sigma)
    return MatteScene(
        np.clip(np.rint(image), 0, 255).astype(np.uint8),
        np.rint(alpha * 255).astype(np.uint8),
        np.full(mask.shape, 255, np.uint8),
        worn.foreground,
    )


def _nearest(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return row and column of the nearest pixel of a mask, for each pixel."""
    found = ndimage.distance_transform_edt(
        ~mask, return_distances=False, return_indices=True
    )
    return found[0], found[1]


def _sure(mask: NDArray[np.bool_], reach: float) -> Plane:
    """Return 255 where a mask's outline is farther than `reach` pixels, else 0."""
    inside, outside = (ndimage.distance_transform_edt(m) for m in (mask, ~mask))
    return np.where(inside + outside > reach, 255, 0).astype(np.uint8)


def has_garment(photo: AnnotatedPhoto, config: MattingSamplesConfig = DEFAULT) -> bool:
    """Tell whether a photo shows a garment that is worn above and large enough."""
    return any(_is_wanted(garment, config) for garment in photo.garments())


def _is_wanted(garment: Garment, config: MattingSamplesConfig) -> bool:
    return garment.label in UPPER and bool(garment.mask.mean() >= config.min_area)


def photo_loader(photo: AnnotatedPhoto, config: MattingSamplesConfig = DEFAULT) -> Load:
    """Return a function that reads a photo and takes one of its garments."""

    def load(rng: np.random.Generator) -> MatteScene:
        image = photo.image()
        garments = [g.mask for g in photo.garments() if _is_wanted(g, config)]
        mask = garments[rng.integers(len(garments))]
        foreground = photo.foreground()
        reach = max(config.min_doubt, config.doubt * float(np.hypot(*mask.shape)))
        known = _sure(mask, reach)
        return MatteScene(
            image,
            np.where(mask, 255, 0).astype(np.uint8),
            known,
            np.where(mask if foreground is None else foreground, 255, 0).astype(np.uint8),
        )

    return load


def view_changer(
    pieces: Sequence[Picture], config: MattingSamplesConfig = DEFAULT
) -> Callable[[MatteScene, np.random.Generator], MatteScene]:
    """Return a function that changes background and light, and makes a rough mask.

    Args:
        pieces: of photos, for new backgrounds.
        config: probability of each change.
    """
    change_quality = quality_augmenter(config.low_resolution_probability)

    def change(view: MatteScene, rng: np.random.Generator) -> MatteScene:
        image = view.image
        if pieces and rng.random() < config.background_probability:
            image = swap_background(image, view.foreground > 127, pieces, rng)
        rough = roughen(image, view.alpha > 127, rng, config.rough)
        if view.rough is not None and rng.random() < 0.5:
            rough = view.rough
        return replace(view, image=change_quality(image, rng), rough=rough)

    return change


def roughen(
    image: Picture,
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    config: RoughConfig = DEFAULT.rough,
) -> Plane:
    """Return a mask (S, S) with the faults that a segmenter's have, uint8 0..255.

    Args:
        image: uint8 (S, S, 3), whose colours some faults follow.
        mask: bool (S, S), the true one.
        rng: random generator.
        config: which faults, and how often.
    """
    if rng.random() < config.exact_probability:
        return np.where(mask, 255, 0).astype(np.uint8)
    rough = _bend(mask, rng, config)
    if rng.random() < config.cut_probability:
        rough = _cut(rough, rng, config)
    if rng.random() < config.shift_probability:
        steps = np.rint(rng.normal(0, config.shift, 2) * len(mask)).astype(int)
        rough |= ndimage.shift(rough, steps, order=0)
    if rng.random() < config.stain_probability:
        for _ in range(rng.integers(1, config.max_stains + 1)):
            rough = _stain(image, rough, rng, config)
    cells = int(np.exp(rng.uniform(*np.log(config.resolution))))
    picture = Image.fromarray(np.where(rough, 255, 0).astype(np.uint8))
    coarse = picture.resize((cells, cells), Image.Resampling.BOX)
    fine = np.asarray(coarse.resize(picture.size, Image.Resampling.BILINEAR))
    return np.where(fine > 127, 255, 0).astype(np.uint8)


def _bend(
    mask: NDArray[np.bool_], rng: np.random.Generator, config: RoughConfig
) -> NDArray[np.bool_]:
    """Bend a mask's outline by a smooth random field."""
    size = len(mask)
    cells = int(rng.integers(*config.cells))
    reach = size * np.exp(rng.uniform(*np.log(config.bend)))
    field = [
        np.asarray(
            Image.fromarray(rng.standard_normal((cells, cells), np.float32)).resize(
                (size, size), Image.Resampling.BICUBIC
            )
        )
        for _ in range(2)
    ]
    grid = np.mgrid[:size, :size] + reach * np.array(field)
    moved = ndimage.map_coordinates(
        mask.astype(np.float32), grid, order=1, mode="nearest"
    )
    # The same field moves the outline in or out as a whole.
    grow = rng.normal(0, 0.4 * reach)
    distance = ndimage.distance_transform_edt(moved > 0.5)
    distance -= ndimage.distance_transform_edt(moved <= 0.5)
    return np.asarray(distance > -grow)


def _cut(
    mask: NDArray[np.bool_], rng: np.random.Generator, config: RoughConfig
) -> NDArray[np.bool_]:
    """Cut an end of a mask off along a line, most often the hem."""
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else np.pi / 2
    ys, xs = np.mgrid[: len(mask), : len(mask)]
    along = np.cos(angle) * xs + np.sin(angle) * ys
    if not mask.any():
        return mask
    end = along[mask].max() - rng.uniform(*config.cut_depth) * len(mask)
    return mask & (along < end)


def _stain(
    image: Picture,
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    config: RoughConfig,
) -> NDArray[np.bool_]:
    """Take a piece of like colour out of a mask, or one beside it into it."""
    size = len(mask)
    is_hole = rng.random() < 0.6
    reach = 0.06 * size
    distance = ndimage.distance_transform_edt(mask if is_hole else ~mask)
    choices = np.argwhere((distance > 0) & ((distance < reach) | is_hole))
    if not len(choices):
        return mask
    y, x = choices[rng.integers(len(choices))]
    difference = np.abs(image.astype(np.int16) - image[y, x]).max(axis=-1)
    like = difference < rng.uniform(*config.stain_tolerance)
    radius = size * rng.uniform(*config.stain_radius)
    ys, xs = np.ogrid[:size, :size]
    like &= (ys - y) ** 2 + (xs - x) ** 2 < radius**2
    pieces, _ = ndimage.label(like)
    piece = pieces == pieces[y, x]
    if is_hole and (piece & mask).sum() > config.max_hole * mask.sum():
        return mask
    return mask & ~piece if is_hole else mask | piece
