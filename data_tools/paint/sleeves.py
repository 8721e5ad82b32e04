"""Lengthen short sleeves: counter-examples that differ from a tee in the sleeves alone.

A network that has seen a hundred tees memorizes their photos, and takes sweaters for
tees. A photo whose bare arms are covered with the shirt's own cloth differs from the
original in nothing but the length of the sleeves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from data_tools.paint.cloth import Mask, Picture, lay_cloth, sample_cloth
from data_tools.paint.skin import touching_skin


@dataclass(frozen=True)
class SleeveConfig:
    """Which skin is an arm, and how wide its new sleeve is.

    Heights and widths are shares of the shirt's bounding box.
    """

    max_gap: int = 4  # pixels between a sleeve and the arm below it
    min_arm_length: float = 0.35  # of the height
    # Of the height: the start of an arm is what touches the sleeve this close to its
    # uppermost contact.
    start_height: float = 0.12
    max_above: float = 0.02  # of the height: skin farther above the shirt is the face's
    hem_height: float = 0.15  # of the height: skin that starts this low is a leg's
    # Of the width, on each side of the middle: no arm starts there.
    middle_width: float = 0.2
    # How much wider than the arm a sleeve is, share of the arm's half width.
    looseness: tuple[float, float] = (0.05, 0.35)


DEFAULT = SleeveConfig()


class Arm(NamedTuple):
    """A bare arm below its sleeve.

    Attributes:
        mask: bool (h, w), its visible skin.
        to_fingertips: float (h, w), pixels from here along the arm to the finger tips;
            undefined outside the skin.
        box: rows and columns of the photo that these cover.
    """

    mask: Mask
    to_fingertips: NDArray[np.float64]
    box: tuple[slice, slice]


def find_arms(shirt: Mask, skin: Mask, config: SleeveConfig = DEFAULT) -> list[Arm]:
    """Find the bare arms that come out of a shirt's sleeves.

    Args:
        shirt: bool (H, W).
        skin: bool (H, W), all skin that is seen.
        config: which skin is an arm.

    Returns:
        The arms. One that is connected to the face, as by a hand at the chin, cannot be
        separated from it and is left out.
    """
    ys, xs = np.flatnonzero(shirt.any(axis=1)), np.flatnonzero(shirt.any(axis=0))
    if not len(ys):
        return []
    height, width, middle = np.ptp(ys) + 1, np.ptp(xs) + 1, (xs[0] + xs[-1]) / 2
    arms = []
    for component in touching_skin(shirt, skin, config.max_gap):
        mask, contact = component.mask, component.contact
        if component.box[0].start < ys[0] - config.max_above * height:
            continue
        lowest = contact[:, 0].min() + config.start_height * height
        start = contact[contact[:, 0] <= lowest]
        start_y, start_x = component.to_photo(start)
        is_leg = start_y > ys[-1] - config.hem_height * height
        if is_leg or abs(start_x - middle) < config.middle_width * width:
            continue
        distance, _ = MCP_Geometric(np.where(mask, 1.0, -1.0)).find_costs(start)
        length = distance[mask].max()
        if np.isfinite(length) and length >= config.min_arm_length * height:
            arms.append(Arm(mask, length - distance, component.box))
    return arms


def lengthen_sleeves(
    image: Picture,
    shirt: Mask,
    arms: Sequence[Arm],
    bare: float,
    rng: np.random.Generator,
    config: SleeveConfig = DEFAULT,
) -> tuple[Picture, Mask]:
    """Extend a shirt's sleeves down its arms.

    Args:
        image: uint8 (H, W, 3).
        shirt: bool (H, W).
        arms: of `find_arms`.
        bare: pixels of an arm, from the finger tips up, that stay bare.
        rng: random generator.
        config: how wide a sleeve is.

    Returns:
        The new photo, and the new shirt's mask (H, W).
    """
    new_image, new_shirt = image.copy(), shirt.copy()
    cloth, looseness = sample_cloth(image, shirt), rng.uniform(*config.looseness)
    for box, covered, sleeve in _sleeves(shirt, arms, bare, looseness):
        new_image[box] = lay_cloth(new_image[box], cloth, sleeve, covered, rng)
        new_shirt[box] |= sleeve
    return new_image, new_shirt


def _sleeves(
    shirt: Mask, arms: Sequence[Arm], bare: float, looseness: float
) -> Iterator[tuple[tuple[slice, slice], Mask, Mask]]:
    """Yield each arm's box in the photo, the skin to cover in it, and the new sleeve."""
    for arm in arms:
        skin = arm.mask & (arm.to_fingertips >= bare)
        if not skin.any():
            continue
        half_width = ndimage.distance_transform_edt(np.pad(arm.mask, 1)).max()
        widening = looseness * half_width
        margin = int(widening) + 3
        rows, columns = (
            slice(max(side.start - margin, 0), side.stop + margin) for side in arm.box
        )
        padding = [
            (own.start - wide.start, size - (own.stop - wide.start))
            for own, wide, size in zip(
                arm.box, (rows, columns), shirt[rows, columns].shape, strict=True
            )
        ]
        covered, whole = np.pad(skin, padding), np.pad(arm.mask, padding)
        sleeve = ndimage.distance_transform_edt(~covered) <= widening
        sleeve &= ~(whole & ~covered) & ~shirt[rows, columns]
        yield (rows, columns), covered, sleeve
