"""Fit a backward warp from the user's photo to the shop picture, and draw through it.

Convention: a warp goes backwards, from the target (the user's photo) to the source (the
shop picture): it says where each target pixel takes its colour from. Coordinates are
(x, y) in pixels, pixel centres at whole numbers. Identity: every target pixel maps to
its own coordinates.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor._checks import check_image, check_plane
from compositor.mask.cutout import Box, mask_box, pad_box
from compositor.raster import lerp
from compositor.warp.corners import CornerConfig, control_points
from compositor.warp.fit import FitConfig, fit_map, nearest_inside
from compositor.warp.grid_spline import locate_cells
from compositor.warp.outline_matches import (
    OutlineMatchConfig,
    corner_matches,
    point_matches,
)


@dataclass(frozen=True)
class WarpConfig:
    """Everything that `fit_warp` depends on."""

    # Of the lattice around the target's bounding box, as a share of its longer side.
    box_margin: float = 0.04
    corners: CornerConfig = CornerConfig()
    outline: OutlineMatchConfig = OutlineMatchConfig()
    fit: FitConfig = FitConfig()


DEFAULT = WarpConfig()


@dataclass(frozen=True)
class Warp:
    """A backward map, stored on a coarse lattice.

    Attributes:
        grid: `(rows, columns, 2)` float32 source (x, y) in pixels at the nodes; the
            first and last nodes lie on the centres of the box's outermost pixels.
        target_box: `(x1, y1, x2, y2)` in target pixels, x2 and y2 exclusive.
        distortion: How unevenly the map stretches, 0 for any affine map: root mean
            square of the logarithms of the local Jacobian's singular values, relative
            to the best affine map. About 0.15 is usual for corners and 0.3 for points;
            above 0.8 the map is doubtful.
        method: What it was fitted to: "affine", "corners", or the caller's name for the
            kind of points.
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
            is extrapolated linearly.
        """
        x1, y1, x2, y2 = self.target_box
        rows, columns = self.grid.shape[:2]
        row, down = _locate(ys, y1, y2, rows)
        column, right = _locate(xs, x1, x2, columns)
        # Rows first: (h, columns, 2), then columns: (h, w, 2).
        lines = lerp(self.grid[row], self.grid[row + 1], down[:, None, None])
        return lerp(lines[:, column], lines[:, column + 1], right[None, :, None])


def _locate(
    pixels: NDArray[Any], start: int, stop: int, nodes: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the lattice cell of each pixel row or column, and the fraction within."""
    positions = (np.asarray(pixels, np.float64) - start) / max(stop - 1 - start, 1)
    cell, fraction = locate_cells(positions, nodes)
    return cell, fraction.astype(np.float32)


def fit_warp(
    source_mask: NDArray[Any],
    target_mask: NDArray[Any],
    source_points: NDArray[Any] | None = None,
    target_points: NDArray[Any] | None = None,
    method: str = "points",
    config: WarpConfig = DEFAULT,
) -> Warp:
    """Fit the map from the user's garment region to the shop's garment.

    Without points, corners of both outlines are matched (`control_points`). Outliers,
    which no affine map (or, of given points, no smooth one) explains, weigh less. The
    map is a thin-plate spline, stiffened until it folds nowhere inside the target mask,
    and drawn into the source mask, so that no background is sampled.

    Args:
        source_mask: `(h, w)` bool mask of the shop garment.
        target_mask: `(H, W)` bool mask of the user's garment.
        source_points: `(N, 2)` (x, y) in source pixels, used instead of the corners.
        target_points: `(N, 2)` (x, y) in target pixels, row by row corresponding to the
            source points. Many thousands (a dense correspondence) are fine.
        method: Name for the kind of points, for `Warp.method`.
        config: the spline, and corners and outlines where no points are given.

    Returns:
        The map.

    Raises:
        ValueError: When a mask is empty or the points' shapes differ.
    """
    check_plane(source_mask, "source_mask")
    check_plane(target_mask, "target_mask")
    source_box, target_box = mask_box(source_mask), mask_box(target_mask)
    for name, box in (("source_mask", source_box), ("target_mask", target_box)):
        if box[2] <= box[0]:
            raise ValueError(f"expected a garment in {name}, got an empty mask")
    matches = point_matches(source_points, target_points)
    dense = matches is not None
    if matches is None:
        method = "corners"
        corners = [
            control_points(mask, config=config.corners)
            for mask in (source_mask, target_mask)
        ]
        matches = corner_matches(corners[0], corners[1], config.outline)
    box = pad_box(target_box, config.box_margin, target_mask.shape)
    x1, y1, x2, y2 = box
    edges = (x1, y1, max(x2 - 1.0, x1 + 1.0), max(y2 - 1.0, y1 + 1.0))
    source, target = source_mask.astype(bool), target_mask.astype(bool)
    fitted = fit_map(source, target, edges, matches, dense, config.fit)
    return Warp(
        fitted.values.astype(np.float32),
        box,
        fitted.distortion,
        method if fitted.fold_free else "affine",
    )


def fill_outside(image: NDArray[Any], valid_mask: NDArray[Any]) -> NDArray[Any]:
    """Extrapolate the colours of a garment beyond its mask, mirrored at its rim.

    Repeating the nearest colour alone would draw streaks. Where the mirrored pixel is
    not valid, the nearest valid colour is repeated.

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
    nearest = nearest_inside(valid)
    rim = nearest[0] * valid.shape[1] + nearest[1]
    pixels = np.ogrid[: valid.shape[0], : valid.shape[1]]
    row, column = (
        np.clip(2 * edge - pixel.astype(np.int32), 0, size - 1)
        for edge, pixel, size in zip(nearest, pixels, valid.shape, strict=True)
    )
    mirrored = row * valid.shape[1] + column
    usable = valid.ravel().take(mirrored)
    # `take` with one flat index is faster than indexing with two.
    return image.reshape(-1, 3).take(np.where(usable, mirrored, rim), axis=0)


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
        valid_mask: `(H, W)` bool mask of the garment in the source. Beyond it the
            colours are extrapolated, see `fill_outside`.
        warp: The map.
        ys: `(h,)` target rows in pixels.
        xs: `(w,)` target columns in pixels.

    Returns:
        `(h, w, 3)` float32 colours in [0, 255], see `warp_filled`, and `(h, w)` float32
        validity in [0, 1]: the share of the colour that comes from the mask, rather than
        from extrapolation.

    Raises:
        ValueError: When the shapes differ or no pixel is valid.
    """
    colors = warp_filled(fill_outside(image, valid_mask), warp, ys, xs)
    return colors, warp_mask(valid_mask, warp, ys, xs)


def warp_filled(
    image: NDArray[Any], warp: Warp, ys: NDArray[Any], xs: NDArray[Any]
) -> NDArray[np.float32]:
    """Draw a picture that is valid everywhere, on a raster of target pixels.

    Convention: backwards and bilinear; ys and xs are target pixels, so that a large
    photo can be drawn in strips of rows. The frame's colours are repeated outwards.
    Where the map shrinks the picture by more than 1.5, it is low-pass filtered first:
    fine stripes would alias into moire.

    Args:
        image: `(H, W, 3)` source picture, as `fill_outside` returns it, 0 to 255.
        warp: The map.
        ys: `(h,)` target rows in pixels.
        xs: `(w,)` target columns in pixels.

    Returns:
        `(h, w, 3)` float32 colours in [0, 255].
    """
    check_image(image)
    points = warp.coordinates(ys, xs)
    if points.size == 0:
        return np.zeros((*points.shape[:2], 3), np.float32)
    sigma = _antialiasing_sigma(points, ys, xs)
    x1, y1, x2, y2 = _source_box(points, image.shape[:2], sigma)
    crop = image[y1:y2, x1:x2].astype(np.float32)
    if sigma > 0:
        crop = ndimage.gaussian_filter(crop, (sigma, sigma, 0))
    return _sample(crop, points - np.array([x1, y1], np.float32))


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


def _source_box(points: NDArray[np.float32], size: tuple[int, int], sigma: float) -> Box:
    """Return the part of the source that is sampled, and what blurs into it."""
    margin = 2 + int(4 * sigma + 1)
    # An axis at a time: numpy's min over two axes at once is 30 times slower here.
    (x1, x2), (y1, y2) = (
        _clip_span(np.floor(axis.min()) - margin, np.ceil(axis.max()) + margin, side)
        for axis, side in zip(np.moveaxis(points, -1, 0), size[::-1], strict=True)
    )
    return (x1, y1, x2, y2)


def _clip_span(low: float, high: float, size: int) -> tuple[int, int]:
    """Clip a span to the picture; it keeps at least one row or column."""
    start = int(np.clip(low, 0, size - 1))
    return start, int(np.clip(high, start + 1, size))


def _antialiasing_sigma(
    points: NDArray[np.float32], ys: NDArray[Any], xs: NDArray[Any]
) -> float:
    """Return the low-pass filter, in source pixels, that the map's shrinking asks for.

    A Gaussian of half a target pixel, less the half source pixel that is there already.
    """
    steps = []
    if len(ys) > 1:
        steps.append(np.linalg.norm(np.diff(points[:, ::8], axis=0), axis=-1))
    if len(xs) > 1:
        steps.append(np.linalg.norm(np.diff(points[::8], axis=1), axis=-1))
    if not steps:
        return 0.0
    shrink = min(float(np.median(step)) for step in steps)
    return 0.5 * float(np.sqrt(shrink**2 - 1.0)) if shrink > 1.5 else 0.0


def _sample(
    image: NDArray[np.float32], points: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Sample `(H, W, C)` values at `(h, w, 2)` points (x, y), bilinear, frame repeated.

    All channels at once and in float32: `ndimage.map_coordinates` is slower, in float64.
    """
    height, width = image.shape[:2]
    row = np.clip(points[..., 1], 0, height - 1)
    column = np.clip(points[..., 0], 0, width - 1)
    top = np.minimum(row.astype(np.intp), max(height - 2, 0))
    left = np.minimum(column.astype(np.intp), max(width - 2, 0))
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = (row - top)[..., None], (column - left)[..., None]
    flat = image.reshape(height * width, -1)
    top, below = top * width, below * width
    upper = lerp(flat.take(top + left, 0), flat.take(top + right, 0), across)
    lower = lerp(flat.take(below + left, 0), flat.take(below + right, 0), across)
    return lerp(upper, lower, down)
