"""What the refiner is taught on: garments, and what Mask R-CNN takes for garments.

The finds of Mask R-CNN on the training photos are looked up once, before training, and
kept in the run's folder: real first masks, and real mistakes to learn from.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_tools.annotations import (
    SHORT_SLEEVE_TOP,
    AnnotatedPhoto,
    BadPhotoError,
    Garment,
)
from data_tools.augment.backdrops import (
    cut_backdrops,
    draw_backdrop,
    swap_background,
)
from data_tools.augment.occluders import (
    CutOut,
    apply_occluder,
    cut_occluders,
    draw_occluder,
)
from data_tools.augment.views import photometric_augmenter
from mrcnn.data import UNNAMED
from mrcnn.detections import mask_iou
from mrcnn.predictor import detect
from mrcnn.refiner.data import NO_PART, Change, Region
from mrcnn.runtime import Predictor
from mrcnn.windows import box_or_frame
from tryon.files import write_whole
from tryon.segment import drop_nested
from tryon.training.samples.class_swaps import LONG_TOP, EditableGarment, alter, bare_arms
from tryon.training.samples.part_labels import read_parts

_log = logging.getLogger(__name__)
FIND_SCORE = 0.15  # of Mask R-CNN's finds that are taught
TOP_SCORE = 0.3  # and of the find that is taken for the top of a photo without masks
SAME, OTHER = 0.45, 0.25  # IoU with a garment: from here it is that one, below it is none
SHRINK = 3  # finds are kept at a third of the photo's size
HALF = 0.5  # how often a find's own mask is the hint, and not a spoilt truth
COLUMNS = 4  # of the table of finds: the fields of `Candidate` that are numbers
# How often a view gets each change.
SWAP_BACKGROUND, RECOLOUR, OCCLUDE, COARSEN = 0.4, 0.2, 0.4, 0.25
PANEL = 0.5  # how often another cloth is that of a panel alone
SWALLOW = 0.12  # how often a spoilt first mask takes in what hangs below
CELLS = 28  # a side of the grid of such a mask
BACKDROPS, CUT_OUTS = 150, 300
LOWER = (7, 8, 9)  # shorts, trousers, skirts
SHORTENED_SHARE = 0.1  # of the draws: long-sleeve tops that become short-sleeve ones
# Of a photo's looks: the top counts, what else is seen must only be told from it.
LOWER_SHARE, NOTHING_SHARE = 0.5, 0.4


@dataclass(frozen=True)
class Candidate:
    """One region to teach.

    Attributes:
        photo: index of its photo.
        garment: index among the photo's garments; None for what is none of them.
        label: the garment's, -1 when that is unknown, 0 for none of them.
        find: name of Mask R-CNN's first mask among the finds; "" for none.
        shortened: whether the garment has long sleeves and is to be seen in short ones,
            which `label` tells of.
    """

    photo: int
    garment: int | None
    label: int
    find: str = ""
    shortened: bool = False


@dataclass(frozen=True)
class Finds:
    """Candidates of all photos, and the first masks, uint8, by name."""

    candidates: list[Candidate]
    masks: dict[str, NDArray[np.uint8]]

    def save(self, path: Path, photos: Sequence[AnnotatedPhoto]) -> None:
        """Write them to an .npz file, with the names of the photos they belong to."""
        rows = [astuple(candidate) for candidate in self.candidates]
        table = [(p, -1 if g is None else g, k, s) for p, g, k, _, s in rows]
        arrays = {"table": np.array(table), "names": np.array([row[3] for row in rows])}
        arrays |= self.masks | {"photos": _names(photos)}

        def write(file: IO[bytes]) -> None:
            np.savez_compressed(file, allow_pickle=False, **arrays)

        write_whole(path, write)

    @classmethod
    def load(cls, path: Path, photos: Sequence[AnnotatedPhoto]) -> "Finds | None":
        """Read what `save` wrote; None when there is nothing, or of other photos."""
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as file:
            masks = {name: file[name] for name in file.files}
        if not np.array_equal(masks.pop("photos", None), _names(photos)):
            return None
        table, names = masks.pop("table"), masks.pop("names")
        if table.shape[1:] != (COLUMNS,):  # of an earlier version
            return None
        candidates = [
            Candidate(int(p), None if g < 0 else int(g), int(k), str(name), bool(s))
            for (p, g, k, s), name in zip(table, names, strict=True)
        ]
        return cls(candidates, masks)


def _names(photos: Sequence[AnnotatedPhoto]) -> NDArray[np.str_]:
    return np.array([str(photo.image_path) for photo in photos], np.str_)


def look_for_regions(
    predictor: Predictor,
    photos: Sequence[AnnotatedPhoto],
    tops: Sequence[AnnotatedPhoto],
    tell: Callable[[str], None],
) -> Finds:
    """Find what to teach in every photo.

    Args:
        predictor: a trained Mask R-CNN.
        photos: with their garments; whatever else is found there is none.
        tops: photos that show a short-sleeve top, without masks; their indices follow.
        tell: called with every photo's name.
    """
    finds = Finds([], {})
    for index, photo in enumerate([*photos, *tops]):
        tell(photo.image_path.name)
        try:
            if index < len(photos):
                _add_photo(finds, predictor, index, photo)
            else:
                _add_top(finds, predictor, index, photo)
        except BadPhotoError as error:
            _log.warning("left out a bad file: %s", error)
    return finds


def _add_photo(
    finds: Finds, predictor: Predictor, index: int, photo: AnnotatedPhoto
) -> None:
    garments = photo.garments()
    finds.candidates.extend(
        Candidate(index, place, _class_of(garment))
        for place, garment in enumerate(garments)
    )
    finds.candidates.extend(
        Candidate(index, place, SHORT_SLEEVE_TOP, shortened=True)
        for place, garment in enumerate(garments)
        if garment.label == LONG_TOP and _can_shorten(photo, garments, garment)
    )
    finds.candidates.extend(
        Candidate(index, None, 0, _keep(finds, mask.astype(np.float32)))
        for mask in photo.accessories()
    )
    for mask, _ in _look(predictor, photo.image()):
        ious = [mask_iou(mask >= 0.5, garment.mask) for garment in garments]
        best = int(np.argmax(ious)) if ious else -1
        if ious and ious[best] >= SAME:
            name = _keep(finds, mask)
            finds.candidates.append(
                Candidate(index, best, _class_of(garments[best]), name)
            )
        elif not ious or ious[best] < OTHER:
            finds.candidates.append(Candidate(index, None, 0, _keep(finds, mask)))


def _can_shorten(
    photo: AnnotatedPhoto, garments: Sequence[Garment], garment: Garment
) -> bool:
    worn = EditableGarment(photo.image(), garment.mask, None, photo.skin)
    rng = np.random.default_rng(0)
    return bare_arms(worn, garments, SHORT_SLEEVE_TOP, rng) is not None


def _class_of(garment: Garment) -> int:
    """Return a garment's label as `Region` knows it, where 0 is no garment at all."""
    return garment.label or UNNAMED


def _add_top(
    finds: Finds, predictor: Predictor, index: int, photo: AnnotatedPhoto
) -> None:
    for mask, score in _look(predictor, photo.image())[:1]:
        if score >= TOP_SCORE:
            name = _keep(finds, mask)
            finds.candidates.append(Candidate(index, None, SHORT_SLEEVE_TOP, name))


def _look(
    predictor: Predictor, image: NDArray[np.uint8]
) -> list[tuple[NDArray[np.float32], float]]:
    found = drop_nested(detect(predictor, image, FIND_SCORE)[0], 0.8)
    return list(zip(found.masks, found.scores.tolist(), strict=True))


def _keep(finds: Finds, mask: NDArray[np.float32]) -> str:
    height, width = (max(1, side // SHRINK) for side in mask.shape)
    small = Image.fromarray(mask).resize((width, height), Image.Resampling.BOX)
    name = f"find-{len(finds.masks):06d}"
    finds.masks[name] = np.rint(np.asarray(small) * 255).astype(np.uint8)
    return name


def region_shares(
    candidates: Sequence[Candidate], photo_shares: Sequence[float]
) -> list[float]:
    """Return how often each candidate is drawn: a part of its photo's share.

    Shortened ones have a share of their own, or the few would hardly be seen.
    """
    shortened = np.array([candidate.shortened for candidate in candidates])
    own = SHORTENED_SHARE * sum(photo_shares) / max(int(shortened.sum()), 1)
    weights = np.array([_weight(candidate) for candidate in candidates])
    places = [candidate.photo for candidate in candidates]
    totals = np.bincount(places, weights, minlength=len(photo_shares))
    parts = np.asarray(photo_shares)[places] * weights / totals[places]
    return np.where(shortened, own, parts).tolist()


def _weight(candidate: Candidate) -> float:
    if candidate.shortened:
        return 0.0
    if candidate.label == 0:
        return NOTHING_SHARE
    return LOWER_SHARE if candidate.label in LOWER else 1.0


class RegionLoader:
    """Reads the region of an index, see `Candidate`.

    Args:
        photos: by the candidates' indices.
        finds: the candidates.
    """

    def __init__(self, photos: Sequence[AnnotatedPhoto], finds: Finds):
        self.photos, self.finds = photos, finds

    def __call__(self, index: int, rng: np.random.Generator) -> Region:
        """Return the region.

        Raises:
            BadPhotoError: when its photo cannot be read.
        """
        candidate = self.finds.candidates[index]
        photo = self.photos[candidate.photo]
        image = photo.image()
        hint: NDArray[np.float32] | None = None
        if candidate.find:
            small = Image.fromarray(self.finds.masks[candidate.find])
            hint = np.asarray(small.resize(image.shape[1::-1]), np.float32) / np.float32(
                255
            )
        if candidate.garment is None:
            parts = read_parts(photo)
            return Region(image, None, hint, candidate.label, parts=parts)
        garments, foreground = photo.garments(), photo.foreground()
        garment, label = garments[candidate.garment], candidate.label
        parts = read_parts(photo, garments, foreground)
        worn = EditableGarment(image, garment.mask, foreground, photo.skin, parts)
        if candidate.shortened:
            altered = bare_arms(worn, garments, label, rng)
            label = _class_of(garment)
        else:
            altered = alter(worn, garments, label, rng)
        if altered is not None:
            return altered
        if rng.random() < HALF:
            hint = None
        if hint is None and foreground is not None and rng.random() < SWALLOW:
            hint = swallow(garment.mask, foreground, rng)
        # Other classes have landmarks of their own, which the refiner does not know.
        points = garment.landmarks if label == SHORT_SLEEVE_TOP else None
        return Region(image, garment.mask, hint, label, points, foreground, parts)


def region_augmenter(photos: Sequence[AnnotatedPhoto], seed: int) -> Change:
    """Return what changes a view: background, occluders, resolution, light.

    Surfaces are cut out of the photos first, which takes seconds.
    """
    rng = np.random.default_rng(seed)
    pieces, cuts = (
        cut_backdrops(photos, BACKDROPS, rng),
        cut_occluders(photos, CUT_OUTS, rng),
    )
    change_light = photometric_augmenter()

    def change(view: Region, rng: np.random.Generator) -> Region:
        image = view.image
        if view.foreground is not None and rng.random() < SWAP_BACKGROUND:
            image = swap_background(image, view.foreground > 0.5, pieces, rng)
        view = replace(view, image=image)
        if view.mask is not None and rng.random() < RECOLOUR:
            view = recolour(view, pieces, rng)
        if view.mask is not None and rng.random() < OCCLUDE:
            view = occlude(view, pieces, rng, cuts)
        image = coarsen(view.image, rng) if rng.random() < COARSEN else view.image
        return replace(view, image=change_light(image, rng))

    return change


def swallow(
    mask: NDArray[np.bool_], foreground: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a coarse first mask that takes a skirt or an apron for part of the garment.

    Args:
        mask: bool (H, W), the garment.
        foreground: bool (H, W), whatever is worn or held.
        rng: source of chance.

    Returns:
        float32 (H, W) in [0, 1].
    """
    x1, y1, x2, y2 = box_or_frame(mask)
    end = y2 + int((y2 - y1) * rng.uniform(0.15, 0.9))
    both = mask.astype(np.float32)
    both[y2 - 1 : end, x1:x2] = foreground[y2 - 1 : end, x1:x2]
    picture = Image.fromarray(both)
    step = max(x2 - x1, end - y1) / CELLS
    grid = tuple(max(1, round(side / step)) for side in picture.size)
    coarse = picture.resize(grid, Image.Resampling.BOX)
    return np.asarray(coarse.resize(picture.size, Image.Resampling.BILINEAR))


def recolour(
    view: Region, pieces: Sequence[NDArray[np.uint8]], rng: np.random.Generator
) -> Region:
    """Give the garment another cloth, its folds kept: plain, patterned or a neighbour's.

    A garment of its neighbour's colour teaches outlines that no colour shows. Half of the
    time a panel of it alone is changed, as of a raglan tee or a jersey.
    """
    assert view.mask is not None
    size, solid = len(view.image), view.mask > 0.5
    if not solid.any():
        return view
    grey = view.image.mean(axis=2, dtype=np.float32) + 20
    folds = np.clip(grey / np.median(grey[solid]), 0.3, 1.8)[..., None]
    ys, xs = np.nonzero(~solid)
    kind = rng.random()
    if kind < 0.35 and len(ys):
        cloth = view.image[ys, xs][rng.integers(len(ys))].astype(np.float32)
    elif kind < 0.65:
        cloth = rng.uniform(10, 245, 3).astype(np.float32)
    else:
        cloth = draw_backdrop(size, pieces, rng).astype(np.float32)
    alpha = view.mask[..., None]
    if rng.random() < PANEL:
        alpha = alpha * draw_panel(view.mask, rng)[..., None]
    image = view.image * (1 - alpha) + np.clip(cloth * folds, 0, 255) * alpha
    return replace(view, image=np.rint(image).astype(np.uint8))


def draw_panel(
    mask: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw where a garment might be sewn of another cloth than the rest.

    Both sides, both sleeves, the shoulders, the lower part, one half, or all but these.

    Args:
        mask: float32 (S, S), not empty.
        rng: source of chance.

    Returns:
        float32 (S, S) in {0, 1}.
    """
    x1, y1, x2, y2 = box_or_frame(mask)
    ys, xs = np.mgrid[: len(mask), : len(mask)].astype(np.float32)
    across, down = (xs - x1) / (x2 - x1) - 0.5, (ys - y1) / (y2 - y1)
    down = down + rng.normal(0, 0.1) * across + rng.normal(0, 0.3) * across**2
    aside = np.abs(across) + rng.normal(0, 0.06) * np.cos(np.pi * down)
    panel = (
        aside > rng.uniform(0.15, 0.38),
        aside > rng.uniform(0.05, 0.2) + rng.uniform(0.2, 0.7) * down,  # raglan
        down < rng.uniform(0.15, 0.45),
        down > rng.uniform(0.45, 0.85),
        across > rng.normal(0, 0.05),
    )[rng.integers(5)]
    return (panel ^ (rng.random() < HALF)).astype(np.float32)


def occlude(
    view: Region,
    pieces: Sequence[NDArray[np.uint8]],
    rng: np.random.Generator,
    cuts: Sequence[CutOut] = (),
) -> Region:
    """Put something in front of the garment; what it hides is no garment any more.

    Landmarks that it hides become hidden ones, and half of the hints know of it.
    """
    assert view.mask is not None and view.hint is not None
    x1, y1, x2, y2 = (float(v) for v in box_or_frame(view.mask))
    alpha, colours = draw_occluder(len(view.image), (x1, y1, x2, y2), pieces, rng, cuts)
    image, _ = apply_occluder(
        view.image, np.zeros((0, *alpha.shape), bool), alpha, colours
    )
    points = view.landmarks
    if points is not None:
        points = points.copy()
        xs, ys = np.clip(points[:, :2].astype(int), 0, len(alpha) - 1).T
        points[(alpha[ys, xs] > 0.5) & (points[:, 2] > 1), 2] = 1
    clear = 1 - alpha
    hint = view.hint * clear if rng.random() < HALF else view.hint
    parts = view.parts
    if parts is not None:
        parts = np.where(alpha > 0.5, np.uint8(NO_PART), parts)
    return replace(
        view,
        image=image,
        mask=view.mask * clear,
        hint=hint,
        landmarks=points,
        parts=parts,
    )


def coarsen(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Make a view look as if its photo had fewer pixels; same shape."""
    size = len(image)
    small = int(size * rng.uniform(0.25, 0.7))
    picture = Image.fromarray(image).resize((small, small), Image.Resampling.BOX)
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))
