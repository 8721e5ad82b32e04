"""Longer sleeves on people in short ones: what tells a tee from a sweater.

A network that has seen a hundred tees learns their photos by heart, and takes sweaters
for tees. A photo whose bare arms are dressed in the shirt's own cloth differs from the
photo before in nothing but the length of the sleeves.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from data_tools.paint.cloth import Mask, Picture, cloth_of, lay_cloth

GAP = 4  # pixels between a sleeve and the arm that comes out of it, at most
# Shares of the shirt's height: the least length of an arm; how far below its first pixel
# an arm still begins; how far above the shirt there is skin of the face alone; so near to
# its lower end legs begin.
LEAST_ARM, BEGINNING, ABOVE, HEM = 0.35, 0.12, 0.02, 0.15
MIDDLE = 0.2  # of the shirt's width at each side of its middle: no arm begins there
LOOSE = (0.05, 0.35)  # of an arm's half width: how much wider a sleeve is


class Arm(NamedTuple):
    """A bare arm below its sleeve.

    Attributes:
        inside: bool (h, w), the skin that is seen of it.
        left: float (h, w), pixels from here down to the tips of the fingers; of no
            meaning where there is no skin.
        part: rows and columns of the photo that these are of.
    """

    inside: Mask
    left: NDArray[np.float64]
    part: tuple[slice, slice]


def find_arms(shirt: Mask, skin: Mask) -> list[Arm]:
    """Find the bare arms that come out of a shirt's sleeves.

    Args:
        shirt: bool (H, W).
        skin: bool (H, W), all skin that is seen.

    Returns:
        The arms. One that is joined to the face, as by a hand at the chin, cannot be told
        from it and is left out.
    """
    ys, xs = np.flatnonzero(shirt.any(axis=1)), np.flatnonzero(shirt.any(axis=0))
    if not len(ys):
        return []
    height, width = np.ptp(ys) + 1, np.ptp(xs) + 1
    near = ndimage.binary_dilation(shirt, iterations=GAP)
    pieces, _ = ndimage.label(skin & ~shirt, np.ones((3, 3)))
    arms = []
    for number, part in enumerate(ndimage.find_objects(pieces), 1):
        inside = pieces[part] == number
        touched = np.argwhere(inside & near[part])
        if not len(touched) or part[0].start < ys[0] - ABOVE * height:
            continue
        begin = touched[touched[:, 0] <= touched[:, 0].min() + BEGINNING * height]
        begin_y, begin_x = begin.mean(axis=0) + [side.start for side in part]
        is_leg = begin_y > ys[-1] - HEM * height
        if is_leg or abs(begin_x - (xs[0] + xs[-1]) / 2) < MIDDLE * width:
            continue
        way, _ = MCP_Geometric(np.where(inside, 1.0, -1.0)).find_costs(begin)
        length = way[inside].max()
        if np.isfinite(length) and length >= LEAST_ARM * height:
            arms.append(Arm(inside, length - way, part))
    return arms


def lengthen(
    image: Picture,
    shirt: Mask,
    arms: Sequence[Arm],
    bare: float,
    rng: np.random.Generator,
) -> tuple[Picture, Mask]:
    """Draw a shirt's sleeves further down its arms.

    Args:
        image: uint8 (H, W, 3).
        shirt: bool (H, W).
        arms: of `find_arms`.
        bare: pixels of an arm, from the tips of its fingers, that stay as they are.
        rng: source of chance.

    Returns:
        The new photo and the new shirt.
    """
    new_image, new_shirt = image.copy(), shirt.copy()
    cloth, loose = cloth_of(image, shirt), rng.uniform(*LOOSE)
    for part, dressed, sleeve in _sleeves(shirt, arms, bare, loose):
        new_image[part] = lay_cloth(new_image[part], cloth, sleeve, dressed, rng)
        new_shirt[part] |= sleeve
    return new_image, new_shirt


def _sleeves(
    shirt: Mask, arms: Sequence[Arm], bare: float, loose: float
) -> Iterator[tuple[tuple[slice, slice], Mask, Mask]]:
    """Give each arm's part of the photo, the skin to dress in it, and the new sleeve."""
    for arm in arms:
        skin = arm.inside & (arm.left >= bare)
        if not skin.any():
            continue
        widen = loose * ndimage.distance_transform_edt(np.pad(arm.inside, 1)).max()
        margin = int(widen) + 3
        rows, columns = (
            slice(max(side.start - margin, 0), side.stop + margin) for side in arm.part
        )
        around = [
            (own.start - wide.start, size - (own.stop - wide.start))
            for own, wide, size in zip(
                arm.part, (rows, columns), shirt[rows, columns].shape, strict=True
            )
        ]
        dressed, whole = np.pad(skin, around), np.pad(arm.inside, around)
        sleeve = ndimage.distance_transform_edt(~dressed) <= widen
        sleeve &= ~(whole & ~dressed) & ~shirt[rows, columns]
        yield (rows, columns), dressed, sleeve
