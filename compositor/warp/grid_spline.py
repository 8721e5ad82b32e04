"""Fit a thin-plate spline to scattered point pairs, discretised on a lattice."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

Array = NDArray[np.float64]


class Lattice(NamedTuple):
    """Regular lattice of control points (nodes) over a box.

    Attributes:
        box: `(x1, y1, x2, y2)`; the outermost nodes lie on its edges.
        shape: `(rows, columns)` of nodes, both at least 2.
    """

    box: tuple[float, float, float, float]
    shape: tuple[int, int]

    def nodes(self) -> Array:
        """Return the nodes' coordinates, `(rows, columns, 2)` (x, y)."""
        x1, y1, x2, y2 = self.box
        xs = np.linspace(x1, x2, self.shape[1])
        ys = np.linspace(y1, y2, self.shape[0])
        return np.stack(np.meshgrid(xs, ys), axis=-1)

    def interpolation_matrix(self, points: Array) -> sparse.csr_matrix:
        """Return the bilinear weights `(N, rows * columns)` of nodes at `(N, 2)` points.

        Multiplied by the nodes' values it interpolates them at the points.
        """
        x1, y1, x2, y2 = self.box
        rows, columns = self.shape
        column, right = locate_cells((points[:, 0] - x1) / (x2 - x1), columns)
        row, down = locate_cells((points[:, 1] - y1) / (y2 - y1), rows)
        first = row * columns + column
        index = np.stack([first, first + 1, first + columns, first + columns + 1])
        weight = np.stack(
            [
                (1 - right) * (1 - down),
                right * (1 - down),
                (1 - right) * down,
                right * down,
            ]
        )
        count = len(points)
        point_index = np.tile(np.arange(count), 4)
        entries = (weight.ravel(), (point_index, index.ravel()))
        return sparse.csr_matrix(entries, shape=(count, rows * columns))


def locate_cells(positions: Array, count: int) -> tuple[NDArray[np.intp], Array]:
    """Return each position's cell and its fraction within.

    Args:
        positions: any shape, 0 at the first of `count` nodes and 1 at the last.
        count: nodes, at least 2.

    Returns:
        Indices of the node before each position, 0 to count - 2, and the fractions, in
        [0, 1]; beyond the nodes they leave that range, so that a map extrapolates.
    """
    scaled = positions * (count - 1)
    cell = np.clip(np.floor(scaled), 0, count - 2).astype(np.intp)
    return cell, scaled - cell


def fit_lattice(
    lattice: Lattice, points: Array, values: Array, weights: Array, smoothness: float
) -> Array:
    """Fit a discrete thin-plate spline.

    Minimises the weighted mean square error at the points plus `smoothness` times the
    bending energy. Without points nearby the map continues linearly.
    `scipy.interpolate.RBFInterpolator` fits the exact spline but solves a dense system,
    which thousands of points make too large.

    Args:
        lattice: Where the map is defined.
        points: `(N, 2)` (x, y), N >= 3, not all collinear.
        values: `(N, 2)` what the map should give there.
        weights: `(N,)` weight of each pair, >= 0.
        smoothness: Weight of the bending energy, above 0.

    Returns:
        `(rows, columns, 2)` values at the nodes.

    References:
        Duchon: Splines minimizing rotation-invariant semi-norms, 1977.
    """
    matrix = lattice.interpolation_matrix(points)
    normalized = sparse.diags(weights / max(float(weights.sum()), 1e-12))
    system = matrix.T @ normalized @ matrix
    system = system + smoothness * _bending_energy(lattice.shape)
    ridge = 1e-12 * sparse.identity(system.shape[0])
    solve = linalg.factorized((system + ridge).tocsc())
    right = matrix.T @ (normalized @ values)
    solution = np.stack([solve(np.ascontiguousarray(c)) for c in right.T], axis=-1)
    return solution.reshape(*lattice.shape, 2)


@cache
def _bending_energy(shape: tuple[int, int]) -> sparse.csr_matrix:
    """Bending energy as a quadratic form on a unit square of nodes."""
    rows, columns = shape
    step_y, step_x = 1.0 / (rows - 1), 1.0 / (columns - 1)
    cell = step_x * step_y
    eye_y, eye_x = sparse.identity(rows), sparse.identity(columns)
    across = sparse.kron(eye_y, _second_differences(columns)) / step_x**2
    down = sparse.kron(_second_differences(rows), eye_x) / step_y**2
    mixed = sparse.kron(_first_differences(rows), _first_differences(columns)) / cell
    energy = across.T @ across + down.T @ down + 2.0 * (mixed.T @ mixed)
    return (energy * cell).tocsr()


def _first_differences(count: int) -> sparse.csr_matrix:
    """First differences, `(count - 1, count)`."""
    ones = np.ones(count - 1)
    return sparse.diags([-ones, ones], [0, 1], shape=(count - 1, count))


def _second_differences(count: int) -> sparse.csr_matrix:
    """Second differences, `(count - 2, count)`."""
    ones = np.ones(max(count - 2, 0))
    offsets = [0, 1, 2]
    return sparse.diags([ones, -2 * ones, ones], offsets, shape=(count - 2, count))


def fit_affine(points: Array, values: Array, weights: Array) -> Array:
    """Fit an affine map by weighted least squares.

    Args:
        points: `(N, 2)` (x, y).
        values: `(N, 2)` what the map should give there.
        weights: `(N,)` weight of each pair, >= 0.

    Returns:
        `(3, 2)`: apply it as `[x, y, 1] @ affine`.
    """
    root = np.sqrt(weights)[:, None]
    design = np.column_stack([points, np.ones(len(points))])
    solution = np.linalg.lstsq(design * root, values * root, rcond=None)[0]
    return np.asarray(solution, np.float64)


def jacobian(values: Array, lattice: Lattice) -> Array:
    """Differentiate a lattice map by central differences.

    Args:
        values: `(rows, columns, 2)` map values at the nodes.
        lattice: Where the nodes are.

    Returns:
        `(rows, columns, 2, 2)`: entry `[..., i, j]` is the derivative of value i along
        axis j, axes in the order (x, y).
    """
    x1, y1, x2, y2 = lattice.box
    rows, columns = lattice.shape
    along_y, along_x = np.gradient(
        values, (y2 - y1) / (rows - 1), (x2 - x1) / (columns - 1), axis=(0, 1)
    )
    return np.stack([along_x, along_y], axis=-1)
