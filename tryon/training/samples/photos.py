"""The photos of a segmenter's training run: which, how often, in which form."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from data_tools.annotations import (
    SHORT_SLEEVE_TOP,
    AnnotatedPhoto,
    BadPhotoError,
    Garment,
)
from data_tools.augment.backdrops import cut_backdrops
from data_tools.augment.views import view_augmenter
from data_tools.filters import PhotoFilter
from data_tools.folders import read_folder
from mrcnn.data import UNNAMED, Example
from mrcnn.refiner.data import Region
from tryon.training.samples.class_swaps import (
    LONG_TOP,
    SKIRT,
    TOP_OF,
    EditableGarment,
    alter,
    bare_arms,
)

_log = logging.getLogger(__name__)
# How often each source is drawn. Street photos of other garments teach outlines and
# sleeves; the few of short sleeves would be learned by heart if they were drawn as often.
SOURCE_SHARES = {
    "people": 0.22,
    "people-other": 0.32,
    "shop": 0.13,
    "shop-other": 0.05,
    "rendered": 0.1,
}
OTHER_SHARE = 0.22  # of a source that is not listed
SHORTEN = 0.5  # how often a long-sleeve top becomes a short-sleeve one, where it can
HELD_OUT_EVERY = 20  # of the photos; none of fewer
_MAX_HELD_OUT = 40
_BACKDROPS = 150
_TRIES = 20  # photos in a row that cannot be read, before training stops


@dataclass(frozen=True)
class DataPart:
    """A place of annotated photos and how often it is drawn, relative to the others."""

    path: Path
    weight: float | None = None  # None everywhere: every source by `SOURCE_SHARES`


@dataclass(frozen=True)
class DataChoice:
    """Which photos of all places are used, and how.

    Attributes:
        parts: the places.
        polygons: "segmentation" or "landmarks", see `read_folder`.
        wanted: which photos are taken.
        limit: only so many photos, chosen by the seed; None takes all.
    """

    parts: Sequence[DataPart]
    polygons: str = "segmentation"
    wanted: PhotoFilter = field(default_factory=PhotoFilter)
    limit: int | None = None


@dataclass(frozen=True)
class TrainingPhotos:
    """Photos to train on with their shares of the draws, and photos held out."""

    photos: list[AnnotatedPhoto]
    shares: list[float]
    held_out: list[AnnotatedPhoto]


def gather_photos(choice: DataChoice, seed: int) -> TrainingPhotos:
    """Read the places, hold photos out and choose.

    Args:
        choice: the places.
        seed: of the choice.

    Raises:
        FileNotFoundError: see `read_folder`.
        ValueError: see `read_folder`.
    """
    parts = [
        read_folder(part.path, "train", choice.polygons, choice.wanted)
        for part in choice.parts
    ]
    photos = [photo for part in parts for photo in part]
    shares = drawing_shares(parts, [part.weight for part in choice.parts])
    held = held_out_places(len(photos))
    rest = [index for index in range(len(photos)) if index not in held]
    if choice.limit is not None:
        rest = np.random.default_rng(seed).permutation(rest)[: choice.limit].tolist()
    return TrainingPhotos(
        [photos[index] for index in rest],
        [shares[index] for index in rest],
        [photos[index] for index in sorted(held)],
    )


def held_out_places(count: int) -> set[int]:
    """Return the places of the photos that are not trained on: every 20th, at most 40."""
    step = max(HELD_OUT_EVERY, -(-count // _MAX_HELD_OUT))
    return set(range(step - 1, count, step))


def drawing_shares(
    parts: Sequence[Sequence[AnnotatedPhoto]],
    weights: Sequence[float | None],
) -> list[float]:
    """Return how often each photo is drawn, part after part.

    Within a part, and over all parts when none has a weight, sources keep
    `SOURCE_SHARES`. Else parts are drawn by their weights; one without counts 1.
    """
    if all(weight is None for weight in weights):
        return _by_source([photo for part in parts for photo in part])
    shares = []
    for part, weight in zip(parts, weights, strict=True):
        own = _by_source(part)
        scale = (1.0 if weight is None else weight) / sum(own)
        shares += [share * scale for share in own]
    return shares


def _by_source(photos: Sequence[AnnotatedPhoto]) -> list[float]:
    counts = Counter(photo.source for photo in photos)
    return [
        SOURCE_SHARES.get(photo.source, OTHER_SHARE) / counts[photo.source]
        for photo in photos
    ]


def read_example(
    photo: AnnotatedPhoto, rng: np.random.Generator | None = None
) -> Example:
    """Read one annotated photo from disk.

    Args:
        photo: where it is.
        rng: of whether a garment is altered, see `alter`; None leaves all as they are.

    Raises:
        BadPhotoError: when photo or annotation cannot be read, or do not fit.
    """
    image, garments = photo.image(), photo.garments()
    masks = np.array([garment.mask for garment in garments], bool)
    # A garment that nobody can name is one all the same.
    labels = np.array([garment.label or UNNAMED for garment in garments], np.int64)
    masks = masks.reshape(-1, *image.shape[:2])
    try:
        example = Example(image, masks, labels, photo.foreground())
    except ValueError as error:
        raise BadPhotoError(f"{photo.image_path}: {error}") from error
    return example if rng is None else _alter_one(example, photo, garments, rng)


def _alter_one(
    example: Example,
    photo: AnnotatedPhoto,
    garments: Sequence[Garment],
    rng: np.random.Generator,
) -> Example:
    """Make another garment of one that can be altered, if chance wants it."""
    for place in rng.permutation(len(garments)):
        before = garments[place]
        worn = EditableGarment(example.image, before.mask, example.foreground, photo.skin)
        if before.label == LONG_TOP and rng.random() < SHORTEN:
            made = bare_arms(worn, garments, SHORT_SLEEVE_TOP, rng)
        else:
            made = alter(worn, garments, before.label, rng)
        if made is not None:
            return _put_in_place(example, int(place), made)
    return example


def _put_in_place(example: Example, place: int, made: Region) -> Example:
    """Replace a garment by what was made of it; what that covers is seen no more."""
    new = np.asarray(made.mask, bool)
    rest = example.masks[place] & ~new
    masks, labels = example.masks & ~new, example.labels.copy()
    if labels[place] in TOP_OF:  # of a dress a skirt is left below the top
        masks, labels = np.concatenate([masks, rest[None]]), np.append(labels, SKIRT)
    masks[place], labels[place] = new, made.label
    seen = masks.any(axis=(1, 2))
    return Example(made.image, masks[seen], labels[seen], made.foreground)


class ExampleLoader:
    """Reads the example of an index; a bad photo's place is taken by the next one.

    Args:
        photos: the photos by index.
    """

    def __init__(self, photos: Sequence[AnnotatedPhoto]):
        self.photos = photos
        self.bad: set[int] = set()

    def __call__(self, index: int, rng: np.random.Generator | None = None) -> Example:
        """Return the example; see `read_example`.

        Raises:
            BadPhotoError: when many photos in a row cannot be read.
        """
        for step in range(min(_TRIES, len(self.photos))):
            place = (index + step) % len(self.photos)
            try:
                return read_example(self.photos[place], rng)
            except BadPhotoError as error:
                last = error
                if place not in self.bad:
                    self.bad.add(place)
                    _log.warning("left out bad file %d: %s", len(self.bad), error)
        raise BadPhotoError(f"no photo could be read, the last was {last}")


def example_augmenter(
    photos: Sequence[AnnotatedPhoto], seed: int
) -> Callable[[Example, np.random.Generator], Example]:
    """Return what changes a view; surfaces are cut out of the photos first."""
    rng = np.random.default_rng(seed)
    augment = view_augmenter(cut_backdrops(photos, _BACKDROPS, rng))

    def change(view: Example, rng: np.random.Generator) -> Example:
        image, masks = augment(view.image, view.masks, view.foreground, rng)
        return replace(view, image=image, masks=masks)

    return change
