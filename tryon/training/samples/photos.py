"""Select, weight and load the annotated photos of a training run."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
    shorten_top_sleeves,
    swap_class,
)

_log = logging.getLogger(__name__)


def _source_shares() -> Mapping[str, float]:
    return {
        "people": 0.22,
        "people-other": 0.32,
        "shop": 0.13,
        "shop-other": 0.05,
        "rendered": 0.08,
        "rendered-near": 0.2,
    }


@dataclass(frozen=True)
class PhotosConfig:
    """How often photos are drawn and altered, and which are held out."""

    # Share of the draws of each source, relative to the others. Street photos of other
    # garments are examples of outlines and sleeves; the few of short-sleeve tops would
    # be memorized if they were drawn more often than these.
    source_shares: Mapping[str, float] = field(default_factory=_source_shares)
    other_share: float = 0.22  # of a source that is not listed
    # Probability that a long-sleeve top becomes a short-sleeve one, where it can.
    shorten_probability: float = 0.5
    held_out_every: int = 20  # every so many-th photo is held out; none of fewer photos
    max_held_out: int = 40
    backdrops: int = 150  # pieces of photos cut out for new backgrounds
    max_bad_photos: int = 20  # in a row that cannot be read, before training stops


DEFAULT = PhotosConfig()


@dataclass(frozen=True)
class DataPart:
    """A folder or file of annotated photos and how often it is drawn.

    Attributes:
        path: what `read_folder` reads.
        weight: relative to the other parts; when no part has one, photos are drawn by
            the shares of their sources, see `PhotosConfig.source_shares`.
    """

    path: Path
    weight: float | None = None


@dataclass(frozen=True)
class DataChoice:
    """Which photos of all parts are used, and how.

    Attributes:
        parts: folders and files of annotated photos.
        polygons: "segmentation" or "landmarks", see `read_folder`.
        wanted: which photos are taken.
        limit: use so many photos, chosen by the seed; None takes all.
    """

    parts: Sequence[DataPart]
    polygons: str = "segmentation"
    wanted: PhotoFilter = field(default_factory=PhotoFilter)
    limit: int | None = None


@dataclass(frozen=True)
class TrainingPhotos:
    """Photos to train on, how often each is drawn, and photos held out.

    Attributes:
        photos: to train on.
        shares: of each photo, how often it is drawn relative to the others.
        held_out: photos that are not trained on.
    """

    photos: list[AnnotatedPhoto]
    shares: list[float]
    held_out: list[AnnotatedPhoto]


def gather_photos(
    choice: DataChoice, seed: int, config: PhotosConfig = DEFAULT
) -> TrainingPhotos:
    """List the photos of all parts, hold some out and apply the limit.

    Args:
        choice: the parts and the limit.
        seed: selects the photos when there is a limit.
        config: shares of the draws, and how many photos are held out.

    Raises:
        FileNotFoundError: see `read_folder`.
        ValueError: see `read_folder`.
    """
    parts = [
        read_folder(part.path, "train", choice.polygons, choice.wanted)
        for part in choice.parts
    ]
    photos = [photo for part in parts for photo in part]
    shares = sampling_shares(parts, [part.weight for part in choice.parts], config)
    held_out = held_out_indices(len(photos), config)
    rest = [index for index in range(len(photos)) if index not in held_out]
    if choice.limit is not None:
        rest = np.random.default_rng(seed).permutation(rest)[: choice.limit].tolist()
    return TrainingPhotos(
        [photos[index] for index in rest],
        [shares[index] for index in rest],
        [photos[index] for index in sorted(held_out)],
    )


def held_out_indices(count: int, config: PhotosConfig = DEFAULT) -> set[int]:
    """Return the indices of the photos that are not trained on, evenly spaced.

    Args:
        count: of all photos.
        config: the spacing, and the maximum number.
    """
    step = max(config.held_out_every, -(-count // config.max_held_out))
    return set(range(step - 1, count, step))


def sampling_shares(
    parts: Sequence[Sequence[AnnotatedPhoto]],
    weights: Sequence[float | None],
    config: PhotosConfig = DEFAULT,
) -> list[float]:
    """Return how often each photo is drawn, relative to the others, part after part.

    Args:
        parts: photos of each part.
        weights: how often each part is drawn; None counts as 1. When all are None, the
            shares of the sources apply to all parts together, else within each part.
        config: the shares of the sources.
    """
    if all(weight is None for weight in weights):
        return _source_sampling([photo for part in parts for photo in part], config)
    shares = []
    for part, weight in zip(parts, weights, strict=True):
        own = _source_sampling(part, config)
        scale = (1.0 if weight is None else weight) / sum(own)
        shares += [share * scale for share in own]
    return shares


def _source_sampling(
    photos: Sequence[AnnotatedPhoto], config: PhotosConfig
) -> list[float]:
    """Return each photo's equal part of its source's share."""
    counts = Counter(photo.source for photo in photos)
    return [
        config.source_shares.get(photo.source, config.other_share) / counts[photo.source]
        for photo in photos
    ]


def read_example(
    photo: AnnotatedPhoto,
    rng: np.random.Generator | None = None,
    config: PhotosConfig = DEFAULT,
) -> Example:
    """Read one annotated photo from disk, with a garment altered at random.

    Args:
        photo: an annotated photo.
        rng: random generator for the class of a garment, see `swap_class`; None alters
            nothing.
        config: how often long sleeves are shortened.

    Raises:
        BadPhotoError: when photo or annotation cannot be read, or their sizes differ.
    """
    image, garments = photo.image(), photo.garments()
    masks = np.array([garment.mask for garment in garments], bool)
    # A garment of unknown class is still trained on, as one without a class.
    labels = np.array([garment.label or UNNAMED for garment in garments], np.int64)
    masks = masks.reshape(-1, *image.shape[:2])
    try:
        example = Example(image, masks, labels, photo.foreground())
    except ValueError as error:
        raise BadPhotoError(f"{photo.image_path}: {error}") from error
    return example if rng is None else _alter_one(example, photo, garments, rng, config)


def _alter_one(
    example: Example,
    photo: AnnotatedPhoto,
    garments: Sequence[Garment],
    rng: np.random.Generator,
    config: PhotosConfig,
) -> Example:
    """Alter at most one garment, at random, among those that can be altered."""
    for index in rng.permutation(len(garments)):
        before = garments[index]
        worn = EditableGarment(example.image, before.mask, example.foreground, photo.skin)
        if before.label == LONG_TOP and rng.random() < config.shorten_probability:
            altered = shorten_top_sleeves(worn, garments, SHORT_SLEEVE_TOP, rng)
        else:
            altered = swap_class(worn, garments, before.label, rng)
        if altered is not None:
            return _replace_garment(example, int(index), altered)
    return example


def _replace_garment(example: Example, index: int, altered: Region) -> Example:
    """Replace a garment by its altered version, and cut the others where that lies."""
    new = np.asarray(altered.mask, bool)
    rest = example.masks[index] & ~new
    masks, labels = example.masks & ~new, example.labels.copy()
    if labels[index] in TOP_OF:  # the lower part of a dress is a skirt
        masks, labels = np.concatenate([masks, rest[None]]), np.append(labels, SKIRT)
    masks[index], labels[index] = new, altered.label
    visible = masks.any(axis=(1, 2))
    return Example(altered.image, masks[visible], labels[visible], altered.foreground)


class ExampleLoader:
    """Loads the example of an index; for a bad photo, that of the next index.

    Args:
        photos: the photos by index.
        config: see `read_example`; and how many bad photos are passed over.
    """

    def __init__(self, photos: Sequence[AnnotatedPhoto], config: PhotosConfig = DEFAULT):
        self.photos, self.config = photos, config
        self.bad: set[int] = set()

    def __call__(self, index: int, rng: np.random.Generator | None = None) -> Example:
        """Return the example; see `read_example`.

        Raises:
            BadPhotoError: when many photos in a row cannot be read.
        """
        for step in range(min(self.config.max_bad_photos, len(self.photos))):
            current = (index + step) % len(self.photos)
            try:
                return read_example(self.photos[current], rng, self.config)
            except BadPhotoError as error:
                last = error
                if current not in self.bad:
                    self.bad.add(current)
                    _log.warning("left out bad file %d: %s", len(self.bad), error)
        raise BadPhotoError(f"no photo could be read, the last was {last}")


def example_augmenter(
    photos: Sequence[AnnotatedPhoto], seed: int, config: PhotosConfig = DEFAULT
) -> Callable[[Example, np.random.Generator], Example]:
    """Return a function that changes a view at random, see `view_augmenter`.

    Args:
        photos: pieces for new backgrounds are cut out of them first.
        seed: of the choice of pieces.
        config: number of pieces.
    """
    rng = np.random.default_rng(seed)
    augment = view_augmenter(cut_backdrops(photos, config.backdrops, rng))

    def change(view: Example, rng: np.random.Generator) -> Example:
        image, masks = augment(view.image, view.masks, view.foreground, rng)
        return replace(view, image=image, masks=masks)

    return change
