"""Match points of two garments by their coordinates on the garment chart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import spatial


@dataclass(frozen=True)
class ChartMatchConfig:
    """Neighbourhood and weights of the local regression. Lengths are in chart units."""

    neighbors: int = 12  # nearest source points that a match is interpolated from
    max_distance: float = 0.03  # to the nearest source point: beyond there is no match
    # The Gaussian weights' standard deviation is the distance of the neighbour of this
    # rank, but at least `min_sigma`.
    sigma_rank: int = 4
    min_sigma: float = 1e-4
    ridge: float = 1e-6  # chart units squared: steadies fits to collinear neighbours


DEFAULT = ChartMatchConfig()


def match_chart_coordinates(
    target_coordinates: NDArray[Any],
    source_coordinates: NDArray[Any],
    source_points: NDArray[Any],
    max_distance: float | None = None,
    config: ChartMatchConfig = DEFAULT,
) -> NDArray[np.float32]:
    """Find where the source shows given chart coordinates of the target.

    Locally weighted linear regression: around each target coordinate the source points
    are a linear function of their chart coordinates, fitted to the nearest neighbours. A
    weighted mean would be biased inwards along the outline.

    Args:
        target_coordinates: `(N, 2)` on the chart, or in any frame that both share.
        source_coordinates: `(M, 2)` in the same frame.
        source_points: `(M, 2)` (x, y) in source pixels, row by row at those coordinates.
        max_distance: to the nearest source coordinate, in the unit of the coordinates;
            the config's when left out.
        config: of the regression.

    Returns:
        `(N, 2)` float32 (x, y) in source pixels; NaN where the source shows nothing
        within `max_distance`.

    References:
        Cleveland, Devlin: Locally Weighted Regression, JASA 1988.
    """
    if max_distance is None:
        max_distance = config.max_distance
    matches = np.full((len(target_coordinates), 2), np.nan, np.float32)
    if len(source_coordinates) < config.neighbors or not len(target_coordinates):
        return matches
    tree = spatial.cKDTree(source_coordinates)
    distance, index = tree.query(target_coordinates, config.neighbors)
    matched = distance[:, 0] <= max_distance
    distance, index = distance[matched], index[matched]
    query = np.asarray(target_coordinates)[matched]
    sigma = np.maximum(distance[:, config.sigma_rank - 1], config.min_sigma)[:, None]
    weight = np.exp(-0.5 * (distance / sigma) ** 2)[..., None]  # (n, k, 1)
    offset = source_coordinates[index] - query[:, None]  # (n, k, 2)
    design = np.concatenate([np.ones_like(offset[..., :1]), offset], axis=-1)
    weighted = np.swapaxes(design * weight, 1, 2)  # (n, 3, k)
    normal = weighted @ design + config.ridge * np.diag([0.0, 1.0, 1.0])
    fitted = np.linalg.solve(normal, weighted @ source_points[index])
    matches[matched] = fitted[:, 0]
    return matches
