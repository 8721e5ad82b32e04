"""Fit a fold-free map to matched points, and keep it inside the source mask."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from compositor.warp.grid_spline import Lattice, fit_affine, fit_lattice, jacobian
from compositor.warp.outline_matches import Floats, Matches


@dataclass(frozen=True)
class FitConfig:
    """Spline, robust weights and corrections.

    "Size" is the square root of the source mask's area in pixels. A smoothness is the
    weight of the bending energy beside the mean square residual.
    """

    nodes: int = 33  # lattice nodes along each side of the target box

    # Smoothness and robust weights: of outline matches, which a stiff map explains best,
    # and of dense matches, which cover the inside too and are followed closely.
    outline_smoothness: float = 3e-3
    outline_outlier: float = 0.08  # size: residual at which a match weighs half
    dense_smoothness: float = 1e-6
    dense_outlier: float = 0.03  # size
    robust_rounds: int = 6  # of reweighted least squares, affine
    dense_rounds: int = 2  # of the same with a spline
    dense_stiffening: float = 30.0  # smoothness of that spline, in `dense_smoothness`
    stiffening: float = 8.0  # factor on the smoothness after each map that folds
    attempts: int = 5  # splines that are tried; the affine map is used if all fold
    min_area: float = 0.15  # of the median: a smaller local area counts as a fold

    # Nodes that land outside the source mask are drawn into it.
    pull_rounds: int = 3
    pull_weight: float = 4.0  # of all nodes together, relative to all matches
    max_overshoot: float = 0.06  # size: how far outside nodes may stay

    # Local correction next to hard constraints.
    hard_weight: float = 8.0  # of a match that must be met
    anchor_weight: float = 0.3  # of nodes that should stay
    free_radius: float = 0.08  # of the box's diagonal: nodes so near to one are free
    correction_smoothness: float = 1e-6


DEFAULT = FitConfig()


class FittedMap(NamedTuple):
    """A map on a lattice.

    Attributes:
        values: `(rows, columns, 2)` source (x, y) at the nodes.
        distortion: See `Warp`.
        fold_free: False when every spline folded, and the map is affine.
    """

    values: Floats
    distortion: float
    fold_free: bool


def fit_map(
    source_mask: NDArray[np.bool_],
    target_mask: NDArray[np.bool_],
    edges: tuple[float, float, float, float],
    matches: Matches,
    dense: bool,
    config: FitConfig = DEFAULT,
) -> FittedMap:
    """Fit an affine map, then splines from soft to stiff until one is fold-free.

    Args:
        source_mask: `(h, w)` mask of the shop garment.
        target_mask: `(H, W)` mask of the user's garment.
        edges: `(x1, y1, x2, y2)` coordinates of the lattice's outermost nodes.
        matches: Target points, source points, weights.
        dense: True when the matches cover the garment's inside; False for outlines.
        config: smoothness and weights.

    Returns:
        The map on a lattice of `config.nodes` by `config.nodes`.
    """
    target, source, weights, hard = matches
    size = float(np.sqrt(source_mask.sum()))
    lattice = Lattice(edges, (config.nodes, config.nodes))
    inside = _inside_nodes(target_mask, lattice)
    affine, robust = _fit_robust_affine(matches, config.outline_outlier * size, config)
    first = config.outline_smoothness
    if dense:
        first = config.dense_smoothness
        robust = _robust_weights(lattice, matches, config.dense_outlier * size, config)
    nearest = nearest_inside(source_mask)
    values = lattice.nodes() @ affine[:2] + affine[2]
    fold_free = False
    reweighted = matches._replace(weights=robust)
    for smoothness in first * config.stiffening ** np.arange(config.attempts):
        candidate = _fit_inside(
            lattice, reweighted, float(smoothness), inside, nearest, config
        )
        if _is_fold_free(candidate, lattice, inside, config):
            values, fold_free = candidate, True
            break
    constraints = target[hard], source[hard]
    corrected = _correct_locally(lattice, values, constraints, inside, nearest, config)
    if _is_fold_free(corrected, lattice, inside, config):
        values = corrected
    distortion = _distortion(values, lattice, affine, inside)
    values = _limit_overshoot(values, nearest, inside, config.max_overshoot * size)
    return FittedMap(values, distortion, fold_free)


def _cauchy_weights(weights: Floats, residual: Floats, scale: float) -> Floats:
    """Reweight matches by the Cauchy function: a residual of `scale` halves a weight."""
    return weights / (1.0 + (residual / max(scale, 1e-6)) ** 2)


def _fit_robust_affine(
    matches: Matches, scale: float, config: FitConfig
) -> tuple[Floats, Floats]:
    """Fit an affine map by reweighted least squares; return it and the last weights."""
    target, source, weights, _ = matches
    robust = weights
    for _ in range(config.robust_rounds):
        affine = fit_affine(target, source, robust)
        residual = np.linalg.norm(target @ affine[:2] + affine[2] - source, axis=1)
        robust = _cauchy_weights(weights, residual, scale)
    return affine, robust


def _robust_weights(
    lattice: Lattice, matches: Matches, scale: float, config: FitConfig
) -> Floats:
    """Weigh dense matches by how well their neighbours agree with them."""
    target, source, weights, _ = matches
    smoothness = config.dense_stiffening * config.dense_smoothness
    robust = weights
    for _ in range(config.dense_rounds):
        values = fit_lattice(lattice, target, source, robust, smoothness)
        fitted = lattice.interpolation_matrix(target) @ values.reshape(-1, 2)
        residual = np.linalg.norm(fitted - source, axis=1)
        robust = _cauchy_weights(weights, residual, scale)
    return robust


def _correct_locally(
    lattice: Lattice,
    values: Floats,
    constraints: tuple[Floats, Floats],
    inside: NDArray[np.bool_],
    nearest: NDArray[np.intp],
    config: FitConfig,
) -> Floats:
    """Correct a map next to its hard constraints and where it leaves the source.

    Args:
        lattice: of the map.
        values: `(rows, columns, 2)` at its nodes.
        constraints: target and source points that the map must join.
        inside: `(rows, columns)` bool, nodes that count.
        nearest: see `nearest_inside`.
        config: weights.
    """
    target, source = constraints
    nodes = lattice.nodes()[inside]
    change = _project_inside(values[inside], nearest) - values[inside]
    missed = np.linalg.norm(change, axis=1) > 1.0
    residual = source - lattice.interpolation_matrix(target) @ values.reshape(-1, 2)
    weights = np.full(len(nodes), config.anchor_weight)
    weights[missed] = 1.0
    x1, y1, x2, y2 = lattice.box
    radius = config.free_radius * float(np.hypot(x2 - x1, y2 - y1))
    if len(target):
        distance = spatial.cKDTree(target).query(nodes)[0]
        weights[(distance < radius) & ~missed] = 0.0
    return values + fit_lattice(
        lattice,
        np.concatenate([target, nodes]),
        np.concatenate([residual, change]),
        np.concatenate([np.full(len(target), config.hard_weight), weights]),
        config.correction_smoothness,
    )


def _fit_inside(
    lattice: Lattice,
    matches: Matches,
    smoothness: float,
    inside: NDArray[np.bool_],
    nearest: NDArray[np.intp],
    config: FitConfig,
) -> Floats:
    """Fit a spline; then again, with nodes that missed the source drawn into it."""
    target, source, weights, _ = matches
    values = fit_lattice(lattice, target, source, weights, smoothness)
    nodes = lattice.nodes()[inside]
    for _ in range(config.pull_rounds):
        goal = _project_inside(values[inside], nearest)
        missed = np.linalg.norm(goal - values[inside], axis=1) > 1.0
        if not missed.any():
            break
        pull = config.pull_weight * float(weights.sum()) / max(int(inside.sum()), 1)
        values = fit_lattice(
            lattice,
            np.concatenate([target, nodes[missed]]),
            np.concatenate([source, goal[missed]]),
            np.concatenate([weights, np.full(int(missed.sum()), pull)]),
            smoothness,
        )
    return values


def nearest_inside(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return row and column of the nearest mask pixel for every pixel, `(2, H, W)`."""
    indices: NDArray[np.intp] = ndimage.distance_transform_edt(
        ~mask, return_distances=False, return_indices=True
    )
    return indices


def _project_inside(points: Floats, nearest: NDArray[np.intp]) -> Floats:
    """Project `(..., 2)` points (x, y) onto the mask; points inside stay."""
    height, width = nearest.shape[1:]
    column = np.clip(np.rint(points[..., 0]), 0, width - 1).astype(np.intp)
    row = np.clip(np.rint(points[..., 1]), 0, height - 1).astype(np.intp)
    projected = np.stack([nearest[1, row, column], nearest[0, row, column]], axis=-1)
    moved = np.abs(projected - points).max(axis=-1, keepdims=True) > 0.5
    return np.where(moved, projected, points)


def _limit_overshoot(
    values: Floats,
    nearest: NDArray[np.intp],
    inside: NDArray[np.bool_],
    max_distance: float,
) -> Floats:
    """Bring nodes that lie outside the source up to `max_distance` pixels from it."""
    goal = _project_inside(values, nearest)
    distance = np.linalg.norm(values - goal, axis=-1, keepdims=True)
    closer = goal + (values - goal) * max_distance / np.maximum(distance, 1e-6)
    return np.where((distance > max_distance) & inside[..., None], closer, values)


def _inside_nodes(mask: NDArray[np.bool_], lattice: Lattice) -> NDArray[np.bool_]:
    """Mark nodes in the target mask or next to it."""
    nodes = np.rint(lattice.nodes()).astype(np.intp)
    row = np.clip(nodes[..., 1], 0, mask.shape[0] - 1)
    column = np.clip(nodes[..., 0], 0, mask.shape[1] - 1)
    grown = ndimage.binary_dilation(mask[row, column], np.ones((3, 3), bool))
    return np.asarray(grown, bool)


def _is_fold_free(
    values: Floats, lattice: Lattice, inside: NDArray[np.bool_], config: FitConfig
) -> bool:
    """Return whether the Jacobian's determinant stays well above 0 inside."""
    area = np.linalg.det(jacobian(values, lattice))[inside]
    if area.size == 0:
        return True
    median = float(np.median(area))
    return median > 0 and float(area.min()) > config.min_area * median


def _distortion(
    values: Floats, lattice: Lattice, affine: Floats, inside: NDArray[np.bool_]
) -> float:
    """Root mean square logarithm of the singular values relative to an affine map."""
    if not inside.any():
        return 0.0
    inverse = np.linalg.pinv(affine[:2].T)
    local = jacobian(values, lattice)[inside] @ inverse
    logs = np.log(np.maximum(np.linalg.svd(local, compute_uv=False), 1e-3))
    return float(np.sqrt((logs**2).mean()))
