"""Alter photos so that they show a garment of another class.

There are few short-sleeve tops, so a network could memorize what else their photos show
and take the class from that. A photo and its altered version differ in the garment alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import SHORT_SLEEVE_TOP, Garment
from data_tools.paint.bare_arms import find_sleeves, shorten_sleeves
from data_tools.paint.cloth import Mask, Picture
from data_tools.paint.dresses import make_dress, split_dress
from data_tools.paint.sleeves import Arm, find_arms, lengthen_sleeves
from mrcnn.refiner.data import NO_PART, Region
from tryon.training.samples.part_labels import LOWER, PART_OF, SKIN

# Category ids of DeepFashion2; sleeves are long or short.
LONG_TOP, LONG_COAT, SKIRT, SHORT_DRESS = 2, 4, 9, 10
# Category of a dress -> that of its upper half: short sleeves, long ones, none, straps.
TOP_OF = {SHORT_DRESS: SHORT_SLEEVE_TOP, 11: LONG_TOP, 12: 5, 13: 6}


@dataclass(frozen=True)
class ClassSwapConfig:
    """How often garments are altered, and how far.

    Probabilities hold for garments that can be altered so. A photo with sleeves that end
    between the ranges of short and of long ones would be ambiguous, hence the gaps.
    """

    lengthen_probability: float = 0.5  # a short-sleeve top gets longer sleeves
    long_probability: float = 0.5  # these sleeves are long ones, else still short
    make_dress_probability: float = 0.4  # a top and its skirt become a dress
    split_dress_probability: float = 0.4  # a dress becomes a top
    roll_up_probability: float = 0.25  # long sleeves are rolled up and stay long
    # Length of arm, from the finger tips up, that stays bare below a long sleeve, and
    # below one that ends at the elbow or above; shares of the shirt's height.
    long_sleeve_bare: tuple[float, float] = (0.22, 0.42)
    short_sleeve_bare: tuple[float, float] = (0.64, 1.0)
    # Part of a long sleeve that remains: when it becomes short, and when it stays long.
    short_sleeve_remains: tuple[float, float] = (0.3, 0.6)
    long_sleeve_remains: tuple[float, float] = (0.72, 0.88)
    # Share of a dress's height: an arm that is bare from above here on shows that the
    # sleeve is short.
    short_sleeve_end: float = 0.45


DEFAULT = ClassSwapConfig()


@dataclass(frozen=True)
class EditableGarment:
    """A garment in its photo, which may be altered to another class.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W), the garment.
        foreground: bool (H, W), see `Region`.
        read_skin: returns all bare skin, bool (H, W), or None when it is not known.
        parts: uint8 (H, W), see `Region`.
    """

    image: Picture
    mask: Mask
    foreground: Mask | None
    read_skin: Callable[[], Mask | None]
    parts: NDArray[np.uint8] | None = None

    def arms(self) -> list[Arm]:
        """Return the visible bare arms."""
        skin = self.read_skin()
        return [] if skin is None else find_arms(self.mask, skin)

    def as_region(
        self, image: Picture, mask: Mask, label: int, uncovered: int = NO_PART
    ) -> Region:
        """Return the altered garment as a region without hint and landmarks.

        Args:
            image: uint8 (H, W, 3), the altered photo.
            mask: bool (H, W), the altered garment.
            label: category id of the altered garment.
            uncovered: part label of the pixels that the garment no longer covers.
        """
        around = None if self.foreground is None else self.foreground | mask
        parts = self.parts
        if parts is not None:
            parts = np.where(self.mask & ~mask, np.uint8(uncovered), parts)
            parts[mask] = PART_OF[label]
        return Region(image, mask, None, label, None, around, parts)


def swap_class(
    worn: EditableGarment,
    garments: Sequence[Garment],
    label: int,
    rng: np.random.Generator,
    config: ClassSwapConfig = DEFAULT,
) -> Region | None:
    """Turn a garment into one of another class or sleeve length, at random.

    Args:
        worn: the garment.
        garments: all garments of its photo.
        label: its category id.
        rng: random generator.
        config: probability and range of each change.

    Returns:
        The altered region; None when the garment stays as it is.
    """
    if label == LONG_TOP:
        if rng.random() < config.roll_up_probability:
            return shorten_top_sleeves(worn, garments, label, rng, config)
        return None
    if label in TOP_OF:
        split = rng.random() < config.split_dress_probability
        return dress_to_top(worn, label, rng, config) if split else None
    if label != SHORT_SLEEVE_TOP:
        return None
    skirts = [garment.mask for garment in garments if garment.label == SKIRT]
    if skirts and rng.random() < config.make_dress_probability:
        made = make_dress(worn.image, worn.mask, skirts[0], rng)
        return None if made is None else worn.as_region(*made, SHORT_DRESS)
    lengthen = rng.random() < config.lengthen_probability
    return lengthen_top_sleeves(worn, rng, config) if lengthen else None


def lengthen_top_sleeves(
    worn: EditableGarment, rng: np.random.Generator, config: ClassSwapConfig = DEFAULT
) -> Region | None:
    """Give a short-sleeve top long sleeves, or longer ones that are still short.

    Returns:
        The altered region; None when too few bare arms are visible. Long sleeves take
        both arms: one long sleeve beside a bare arm would be no example of a class.
    """
    arms = worn.arms()
    long = rng.random() < config.long_probability
    if len(arms) < 1 + long:
        return None
    height = len(np.flatnonzero(worn.mask.any(axis=1)))
    shares = config.long_sleeve_bare if long else config.short_sleeve_bare
    bare = height * rng.uniform(*shares)
    made = lengthen_sleeves(worn.image, worn.mask, arms, bare, rng)
    return worn.as_region(*made, LONG_TOP if long else SHORT_SLEEVE_TOP)


def shorten_top_sleeves(
    worn: EditableGarment,
    garments: Sequence[Garment],
    label: int,
    rng: np.random.Generator,
    config: ClassSwapConfig = DEFAULT,
) -> Region | None:
    """Shorten the sleeves of a long-sleeve top.

    Args:
        worn: the top.
        garments: all garments of its photo.
        label: category id of the result: a short-sleeve top, or a long-sleeve one whose
            sleeves end below the elbow.
        rng: random generator.
        config: how much of the sleeves remains.

    Returns:
        The altered region; None where a coat hides the sleeves, or where not both arms
        hang down at the sides.
    """
    if any(garment.label == LONG_COAT for garment in garments):
        return None
    skin = worn.read_skin()
    sleeves = [] if skin is None else find_sleeves(worn.mask, skin)
    if len(sleeves) < 2:
        return None
    short = label == SHORT_SLEEVE_TOP
    shares = config.short_sleeve_remains if short else config.long_sleeve_remains
    remains = rng.uniform(*shares)
    made = shorten_sleeves(worn.image, worn.mask, sleeves, remains, rng)
    return None if made is None else worn.as_region(*made, label, SKIN)


def dress_to_top(
    worn: EditableGarment,
    label: int,
    rng: np.random.Generator,
    config: ClassSwapConfig = DEFAULT,
) -> Region | None:
    """Turn a dress into a top over a skirt of another cloth.

    Label maps also mark dresses under coats, whose sleeves are invisible: a dress that
    would become a short-sleeve top must show a bare arm.

    Args:
        worn: the dress.
        label: its category id.
        rng: random generator.
        config: where short sleeves end.

    Returns:
        The altered region; None when no bare arm is visible.
    """
    if TOP_OF[label] == SHORT_SLEEVE_TOP and not _shows_short_sleeves(worn, config):
        return None
    made = split_dress(worn.image, worn.mask, rng)
    return worn.as_region(*made, TOP_OF[label], LOWER)


def _shows_short_sleeves(worn: EditableGarment, config: ClassSwapConfig) -> bool:
    """Tell whether a visible arm is bare from high enough on."""
    rows = np.flatnonzero(worn.mask.any(axis=1))
    lowest = rows[0] + config.short_sleeve_end * len(rows)
    return any(arm.box[0].start < lowest for arm in worn.arms())
