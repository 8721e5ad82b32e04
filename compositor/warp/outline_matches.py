"""Pair spots of the user's garment with spots of the shop's garment.

The figures below were fitted to rendered people whose true pairs are known.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compositor.warp.corners import ControlPoints, Points

Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """Spots of two garments, row by row the same.

    Attributes:
        target: `(N, 2)` (x, y) in target pixels.
        source: `(N, 2)` (x, y) in source pixels.
        weights: `(N,)` trust, >= 0.
        firm: `(N,)` bool, True where the map must go through the pair.
    """

    target: Floats
    source: Floats
    weights: Floats
    firm: NDArray[np.bool_]


NECK_DEPTH = 0.45  # least depth of a front neckline, as a share of its width
NECK_FOLLOW = 0.9  # how far the source's neckline follows a deeper one of the target
ROUNDNESS = 0.6  # 0 a flat torso, 1 a round one
TURN = 1.1  # shift of the cloth per shift of the neck, both in half widths
MOST_TURN = 0.45  # largest shift that is believed, in half widths
ARMPIT_DROP = 0.05  # a hanging sleeve hides the armpit: share of the torso's height
SHOULDER_DROP = 0.03  # shoulders lean away from the camera: share of that height
SLEEVES = (1, 2, 3, 7, 8, 9)  # stretches of the outline along the sleeves
SHOULDERS = (0, 10)  # stretches between collar and shoulder


def point_pairs(
    source_points: NDArray[Any] | None,
    target_points: NDArray[Any] | None,
) -> Pairs | None:
    """Check given points.

    Args:
        source_points: `(N, 2)` (x, y) in source pixels; rows with NaN are left out.
        target_points: `(N, 2)` (x, y) in target pixels.

    Returns:
        The pairs, all of weight 1; None when no points are given.

    Raises:
        ValueError: When the points do not pair up or fewer than three are left.
    """
    if source_points is None and target_points is None:
        return None
    if source_points is None or target_points is None:
        raise ValueError("expected source_points and target_points, got only one")
    if source_points.shape != target_points.shape:
        shapes = f"{source_points.shape} and {target_points.shape}"
        raise ValueError(f"expected points of one shape, got {shapes}")
    if source_points.ndim != 2 or source_points.shape[1] != 2:
        raise ValueError(f"expected points of shape (N, 2), got {source_points.shape}")
    source = source_points.astype(np.float64)
    target = target_points.astype(np.float64)
    known = np.isfinite(source).all(axis=1) & np.isfinite(target).all(axis=1)
    if known.sum() < 3:
        raise ValueError(f"expected at least 3 points, got {int(known.sum())}")
    count = int(known.sum())
    return Pairs(target[known], source[known], np.ones(count), np.zeros(count, bool))


def corner_pairs(source: ControlPoints, target: ControlPoints) -> Pairs:
    """Pair the outlines of sleeves and shoulders, the neckline and the torso.

    Args:
        source: Corners of the shop's garment.
        target: Corners of the user's garment.

    Returns:
        The pairs with their weights. Stretches that one outline does not show are
        left out.
    """
    both = source.found & target.found
    pairs = [
        (target.outline[index], source.outline[index] + _drop(source, index), 1.0)
        for index in (*SHOULDERS, *SLEEVES)
        if both[index] and both[index + 1]
    ]
    ends = [0, 11]
    pairs.append((target.points[ends], source.points[ends], 2.0))
    pairs.append((*_torso_pairs(source, target), 1.0))
    pairs.append((target.outline[11], _front_neckline(source, target), 1.0))
    weights = np.concatenate([np.full(len(one), trust) for one, _, trust in pairs])
    firm = np.zeros(len(weights), bool)
    firm[-target.outline.shape[1] :] = True  # the neckline
    return Pairs(
        np.concatenate([one for one, _, _ in pairs]).astype(np.float64),
        np.concatenate([two for _, two, _ in pairs]).astype(np.float64),
        weights,
        firm,
    )


def _drop(source: ControlPoints, index: int) -> Points:
    """How far below its outline the source is seen on a person, `(K, 2)`."""
    height = source["hem_left"][1] - source["armpit_left"][1]
    ramp = np.zeros(source.outline.shape[1])
    if index in SHOULDERS:
        ramp += SHOULDER_DROP
    elif index == 3:  # from the sleeve's hem to the armpit
        ramp = np.linspace(0.0, ARMPIT_DROP, len(ramp))
    elif index == 7:  # and back on the other side
        ramp = np.linspace(ARMPIT_DROP, 0.0, len(ramp))
    return np.stack([0.0 * ramp, ramp * height], axis=1).astype(np.float32)


def _front_neckline(source: ControlPoints, target: ControlPoints) -> Points:
    """Where the target's neckline lies on the source.

    A flat lay shows the back collar above the front neckline; on a person the outline
    is the front neckline. Where the source's outline is shallower than a front
    neckline, a deeper curve is taken, so that the back collar is never sampled.
    """
    curve = source.outline[11].copy()
    depth = _neck_depth(curve)
    wanted = max(depth, NECK_DEPTH, NECK_FOLLOW * _neck_depth(target.outline[11]))
    width = float(np.linalg.norm(curve[-1] - curve[0]))
    along = np.linspace(0.0, 1.0, len(curve))[:, None]
    line = curve[0] + along * (curve[-1] - curve[0])
    drop = wanted * width * np.sqrt(np.maximum(1.0 - (2.0 * along - 1.0) ** 2, 0.0))
    line[:, 1:] += drop
    return np.asarray(line if wanted > depth else curve, np.float32)


def _neck_depth(curve: Points) -> float:
    """Depth of a neckline below its ends, as a share of its width."""
    width = max(float(np.linalg.norm(curve[-1] - curve[0])), 1e-6)
    lowest = float(np.median(np.sort(curve[:, 1])[-3:]))
    return (lowest - float(curve[[0, -1], 1].mean())) / width


def _turn(corners: ControlPoints) -> float:
    """How far the neck stands off the torso's middle, in half widths."""
    left = float(corners["armpit_left"][0] + corners["hem_left"][0]) / 2.0
    right = float(corners["armpit_right"][0] + corners["hem_right"][0]) / 2.0
    half = max((right - left) / 2.0, 1e-6)
    return float(corners["neck"][0] - (left + right) / 2.0) / half


def _torso_pairs(source: ControlPoints, target: ControlPoints) -> tuple[Points, Points]:
    """Pair points across the torso, as on a round body that may be turned.

    A body turns away towards its sides: there the photo shows more cloth per pixel
    than in the middle. The place of the neck tells how far the body is turned; what
    a turn would take from beyond the source's side is squeezed into its rim.
    """
    across = np.linspace(-0.97, 0.97, 9)
    flat = (1 - ROUNDNESS) * across + ROUNDNESS * (2 / np.pi) * np.arcsin(across)
    shift = TURN * (_turn(target) - _turn(source))
    flat = flat - np.clip(shift, -MOST_TURN, MOST_TURN)
    over = np.maximum(np.abs(flat) - 0.85, 0.0)
    near = np.minimum(np.abs(flat), 0.85) + 0.14 * np.tanh(over / 0.14)
    down = np.linspace(0.0, 1.0, 7)
    return (
        _torso_grid(target, across, down),
        _torso_grid(source, np.sign(flat) * near, down + ARMPIT_DROP * (1 - down)),
    )


def _torso_grid(corners: ControlPoints, across: Floats, down: Floats) -> Points:
    """Points between the two sides, from the armpits (0) to the hem (1)."""
    sides = []
    for side in ("left", "right"):
        armpit, hem = corners[f"armpit_{side}"], corners[f"hem_{side}"]
        sides.append(armpit + down[:, None] * (hem - armpit))
    share = (across[None, :, None] + 1.0) / 2.0
    grid = sides[0][:, None] + share * (sides[1] - sides[0])[:, None]
    return grid.reshape(-1, 2).astype(np.float32)
