"""Draw training samples of the semantic network: people with the class of each pixel."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import SHORT_SLEEVE_TOP, UNKNOWN, AnnotatedPhoto, Garment
from data_tools.augment.backdrops import cut_backdrops, swap_background
from mrcnn.config import CLOTHES
from mrcnn.refiner.data import NO_PART, Region
from mrcnn.semantic.data import Change, Scene
from mrcnn.windows import box_or_frame
from tryon.training.samples.class_swaps import (
    LONG_TOP,
    EditableGarment,
    shorten_top_sleeves,
    swap_class,
)
from tryon.training.samples.part_labels import LOWER, read_parts
from tryon.training.samples.part_labels import SKIN as SKIN_PART
from tryon.training.samples.refiner import choose_body, quality_augmenter

NAMES = tuple(CLOTHES)
SKIN, OTHER, SKIRT = (NAMES.index(name) for name in ("skin", "other", "skirt"))
_INDEX_OF = {
    label: index for index, labels in enumerate(CLOTHES.values()) for label in labels
}


def _source_shares() -> Mapping[str, float]:
    return {
        "people": 0.1,
        "people-other": 0.47,
        "rendered-near": 0.29,
        "rendered": 0.08,
        "shop": 0.06,
        "shop-other": 0.0,  # what they show is not labelled by pixel
    }


@dataclass(frozen=True)
class SemanticSamplesConfig:
    """Settings of the training samples.

    Fields that end in `_probability` are the share of views that get the change.
    """

    source_shares: Mapping[str, float] = field(default_factory=_source_shares)
    alter_probability: float = 0.5  # a garment becomes one of another class, if it can
    shorten_probability: float = 0.6  # of long sleeves, among these changes
    background_probability: float = 0.3  # the background is swapped
    low_resolution_probability: float = 0.25
    backdrops: int = 150  # pieces of photos cut out for new backgrounds
    # A photo's share grows with the rarest class it shows, as the class's number of
    # photos to minus this power; one that shows none has the share of the commonest.
    rarity: float = 0.6


DEFAULT = SemanticSamplesConfig()


def read_clothes(
    photo: AnnotatedPhoto, garments: Sequence[Garment], foreground: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the class of each pixel: index of `CLOTHES`, or `NO_PART`.

    Where they overlap, skin lies over accessories and accessories over garments.

    Args:
        photo: an annotated photo.
        garments: its garments; of those without a class, the pixels are unknown.
        foreground: bool (H, W), everything that is worn or held, and the people.
    """
    clothes = np.where(foreground, np.uint8(OTHER), np.uint8(0))
    for garment in garments:
        unknown = garment.label == UNKNOWN
        clothes[garment.mask] = NO_PART if unknown else _INDEX_OF[garment.label]
    if photo.read_accessories is not None:
        for mask in photo.accessories():
            clothes[mask] = OTHER
    skin = photo.skin()
    if skin is not None:
        clothes[skin] = SKIN
    return clothes


def balance_classes(
    photos: Sequence[AnnotatedPhoto],
    shares: Sequence[float],
    config: SemanticSamplesConfig = DEFAULT,
) -> list[float]:
    """Return how often each photo is drawn, so that rare classes are seen more often.

    The total share of each source stays as it is.

    Args:
        photos: annotated.
        shares: how often each is drawn, relative to the others.
        config: how much more often.
    """
    worn = [{garment.label for garment in photo.garments()} for photo in photos]
    counts = Counter(label for labels in worn for label in labels)
    commonest = max(counts.values(), default=1)
    rarest = [min((counts[label] for label in w), default=commonest) for w in worn]
    rarity = np.array(rarest, float) ** -config.rarity
    drawn = np.asarray(shares) * rarity
    sources = np.array([photo.source for photo in photos])
    for source in set(sources):
        members = sources == source
        before, after = np.asarray(shares)[members].sum(), drawn[members].sum()
        drawn[members] *= before / after if after else 1.0
    return drawn.tolist()


class SceneLoader:
    """Loads the scene of an index.

    Args:
        photos: by index.
        bodies: float32 (N, 33, 3) of each, the landmarks of its N people.
        config: how often garments are altered.
    """

    def __init__(
        self,
        photos: Sequence[AnnotatedPhoto],
        bodies: Sequence[NDArray[np.float32]],
        config: SemanticSamplesConfig = DEFAULT,
    ):
        self.photos, self.bodies, self.config = photos, bodies, config

    def __call__(self, index: int, rng: np.random.Generator | None = None) -> Scene:
        """Return the scene; a random generator alters one of its garments at times.

        Raises:
            BadPhotoError: when its photo cannot be read.
        """
        photo = self.photos[index]
        image, garments, foreground = photo.image(), photo.garments(), photo.foreground()
        if foreground is None:
            foreground = np.zeros(image.shape[:2], bool)
            for garment in garments:
                foreground |= garment.mask
        clothes = read_clothes(photo, garments, foreground)
        body = choose_body(list(self.bodies[index]), clothes > OTHER)
        points = stand_in_body(clothes > OTHER) if body is None else body[:, :2]
        scene = Scene(image, clothes, foreground, points)
        if rng is None or not garments or rng.random() > self.config.alter_probability:
            return scene
        return self._alter(scene, photo, garments, rng)

    def _alter(
        self,
        scene: Scene,
        photo: AnnotatedPhoto,
        garments: list[Garment],
        rng: np.random.Generator,
    ) -> Scene:
        """Turn one garment into another class, if it can be."""
        garment = garments[rng.integers(len(garments))]
        parts = read_parts(photo, garments, scene.foreground)
        worn = EditableGarment(
            scene.image, garment.mask, scene.foreground, photo.skin, parts
        )
        shorten = garment.label == LONG_TOP and (
            rng.random() < self.config.shorten_probability
        )
        if shorten:
            altered = shorten_top_sleeves(worn, garments, SHORT_SLEEVE_TOP, rng)
        else:
            altered = swap_class(worn, garments, garment.label, rng)
        return scene if altered is None else replace_garment(scene, garment.mask, altered)


def replace_garment(scene: Scene, before: NDArray[np.bool_], altered: Region) -> Scene:
    """Return the scene with an altered garment.

    Args:
        scene: with the garment as it was.
        before: bool (H, W), its mask.
        altered: of `swap_class`: a garment with a class, a mask and the parts around it.
    """
    assert altered.mask is not None and altered.parts is not None
    clothes, bare = scene.clothes.copy(), before & ~altered.mask
    uncovered = altered.parts[bare]
    clothes[bare] = np.where(
        uncovered == SKIN_PART, SKIN, np.where(uncovered == LOWER, SKIRT, NO_PART)
    )
    clothes[altered.mask] = _INDEX_OF[altered.label]
    foreground = scene.foreground | altered.mask
    return replace(scene, image=altered.image, clothes=clothes, foreground=foreground)


def stand_in_body(garments: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return a body that might wear garments: of a shop's picture, which shows none.

    Args:
        garments: bool (H, W).

    Returns:
        float32 (33, 2), whose shoulders and hips lie inside the garments' box.
    """
    x1, y1, x2, y2 = box_or_frame(garments)
    points = np.zeros((33, 2), np.float32)
    for index, (across, down) in {
        11: (0.72, 0.12),
        12: (0.28, 0.12),
        23: (0.66, 0.88),
        24: (0.34, 0.88),
    }.items():
        points[index] = x1 + across * (x2 - x1), y1 + down * (y2 - y1)
    return points


def scene_augmenter(
    photos: Sequence[AnnotatedPhoto], seed: int, config: SemanticSamplesConfig = DEFAULT
) -> Change:
    """Return a function that changes a view's background, quality and light at random.

    Args:
        photos: pieces for new backgrounds are cut out of them first, which takes seconds.
        seed: of the choice of pieces.
        config: probability of each change.
    """
    pieces = cut_backdrops(photos, config.backdrops, np.random.default_rng(seed))
    change_quality: Callable[
        [NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]
    ] = quality_augmenter(config.low_resolution_probability)

    def change(view: Scene, rng: np.random.Generator) -> Scene:
        image = view.image
        if rng.random() < config.background_probability:
            image = swap_background(image, view.foreground, pieces, rng)
        return replace(view, image=change_quality(image, rng))

    return change
