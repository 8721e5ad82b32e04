"""Shorten long sleeves: tees of knitwear, of blouses' cloth and of checks.

Photos of long-sleeve tops are many, of short-sleeve ones few. Where an arm hangs at the
side of the body, its sleeve is the outermost part of the garment; painted as skin, it
leaves a garment that differs from the original in nothing but the length of its sleeves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from data_tools.paint.cloth import Mask, Picture
from data_tools.paint.skin import touching_skin


@dataclass(frozen=True)
class BareArmConfig:
    """Which skin is a hand at a long sleeve's end, and how the bare arm is painted.

    Heights and widths are shares of the garment's bounding box.
    """

    max_gap: int = 4  # pixels between a sleeve and the hand below it
    min_hand_height: float = 0.45  # of the height: a hand starts below this
    max_hand_side: float = 0.5  # of the height
    # Of the width, on each side of the middle: no hand starts there.
    middle_width: float = 0.2
    # Of the height: width of a sleeve at the hand and at the elbow.
    sleeve_widths: tuple[float, float] = (0.13, 0.19)
    # A run of cloth of up to so many sleeve widths is a sleeve alone; a longer one goes
    # on into the torso.
    max_run: float = 1.7
    max_slant: float = 0.4  # rows that a sleeve's new end rises or falls per column
    # What remains of a garment: share of it in one component, and of the original area.
    # Less means that what looked like an arm was none.
    min_connected: float = 0.97
    min_area: float = 0.5
    tone_offset: float = 30.0  # grey levels added before the cloth's shading is read
    # Range of the skin's shading; 1 is the median of the cloth's.
    shading_range: tuple[float, float] = (0.75, 1.25)
    edge_light: float = 0.6  # of an arm's edges, relative to its middle
    skin_quantile: float = 0.6  # of the hand's colours that the arm gets
    edge_sigma: float = 0.8  # pixels, of the Gaussian that softens the painted edge


DEFAULT = BareArmConfig()


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


def find_sleeves(
    shirt: Mask, skin: Mask, config: BareArmConfig = DEFAULT
) -> list[Sleeve]:
    """Find the sleeves that hands come out of at the sides of a garment.

    Args:
        shirt: bool (H, W), a garment with long sleeves.
        skin: bool (H, W), all skin that is seen.
        config: which skin is a hand.

    Returns:
        At most one sleeve for each side.
    """
    ys, xs = np.flatnonzero(shirt.any(axis=1)), np.flatnonzero(shirt.any(axis=0))
    if not len(ys):
        return []
    height, width, middle = len(ys), np.ptp(xs) + 1, (xs[0] + xs[-1]) / 2
    highest = ys[0] + config.min_hand_height * height
    sleeves: dict[bool, Sleeve] = {}
    for component in touching_skin(shirt, skin, config.max_gap):
        if max(component.mask.shape) > config.max_hand_side * height:
            continue
        y, x = component.to_photo(component.contact)
        left = bool(x < middle)
        if y < highest or abs(x - middle) < config.middle_width * width:
            continue
        if left not in sleeves or y > sleeves[left].end:
            hand = np.zeros_like(shirt)
            hand[component.box] = component.mask
            sleeves[left] = Sleeve(left, hand, round(y))
    return list(sleeves.values())


def shorten_sleeves(
    image: Picture,
    shirt: Mask,
    sleeves: Sequence[Sleeve],
    kept: float,
    rng: np.random.Generator,
    config: BareArmConfig = DEFAULT,
) -> tuple[Picture, Mask] | None:
    """Paint the lower part of sleeves as bare arms.

    Args:
        image: uint8 (H, W, 3).
        shirt: bool (H, W).
        sleeves: of `find_sleeves`.
        kept: share of the height from the garment's top to the hand that stays sleeve.
        rng: random generator.
        config: shape and colour of the arms.

    Returns:
        The new photo, and the new garment's mask (H, W); None when that is in pieces,
        because what looked like an arm was none.
    """
    new_image, new_shirt = image, shirt
    slant = rng.uniform(-config.max_slant, config.max_slant)
    rows = np.flatnonzero(shirt.any(axis=1))
    for sleeve in sleeves:
        end = rows[0] + kept * (sleeve.end - rows[0])
        arm = _lower_part(shirt, sleeve, end, slant, config)
        if not arm.any():
            return None
        new_image = _paint_skin(new_image, arm, image[sleeve.hand], config)
        new_shirt = new_shirt & ~arm
    return (new_image, new_shirt) if _is_whole(new_shirt, shirt, config) else None


def _is_whole(remaining: Mask, original: Mask, config: BareArmConfig) -> bool:
    """Say whether a garment is still connected, and large enough."""
    components, count = ndimage.label(remaining)
    largest = np.bincount(components[remaining]).max() if count else 0
    least = config.min_connected * remaining.sum(), config.min_area * original.sum()
    return largest > max(least)


def _lower_part(
    shirt: Mask, sleeve: Sleeve, end: float, slant: float, config: BareArmConfig
) -> Mask:
    """Return the part of a sleeve from a row down to the hand, bool (H, W).

    In each row it is the outermost run of cloth, or, of a run that goes on into the
    torso, as much as an arm is wide.
    """
    # Mirrored where needed, so that the sleeve is on the left.
    cloth = shirt if sleeve.left else shirt[:, ::-1]
    rows = np.arange(cloth.shape[0])[:, None]
    columns = np.arange(cloth.shape[1])
    started = np.logical_or.accumulate(cloth, axis=1)
    run = cloth & ~np.logical_or.accumulate(started & ~cloth, axis=1)
    lengths, starts = run.sum(axis=1, keepdims=True), started.argmax(axis=1)[:, None]
    share = np.clip((sleeve.end - rows) / max(sleeve.end - end, 1), 0, 1)
    at_hand, at_elbow = config.sleeve_widths
    widths = cloth.any(axis=1).sum() * (at_hand + share * (at_elbow - at_hand))
    arm = run & ((lengths <= config.max_run * widths) | (columns < starts + widths))
    inner = (sleeve.hand if sleeve.left else sleeve.hand[:, ::-1]).any(axis=0)
    beside_hand = starts <= np.flatnonzero(inner).max()  # and not the torso's own edge
    gap = config.max_gap
    arm &= (rows < sleeve.end - gap) | (beside_hand & (rows < sleeve.end + gap))
    middle = np.flatnonzero(arm[int(end) :].any(axis=0))
    if not len(middle):
        return np.zeros_like(shirt)
    arm &= rows >= end + slant * (columns - middle.mean())
    arm = ndimage.binary_opening(arm, iterations=2)
    return arm if sleeve.left else arm[:, ::-1]


def _paint_skin(
    image: Picture, arm: Mask, hand: NDArray[np.uint8], config: BareArmConfig
) -> Picture:
    """Paint an arm in a hand's colour, shaded as its sleeve was, darker at its edges."""
    depth = ndimage.distance_transform_edt(arm)
    sigma = float(depth.max())
    solid = arm.astype(np.float32)
    gray = ndimage.gaussian_filter(image.mean(axis=2, dtype=np.float32) * solid, sigma)
    weight = np.maximum(ndimage.gaussian_filter(solid, sigma), 1e-6)
    light = gray / weight + config.tone_offset
    light = np.clip(light / np.median(light[arm]), *config.shading_range)
    roundness = config.edge_light + (1 - config.edge_light) * np.sqrt(depth / sigma)
    color = np.quantile(hand.astype(np.float32), config.skin_quantile, axis=0)
    skin = np.clip(color * (light * roundness)[..., None], 0, 255)
    alpha = ndimage.gaussian_filter(solid, config.edge_sigma)[..., None]
    return np.rint(image * (1 - alpha) + skin * alpha).astype(np.uint8)
