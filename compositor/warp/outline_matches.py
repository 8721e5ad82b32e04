"""Match points of the user's garment to the shop's by the corners of both outlines."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compositor.warp.corners import ControlPoints, Points

Floats = NDArray[np.float64]

SLEEVES = (1, 2, 3, 7, 8, 9)  # stretches of the outline along the sleeves
SHOULDERS = (0, 10)  # stretches between collar and shoulder
NECKLINE = 11  # the stretch between both collar corners


@dataclass(frozen=True)
class OutlineMatchConfig:
    """How a worn garment differs from a flat one.

    Fitted to rendered people whose true correspondences are known.
    """

    min_neck_depth: float = 0.45  # of a front neckline, as a share of its width
    neck_follow: float = 0.9  # of the target neckline's depth that the source's takes on
    roundness: float = 0.6  # of the torso's section: 0 flat, 1 a half circle
    turn_gain: float = 1.1  # shift of the cloth per shift of the neck, half widths
    max_turn: float = 0.45  # largest such shift, half widths
    # A hanging sleeve hides the armpit, and shoulders lean away from the camera: how far
    # below its outline the source is seen there, shares of the torso's height.
    armpit_drop: float = 0.05
    shoulder_drop: float = 0.03

    torso_columns: int = 9  # points across the torso
    torso_rows: int = 7  # from the armpits to the hem
    torso_extent: float = 0.97  # outermost points, half widths from the middle
    rim_start: float = 0.85  # half widths: source points beyond are compressed
    rim_width: float = 0.14  # half widths that they are compressed into
    collar_weight: float = 2.0  # of both collar corners; all other matches weigh 1


DEFAULT = OutlineMatchConfig()


class Matches(NamedTuple):
    """Corresponding points of two garments, row by row.

    Attributes:
        target: `(N, 2)` (x, y) in target pixels.
        source: `(N, 2)` (x, y) in source pixels.
        weights: `(N,)`, >= 0.
        hard: `(N,)` bool, True for hard constraints, which the map must meet.
    """

    target: Floats
    source: Floats
    weights: Floats
    hard: NDArray[np.bool_]


def point_matches(
    source_points: NDArray[Any] | None,
    target_points: NDArray[Any] | None,
) -> Matches | None:
    """Check given points and make matches of them.

    Args:
        source_points: `(N, 2)` (x, y) in source pixels; rows with NaN are left out.
        target_points: `(N, 2)` (x, y) in target pixels.

    Returns:
        The matches, all of weight 1; None when no points are given.

    Raises:
        ValueError: When the shapes differ or fewer than three matches are left.
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
    count = int(known.sum())
    if count < 3:
        raise ValueError(f"expected at least 3 points, got {count}")
    return Matches(target[known], source[known], np.ones(count), np.zeros(count, bool))


def corner_matches(
    source: ControlPoints,
    target: ControlPoints,
    config: OutlineMatchConfig = DEFAULT,
) -> Matches:
    """Match the outlines of sleeves and shoulders, the neckline and the torso.

    Args:
        source: Corners of the shop's garment.
        target: Corners of the user's garment.
        config: how a worn garment differs from a flat one.

    Returns:
        The matches with their weights. Stretches that one outline does not show are left
        out.
    """
    both = source.found & target.found
    groups = [
        (
            target.outline[index],
            source.outline[index] + _outline_drop(source, index, config),
            1.0,
        )
        for index in (*SHOULDERS, *SLEEVES)
        if both[index] and both[index + 1]
    ]
    collar = [0, 11]
    groups.append((target.points[collar], source.points[collar], config.collar_weight))
    groups.append((*_torso_matches(source, target, config), 1.0))
    neckline = _front_neckline(source, target, config)
    groups.append((target.outline[NECKLINE], neckline, 1.0))
    weights = np.concatenate([np.full(len(one), weight) for one, _, weight in groups])
    hard = np.zeros(len(weights), bool)
    hard[-len(neckline) :] = True
    return Matches(
        np.concatenate([one for one, _, _ in groups]).astype(np.float64),
        np.concatenate([two for _, two, _ in groups]).astype(np.float64),
        weights,
        hard,
    )


def _outline_drop(
    source: ControlPoints, index: int, config: OutlineMatchConfig
) -> Points:
    """Return how far below its outline the source is seen on a person, `(K, 2)`."""
    height = source["hem_left"][1] - source["armpit_left"][1]
    drop = np.zeros(source.outline.shape[1])
    if index in SHOULDERS:
        drop += config.shoulder_drop
    elif index == 3:  # from the sleeve's hem to the armpit
        drop = np.linspace(0.0, config.armpit_drop, len(drop))
    elif index == 7:  # from the other armpit to that sleeve's hem
        drop = np.linspace(config.armpit_drop, 0.0, len(drop))
    return np.stack([0.0 * drop, drop * height], axis=1).astype(np.float32)


def _front_neckline(
    source: ControlPoints, target: ControlPoints, config: OutlineMatchConfig
) -> Points:
    """Return where the target's neckline lies on the source.

    A flat lay shows the back collar above the front neckline; on a person the outline
    is the front neckline. Where the source's outline is shallower than a front
    neckline, a deeper half ellipse is taken, so that the back collar is never sampled.
    """
    curve = source.outline[NECKLINE].copy()
    depth = _neck_depth(curve)
    follow = config.neck_follow * _neck_depth(target.outline[NECKLINE])
    wanted = max(depth, config.min_neck_depth, follow)
    width = float(np.linalg.norm(curve[-1] - curve[0]))
    along = np.linspace(0.0, 1.0, len(curve))[:, None]
    line = curve[0] + along * (curve[-1] - curve[0])
    drop = wanted * width * np.sqrt(np.maximum(1.0 - (2.0 * along - 1.0) ** 2, 0.0))
    line[:, 1:] += drop
    return np.asarray(line if wanted > depth else curve, np.float32)


def _neck_depth(curve: Points) -> float:
    """Return the depth of a neckline below its ends, as a share of its width."""
    width = max(float(np.linalg.norm(curve[-1] - curve[0])), 1e-6)
    lowest = float(np.median(np.sort(curve[:, 1])[-3:]))
    return (lowest - float(curve[[0, -1], 1].mean())) / width


def _body_turn(corners: ControlPoints) -> float:
    """Return the neck's offset from the torso's middle, in half widths."""
    left = float(corners["armpit_left"][0] + corners["hem_left"][0]) / 2.0
    right = float(corners["armpit_right"][0] + corners["hem_right"][0]) / 2.0
    half = max((right - left) / 2.0, 1e-6)
    return float(corners["neck"][0] - (left + right) / 2.0) / half


def _torso_matches(
    source: ControlPoints, target: ControlPoints, config: OutlineMatchConfig
) -> tuple[Points, Points]:
    """Match points across the torso, as on a round body that may be turned.

    Towards its sides a round body turns away: there the photo shows more cloth per pixel
    than in the middle. The neck's offset tells how far the body is turned; points that a
    turn would move beyond the source's side are compressed into its rim.
    """
    across = np.linspace(-config.torso_extent, config.torso_extent, config.torso_columns)
    round_ = config.roundness
    flat = (1 - round_) * across + round_ * (2 / np.pi) * np.arcsin(across)
    shift = config.turn_gain * (_body_turn(target) - _body_turn(source))
    flat = flat - np.clip(shift, -config.max_turn, config.max_turn)
    beyond = np.maximum(np.abs(flat) - config.rim_start, 0.0)
    rim = config.rim_width * np.tanh(beyond / config.rim_width)
    compressed = np.minimum(np.abs(flat), config.rim_start) + rim
    down = np.linspace(0.0, 1.0, config.torso_rows)
    return (
        _torso_grid(target, across, down),
        _torso_grid(
            source, np.sign(flat) * compressed, down + config.armpit_drop * (1 - down)
        ),
    )


def _torso_grid(corners: ControlPoints, across: Floats, down: Floats) -> Points:
    """Return points between both sides (-1, 1), from the armpits (0) to the hem (1)."""
    sides = []
    for side in ("left", "right"):
        armpit, hem = corners[f"armpit_{side}"], corners[f"hem_{side}"]
        sides.append(armpit + down[:, None] * (hem - armpit))
    share = (across[None, :, None] + 1.0) / 2.0
    grid = sides[0][:, None] + share * (sides[1] - sides[0])[:, None]
    return grid.reshape(-1, 2).astype(np.float32)
