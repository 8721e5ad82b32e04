"""Fit a regular map to pairs of points, and keep it inside the source."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from compositor.warp.grid_spline import Lattice, fit_affine, fit_lattice, jacobian
from compositor.warp.outline_matches import Floats, Pairs

NODES = 33  # lattice nodes along each side of the target box
SMOOTHNESS = 3e-3  # first weight of the bending energy; grows until the map is regular
OUTLIER = 0.08  # residual at which a pair counts half, as a share of the size
POINT_SMOOTHNESS = 1e-6  # the same for given points
POINT_OUTLIER = 0.03  # residual at which a given point counts half
PULLS = 3  # rounds of drawing missed nodes into the source
PULL_WEIGHT = 4.0  # their weight together, if all were missed, relative to the pairs
FAR_OUT = 0.06  # nodes may miss the source by this share of its size at the end
ANCHOR = 0.3  # weight of nodes that should stay, when the map is bent locally
FIRM = 8.0  # weight of a pair that must be met, when the map is bent locally
BEND_REACH = 0.08  # nodes this near to a firm pair may move, share of the diagonal
BEND_SMOOTHNESS = 1e-6  # bending energy's weight in that correction
MIN_FOLD = 0.15  # smallest local area, as a share of the median, in a regular map


class Fitted(NamedTuple):
    """A map on a lattice.

    Attributes:
        values: `(rows, columns, 2)` source (x, y) at the nodes.
        distortion: See `Warp`.
        regular: False when no spline was regular, and the map is affine.
    """

    values: Floats
    distortion: float
    regular: bool


def fit_map(
    source_mask: NDArray[np.bool_],
    target_mask: NDArray[np.bool_],
    edges: tuple[float, float, float, float],
    pairs: Pairs,
    dense: bool,
) -> Fitted:
    """Fit an affine map, then splines from soft to stiff until one is regular.

    Args:
        source_mask: `(h, w)` mask of the shop garment.
        target_mask: `(H, W)` mask of the user's garment.
        edges: `(x1, y1, x2, y2)` places of the lattice's outermost nodes.
        pairs: Target points, source points, weights.
        dense: True when the points tell of the inside too and are followed closely;
            False for outlines, which a stiff map explains best.

    Returns:
        The map on a lattice of `NODES` by `NODES`.
    """
    target, source, weights, firm = pairs
    size = float(np.sqrt(source_mask.sum()))
    lattice = Lattice(edges, (NODES, NODES))
    inside = _inside_nodes(target_mask, lattice)
    affine, trust = _fit_robust(target, source, weights, OUTLIER * size)
    first = POINT_SMOOTHNESS if dense else SMOOTHNESS
    if dense:
        trust = _trust_points(lattice, pairs, POINT_OUTLIER * size)
    nearest = _nearest_inside(source_mask)
    values = lattice.nodes() @ affine[:2] + affine[2]
    regular = False
    for smoothness in first * 8.0 ** np.arange(5):
        guess = _fit_inside(
            lattice, pairs._replace(weights=trust), float(smoothness), inside, nearest
        )
        if _regular(guess, lattice, inside):
            values, regular = guess, True
            break
    bent = _bend(lattice, values, (target[firm], source[firm]), inside, nearest)
    values = bent if _regular(bent, lattice, inside) else values
    distortion = _distortion(values, lattice, affine, inside)
    values = _pull(values, nearest, inside, FAR_OUT * size)
    return Fitted(values, distortion, regular)


def _fit_robust(
    target: NDArray[np.float64],
    source: NDArray[np.float64],
    weights: NDArray[np.float64],
    scale: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit an affine map by reweighting; return it and the pairs' new weights."""
    trust = weights
    for _ in range(6):
        affine = fit_affine(target, source, trust)
        residual = np.linalg.norm(target @ affine[:2] + affine[2] - source, axis=1)
        trust = weights / (1.0 + (residual / max(scale, 1e-6)) ** 2)
    return affine, trust


def _bend(
    lattice: Lattice,
    values: Floats,
    firm: tuple[Floats, Floats],
    inside: NDArray[np.bool_],
    nearest: NDArray[np.intp],
) -> Floats:
    """Bend a map next to its firm pairs and where it misses the source."""
    target, source = firm
    nodes = lattice.nodes()[inside]
    goal = _look_up(values[inside], nearest) - values[inside]
    missed = np.linalg.norm(goal, axis=1) > 1.0
    change = source - lattice.weights(target) @ values.reshape(-1, 2)
    weights = np.full(len(nodes), ANCHOR)
    weights[missed] = 1.0
    x1, y1, x2, y2 = lattice.box
    reach = BEND_REACH * float(np.hypot(x2 - x1, y2 - y1))
    if len(target):  # nodes near a firm pair are free to follow it
        away = spatial.cKDTree(target).query(nodes)[0]
        weights[(away < reach) & ~missed] = 0.0
    return values + fit_lattice(
        lattice,
        np.concatenate([target, nodes]),
        np.concatenate([change, goal]),
        np.concatenate([np.full(len(target), FIRM), weights]),
        BEND_SMOOTHNESS,
    )


def _trust_points(lattice: Lattice, pairs: Pairs, scale: float) -> NDArray[np.float64]:
    """Weigh given points by how well their neighbours agree with them."""
    target, source, weights, _ = pairs
    trust = weights
    for _ in range(2):
        values = fit_lattice(lattice, target, source, trust, 30 * POINT_SMOOTHNESS)
        guess = lattice.weights(target) @ values.reshape(-1, 2)
        residual = np.linalg.norm(guess - source, axis=1)
        trust = weights / (1.0 + (residual / max(scale, 1e-6)) ** 2)
    return trust


def _fit_inside(
    lattice: Lattice,
    pairs: Pairs,
    smoothness: float,
    inside: NDArray[np.bool_],
    nearest: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Fit a spline; then again, with nodes that missed the source drawn into it."""
    target, source, weights, _ = pairs
    values = fit_lattice(lattice, target, source, weights, smoothness)
    nodes = lattice.nodes()[inside]
    for _ in range(PULLS):
        goal = _look_up(values[inside], nearest)
        missed = np.linalg.norm(goal - values[inside], axis=1) > 1.0
        if not missed.any():
            break
        pull = PULL_WEIGHT * float(weights.sum()) / max(int(inside.sum()), 1)
        values = fit_lattice(
            lattice,
            np.concatenate([target, nodes[missed]]),
            np.concatenate([source, goal[missed]]),
            np.concatenate([weights, np.full(int(missed.sum()), pull)]),
            smoothness,
        )
    return values


def _nearest_inside(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Row and column of the nearest mask pixel for every pixel, `(2, H, W)`."""
    indices: NDArray[np.intp] = ndimage.distance_transform_edt(
        ~mask, return_distances=False, return_indices=True
    )
    return indices


def _look_up(
    places: NDArray[np.float64], nearest: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Nearest place (x, y) in the mask for `(..., 2)` places; inside ones stay."""
    height, width = nearest.shape[1:]
    column = np.clip(np.rint(places[..., 0]), 0, width - 1).astype(np.intp)
    row = np.clip(np.rint(places[..., 1]), 0, height - 1).astype(np.intp)
    found = np.stack([nearest[1, row, column], nearest[0, row, column]], axis=-1)
    moved = np.abs(found - places).max(axis=-1, keepdims=True) > 0.5
    return np.where(moved, found, places)


def _pull(
    values: NDArray[np.float64],
    nearest: NDArray[np.intp],
    inside: NDArray[np.bool_],
    reach: float,
) -> NDArray[np.float64]:
    """Bring nodes that lie far outside the source up to `reach` pixels from it."""
    goal = _look_up(values, nearest)
    away = np.linalg.norm(values - goal, axis=-1, keepdims=True)
    closer = goal + (values - goal) * reach / np.maximum(away, 1e-6)
    return np.where((away > reach) & inside[..., None], closer, values)


def _inside_nodes(mask: NDArray[np.bool_], lattice: Lattice) -> NDArray[np.bool_]:
    """Mark nodes in the target mask or next to it."""
    nodes = np.rint(lattice.nodes()).astype(np.intp)
    row = np.clip(nodes[..., 1], 0, mask.shape[0] - 1)
    column = np.clip(nodes[..., 0], 0, mask.shape[1] - 1)
    grown = ndimage.binary_dilation(mask[row, column], np.ones((3, 3), bool))
    return np.asarray(grown, bool)


def _regular(
    values: NDArray[np.float64], lattice: Lattice, inside: NDArray[np.bool_]
) -> bool:
    """Tell whether the map folds nowhere inside."""
    area = np.linalg.det(jacobian(values, lattice))[inside]
    if area.size == 0:
        return True
    middle = float(np.median(area))
    return middle > 0 and float(area.min()) > MIN_FOLD * middle


def _distortion(
    values: NDArray[np.float64],
    lattice: Lattice,
    affine: NDArray[np.float64],
    inside: NDArray[np.bool_],
) -> float:
    """Root mean square logarithm of the stretches relative to an affine map."""
    if not inside.any():
        return 0.0
    inverse = np.linalg.pinv(affine[:2].T)
    local = jacobian(values, lattice)[inside] @ inverse
    logs = np.log(np.maximum(np.linalg.svd(local, compute_uv=False), 1e-3))
    return float(np.sqrt((logs**2).mean()))
