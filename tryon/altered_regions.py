"""Photos altered so that they show a garment of another class.

Short-sleeve tops are few, and a network that learns them by heart goes by what else is in
their photos. Of a photo and its altered twin nothing but the garment can tell the class.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import AnnotatedPhoto
from data_tools.cloth import Mask, Picture
from data_tools.dresses import make_dress, part_dress
from data_tools.sleeves import find_arms, lengthen
from mrcnn.refiner_data import Region

SHORT_TOP, LONG_TOP, SKIRT, SHORT_DRESS = 1, 2, 9, 10
# What the upper half of a dress is: with short, with long, without sleeves, with straps.
TOP_OF = {SHORT_DRESS: SHORT_TOP, 11: LONG_TOP, 12: 5, 13: 6}
# How often a top's sleeves are lengthened, how many of these become long ones; how often
# a top becomes a dress where a skirt is worn with it, and a dress a top.
LENGTHEN, MAKE_LONG, MAKE_DRESS, PART_DRESS = 0.5, 0.5, 0.4, 0.4
# Shares of the shirt's height that stay bare from the fingers up, of a long sleeve and of
# one that ends above the elbow.
LONG_BARE, SHORT_BARE = (0.22, 0.42), (0.72, 1.0)
SLEEVE_END = 0.45  # of a dress's height: short sleeves end above this


@dataclass(frozen=True)
class Worn:
    """A garment in its photo.

    Attributes:
        image: uint8 (H, W, 3).
        mask: bool (H, W).
        skin: the same, all that is bare; None when that is not known.
        foreground: see `Region`.
    """

    image: Picture
    mask: Mask
    skin: Mask | None = None
    foreground: Mask | None = None

    def as_region(self, image: Picture, mask: Mask, label: int) -> Region:
        """Return what became of it; its first mask and landmarks are gone."""
        around = None if self.foreground is None else self.foreground | mask
        return Region(image, mask, None, label, None, around)


def alter(
    photo: AnnotatedPhoto,
    image: NDArray[np.uint8],
    index: int,
    label: int,
    rng: np.random.Generator,
) -> Region | None:
    """Make another garment of a photo's garment, or leave it.

    Args:
        photo: as it is.
        image: uint8 (H, W, 3), its picture.
        index: of the garment.
        label: its class.
        rng: source of chance.

    Returns:
        The altered region; None when it stays as it is.
    """
    if label not in (SHORT_TOP, *TOP_OF):
        return None
    garments = photo.garments()
    worn = Worn(image, garments[index].mask, photo.skin(), photo.foreground())
    if label != SHORT_TOP:
        return upper_half(worn, label, rng) if rng.random() < PART_DRESS else None
    skirts = [garment.mask for garment in garments if garment.label == SKIRT]
    if skirts and rng.random() < MAKE_DRESS:
        made = make_dress(image, worn.mask, skirts[0], rng)
        return None if made is None else worn.as_region(*made, SHORT_DRESS)
    return other_sleeves(worn, rng) if rng.random() < LENGTHEN else None


def other_sleeves(worn: Worn, rng: np.random.Generator) -> Region | None:
    """Give a short-sleeve top long sleeves, or longer ones that still are short.

    Returns:
        The region; None when no arm is seen that could be dressed so. A long sleeve
        beside a bare arm would teach nothing, so it takes two arms.
    """
    arms = [] if worn.skin is None else find_arms(worn.mask, worn.skin)
    long = rng.random() < MAKE_LONG
    if len(arms) < 1 + long:
        return None
    height = len(np.flatnonzero(worn.mask.any(axis=1)))
    bare = height * rng.uniform(*(LONG_BARE if long else SHORT_BARE))
    made = lengthen(worn.image, worn.mask, arms, bare, rng)
    return worn.as_region(*made, LONG_TOP if long else SHORT_TOP)


def upper_half(worn: Worn, label: int, rng: np.random.Generator) -> Region | None:
    """Make a top of a dress.

    Label maps name dresses under coats as well, whose sleeves nobody sees: those that
    would be short-sleeve tops must show a bare arm.
    """
    rows = np.flatnonzero(worn.mask.any(axis=1))
    arms = [] if worn.skin is None else find_arms(worn.mask, worn.skin)
    starts = [arm.part[0].start for arm in arms]
    lowest = rows[0] + SLEEVE_END * len(rows)
    if TOP_OF[label] == SHORT_TOP and min(starts, default=lowest) >= lowest:
        return None
    return worn.as_region(*part_dress(worn.image, worn.mask, rng), TOP_OF[label])
