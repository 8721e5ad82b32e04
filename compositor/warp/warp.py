"""Map the user's garment region onto the shop picture.

Convention: a warp goes backwards, from the target (the user's photo) to the source (the
shop picture): it says where each target pixel takes its colour from. Places are (x, y)
in pixels, pixel centres at whole numbers. Identity: every target pixel names itself.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor._checks import check_image, check_plane
from compositor.mask.cutout import Box, mask_box, pad_box
from compositor.warp.corners import ControlPoints, control_points
from compositor.warp.fit import fit_map
from compositor.warp.outline_matches import corner_pairs, point_pairs

__all__ = ["ControlPoints", "Warp", "control_points", "fit_warp", "warp_image"]

BOX_MARGIN = 0.04  # margin of the lattice around the target mask


@dataclass(frozen=True)
class Warp:
    """A backward map, stored on a coarse lattice.

    Attributes:
        grid: `(rows, columns, 2)` float32 source (x, y) in pixels at the nodes; the
            first and last nodes lie on the centres of the box's outermost pixels.
        target_box: `(x1, y1, x2, y2)` in target pixels, x2 and y2 exclusive.
        distortion: How unevenly the map stretches, 0 for any affine map: root mean
            square of the logarithms of the local stretches, relative to the best
            affine map. About 0.15 is usual for
            corners and 0.3 for points; above 0.8 it is doubtful.
        method: What it was fitted to: "affine", "corners", or what its points are of.
    """

    grid: NDArray[np.float32]
    target_box: Box
    distortion: float = 0.0
    method: str = "affine"

    def __post_init__(self) -> None:
        """Check the lattice."""
        if self.grid.ndim != 3 or self.grid.shape[2] != 2 or min(self.grid.shape) < 2:
            raise ValueError(f"expected grid (>=2, >=2, 2), got {self.grid.shape}")

    def coordinates(self, ys: NDArray[Any], xs: NDArray[Any]) -> NDArray[np.float32]:
        """Evaluate the map on a raster of target pixels.

        Args:
            ys: `(h,)` target rows in pixels, any step, whole or not.
            xs: `(w,)` target columns in pixels.

        Returns:
            `(h, w, 2)` float32 source (x, y) in pixels. Outside the target box the map
            goes on straight.
        """
        x1, y1, x2, y2 = self.target_box
        rows, columns = self.grid.shape[:2]
        row, down = _cell(ys, y1, y2, rows)
        column, right = _cell(xs, x1, x2, columns)
        # Rows first: (h, columns, 2), then columns: (h, w, 2).
        lines = _mix(self.grid[row], self.grid[row + 1], down[:, None, None])
        return _mix(lines[:, column], lines[:, column + 1], right[None, :, None])


def _mix(
    one: NDArray[np.float32], two: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Blend two arrays; in place to spare memory on large photos."""
    step = two - one
    step *= share
    step += one
    return step


def _cell(
    places: NDArray[Any], start: int, stop: int, nodes: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Cell index of each place, and its position in the cell."""
    scaled = (np.asarray(places, np.float64) - start) / max(stop - 1 - start, 1)
    scaled = scaled * (nodes - 1)
    cell = np.clip(np.floor(scaled), 0, nodes - 2).astype(np.intp)
    return cell, (scaled - cell).astype(np.float32)


def fit_warp(
    source_mask: NDArray[Any],
    target_mask: NDArray[Any],
    source_points: NDArray[Any] | None = None,
    target_points: NDArray[Any] | None = None,
    method: str = "points",
) -> Warp:
    """Fit the map from the user's garment region to the shop's garment.

    Without points, corners of both outlines are paired (`control_points`). Pairs that
    no affine map explains count less. The map is a thin-plate spline, stiffened until
    it folds nowhere inside the target mask, and pulled into the source mask, so that
    no background is sampled.

    Args:
        source_mask: `(h, w)` bool mask of the shop garment.
        target_mask: `(H, W)` bool mask of the user's garment.
        source_points: `(N, 2)` (x, y) in source pixels, used instead of the corners.
        target_points: `(N, 2)` (x, y) in target pixels, row by row the same spots of
            the garment. Up to many thousands (a dense chart) are fine.
        method: What the points are of, for `Warp.method`.

    Returns:
        The map.

    Raises:
        ValueError: When a mask is empty or the points do not pair up.
    """
    check_plane(source_mask, "source_mask")
    check_plane(target_mask, "target_mask")
    source_box, target_box = mask_box(source_mask), mask_box(target_mask)
    for name, box in (("source_mask", source_box), ("target_mask", target_box)):
        if box[2] <= box[0]:
            raise ValueError(f"expected a garment in {name}, got an empty mask")
    pairs = point_pairs(source_points, target_points)
    dense = pairs is not None
    if pairs is None:
        method = "corners"
        pairs = corner_pairs(control_points(source_mask), control_points(target_mask))
    box = pad_box(target_box, BOX_MARGIN, target_mask.shape)
    x1, y1, x2, y2 = box
    edges = (x1, y1, max(x2 - 1.0, x1 + 1.0), max(y2 - 1.0, y1 + 1.0))
    source, target = source_mask.astype(bool), target_mask.astype(bool)
    fitted = fit_map(source, target, edges, pairs, dense)
    return Warp(
        fitted.values.astype(np.float32),
        box,
        fitted.distortion,
        method if fitted.regular else "affine",
    )


def fill_outside(image: NDArray[Any], valid_mask: NDArray[Any]) -> NDArray[Any]:
    """Continue the colours of a garment outwards as in a mirror.

    Plain repetition of the rim would draw streaks. Where the mirror shows no valid
    pixel, the rim's colour is repeated.

    Args:
        image: `(H, W, 3)` picture.
        valid_mask: `(H, W)` bool mask of the garment.

    Returns:
        `(H, W, 3)` of the same dtype, a new array.

    Raises:
        ValueError: When the shapes differ or no pixel is valid.
    """
    check_image(image)
    check_plane(valid_mask, "valid_mask", image.shape[:2])
    valid = valid_mask.astype(bool)
    if not valid.any():
        raise ValueError("expected a valid pixel in valid_mask, got none")
    edges = ndimage.distance_transform_edt(
        ~valid, return_distances=False, return_indices=True
    )
    rim = edges[0] * valid.shape[1] + edges[1]
    places = np.ogrid[: valid.shape[0], : valid.shape[1]]
    row, column = (
        np.clip(2 * edge - place.astype(np.int32), 0, size - 1)
        for edge, place, size in zip(edges, places, valid.shape, strict=True)
    )
    mirrored = row * valid.shape[1] + column
    good = valid.ravel().take(mirrored)
    # One index is read faster than two.
    return image.reshape(-1, 3).take(np.where(good, mirrored, rim), axis=0)


def warp_image(
    image: NDArray[Any],
    valid_mask: NDArray[Any],
    warp: Warp,
    ys: NDArray[Any],
    xs: NDArray[Any],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw the source garment as the target sees it, on a raster of target pixels.

    Args:
        image: `(H, W, 3)` source picture, 0 to 255.
        valid_mask: `(H, W)` bool mask of the garment in the source. Places outside see
            the garment mirrored at its rim, see `fill_outside`.
        warp: The map.
        ys: `(h,)` target rows in pixels.
        xs: `(w,)` target columns in pixels.

    Returns:
        `(h, w, 3)` float32 colours in [0, 255], see `warp_filled`, and `(h, w)` float32
        validity in [0, 1]: how much of the colour comes from where the map points,
        rather than from the mirror.

    Raises:
        ValueError: When the shapes differ or no pixel is valid.
    """
    colours = warp_filled(fill_outside(image, valid_mask), warp, ys, xs)
    return colours, warp_mask(valid_mask, warp, ys, xs)


def warp_filled(
    image: NDArray[Any], warp: Warp, ys: NDArray[Any], xs: NDArray[Any]
) -> NDArray[np.float32]:
    """Draw a picture that has colours everywhere, on a raster of target pixels.

    Convention: backwards and bilinear; ys and xs are target pixels, so that a large
    photo can be drawn in strips of rows. The frame's colours are repeated outwards.
    Where the map shrinks the picture by more than one and a half, it is smoothed
    first, or fine stripes would turn into moire.

    Args:
        image: `(H, W, 3)` source picture of `fill_outside`, 0 to 255.
        warp: The map.
        ys: `(h,)` target rows in pixels.
        xs: `(w,)` target columns in pixels.

    Returns:
        `(h, w, 3)` float32 colours in [0, 255].
    """
    check_image(image)
    places = warp.coordinates(ys, xs)
    if places.size == 0:
        return np.zeros((*places.shape[:2], 3), np.float32)
    sigma = _minification(places, ys, xs)
    x1, y1, x2, y2 = _source_box(places, image.shape[:2], sigma)
    part = image[y1:y2, x1:x2].astype(np.float32)
    if sigma > 0:
        part = ndimage.gaussian_filter(part, (sigma, sigma, 0))
    return _sample(part, places - np.array([x1, y1], np.float32))


def warp_mask(
    mask: NDArray[Any], warp: Warp, ys: NDArray[Any], xs: NDArray[Any]
) -> NDArray[np.float32]:
    """Draw a mask of the source on a raster of target pixels.

    Args:
        mask: `(H, W)` bool mask in the source.
        warp: The map.
        ys: `(h,)` target rows in pixels.
        xs: `(w,)` target columns in pixels.

    Returns:
        `(h, w)` float32 in [0, 1], bilinear.
    """
    check_plane(mask)
    return _sample(mask.astype(np.float32)[..., None], warp.coordinates(ys, xs))[..., 0]


def _source_box(places: NDArray[np.float32], size: tuple[int, int], sigma: float) -> Box:
    """Part of the source that a strip needs: what it reads, and what blurs into it."""
    margin = 2 + int(4 * sigma + 1)
    # A column at a time: numpy is 30 times slower over two axes at once.
    (x1, x2), (y1, y2) = (
        _span(np.floor(column.min()) - margin, np.ceil(column.max()) + margin, side)
        for column, side in zip(np.moveaxis(places, -1, 0), size[::-1], strict=True)
    )
    return (x1, y1, x2, y2)


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    """Clip a span to the picture; it keeps at least one row or column."""
    start = int(np.clip(low, 0, size - 1))
    return start, int(np.clip(high, start + 1, size))


def _minification(
    places: NDArray[np.float32], ys: NDArray[Any], xs: NDArray[Any]
) -> float:
    """Blur in source pixels that the map's shrinking asks for."""
    steps = []
    if len(ys) > 1:
        steps.append(np.linalg.norm(np.diff(places[:, ::8], axis=0), axis=-1))
    if len(xs) > 1:
        steps.append(np.linalg.norm(np.diff(places[::8], axis=1), axis=-1))
    if not steps:
        return 0.0
    shrink = min(float(np.median(step)) for step in steps)
    return 0.5 * float(np.sqrt(shrink**2 - 1.0)) if shrink > 1.5 else 0.0


def _sample(
    image: NDArray[np.float32], places: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Read `(H, W, C)` values at `(h, w, 2)` places (x, y), bilinear, frame repeated."""
    height, width = image.shape[:2]
    row = np.clip(places[..., 1], 0, height - 1)
    column = np.clip(places[..., 0], 0, width - 1)
    top = np.minimum(row.astype(np.intp), max(height - 2, 0))
    left = np.minimum(column.astype(np.intp), max(width - 2, 0))
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = (row - top)[..., None], (column - left)[..., None]
    flat = image.reshape(height * width, -1)  # one index is read faster than two
    top, below = top * width, below * width
    upper = _mix(flat.take(top + left, 0), flat.take(top + right, 0), across)
    lower = _mix(flat.take(below + left, 0), flat.take(below + right, 0), across)
    return _mix(upper, lower, down)
