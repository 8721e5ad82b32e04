"""Necklines: how deep they are, where they lie, and cloth where the shop's is higher.

A crew neck on the wearer of a V-neck covers the V: the skin between both necklines
becomes part of the garment. Where the shop's neckline is lower, the wearer's own stays,
for nobody knows the skin below it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import interpolate, ndimage

from compositor import mask_box, snap_curve
from compositor.colorspace import to_lab
from tryon.segment import MIN_VISIBILITY, NECKLINE
from tryon.stages import Garment, cached

Curve = NDArray[np.float32]
LOWER_NECKLINE = "the shop's neckline is lower than the photo's, which was kept"
SUBPIXELS = 4  # along each side of a pixel, where the raised cloth's edge is drawn


@dataclass(frozen=True)
class NecklineConfig:
    """How necklines are traced and matched; lengths are shares of the neck's width."""

    points: int = 13  # of the curve through the landmarks
    steps: int = 8  # points between two of them, where the curve is snapped to the edge
    snap: float = 0.1  # the collar's edge is looked for this far below the curve
    rim: float = 0.05  # this near to the background no edge counts
    match_radius: float = 0.3  # matches this near tell where the curve comes from
    reach: float = 1.2  # how far around the neckline points are moved
    spread: float = 1.6  # the same as multiple of the largest move, so that cloth is
    # squeezed or stretched without a fold; the larger of both holds
    # A neckline whose depth is larger by this than the shop's is raised to that; worn and
    # flat necklines of one tee are as deep, give or take .15.
    min_raise: float = 0.25
    overlap: float = 0.1  # how far the raised cloth reaches over the old neckline's edge
    side: float = 0.2  # on each side, where the old collar lies, no hair is looked for
    skin_distance: float = 28.0  # CIE76 from the neck's skin: beyond, it is hair


NECK = NecklineConfig()


def trace_neckline(
    garment: Garment, config: NecklineConfig = NECK
) -> NDArray[np.float32] | None:
    """Trace the front neckline from one end of the collar to the other.

    Returns:
        float32 (config.points, 2), x and y at the working size, a curve through the
        landmarks; None when one of them is not visible, or they are out of order.
    """
    landmarks = garment.detection.instance.landmarks
    if landmarks is None or (landmarks[NECKLINE, 2] < MIN_VISIBILITY).any():
        return None
    points = landmarks[NECKLINE, :2].astype(np.float64)
    if (np.diff(points[:, 0]) <= 0).any():
        return None
    parameter = np.linspace(0, 1, len(points))
    curve = interpolate.PchipInterpolator(parameter, points)
    return curve(np.linspace(0, 1, config.points)).astype(np.float32)


@cached
def trace_collar_edge(garment: Garment) -> NDArray[np.float32] | None:
    """Trace the front neckline, snapped to the edge that the picture shows there.

    The landmarks of a flat lay are a tenth of the neck's width off at times: enough to
    show the inside of the back collar, or a label in it.

    Returns:
        float32 (NECK.points, 2), see `trace_neckline`.
    """
    config = NECK
    curve = trace_neckline(garment)
    if curve is None:
        return None
    width = float(np.linalg.norm(curve[-1] - curve[0]))
    if width < 1:
        return curve
    knots = np.arange(config.points)
    dense = np.linspace(0, config.points - 1, (config.points - 1) * config.steps + 1)
    dense = interpolate.PchipInterpolator(knots, curve)(dense)
    # No pixel farther from the curve than rim and snap together is needed.
    mask = garment.detection.mask
    near = _bounds_of(curve, (config.rim + config.snap) * width + 2, mask.shape)
    clear = np.zeros_like(mask)
    distance = ndimage.distance_transform_edt(mask[near])
    # Without any background there are no distances.
    clear[near] = mask[near].all() | (distance > config.rim * width)
    snapped = snap_curve(garment.work, clear, dense, config.snap * width)
    return snapped[:: config.steps].astype(np.float32)


def _bounds_of(
    points: NDArray[np.float32], margin: float, size: tuple[int, ...]
) -> tuple[slice, ...]:
    """Return the rows and columns around points (x, y), at least one pixel."""
    limit = np.array(size[::-1]) - 1
    first = np.clip(np.floor(points.min(axis=0) - margin), 0, limit)
    last = np.clip(np.ceil(points.max(axis=0) + margin), first, limit)
    spans = zip(first[::-1], last[::-1], strict=True)
    return tuple(slice(int(start), int(end) + 1) for start, end in spans)


def depth(curve: Curve) -> float:
    """Return how far a neckline hangs below the line of its ends, over their distance."""
    width, down = _frame(curve)
    return float(((curve - curve[0]) @ down).max() / width)


def _frame(curve: Curve) -> tuple[float, NDArray[np.floating]]:
    """Return the distance of a curve's ends, and the unit vector down from their line."""
    across = curve[-1] - curve[0]
    width = max(float(np.linalg.norm(across)), 1e-6)
    return width, np.array([-across[1], across[0]]) / width


def worn_neckline(
    user: Garment, shop: Garment, config: NecklineConfig = NECK
) -> Curve | None:
    """Return the neckline that the result has: the wearer's, or the shop's if higher.

    Args:
        user: has S2.
        shop: has S1.
        config: from which difference on a neckline is raised.

    Returns:
        float32 (K, 2), x and y at the user's working size; None where it is not seen.
    """
    own, edge = trace_neckline(user, config), trace_collar_edge(shop)
    if own is None or edge is None:
        return own
    target = depth(edge)
    if depth(own) - target < config.min_raise:
        return own
    # The shop's curve, moved to the ends of the wearer's.
    width, down = _frame(edge)
    along = (edge - edge[0]) @ np.array([down[1], -down[0]]) / width
    hang = (edge - edge[0]) @ down / width
    width, down = _frame(own)
    across = np.array([down[1], -down[0]])
    raised = own[0] + width * (along[:, None] * across + hang[:, None] * down)
    return raised.astype(np.float32)


def is_lower(user: Garment, shop: Garment, config: NecklineConfig = NECK) -> bool:
    """Tell whether the shop's neckline is so much lower that skin would have to show."""
    own, edge = trace_neckline(user, config), trace_collar_edge(shop)
    if own is None or edge is None:
        return False
    return depth(edge) - depth(own) > config.min_raise


def cover_neck(user: Garment, shop: Garment, config: NecklineConfig = NECK) -> Garment:
    """Add to a garment the skin that the shop's higher neckline covers.

    Args:
        user: has S2.
        shop: has S1.
        config: from which difference on a neckline is raised.

    Returns:
        The garment with that skin in its matte; itself where there is none.
    """
    own, raised = trace_neckline(user, config), worn_neckline(user, shop, config)
    if own is None or raised is None or np.array_equal(own, raised):
        return user
    cover = _draw_between(raised, own, user.alpha.shape, config)
    cover = np.where(_hair(user, cover, config), np.float32(0), cover)
    alpha = np.maximum(user.alpha, np.rint(cover * 255) / np.float32(255))
    box = mask_box(alpha > 0)
    return replace(user, alpha=alpha.astype(np.float32), box=box, uncovered=user)


def _draw_between(
    upper: Curve, lower: Curve, size: tuple[int, ...], config: NecklineConfig
) -> NDArray[np.float32]:
    """Draw what lies between two necklines, float32 (h, w) in [0, 1], edges smooth."""
    width, down = _frame(lower)
    middle = np.sin(np.linspace(0, np.pi, len(lower)))[:, None]  # both meet at the ends
    below = lower + config.overlap * width * middle * down
    points = np.concatenate([upper, below[::-1]])
    low = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, size[::-1])
    plane = np.zeros(size, np.float32)
    columns, rows = (int(v) for v in np.maximum(high - low, 0))
    if not rows or not columns:
        return plane
    fine = Image.new("L", (columns * SUBPIXELS, rows * SUBPIXELS))
    corners = (points - low + 0.5) * SUBPIXELS
    ImageDraw.Draw(fine).polygon([(float(x), float(y)) for x, y in corners], fill=255)
    small = fine.resize((columns, rows), Image.Resampling.BOX)
    plane[low[1] : high[1], low[0] : high[0]] = np.asarray(small, np.float32) / 255
    return plane


def _hair(
    user: Garment, cover: NDArray[np.float32], config: NecklineConfig
) -> NDArray[np.bool_]:
    """Return what hangs down into the covered skin, and has another colour, as hair.

    At its sides the old collar lies there.
    """
    inside = (cover > 0.5) & (user.alpha < 0.5)
    if not inside.any():
        return np.zeros(cover.shape, bool)
    x1, y1, x2, y2 = mask_box(inside)
    rise, side = (y2 - y1) // 4 + 1, round(config.side * (x2 - x1))
    near = np.s_[max(0, y1 - rise) : y2, x1 + side : x2 - side]
    lab = to_lab(user.work[near])
    skin = np.median(to_lab(user.work[inside]), axis=0)
    other = np.linalg.norm(lab - skin, axis=-1) > config.skin_distance
    pieces, _ = ndimage.label(other & (user.alpha[near] < 0.5))
    covered = inside[near]
    # Seen above the covered skin, in the same columns.
    above = np.cumsum(covered, axis=0) == 0
    reached = np.intersect1d(pieces[above], pieces[covered])
    hair = np.zeros(cover.shape, bool)
    hair[near] = np.isin(pieces, reached[reached > 0])
    return hair
