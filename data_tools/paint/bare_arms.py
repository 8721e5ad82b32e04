"""Shorter sleeves on people in long ones: tees of knitwear, blouses' cloth and checks.

Photos of long-sleeve tops are many, of short-sleeve ones few. Where an arm hangs at the
side of the body, its sleeve is the outermost part of the garment; painted as skin, it
leaves a garment that differs from the one before in nothing but the length of its
sleeves.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from data_tools.paint.cloth import Mask, Picture

GAP = 4  # pixels between a sleeve and the hand that comes out of it, at most
# Shares of the garment's height: where a hand begins at the earliest; its largest side.
HAND_FROM, HAND_SIDE = 0.45, 0.5
# Of what is left of a garment the share in one piece, and of the garment before.
WHOLE, LEFT = 0.97, 0.5
MIDDLE = 0.2  # of the garment's width at each side of its middle: no hand begins there
WIDTHS = (0.13, 0.19)  # of the garment's height: a sleeve at the hand and at the elbow
ROOM = 1.7  # a run of cloth up to so many widths is the sleeve alone, no torso behind it
SLANT = 0.4  # rows a sleeve's end falls or climbs for each column, at most
TONE = 30.0  # added to brightness before the light on the cloth is told
SHADE = (0.75, 1.25)  # of skin, as the light on the cloth before has it
EDGE = 0.6  # of the light on an arm's middle that its edges have
SOFT = 0.8  # pixels, of a painted edge


class Sleeve(NamedTuple):
    """The sleeve of an arm that hangs at the side.

    Attributes:
        left: whether it lies on the left of the picture.
        hand: bool (H, W), the skin below it.
        end: the row where the hand comes out.
    """

    left: bool
    hand: Mask
    end: int


def find_sleeves(shirt: Mask, skin: Mask) -> list[Sleeve]:
    """Find the sleeves that hands come out of at the sides of a garment.

    Args:
        shirt: bool (H, W), a garment with long sleeves.
        skin: bool (H, W), all skin that is seen.

    Returns:
        At most one for each side.
    """
    ys, xs = np.flatnonzero(shirt.any(axis=1)), np.flatnonzero(shirt.any(axis=0))
    if not len(ys):
        return []
    height, width, middle = len(ys), np.ptp(xs) + 1, (xs[0] + xs[-1]) / 2
    near = ndimage.binary_dilation(shirt, iterations=GAP)
    pieces, _ = ndimage.label(skin & ~shirt, np.ones((3, 3)))
    sleeves: dict[bool, Sleeve] = {}
    for number, part in enumerate(ndimage.find_objects(pieces), 1):
        hand = pieces[part] == number
        touched = np.argwhere(hand & near[part])
        if not len(touched) or max(hand.shape) > HAND_SIDE * height:
            continue
        y, x = touched.mean(axis=0) + [side.start for side in part]
        left = bool(x < middle)
        if y < ys[0] + HAND_FROM * height or abs(x - middle) < MIDDLE * width:
            continue
        if left not in sleeves or y > sleeves[left].end:
            sleeves[left] = Sleeve(left, pieces == number, round(y))
    return list(sleeves.values())


def shorten(
    image: Picture,
    shirt: Mask,
    sleeves: Sequence[Sleeve],
    stay: float,
    rng: np.random.Generator,
) -> tuple[Picture, Mask] | None:
    """Paint the lower part of sleeves as bare arms.

    Args:
        image: uint8 (H, W, 3).
        shirt: bool (H, W).
        sleeves: of `find_sleeves`.
        stay: share of the way from the garment's top down to the hand that stays sleeve.
        rng: source of chance.

    Returns:
        The new photo and the new garment; None when that fell apart, because what was
        taken for an arm was none.
    """
    new_image, new_shirt = image, shirt
    slant, rows = rng.uniform(-SLANT, SLANT), np.flatnonzero(shirt.any(axis=1))
    for sleeve in sleeves:
        arm = _lower_part(shirt, sleeve, rows[0] + stay * (sleeve.end - rows[0]), slant)
        if not arm.any():
            return None
        new_image = _paint_skin(new_image, arm, image[sleeve.hand])
        new_shirt = new_shirt & ~arm
    return (new_image, new_shirt) if _is_whole(new_shirt, shirt) else None


def _is_whole(left: Mask, before: Mask) -> bool:
    pieces, count = ndimage.label(left)
    largest = np.bincount(pieces[left]).max() if count else 0
    return largest > max(WHOLE * left.sum(), LEFT * before.sum())


def _lower_part(shirt: Mask, sleeve: Sleeve, end: float, slant: float) -> Mask:
    """Return the part of a sleeve from a row down to the hand, bool (H, W).

    In each row it is the outermost run of cloth, or of a run that goes on into the torso
    as much as an arm is wide.
    """
    seen = shirt if sleeve.left else shirt[:, ::-1]
    rows = np.arange(seen.shape[0])[:, None]
    columns = np.arange(seen.shape[1])
    begun = np.logical_or.accumulate(seen, axis=1)
    run = seen & ~np.logical_or.accumulate(begun & ~seen, axis=1)
    lengths, starts = run.sum(axis=1, keepdims=True), begun.argmax(axis=1)[:, None]
    share = np.clip((sleeve.end - rows) / max(sleeve.end - end, 1), 0, 1)
    widths = seen.any(axis=1).sum() * (WIDTHS[0] + share * (WIDTHS[1] - WIDTHS[0]))
    arm = run & ((lengths <= ROOM * widths) | (columns < starts + widths))
    inner = (sleeve.hand if sleeve.left else sleeve.hand[:, ::-1]).any(axis=0)
    beside_hand = starts <= np.flatnonzero(inner).max()  # and not the torso's own edge
    arm &= (rows < sleeve.end - GAP) | (beside_hand & (rows < sleeve.end + GAP))
    middle = np.flatnonzero(arm[int(end) :].any(axis=0))
    if not len(middle):
        return np.zeros_like(shirt)
    arm &= rows >= end + slant * (columns - middle.mean())
    arm = ndimage.binary_opening(arm, iterations=2)
    return arm if sleeve.left else arm[:, ::-1]


def _paint_skin(image: Picture, arm: Mask, hand: NDArray[np.uint8]) -> Picture:
    """Paint an arm of a hand's colour, lit as its sleeve was, darker at its edges."""
    depth = ndimage.distance_transform_edt(arm)
    blur = float(depth.max())
    solid = arm.astype(np.float32)
    grey = ndimage.gaussian_filter(image.mean(axis=2, dtype=np.float32) * solid, blur)
    light = grey / np.maximum(ndimage.gaussian_filter(solid, blur), 1e-6) + TONE
    light = np.clip(light / np.median(light[arm]), *SHADE)
    round_ = EDGE + (1 - EDGE) * np.sqrt(depth / blur)
    colour = np.quantile(hand.astype(np.float32), 0.6, axis=0)
    skin = np.clip(colour * (light * round_)[..., None], 0, 255)
    alpha = ndimage.gaussian_filter(solid, SOFT)[..., None]
    return np.rint(image * (1 - alpha) + skin * alpha).astype(np.uint8)
