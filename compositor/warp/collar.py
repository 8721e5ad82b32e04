"""Where the front of a garment begins, and what hangs over it from inside its collar."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial
from skimage import color as skcolor

from compositor._checks import check_image, check_plane

Floats = NDArray[np.float64]

STEPS = 40  # places that are tried for each point, across the curve
BACKWARDS = 0.4  # of the reach: so far may a point move the other way
BLUR = (2.0, 1.0)  # standard deviations along and across the curve, points and steps
CLEAR = 10.0  # CIELAB difference across an edge that is half as good as any
STRAY = 0.4  # what the farthest move costs, where the clearest edge is worth 1
BEND = 0.05  # what a step aside from one point to the next costs
LABEL_REACH = 0.25  # of a neck's width: so far does a label hang over the front
LABEL_WIDTH = 0.4  # of the same: wider is a collar of another colour
UNLIKE = 15.0  # CIELAB distance from the cloth nearby that a label has
LEAST_LIKE = 0.1  # share of that cloth that a colour must be like to be cloth, not print
GRID = 64  # pixels across the neck that labels are looked for on
SAMPLE = 400  # colours of the cloth that they are compared with
EIGHT = np.ones((3, 3), bool)


def snap_curve(
    image: NDArray[Any], mask: NDArray[Any], curve: NDArray[Any], reach: float
) -> Floats:
    """Move each point of a curve across it, to the clearest unbroken edge nearby.

    The band around the curve is unrolled to a strip, and the path along the strip that
    crosses the most contrast for the fewest bends is found by dynamic programming.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        mask: `(H, W)` bool, where edges count.
        curve: `(N, 2)` (x, y) in pixels, densely and about evenly placed.
        reach: Pixels that a point may move to the right of the curve's way, as the
            picture shows it: down, when the curve runs from left to right. To the left
            it is `BACKWARDS` of that.

    Returns:
        `(N, 2)` (x, y), point by point the same.

    Raises:
        ValueError: When there are fewer than three points, or the reach is not above 0.

    References:
        Amini, Weymouth, Jain: Using Dynamic Programming for Solving Variational
        Problems in Vision, PAMI 1990.
    """
    check_image(image)
    check_plane(mask, "mask", image.shape[:2])
    if len(curve) < 3 or reach <= 0:
        raise ValueError(f"expected 3 points and reach > 0, got {len(curve)}, {reach}")
    tangent = np.gradient(curve, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    across = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    moves = np.linspace(-BACKWARDS, 1, STEPS + 1)
    places = curve[:, None] + across[:, None] * (reach * moves)[None, :, None]
    strip = skcolor.rgb2lab(_read(image, places) / 255)  # (N, moves, 3)
    strip = ndimage.gaussian_filter(strip, (*BLUR, 0), mode="nearest")
    edge = np.linalg.norm(np.gradient(strip, axis=1) * 2, axis=-1)
    edge *= _read(mask[..., None], places)[..., 0]
    path = _cheapest(STRAY * moves**2 - edge / (edge + CLEAR))
    return np.asarray(places[np.arange(len(curve)), path])


def _read(planes: NDArray[Any], places: Floats) -> NDArray[np.float32]:
    """Read `(H, W, C)` values at `(N, M, 2)` places (x, y); the frame is repeated."""
    at = [places[..., 1], places[..., 0]]
    read = [
        ndimage.map_coordinates(plane, at, np.float32, order=1, mode="nearest")
        for plane in np.moveaxis(planes, -1, 0)
    ]
    return np.stack(read, axis=-1)


def _cheapest(cost: Floats) -> NDArray[np.intp]:
    """Return the column of each row on the cheapest path down, one step a row."""
    total, came = cost[0], np.zeros(cost.shape, np.intp)
    for row in range(1, len(cost)):
        beside = np.pad(total, 1, constant_values=np.inf)
        ways = np.stack([beside[:-2] + BEND, total, beside[2:] + BEND])
        came[row] = ways.argmin(axis=0) - 1
        total = ways.min(axis=0) + cost[row]
    path = np.empty(len(cost), np.intp)
    path[-1] = total.argmin()
    for row in range(len(cost) - 1, 0, -1):
        path[row - 1] = path[row] + came[row, path[row]]
    return path


def find_labels(
    image: NDArray[Any], front: NDArray[Any], inside: NDArray[Any], width: float
) -> NDArray[np.bool_]:
    """Find labels that hang from inside a collar over the front.

    They have a colour that next to none of the cloth below has, hang from the middle and
    are narrower than the neck: what is as wide, or at a side, is a collar of another
    colour.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        front: `(H, W)` bool, the garment's front.
        inside: `(H, W)` bool, what is seen of the inside of its collar.
        width: of the neck, pixels.

    Returns:
        `(H, W)` bool, a part of the front.
    """
    check_image(image)
    check_plane(front, "front", image.shape[:2])
    check_plane(inside, "inside", image.shape[:2])
    step = max(1, round(width / GRID))
    grid = np.s_[::step, ::step]
    away = ndimage.distance_transform_edt(~inside[grid]) * step / max(width, 1.0)
    near = front[grid] & (away <= LABEL_REACH)
    cloth = front[grid] & (away > LABEL_REACH) & (away <= 2 * LABEL_REACH)
    if not (inside.any() and near.any() and cloth.any()):
        return np.zeros(front.shape, bool)
    colours = skcolor.rgb2lab(image[grid].astype(np.float32) / 255)
    known = colours[cloth][:: -(-int(cloth.sum()) // SAMPLE)]
    unlike = np.zeros_like(near)
    like = spatial.cKDTree(known).query_ball_point(
        colours[near], UNLIKE, return_length=True
    )
    unlike[near] = like < LEAST_LIKE * len(known)
    small = _hanging(unlike, inside[grid], LABEL_WIDTH * width / step)
    labels = small.repeat(step, axis=0).repeat(step, axis=1)
    return labels[: front.shape[0], : front.shape[1]] & front


def _hanging(
    unlike: NDArray[np.bool_], inside: NDArray[np.bool_], most: float
) -> NDArray[np.bool_]:
    """Return the solid parts that hang from the inside, grown by 2.

    They are no wider than `most`, and their middle is as near to that of the neck.
    """
    solid = ndimage.binary_opening(unlike, EIGHT)  # piping at the collar is thinner
    parts, _ = ndimage.label(solid)
    touched = np.unique(parts[ndimage.binary_dilation(inside, iterations=3)])
    middle = float(np.nonzero(inside)[1].mean())
    kept = []
    for number, (_, columns) in enumerate(ndimage.find_objects(parts), 1):
        aside = abs((columns.start + columns.stop - 1) / 2 - middle)
        if number in touched and max(columns.stop - columns.start, 2 * aside) <= most:
            kept.append(number)
    return np.asarray(ndimage.binary_dilation(np.isin(parts, kept), EIGHT, 2), bool)
