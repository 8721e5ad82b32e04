"""Pair spots of two garments that lie at the same place of the garment's chart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import spatial

NEIGHBOURS = 12  # places of the source that a match is worked out from
REACH = 0.03  # chart units: a place farther from the source's next one has no match
RIDGE = 1e-6  # chart units squared: steadies fits to neighbours on a line
LEAST_NEAR = 4  # neighbours count less, the farther they are beyond the nearest ones


def match_places(
    target_places: NDArray[Any],
    source_places: NDArray[Any],
    source_spots: NDArray[Any],
    reach: float = REACH,
) -> NDArray[np.float32]:
    """Find where in the source the places of the target are seen.

    Around each place the source's spots are a linear function of their places, fitted to
    its nearest neighbours: their mean would be drawn inwards along the outline.

    Args:
        target_places: `(N, 2)` on the chart.
        source_places: `(M, 2)` on the chart.
        source_spots: `(M, 2)` (x, y) in source pixels.
        reach: how far the next of the source's places may lie, in units of places.

    Returns:
        `(N, 2)` float32 (x, y) in source pixels; NaN where the source shows nothing
        within `reach`.
    """
    found = np.full((len(target_places), 2), np.nan, np.float32)
    if len(source_places) < NEIGHBOURS or not len(target_places):
        return found
    tree = spatial.cKDTree(source_places)
    away, near = tree.query(target_places, NEIGHBOURS)
    good = away[:, 0] <= reach
    away, near, wanted = away[good], near[good], np.asarray(target_places)[good]
    spread = np.maximum(away[:, LEAST_NEAR - 1], 1e-4)[:, None]
    weight = np.exp(-0.5 * (away / spread) ** 2)[..., None]  # (n, k, 1)
    offset = source_places[near] - wanted[:, None]  # (n, k, 2)
    row = np.concatenate([np.ones_like(offset[..., :1]), offset], axis=-1)
    weighted = np.swapaxes(row * weight, 1, 2)  # (n, 3, k)
    normal = weighted @ row + RIDGE * np.diag([0.0, 1.0, 1.0])
    fitted = np.linalg.solve(normal, weighted @ source_spots[near])
    found[good] = fitted[:, 0]
    return found
