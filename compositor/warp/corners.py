"""Find the corners of a short-sleeve top on the outline of its mask.

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
WORK_SIZE = 256  # longest side in pixels at which outlines are read
MARGIN = 8  # empty pixels around the mask at that size


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


def control_points(mask: NDArray[Any], outline_points: int = 12) -> ControlPoints:
    """Find collar, shoulders, sleeves, armpits and hem on the outline of a tee.

    Arms, hair and straps in front of the garment are filled first (`complete_mask`).

    Args:
        mask: `(H, W)` bool mask of an upright short-sleeve top.
        outline_points: Points per stretch of outline between two corners.

    Returns:
        The corners and the outline, in pixels of the mask.

    Raises:
        ValueError: When the mask is empty.
    """
    check_plane(mask)
    small, scale, origin = _shrink(mask.astype(bool))
    filled = complete_mask(small)
    path = _outline(filled)
    corners, found = _find_corners(path, filled)
    stretches = [
        _resample(_between(path, corners[i], corners[(i + 1) % 12]), outline_points)
        for i in range(12)
    ]
    neck = _lowest(stretches[11])
    points = np.vstack([path[corners], neck[None]])
    place = np.asarray(origin, np.float32)
    return ControlPoints(
        points=(points / scale + place).astype(np.float32),
        found=np.append(found, True),
        outline=(np.stack(stretches) / scale + place).astype(np.float32),
        size=float(np.sqrt(filled.sum())) / scale,
    )


def complete_mask(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Fill what arms, hair and straps hide of a garment.

    Gaps between parts that stand above each other are filled column by column, thin
    gaps are closed, and the lower half of the torso becomes convex.

    Args:
        mask: `(H, W)` bool mask of an upright short-sleeve top.

    Returns:
        `(H, W)` bool, a superset of the cleaned mask.
    """
    check_plane(mask)
    filled = clean_mask(mask, 0.01)
    if not filled.any():
        return filled
    filled = _fill_columns(filled)
    radius = max(1, round(0.03 * float(np.sqrt(filled.sum()))))
    padded = np.pad(filled, 2 * radius)
    closed = ndimage.binary_closing(padded, morphology.disk(radius))
    filled = closed[2 * radius : -2 * radius, 2 * radius : -2 * radius] | filled
    filled = ndimage.binary_fill_holes(filled)
    return _largest(_straighten_torso(filled))


def _fill_columns(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill between the highest and the lowest pixel of the torso's columns.

    The outer columns stay: there a sleeve hangs above a flared hem.
    """
    left, right = _torso_sides(mask)
    inner = 0.15 * (right - left)
    columns = np.arange(mask.shape[1])
    torso = (columns > left + inner) & (columns < right - inner)
    below = np.maximum.accumulate(mask, axis=0)
    above = np.maximum.accumulate(mask[::-1], axis=0)[::-1]
    return mask | (below & above & torso)


def _straighten_torso(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Make the lower half of the torso convex where a deep notch cuts it.

    A shallow dent is the garment's own waist and stays.
    """
    _, y1, _, y2 = mask_box(mask)
    top = y1 + round(0.55 * (y2 - y1))
    torso = np.zeros_like(mask)
    left, right = _torso_sides(mask)
    columns = np.arange(mask.shape[1])
    near = (columns >= left - 2) & (columns <= right + 2)
    torso[top:y2] = mask[top:y2] & near
    if torso.sum() < 9:
        return mask
    hull = morphology.convex_hull_image(torso)
    dent = (hull & ~mask).sum(axis=1).max()
    return mask | hull if dent > 0.09 * (right - left) else mask


def _torso_sides(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Left and right side of the torso: what most of the lower rows span."""
    _, y1, _, y2 = mask_box(mask)
    rows = mask[y1 + round(0.6 * (y2 - y1)) : y2 - round(0.03 * (y2 - y1))]
    rows = rows[rows.any(axis=1)]
    if rows.shape[0] == 0:
        x1, _, x2, _ = mask_box(mask)
        return float(x1), float(x2 - 1)
    left = rows.argmax(axis=1)
    right = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    return float(np.quantile(left, 0.25)), float(np.quantile(right, 0.75))


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the largest part: the outline is a single closed line."""
    parts, count = ndimage.label(mask)
    if count < 2:
        return mask
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    return np.asarray(parts == areas.argmax(), bool)


def _shrink(
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], float, tuple[float, float]]:
    """Cut the mask out and bring it to working size, with an empty margin."""
    box: Box = mask_box(mask)
    x1, y1, x2, y2 = box
    if x2 <= x1:
        raise ValueError("expected a mask with a garment, got an empty mask")
    cut = mask[y1:y2, x1:x2]
    scale = WORK_SIZE / max(cut.shape)
    size = tuple(max(2, round(side * scale)) for side in cut.shape)
    small = transform.resize(
        cut.astype(np.float32), size, order=1, anti_aliasing=scale < 1
    )
    padded = np.pad(small > 0.5, MARGIN)
    if not padded.any():  # a line thinner than a working pixel
        padded = np.pad(np.ones(size, bool), MARGIN)
    # Pixel centres: small + 0.5 = scale * (full + 0.5 - x1) + MARGIN.
    origin = (x1 - (MARGIN - 0.5) / scale - 0.5, y1 - (MARGIN - 0.5) / scale - 0.5)
    return padded, scale, origin


def _outline(mask: NDArray[np.bool_]) -> Points:
    """Trace the outline clockwise on the picture: `(N, 2)` (x, y), closed."""
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 1.0)
    lines = measure.find_contours(soft, 0.5)
    if not lines:
        lines = measure.find_contours(mask.astype(np.float32), 0.5)
    path = max(lines, key=len)[:-1, ::-1]
    x, y = path[:, 0], path[:, 1]
    area = float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
    return np.asarray(path if area > 0 else path[::-1], np.float32)


def _find_corners(
    path: Points, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Find the twelve corners as indices into the path."""
    _, y1, _, y2 = mask_box(mask)
    left, right = _torso_sides(mask)
    middle, half = (left + right) / 2, max((right - left) / 2, 1.0)
    height = float(y2 - y1)
    torso = np.abs(path[:, 0] - middle) < 1.25 * half
    low = torso & (path[:, 1] > y1 + 0.6 * height)
    side = {}
    for sign in (-1.0, 1.0):
        across = sign * (path[:, 0] - middle)
        hem = _argmax_where(across * 0.8 + path[:, 1], low)
        half_plane = (across > 0.05 * half) & (path[:, 1] < y1 + 0.45 * height)
        near = half_plane & (across < 0.75 * half)
        collar = _argmax_where(0.17 * across - path[:, 1], near)
        side[sign] = _find_sleeve(path, collar, hem, sign, half)
    one, two = side[-1.0], side[1.0]
    corners = np.array(one[0] + two[0][::-1], np.intp)
    return corners, np.array(one[1] + two[1][::-1], bool)


def _find_sleeve(
    path: Points, collar: int, hem: int, sign: float, half: float
) -> tuple[list[int], list[bool]]:
    """Find shoulder, sleeve and armpit between a collar and a hem corner."""
    indices = _arc(len(path), collar, hem, backwards=sign < 0)
    line = path[indices]
    across = sign * line[:, 0]
    upper = line[:, 1] < line[0, 1] + 0.7 * (line[-1, 1] - line[0, 1])
    tip = _argmax_where(across + 0.1 * line[:, 1], upper)
    armpit = tip + _farthest(line[tip:], inwards=True, sign=sign)
    root = (line[armpit] + line[_farthest_above(line, tip, sign)]) / 2
    along = line[tip] - root
    reach = float(np.linalg.norm(along))
    along = along / max(reach, 1e-6)
    up = np.array([along[1], -along[0]]) * sign
    sleeve = line[: armpit + 1]
    outer = int(np.argmax(sleeve @ (along + 0.8 * up)))
    inner = int(np.argmax(sleeve @ (along - 0.8 * up)))
    outer, inner = min(outer, inner), max(outer, inner)
    shoulder = _farthest_above(line, outer, sign)
    sleeve_seen = bool(across[tip] - across[armpit] > 0.12 * half)
    seen = [True, sleeve_seen, sleeve_seen, sleeve_seen, sleeve_seen, True]
    steps = [0, shoulder, outer, inner, armpit, len(line) - 1]
    return [int(indices[i]) for i in steps], seen


def _farthest_above(line: Points, stop: int, sign: float) -> int:
    """Index of the shoulder: where the line bends most before `stop`."""
    return _farthest(line[: stop + 1], inwards=False, sign=sign)


def _farthest(line: Points, inwards: bool, sign: float) -> int:
    """Index of the point farthest from the chord, on one of its sides."""
    if len(line) < 3:
        return 0
    chord = line[-1] - line[0]
    normal = np.array([chord[1], -chord[0]]) * sign
    normal = normal / max(float(np.linalg.norm(normal)), 1e-6)
    away = (line - line[0]) @ normal
    away = -away if inwards else away
    # On a straight line the middle is the fairest answer.
    ramp = 1e-3 * np.minimum(np.arange(len(line)), np.arange(len(line))[::-1])
    return int(np.argmax(away + ramp))


def _argmax_where(score: NDArray[np.floating], where: NDArray[np.bool_]) -> int:
    """Index of the highest score among some points, or among all if none."""
    if not where.any():
        return int(np.argmax(score))
    return int(np.argmax(np.where(where, score, -np.inf)))


def _arc(count: int, start: int, stop: int, backwards: bool) -> NDArray[np.intp]:
    """Indices along a closed line from one to another, both included."""
    if backwards:
        return (start - np.arange((start - stop) % count + 1)) % count
    return (start + np.arange((stop - start) % count + 1)) % count


def _between(path: Points, start: int, stop: int) -> Points:
    """Outline from one corner to the next; corners run against the path."""
    return path[_arc(len(path), int(start), int(stop), backwards=True)]


def _resample(line: Points, count: int) -> Points:
    """Place `count` points evenly along a line, its ends included."""
    if len(line) < 2:
        return np.repeat(line[:1], count, axis=0)
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    places = np.linspace(0.0, length[-1], count)
    columns = [np.interp(places, length, line[:, axis]) for axis in (0, 1)]
    return np.stack(columns, axis=1).astype(np.float32)


def _lowest(neckline: Points) -> Points:
    """Lowest point of the middle half of a neckline."""
    count = len(neckline)
    middle = neckline[count // 4 : max(count - count // 4, count // 4 + 1)]
    return np.asarray(middle[int(np.argmax(middle[:, 1]))], np.float32)
