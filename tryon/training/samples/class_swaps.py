"""Photos altered so that they show a garment of another class.

Short-sleeve tops are few, and a network that learns them by heart goes by what else is in
their photos. Of a photo and its altered twin nothing but the garment can tell the class.
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

LONG_TOP, LONG_COAT, SKIRT, SHORT_DRESS = 2, 4, 9, 10
# What the upper half of a dress is: with short, with long, without sleeves, with straps.
TOP_OF = {SHORT_DRESS: SHORT_SLEEVE_TOP, 11: LONG_TOP, 12: 5, 13: 6}
# How often a top's sleeves are lengthened, how many of these become long ones; how often
# a top becomes a dress where a skirt is worn with it, and a dress a top.
LENGTHEN, MAKE_LONG, MAKE_DRESS, PART_DRESS = 0.5, 0.5, 0.4, 0.4
# Shares of the shirt's height that stay bare from the fingers up, of a long sleeve and of
# one that ends at the elbow or above.
LONG_BARE, SHORT_BARE = (0.22, 0.42), (0.64, 1.0)
# Shares of a long sleeve that stay: of what is to be short, and long still.
STAY_SHORT, STAY_LONG = (0.3, 0.6), (0.72, 0.88)
ROLL_UP = 0.25  # how often a long sleeve is rolled up
SLEEVE_END = 0.45  # of a dress's height: short sleeves end above this


@dataclass(frozen=True)
class EditableGarment:
    """A garment in its photo, which may be altered to another class.

    Attributes:
        image: uint8 (H, W, 3).
        mask: bool (H, W).
        foreground: see `Region`.
        read_skin: reads all that is bare, bool (H, W), or None when that is not known.
        parts: see `Region`.
    """

    image: Picture
    mask: Mask
    foreground: Mask | None
    read_skin: Callable[[], Mask | None]
    parts: NDArray[np.uint8] | None = None

    def arms(self) -> list[Arm]:
        """Return the bare arms that are seen."""
        skin = self.read_skin()
        return [] if skin is None else find_arms(self.mask, skin)

    def as_region(
        self, image: Picture, mask: Mask, label: int, uncovered: int = NO_PART
    ) -> Region:
        """Return what became of it; its first mask and landmarks are gone.

        Args:
            image: the altered photo.
            mask: the altered garment.
            label: its class.
            uncovered: the part that is seen where the garment was and is no more.
        """
        around = None if self.foreground is None else self.foreground | mask
        parts = self.parts
        if parts is not None:
            parts = np.where(self.mask & ~mask, np.uint8(uncovered), parts)
            parts[mask] = PART_OF[label]
        return Region(image, mask, None, label, None, around, parts)


def alter(
    worn: EditableGarment,
    garments: Sequence[Garment],
    label: int,
    rng: np.random.Generator,
) -> Region | None:
    """Make another garment of a photo's garment, or leave it.

    Args:
        worn: the garment.
        garments: all of its photo.
        label: its class.
        rng: source of chance.

    Returns:
        The altered region; None when it stays as it is.
    """
    if label == LONG_TOP:
        return bare_arms(worn, garments, label, rng) if rng.random() < ROLL_UP else None
    if label in TOP_OF:
        return upper_half(worn, label, rng) if rng.random() < PART_DRESS else None
    if label != SHORT_SLEEVE_TOP:
        return None
    skirts = [garment.mask for garment in garments if garment.label == SKIRT]
    if skirts and rng.random() < MAKE_DRESS:
        made = make_dress(worn.image, worn.mask, skirts[0], rng)
        return None if made is None else worn.as_region(*made, SHORT_DRESS)
    return other_sleeves(worn, rng) if rng.random() < LENGTHEN else None


def other_sleeves(worn: EditableGarment, rng: np.random.Generator) -> Region | None:
    """Give a short-sleeve top long sleeves, or longer ones that still are short.

    Returns:
        The region; None when no arm is seen that could be dressed so. A long sleeve
        beside a bare arm would teach nothing, so it takes two arms.
    """
    arms = worn.arms()
    long = rng.random() < MAKE_LONG
    if len(arms) < 1 + long:
        return None
    height = len(np.flatnonzero(worn.mask.any(axis=1)))
    bare = height * rng.uniform(*(LONG_BARE if long else SHORT_BARE))
    made = lengthen_sleeves(worn.image, worn.mask, arms, bare, rng)
    return worn.as_region(*made, LONG_TOP if long else SHORT_SLEEVE_TOP)


def bare_arms(
    worn: EditableGarment,
    garments: Sequence[Garment],
    label: int,
    rng: np.random.Generator,
) -> Region | None:
    """Give a long-sleeve top shorter sleeves.

    Args:
        worn: the top.
        garments: all of its photo.
        label: the class that it shall be of: a short-sleeve top, or a long one whose
            sleeves end below the elbow.
        rng: source of chance.

    Returns:
        The region; None where a coat hides the sleeves, or not both arms hang at the
        sides.
    """
    if any(garment.label == LONG_COAT for garment in garments):
        return None
    skin = worn.read_skin()
    sleeves = [] if skin is None else find_sleeves(worn.mask, skin)
    if len(sleeves) < 2:
        return None
    stay = rng.uniform(*(STAY_SHORT if label == SHORT_SLEEVE_TOP else STAY_LONG))
    made = shorten_sleeves(worn.image, worn.mask, sleeves, stay, rng)
    return None if made is None else worn.as_region(*made, label, SKIN)


def upper_half(
    worn: EditableGarment, label: int, rng: np.random.Generator
) -> Region | None:
    """Make a top of a dress.

    Label maps name dresses under coats as well, whose sleeves nobody sees: those that
    would be short-sleeve tops must show a bare arm.
    """
    if TOP_OF[label] == SHORT_SLEEVE_TOP and not _shows_short_sleeves(worn):
        return None
    made = split_dress(worn.image, worn.mask, rng)
    return worn.as_region(*made, TOP_OF[label], LOWER)


def _shows_short_sleeves(worn: EditableGarment) -> bool:
    rows = np.flatnonzero(worn.mask.any(axis=1))
    lowest = rows[0] + SLEEVE_END * len(rows)
    return any(arm.box[0].start < lowest for arm in worn.arms())
