"""What the chart network is taught on: rendered garments, painted anew at every look.

Every rendered picture of a tee knows its place (u, v) on the flat design for each pixel,
so any design can be painted on it: the network meets more cloths than were rendered.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

from data_tools.augment.backdrops import swap_background
from data_tools.augment.occluders import apply_occluder, draw_occluder
from data_tools.augment.views import elastic_field, photometric_augmenter, remap
from data_tools.formats.label_maps import RENDERED_VAL
from data_tools.paint import designs
from data_tools.paint.charts import canonical, read_cut, read_panels
from mrcnn.chart.data import Change, Charted
from mrcnn.windows import box_or_frame
from tryon.training.samples.refiner import coarsen

# How often a view gets each change.
PAINT, SWAP_BACKGROUND, BEND, OCCLUDE, COARSEN, SHAVE = 0.65, 0.6, 0.7, 0.35, 0.3, 0.3
BEND_STRENGTH = 0.025  # share of the view
FLOOR_LIGHT = 0.02  # linear; painted cloth is never darker


def find_charted(folders: Sequence[Path], split: str) -> list[Path]:
    """Return the stems (without ending) of all rendered pictures of a split, sorted.

    Raises:
        FileNotFoundError: when there are none.
    """
    charts = sorted(path for folder in folders for path in folder.glob("p*.uv.png"))
    stems = [path.with_name(path.name.removesuffix(".uv.png")) for path in charts]
    chosen = [s for s in stems if (_number(s) in RENDERED_VAL) == (split == "val")]
    if not chosen:
        raise FileNotFoundError(
            "expected rendered pictures with charts (pNNN_A.uv.png) in "
            + ", ".join(map(str, folders))
        )
    return chosen


def _number(stem: Path) -> int:
    return int(stem.name[1:].split("_")[0])


def read_charted(stem: Path) -> Charted:
    """Read a rendered picture with its canonical chart.

    Returns:
        The picture; x of its chart runs over the seen panel alone, 0 to 1, and on the
        back the same way as on the front, so that both lie on top of each other.

    Raises:
        FileNotFoundError: when the garment has no shop picture, see `read_cut`.
    """
    with Image.open(stem.with_name(stem.name + ".jpg")) as picture:
        image = np.asarray(picture.convert("RGB"))
    labels = _plane(stem, ".labels.png")
    places, back = read_panels(stem)
    places = canonical(places, read_cut(stem))
    return Charted(image, labels == designs.TEE, places, back, labels > 0)


def _plane(stem: Path, ending: str) -> NDArray[np.uint8]:
    with Image.open(stem.with_name(stem.name + ending)) as picture:
        return np.asarray(picture)


class ChartLoader:
    """Reads the rendered picture of an index, often in another cloth.

    Args:
        stems: of `find_charted`.
        designs: uint8 (h, w, 3) each, see `data_tools.paint`.
    """

    def __init__(self, stems: Sequence[Path], designs: Sequence[NDArray[np.uint8]]):
        self.stems, self.designs = stems, designs
        self._read = cache(self._read_one)

    def __call__(self, index: int, rng: np.random.Generator) -> Charted:
        """Return the picture."""
        charted, pattern, light = self._read(index)
        if rng.random() > PAINT:
            return charted
        design = self.designs[int(rng.integers(len(self.designs)))]
        return replace(charted, image=repaint(charted, pattern, light, design, rng))

    def _read_one(self, index: int) -> tuple[Charted, designs.Array, designs.Array]:
        stem = self.stems[index]
        charted = read_charted(stem)
        pattern = designs.read_chart(stem.with_name(stem.name + ".uv.png"))
        shade = stem.with_name(stem.name + ".shade.png")
        if not shade.exists():
            return charted, pattern, np.ones(charted.mask.shape, np.float32)
        return charted, pattern, designs.read_light(shade).astype(np.float32)


def repaint(
    charted: Charted,
    pattern: NDArray[np.float32],
    light: NDArray[np.float32],
    design: NDArray[np.uint8],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Paint a varied design on a rendered garment, under its light and a random one.

    Args:
        charted: the picture.
        pattern: (H, W, 2), u and v of its pixels on the flat design.
        light: (H, W), linear.
        design: uint8 (h, w, 3).
        rng: source of chance.

    Returns:
        uint8 (H, W, 3).
    """
    mask = charted.mask
    level = max(float(light[mask].mean()) if mask.any() else 1.0, FLOOR_LIGHT)
    folds = np.maximum(light / level, FLOOR_LIGHT) ** rng.uniform(0.6, 1.4)
    coarse = rng.normal(0, 0.12, (6, 6))
    zoom = (mask.shape[0] / 6, mask.shape[1] / 6)
    room = np.exp(ndimage.zoom(coarse, zoom, order=1)) * rng.uniform(0.5, 1.2)
    lit = (folds * room)[..., None] * rng.uniform(0.9, 1.1, 3)
    cloth = designs.paint(designs.vary_design(design, rng), pattern, lit)
    soft = Image.fromarray(mask.astype(np.uint8) * 255)
    soft = soft.filter(ImageFilter.GaussianBlur(0.6))
    share = np.asarray(soft, np.float32)[..., None] / 255
    return np.rint(charted.image * (1 - share) + cloth * share).astype(np.uint8)


def chart_augmenter(pieces: Sequence[NDArray[np.uint8]]) -> Change:
    """Return what changes a view: background, bends, occluders, mask, resolution, light.

    Args:
        pieces: of photos without garments, of `cut_backdrops`; may be empty.
    """
    change_light = photometric_augmenter()

    def change(view: Charted, rng: np.random.Generator) -> Charted:
        image = view.image
        if view.foreground is not None and rng.random() < SWAP_BACKGROUND:
            image = swap_background(image, view.foreground, pieces, rng)
        view = replace(view, image=image)
        if rng.random() < BEND:
            view = bend_view(view, rng)
        if rng.random() < OCCLUDE:
            view = hide_part(view, pieces, rng)
        if rng.random() < SHAVE:
            view = replace(view, mask=shift_outline(view.mask, rng))
        image = coarsen(view.image, rng) if rng.random() < COARSEN else view.image
        return replace(view, image=change_light(image, rng))

    return change


def twin_augmenter(pieces: Sequence[NDArray[np.uint8]]) -> Change:
    """Return what changes a view of twins: occluders, resolution, light; nothing moves.

    Args:
        pieces: of photos without garments; may be empty.
    """
    change_light = photometric_augmenter()

    def change(view: Charted, rng: np.random.Generator) -> Charted:
        if rng.random() < OCCLUDE:
            view = hide_part(view, pieces, rng)
        image = coarsen(view.image, rng) if rng.random() < COARSEN else view.image
        return replace(view, image=change_light(image, rng))

    return change


def bend_view(view: Charted, rng: np.random.Generator) -> Charted:
    """Bend a view smoothly, its chart with it: another body, another cut."""
    field = elastic_field(len(view.image), BEND_STRENGTH * rng.uniform(0.3, 1.3), rng)
    mask, back = (
        remap(plane.astype(np.uint8), field, nearest=True) > 0
        for plane in (view.mask, view.back)
    )
    chart = remap(view.chart, field, nearest=True)
    return Charted(remap(view.image, field), mask, chart, back)


def hide_part(
    view: Charted, pieces: Sequence[NDArray[np.uint8]], rng: np.random.Generator
) -> Charted:
    """Put an arm, a bag or hair in front of the garment."""
    x1, y1, x2, y2 = (float(v) for v in box_or_frame(view.mask))
    alpha, colours = draw_occluder(len(view.image), (x1, y1, x2, y2), pieces, rng)
    image, masks = apply_occluder(view.image, view.mask[None], alpha, colours)
    return replace(view, image=image, mask=masks[0])


def shift_outline(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Cut a mask a little inside its outline, unevenly, as a network's may be."""
    size = len(mask)
    noise = ndimage.zoom(rng.uniform(0, 0.02 * size, (8, 8)), size / 8, order=1)
    inside = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
    return mask & (inside > noise[:size, :size])
