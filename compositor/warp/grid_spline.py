"""Fit a smooth map to scattered point pairs on a regular lattice."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

Array = NDArray[np.float64]


class Lattice(NamedTuple):
    """Nodes of a lattice over a box.

    Attributes:
        box: `(x1, y1, x2, y2)`; nodes lie on its edges, the ends included.
        shape: `(rows, columns)` of nodes, both at least 2.
    """

    box: tuple[float, float, float, float]
    shape: tuple[int, int]

    def nodes(self) -> Array:
        """Return the nodes' places, `(rows, columns, 2)` (x, y)."""
        x1, y1, x2, y2 = self.box
        xs = np.linspace(x1, x2, self.shape[1])
        ys = np.linspace(y1, y2, self.shape[0])
        return np.stack(np.meshgrid(xs, ys), axis=-1)

    def weights(self, points: Array) -> sparse.csr_matrix:
        """Return the bilinear weights of `(N, 2)` points on the nodes, `(N, M)`."""
        x1, y1, x2, y2 = self.box
        rows, columns = self.shape
        column, right = _split((points[:, 0] - x1) / (x2 - x1), columns)
        row, down = _split((points[:, 1] - y1) / (y2 - y1), rows)
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
        places = np.tile(np.arange(count), 4)
        entries = (weight.ravel(), (places, index.ravel()))
        return sparse.csr_matrix(entries, shape=(count, rows * columns))


def _split(places: Array, count: int) -> tuple[NDArray[np.intp], Array]:
    """Cell index and position in the cell; points outside extrapolate."""
    scaled = places * (count - 1)
    cell = np.clip(np.floor(scaled), 0, count - 2).astype(np.intp)
    return cell, scaled - cell


def fit_lattice(
    lattice: Lattice, points: Array, values: Array, weights: Array, smoothness: float
) -> Array:
    """Fit a discrete thin-plate spline.

    Minimises the weighted mean square error at the points plus `smoothness` times the
    bending energy. The map goes on straight where there are no points.

    Args:
        lattice: Where the map is defined.
        points: `(N, 2)` (x, y), N >= 3, not all on a line.
        values: `(N, 2)` what the map should give there.
        weights: `(N,)` trust in each pair, >= 0.
        smoothness: Weight of the bending energy, above 0.

    Returns:
        `(rows, columns, 2)` values at the nodes.

    References:
        Duchon: Splines minimizing rotation-invariant semi-norms, 1977.
    """
    matrix = lattice.weights(points)
    trust = sparse.diags(weights / max(float(weights.sum()), 1e-12))
    system = matrix.T @ trust @ matrix + smoothness * _bending(lattice.shape)
    tiny = 1e-12 * sparse.identity(system.shape[0])
    solve = linalg.factorized((system + tiny).tocsc())
    right = matrix.T @ (trust @ values)
    solution = np.stack([solve(np.ascontiguousarray(c)) for c in right.T], axis=-1)
    return solution.reshape(*lattice.shape, 2)


@cache
def _bending(shape: tuple[int, int]) -> sparse.csr_matrix:
    """Bending energy as a quadratic form on a unit square of nodes."""
    rows, columns = shape
    step_y, step_x = 1.0 / (rows - 1), 1.0 / (columns - 1)
    cell = step_x * step_y
    eye_y, eye_x = sparse.identity(rows), sparse.identity(columns)
    across = sparse.kron(eye_y, _second(columns)) / step_x**2
    down = sparse.kron(_second(rows), eye_x) / step_y**2
    twist = sparse.kron(_first(rows), _first(columns)) / cell
    energy = across.T @ across + down.T @ down + 2.0 * (twist.T @ twist)
    return (energy * cell).tocsr()


def _first(count: int) -> sparse.csr_matrix:
    """First differences, `(count - 1, count)`."""
    ones = np.ones(count - 1)
    return sparse.diags([-ones, ones], [0, 1], shape=(count - 1, count))


def _second(count: int) -> sparse.csr_matrix:
    """Second differences, `(count - 2, count)`."""
    ones = np.ones(max(count - 2, 0))
    offsets = [0, 1, 2]
    return sparse.diags([ones, -2 * ones, ones], offsets, shape=(count - 2, count))


def fit_affine(points: Array, values: Array, weights: Array) -> Array:
    """Fit an affine map by weighted least squares.

    Args:
        points: `(N, 2)` (x, y).
        values: `(N, 2)` what the map should give there.
        weights: `(N,)` trust in each pair, >= 0.

    Returns:
        `(3, 2)`: apply it as `[x, y, 1] @ affine`.
    """
    root = np.sqrt(weights)[:, None]
    design = np.column_stack([points, np.ones(len(points))])
    solution = np.linalg.lstsq(design * root, values * root, rcond=None)[0]
    return np.asarray(solution, np.float64)


def jacobian(values: Array, lattice: Lattice) -> Array:
    """Differentiate a lattice map.

    Args:
        values: `(rows, columns, 2)` map values at the nodes.
        lattice: Where the nodes are.

    Returns:
        `(rows, columns, 2, 2)`: entry `[..., i, j]` is the change of value i along
        axis j, axes in the order (x, y).
    """
    x1, y1, x2, y2 = lattice.box
    rows, columns = lattice.shape
    along_y, along_x = np.gradient(
        values, (y2 - y1) / (rows - 1), (x2 - x1) / (columns - 1), axis=(0, 1)
    )
    return np.stack([along_x, along_y], axis=-1)
