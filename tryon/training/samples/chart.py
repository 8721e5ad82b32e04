"""Draw training samples for the chart network: rendered tees, repainted at random.

A rendered picture of a tee has the (u, v) coordinates on the flat design for each pixel,
so any design can be painted on it: the network sees more fabrics than were rendered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

from data_tools.augment.backdrops import swap_background
from data_tools.augment.occluders import apply_occluder, draw_occluder
from data_tools.augment.views import elastic_field, remap
from data_tools.formats.label_maps import RENDERED_VAL
from data_tools.paint import designs
from data_tools.paint.canonical import canonical
from data_tools.paint.charts import read_cut, read_panels
from data_tools.pictures import open_picture
from mrcnn.chart.data import Change, Charted
from mrcnn.windows import box_or_frame
from tryon.training.samples.refiner import quality_augmenter


@dataclass(frozen=True)
class ChartSamplesConfig:
    """How a rendered picture is repainted and its view changed.

    Fields that end in `_probability` are the share of views that get the change.
    """

    repaint_probability: float = 0.65  # another design is painted on the tee
    background_probability: float = 0.6  # the background is swapped, where it is known
    deform_probability: float = 0.7  # an elastic deformation
    occlude_probability: float = 0.35  # an arm, a bag or hair in front
    low_resolution_probability: float = 0.3
    erode_probability: float = 0.3  # the mask is cut unevenly inside its outline
    # Largest displacement of the deformation, share of the view's side, and the range of
    # the random factor on it.
    deform_strength: float = 0.025
    deform_factor: tuple[float, float] = (0.3, 1.3)
    # Linear light: lower bound of the mean light of a render and of its folds, so that
    # painted cloth never turns black.
    min_light: float = 0.02
    fold_contrast: tuple[float, float] = (0.6, 1.4)  # exponents of the render's folds
    light_grid: int = 6  # cells along a side of the random, smooth light field
    light_sigma: float = 0.12  # log light: deviation between the cells of that field
    exposure: tuple[float, float] = (0.5, 1.2)  # factors on the whole light
    tint: tuple[float, float] = (0.9, 1.1)  # factors on each channel
    edge_blur: float = 0.6  # pixels: radius of the blur of the painted cloth's edge
    erode_grid: int = 8  # cells along a side of the random field of erosion depths
    max_erosion: float = 0.02  # depth, share of the view's side
    # The lower part of a worn garment is hidden, from a height on the chart on: tucked
    # into trousers, or below the photo's edge.
    hide_hem_probability: float = 0.4
    tuck_share: float = 0.5  # of those; the others are cut off by the photo's edge
    hidden_height: tuple[float, float] = (0.03, 0.45)
    waist_sigma: float = 0.015  # chart units: waviness of the waistband
    waist_grid: int = 8  # cells along the picture's width of that waviness
    trousers_tint: float = 25.0  # grey levels: deviation of their channels from a grey
    min_shown: float = 0.3  # share of the garment that stays in the picture


DEFAULT = ChartSamplesConfig()


def find_charted(folders: Sequence[Path], split: str) -> list[Path]:
    """Return the stems (without ending) of all rendered pictures of a split, sorted.

    Pictures of a garment without a shop picture, which `read_cut` needs, are left out.

    Raises:
        FileNotFoundError: when there are none.
    """
    charts = sorted(path for folder in folders for path in folder.glob("p*.uv.png"))
    stems = [path.with_name(path.name.removesuffix(".uv.png")) for path in charts]
    chosen = [
        stem
        for stem in stems
        if (_number(stem) in RENDERED_VAL) == (split == "val") and _shop(stem).exists()
    ]
    if not chosen:
        raise FileNotFoundError(
            "expected rendered pictures with charts (pNNN_A.uv.png) in "
            + ", ".join(map(str, folders))
        )
    return chosen


def _number(stem: Path) -> int:
    return int(stem.name[1:].split("_")[0])


def _shop(stem: Path) -> Path:
    """Return the label map of the shop picture of a garment."""
    return stem.with_name(stem.name.removesuffix("_shop") + "_shop.labels.png")


def read_charted(stem: Path) -> Charted:
    """Read a rendered picture with its canonical chart.

    Returns:
        The picture; x of its chart runs from 0 to 1 over the visible panel alone, and in
        the same direction on the back as on the front, so that the two panels coincide.

    Raises:
        FileNotFoundError: when the garment has no shop picture, see `read_cut`.
    """
    with open_picture(stem.with_name(stem.name + ".jpg")) as picture:
        image = np.asarray(picture.convert("RGB"))
    labels = _read_plane(stem, ".labels.png")
    coordinates, back = read_panels(stem)
    coordinates = canonical(coordinates, read_cut(stem))
    return Charted(image, labels == designs.TEE, coordinates, back, labels > 0)


def _read_plane(stem: Path, ending: str) -> NDArray[np.uint8]:
    with open_picture(stem.with_name(stem.name + ending)) as picture:
        return np.asarray(picture)


class ChartLoader:
    """Loads the rendered picture of an index, often with another design.

    Args:
        stems: paths without endings, of `find_charted`.
        designs: uint8 (h, w, 3) each, RGB, see `data_tools.paint`.
        config: how often and how a picture is repainted.
    """

    def __init__(
        self,
        stems: Sequence[Path],
        designs: Sequence[NDArray[np.uint8]],
        config: ChartSamplesConfig = DEFAULT,
    ):
        self.stems, self.designs, self.config = stems, designs, config
        self._read = cache(self._read_one)

    def __call__(self, index: int, rng: np.random.Generator) -> Charted:
        """Return the picture, repainted and its hem hidden at random."""
        charted, uv, light = self._read(index)
        if rng.random() < self.config.repaint_probability:
            design = self.designs[int(rng.integers(len(self.designs)))]
            image = repaint(charted, uv, light, design, rng, self.config)
            charted = replace(charted, image=image)
        worn = not self.stems[index].name.endswith("_shop")
        if worn and rng.random() < self.config.hide_hem_probability:
            return hide_hem(charted, rng, self.config)
        return charted

    def _read_one(self, index: int) -> tuple[Charted, designs.Array, designs.Array]:
        stem = self.stems[index]
        charted = read_charted(stem)
        uv = designs.read_chart(stem.with_name(stem.name + ".uv.png"))
        shade = stem.with_name(stem.name + ".shade.png")
        if not shade.exists():
            return charted, uv, np.ones(charted.mask.shape, np.float32)
        return charted, uv, designs.read_light(shade).astype(np.float32)


def repaint(
    charted: Charted,
    uv: NDArray[np.float32],
    light: NDArray[np.float32],
    design: NDArray[np.uint8],
    rng: np.random.Generator,
    config: ChartSamplesConfig = DEFAULT,
) -> NDArray[np.uint8]:
    """Paint a randomly varied design on a rendered tee, under its folds and random light.

    Args:
        charted: the picture, (H, W).
        uv: float32 (H, W, 2), u and v of its pixels on the flat design, in [0, 1].
        light: float32 (H, W), linear light on the tee.
        design: uint8 (h, w, 3), RGB.
        rng: random generator.
        config: strength of the random light.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    mask = charted.mask
    level = max(float(light[mask].mean()) if mask.any() else 1.0, config.min_light)
    contrast = rng.uniform(*config.fold_contrast)
    folds = np.maximum(light / level, config.min_light) ** contrast
    cells = config.light_grid
    coarse = rng.normal(0, config.light_sigma, (cells, cells))
    zoom = (mask.shape[0] / cells, mask.shape[1] / cells)
    scene_light = np.exp(ndimage.zoom(coarse, zoom, order=1))
    scene_light = scene_light * rng.uniform(*config.exposure)
    lit = (folds * scene_light)[..., None] * rng.uniform(*config.tint, 3)
    cloth = designs.paint(designs.vary_design(design, rng), uv, lit)
    soft = Image.fromarray(mask.astype(np.uint8) * 255)
    soft = soft.filter(ImageFilter.GaussianBlur(config.edge_blur))
    alpha = np.asarray(soft, np.float32)[..., None] / 255
    return np.rint(charted.image * (1 - alpha) + cloth * alpha).astype(np.uint8)


def hide_hem(
    charted: Charted, rng: np.random.Generator, config: ChartSamplesConfig = DEFAULT
) -> Charted:
    """Tuck a garment into trousers, or let the photo end above its hem.

    Where the hem cannot be seen, the lowest cloth that can be is not the hem.

    Returns:
        The picture, cut off above the hem or with trousers from a waistband on; as it
        was where too little of the garment would be left.
    """
    height = rng.uniform(*config.hidden_height)
    tuck = rng.random() < config.tuck_share
    changed = _tuck(charted, height, rng, config) if tuck else _cut_off(charted, height)
    shown = np.count_nonzero(changed.mask)
    return (
        changed if shown > config.min_shown * np.count_nonzero(charted.mask) else charted
    )


def _cut_off(charted: Charted, height: float) -> Charted:
    """Cut a picture off where its garment reaches a height on the chart."""
    rows = np.nonzero(charted.mask & (charted.chart[..., 1] > height))[0]
    if not rows.size:
        return charted
    end = int(rows.max()) + 1
    kept = charted.foreground
    return Charted(
        charted.image[:end],
        charted.mask[:end],
        charted.chart[:end],
        charted.back[:end],
        None if kept is None else kept[:end],
    )


def _tuck(
    charted: Charted, height: float, rng: np.random.Generator, config: ChartSamplesConfig
) -> Charted:
    """Paint trousers over a garment below a height on the chart."""
    mask, cells = charted.mask, config.waist_grid
    waves = rng.normal(0, config.waist_sigma, cells)
    waist = height + ndimage.zoom(waves, mask.shape[1] / cells, order=3)
    hidden = mask & (charted.chart[..., 1] < waist)
    if not hidden.any():
        return charted
    # The garment's own light stays, so that the trousers have its folds.
    light = charted.image.mean(axis=-1, keepdims=True)
    light = ndimage.gaussian_filter(light, (2, 2, 0)) / max(light[hidden].mean(), 1)
    cloth = rng.uniform(10, 235) + rng.normal(0, config.trousers_tint, 3)
    trousers = np.clip(cloth * np.clip(light, 0.5, 1.5), 0, 255)
    alpha = ndimage.gaussian_filter(hidden.astype(np.float32), config.edge_blur)
    alpha = np.where(mask, alpha, 0)[..., None]
    image = np.rint(charted.image * (1 - alpha) + trousers * alpha).astype(np.uint8)
    return replace(charted, image=image, mask=mask & ~hidden)


def chart_augmenter(
    pieces: Sequence[NDArray[np.uint8]], config: ChartSamplesConfig = DEFAULT
) -> Change:
    """Return a function that changes a view and its chart at random.

    It may swap the background, deform the view, add occluders, erode the mask, and change
    resolution and light.

    Args:
        pieces: pieces of photos without garments, of `cut_backdrops`; may be empty.
        config: probability and strength of each change.
    """
    change_quality = quality_augmenter(config.low_resolution_probability)

    def change(view: Charted, rng: np.random.Generator) -> Charted:
        image = view.image
        swap = config.background_probability
        if view.foreground is not None and rng.random() < swap:
            image = swap_background(image, view.foreground, pieces, rng)
        view = replace(view, image=image)
        if rng.random() < config.deform_probability:
            view = deform_view(view, rng, config)
        if rng.random() < config.occlude_probability:
            view = occlude_view(view, pieces, rng)
        if rng.random() < config.erode_probability:
            view = replace(view, mask=erode_unevenly(view.mask, rng, config))
        return replace(view, image=change_quality(view.image, rng))

    return change


def consistency_augmenter(
    pieces: Sequence[NDArray[np.uint8]], config: ChartSamplesConfig = DEFAULT
) -> Change:
    """Return a function that changes a view for the consistency loss: nothing moves.

    It may add occluders, and changes resolution and light.

    Args:
        pieces: pieces of photos without garments; may be empty.
        config: probability of each change.
    """
    change_quality = quality_augmenter(config.low_resolution_probability)

    def change(view: Charted, rng: np.random.Generator) -> Charted:
        if rng.random() < config.occlude_probability:
            view = occlude_view(view, pieces, rng)
        return replace(view, image=change_quality(view.image, rng))

    return change


def deform_view(
    view: Charted, rng: np.random.Generator, config: ChartSamplesConfig = DEFAULT
) -> Charted:
    """Deform a view elastically, its chart with it, as for another body or cut."""
    strength = config.deform_strength * rng.uniform(*config.deform_factor)
    field = elastic_field(len(view.image), strength, rng)
    mask, back = (
        remap(plane.astype(np.uint8), field, nearest=True) > 0
        for plane in (view.mask, view.back)
    )
    chart = remap(view.chart, field, nearest=True)
    return Charted(remap(view.image, field), mask, chart, back)


def occlude_view(
    view: Charted, pieces: Sequence[NDArray[np.uint8]], rng: np.random.Generator
) -> Charted:
    """Draw an arm, a bag or hair in front of the garment and cut its mask there."""
    x1, y1, x2, y2 = (float(v) for v in box_or_frame(view.mask))
    alpha, colors = draw_occluder(len(view.image), (x1, y1, x2, y2), pieces, rng)
    image, masks = apply_occluder(view.image, view.mask[None], alpha, colors)
    return replace(view, image=image, mask=masks[0])


def erode_unevenly(
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    config: ChartSamplesConfig = DEFAULT,
) -> NDArray[np.bool_]:
    """Erode a mask by a random, smoothly varying depth, as predicted masks often are.

    Args:
        mask: bool (S, S); at the frame's edge it is not eroded.
        rng: random generator.
        config: depth and scale of the erosion.

    Returns:
        bool (S, S), a subset of the mask.
    """
    size, cells = len(mask), config.erode_grid
    depths = rng.uniform(0, config.max_erosion * size, (cells, cells))
    depths = ndimage.zoom(depths, size / cells, order=1)
    inside = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
    return mask & (inside > depths[:size, :size])
