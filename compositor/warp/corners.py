"""Detect the corners of a short-sleeve top on the outline of its mask.

"Left" and "right" are those of the picture. The garment stands upright.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure, morphology, transform

from compositor._checks import check_plane
from compositor.mask.cutout import Box, mask_box
from compositor.mask.matte import clean_mask

Points = NDArray[np.float32]

NAMES = (
    "collar_left",
    "shoulder_left",
    "sleeve_outer_left",
    "sleeve_inner_left",
    "armpit_left",
    "hem_left",
    "hem_right",
    "armpit_right",
    "sleeve_inner_right",
    "sleeve_outer_right",
    "shoulder_right",
    "collar_right",
    "neck",
)


@dataclass(frozen=True)
class CornerConfig:
    """Where on the outline corners are looked for, and how a mask is completed.

    Heights are shares of the mask's bounding box from its top, widths shares of the
    torso's width, half widths of half of it. Directions are weights: a corner is the
    outline's farthest point along (x, weight * y) or (weight * x, y).
    """

    work_size: int = 256  # longest side in pixels at which outlines are traced
    margin: int = 8  # empty pixels around the mask at that size

    # Completing a mask.
    min_component_share: float = 0.01  # of the largest component: smaller are specks
    closing_radius: float = 0.03  # of the square root of the area: thin gaps are closed
    unfilled_side: float = 0.15  # width at each side that is not filled column by column
    lower_torso: float = 0.55  # height from which the torso may be made convex
    torso_slack: int = 2  # pixels beside the torso's sides that still belong to it
    min_dent: float = 0.09  # width: a shallower dent is the garment's own waist

    # The torso's sides: quantiles over the rows between these heights.
    side_rows_top: float = 0.6
    side_rows_bottom: float = 0.03  # from below
    side_quantile: float = 0.25

    # Corners of hem and collar, relative to the torso.
    hem_extent: float = 1.25  # half widths from the middle within which hem corners lie
    hem_top: float = 0.6  # height below which they lie
    hem_direction: float = 0.8  # weight of x
    collar_inner: float = 0.05  # half widths from the middle between which
    collar_outer: float = 0.75  # collar corners lie
    collar_bottom: float = 0.45  # height above which they lie
    collar_direction: float = 0.17  # weight of x

    # Sleeves.
    sleeve_bottom: float = 0.7  # of the height from collar to hem: tips lie above
    tip_direction: float = 0.1  # weight of y
    cuff_direction: float = 0.8  # weight across the sleeve, for both corners of its cuff
    min_sleeve: float = 0.12  # half widths from armpit to tip: shorter is no sleeve


DEFAULT = CornerConfig()


@dataclass(frozen=True)
class ControlPoints:
    """Named corners of a garment's outline.

    Attributes:
        points: `(13, 2)` float32 (x, y) in pixels, in the order of `NAMES`, which runs
            along the outline; the last is the neckline's lowest point.
        found: `(13,)` bool, False where the outline shows no such corner (a sleeve
            that is hidden or missing); the point is then a guess.
        outline: `(12, K, 2)` float32, the outline between each corner and the next
            as K evenly spaced points; row 11 is the neckline, from right to left.
        size: Square root of the garment's area in pixels.
    """

    points: Points
    found: NDArray[np.bool_]
    outline: NDArray[np.float32]
    size: float

    def __post_init__(self) -> None:
        """Check the shapes."""
        if self.points.shape != (len(NAMES), 2):
            raise ValueError(f"expected (13, 2) points, got {self.points.shape}")
        if self.found.shape != (len(NAMES),):
            raise ValueError(f"expected (13,) flags, got {self.found.shape}")

    def __getitem__(self, name: str) -> Points:
        """Return one corner, `(2,)` (x, y) in pixels, by its name."""
        point: Points = self.points[NAMES.index(name)]
        return point


def control_points(
    mask: NDArray[Any], outline_points: int = 12, config: CornerConfig = DEFAULT
) -> ControlPoints:
    """Detect collar, shoulders, sleeves, armpits and hem on the outline of a tee.

    Arms, hair and straps in front of the garment are filled first (`complete_mask`).

    Args:
        mask: `(H, W)` bool mask of an upright short-sleeve top.
        outline_points: Points per stretch of outline between two corners.
        config: where corners are looked for.

    Returns:
        The corners and the outline, in pixels of the mask.

    Raises:
        ValueError: When the mask is empty.
    """
    check_plane(mask)
    small, scale, origin = _to_work_size(mask.astype(bool), config)
    filled = complete_mask(small, config)
    path = _trace_outline(filled)
    corners, found = _detect_corners(path, filled, config)
    stretches = [
        _resample(_stretch(path, corners[i], corners[(i + 1) % 12]), outline_points)
        for i in range(12)
    ]
    neck = _lowest_point(stretches[11])
    points = np.vstack([path[corners], neck[None]])
    offset = np.asarray(origin, np.float32)
    return ControlPoints(
        points=(points / scale + offset).astype(np.float32),
        found=np.append(found, True),
        outline=(np.stack(stretches) / scale + offset).astype(np.float32),
        size=float(np.sqrt(filled.sum())) / scale,
    )


def complete_mask(
    mask: NDArray[Any], config: CornerConfig = DEFAULT
) -> NDArray[np.bool_]:
    """Fill what arms, hair and straps hide of a garment.

    Gaps between components that stand above each other are filled column by column, thin
    gaps are closed, and the lower half of the torso becomes convex.

    Args:
        mask: `(H, W)` bool mask of an upright short-sleeve top.
        config: sizes of gaps.

    Returns:
        `(H, W)` bool, a superset of the cleaned mask.
    """
    check_plane(mask)
    filled = clean_mask(mask, config.min_component_share)
    if not filled.any():
        return filled
    filled = _fill_columns(filled, config)
    radius = max(1, round(config.closing_radius * float(np.sqrt(filled.sum()))))
    padded = np.pad(filled, 2 * radius)
    closed = ndimage.binary_closing(padded, morphology.disk(radius))
    filled = closed[2 * radius : -2 * radius, 2 * radius : -2 * radius] | filled
    filled = ndimage.binary_fill_holes(filled)
    return _largest_component(_straighten_torso(filled, config))


def _fill_columns(mask: NDArray[np.bool_], config: CornerConfig) -> NDArray[np.bool_]:
    """Fill between the highest and the lowest pixel of the torso's columns.

    The outer columns stay: there a sleeve hangs above a flared hem.
    """
    left, right = _torso_sides(mask, config)
    inner = config.unfilled_side * (right - left)
    columns = np.arange(mask.shape[1])
    torso = (columns > left + inner) & (columns < right - inner)
    below = np.maximum.accumulate(mask, axis=0)
    above = np.maximum.accumulate(mask[::-1], axis=0)[::-1]
    return mask | (below & above & torso)


def _straighten_torso(mask: NDArray[np.bool_], config: CornerConfig) -> NDArray[np.bool_]:
    """Make the lower half of the torso convex where a deep dent cuts it."""
    _, y1, _, y2 = mask_box(mask)
    top = y1 + round(config.lower_torso * (y2 - y1))
    torso = np.zeros_like(mask)
    left, right = _torso_sides(mask, config)
    columns = np.arange(mask.shape[1])
    slack = config.torso_slack
    near = (columns >= left - slack) & (columns <= right + slack)
    torso[top:y2] = mask[top:y2] & near
    if torso.sum() < 9:  # a convex hull needs some pixels
        return mask
    hull = morphology.convex_hull_image(torso)
    dent = (hull & ~mask).sum(axis=1).max()
    return mask | hull if dent > config.min_dent * (right - left) else mask


def _torso_sides(mask: NDArray[np.bool_], config: CornerConfig) -> tuple[float, float]:
    """Return left and right side of the torso: what most of the lower rows span."""
    _, y1, _, y2 = mask_box(mask)
    top = y1 + round(config.side_rows_top * (y2 - y1))
    bottom = y2 - round(config.side_rows_bottom * (y2 - y1))
    rows = mask[top:bottom]
    rows = rows[rows.any(axis=1)]
    if rows.shape[0] == 0:
        x1, _, x2, _ = mask_box(mask)
        return float(x1), float(x2 - 1)
    left = rows.argmax(axis=1)
    right = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    share = config.side_quantile
    return float(np.quantile(left, share)), float(np.quantile(right, 1 - share))


def _largest_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the largest component: the outline is a single closed line."""
    components, count = ndimage.label(mask)
    if count < 2:
        return mask
    areas = np.bincount(components.ravel())
    areas[0] = 0
    return np.asarray(components == areas.argmax(), bool)


def _to_work_size(
    mask: NDArray[np.bool_], config: CornerConfig
) -> tuple[NDArray[np.bool_], float, tuple[float, float]]:
    """Crop the mask and resize it to working size, with an empty margin.

    Returns:
        The small mask, its scale, and the (x, y) of its first pixel in the large one.
    """
    box: Box = mask_box(mask)
    x1, y1, x2, y2 = box
    if x2 <= x1:
        raise ValueError("expected a mask with a garment, got an empty mask")
    crop = mask[y1:y2, x1:x2]
    scale = config.work_size / max(crop.shape)
    size = tuple(max(2, round(side * scale)) for side in crop.shape)
    small = transform.resize(
        crop.astype(np.float32), size, order=1, anti_aliasing=scale < 1
    )
    margin = config.margin
    padded = np.pad(small > 0.5, margin)
    if not padded.any():  # a line thinner than a working pixel
        padded = np.pad(np.ones(size, bool), margin)
    # Pixel centres: small + 0.5 = scale * (full + 0.5 - x1) + margin.
    origin = (x1 - (margin - 0.5) / scale - 0.5, y1 - (margin - 0.5) / scale - 0.5)
    return padded, scale, origin


def _trace_outline(mask: NDArray[np.bool_]) -> Points:
    """Trace the outline clockwise on the picture: `(N, 2)` (x, y), closed."""
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 1.0)
    lines = measure.find_contours(soft, 0.5)
    if not lines:
        lines = measure.find_contours(mask.astype(np.float32), 0.5)
    path = max(lines, key=len)[:-1, ::-1]
    x, y = path[:, 0], path[:, 1]
    area = float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    return np.asarray(path if area > 0 else path[::-1], np.float32)


def _detect_corners(
    path: Points, mask: NDArray[np.bool_], config: CornerConfig
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Detect the twelve corners as indices into the path."""
    _, y1, _, y2 = mask_box(mask)
    left, right = _torso_sides(mask, config)
    middle, half = (left + right) / 2, max((right - left) / 2, 1.0)
    height = float(y2 - y1)
    x, y = path[:, 0], path[:, 1]
    torso = np.abs(x - middle) < config.hem_extent * half
    low = torso & (y > y1 + config.hem_top * height)
    high = y < y1 + config.collar_bottom * height
    side = {}
    for sign in (-1.0, 1.0):
        across = sign * (x - middle)
        hem = _argmax_where(across * config.hem_direction + y, low)
        near = (across > config.collar_inner * half) & high
        near &= across < config.collar_outer * half
        collar = _argmax_where(config.collar_direction * across - y, near)
        side[sign] = _detect_sleeve(path, collar, hem, sign, half, config)
    one, two = side[-1.0], side[1.0]
    corners = np.array(one[0] + two[0][::-1], np.intp)
    return corners, np.array(one[1] + two[1][::-1], bool)


def _detect_sleeve(
    path: Points, collar: int, hem: int, sign: float, half: float, config: CornerConfig
) -> tuple[list[int], list[bool]]:
    """Detect shoulder, sleeve and armpit between a collar and a hem corner.

    Args:
        path: the outline.
        collar: index of the collar's corner and
        hem: of the hem's.
        sign: -1 for the left side, 1 for the right one.
        half: width of the torso over two.
        config: directions.

    Returns:
        Indices of collar, shoulder, both corners of the cuff, armpit and hem, and
        whether the outline shows them.
    """
    indices = _arc(len(path), collar, hem, backwards=sign < 0)
    line = path[indices]
    across = sign * line[:, 0]
    bottom = line[0, 1] + config.sleeve_bottom * (line[-1, 1] - line[0, 1])
    tip = _argmax_where(across + config.tip_direction * line[:, 1], line[:, 1] < bottom)
    armpit = tip + _farthest_from_chord(line[tip:], inwards=True, sign=sign)
    root = (line[armpit] + line[_shoulder(line, tip, sign)]) / 2
    axis = line[tip] - root
    axis = axis / max(float(np.linalg.norm(axis)), 1e-6)
    up = np.array([axis[1], -axis[0]]) * sign
    sleeve = line[: armpit + 1]
    outer = int(np.argmax(sleeve @ (axis + config.cuff_direction * up)))
    inner = int(np.argmax(sleeve @ (axis - config.cuff_direction * up)))
    outer, inner = min(outer, inner), max(outer, inner)
    shoulder = _shoulder(line, outer, sign)
    has_sleeve = bool(across[tip] - across[armpit] > config.min_sleeve * half)
    found = [True, has_sleeve, has_sleeve, has_sleeve, has_sleeve, True]
    steps = [0, shoulder, outer, inner, armpit, len(line) - 1]
    return [int(indices[i]) for i in steps], found


def _shoulder(line: Points, stop: int, sign: float) -> int:
    """Return the index of the shoulder: where the line bends most before `stop`."""
    return _farthest_from_chord(line[: stop + 1], inwards=False, sign=sign)


def _farthest_from_chord(line: Points, inwards: bool, sign: float) -> int:
    """Return the index of the point farthest from the chord, on one of its sides."""
    if len(line) < 3:
        return 0
    chord = line[-1] - line[0]
    normal = np.array([chord[1], -chord[0]]) * sign
    normal = normal / max(float(np.linalg.norm(normal)), 1e-6)
    distance = (line - line[0]) @ normal
    distance = -distance if inwards else distance
    # On a straight line, where all distances are 0, the middle wins.
    ramp = 1e-3 * np.minimum(np.arange(len(line)), np.arange(len(line))[::-1])
    return int(np.argmax(distance + ramp))


def _argmax_where(score: NDArray[np.floating], where: NDArray[np.bool_]) -> int:
    """Return the index of the highest score among marked points, or among all if none."""
    if not where.any():
        return int(np.argmax(score))
    return int(np.argmax(np.where(where, score, -np.inf)))


def _arc(count: int, start: int, stop: int, backwards: bool) -> NDArray[np.intp]:
    """Return the indices along a closed line from one to another, both included."""
    if backwards:
        return (start - np.arange((start - stop) % count + 1)) % count
    return (start + np.arange((stop - start) % count + 1)) % count


def _stretch(path: Points, start: int, stop: int) -> Points:
    """Return the outline from one corner to the next, which runs against the path."""
    return path[_arc(len(path), int(start), int(stop), backwards=True)]


def _resample(line: Points, count: int) -> Points:
    """Return `count` evenly spaced points along a line, its ends included."""
    if len(line) < 2:
        return np.repeat(line[:1], count, axis=0)
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    along = np.linspace(0.0, length[-1], count)
    columns = [np.interp(along, length, line[:, axis]) for axis in (0, 1)]
    return np.stack(columns, axis=1).astype(np.float32)


def _lowest_point(neckline: Points) -> Points:
    """Return the lowest point of the middle half of a neckline."""
    count = len(neckline)
    middle = neckline[count // 4 : max(count - count // 4, count // 4 + 1)]
    return np.asarray(middle[int(np.argmax(middle[:, 1]))], np.float32)
