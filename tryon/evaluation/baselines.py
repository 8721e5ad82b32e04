"""Baselines of the try-on: ways to fill the shirt without the generator."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from compositor import Warp, mask_box, relight, sample_raster, shading, warp_image
from data_tools.paint.designs import extend_nearest
from data_tools.paint.rendered_pairs import Truth
from tryon.correspond import MATCHING, warp_by_matches
from tryon.evaluation.metrics import panel_units
from tryon.pipeline import composite
from tryon.stages import Garment
from tryon.transfer import Relit, Transferred, to_fractions

Array = NDArray[np.float32]
NEIGHBORS = 4  # shop pixels that are interpolated, by inverse distance on the chart


@dataclass(frozen=True)
class Attempt:
    """A method's result for a pair.

    Attributes:
        image: uint8 (H, W, 3), at the user photo's own size.
        coordinates: float32 (H, W, 2), the point of the shop picture that each pixel
            shows, x and y as fractions of width and height; None when unknown.
    """

    image: NDArray[np.uint8]
    coordinates: Array | None = None


@dataclass(frozen=True)
class RenderedGarment:
    """A garment that has been rendered, as a `Transferred`.

    Attributes:
        colors: (h, w, 3), 0..255.
        corners: centres of its first and last pixel, in working-size pixels:
            (x_first, y_first, x_last, y_last).
    """

    colors: Array
    corners: tuple[float, float, float, float]

    def draw(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return colours (len(ys), len(xs), 3), 0..255, at working-size coordinates."""
        return sample_raster(self.colors, self.corners, ys, xs)


def photo_raster(user: Garment) -> tuple[Array, Array]:
    """Return rows and columns of the photo's own pixels, in working-size pixels."""
    height, width = user.photo.size
    return user.raster(slice(0, height), slice(0, width))


def pipeline_result(user: Garment, out1: Transferred) -> Attempt:
    """Return the pipeline's result; a pattern has no coordinates in the shop picture."""
    raster = photo_raster(user)
    coordinates = out1.shop_coordinates(*raster) if isinstance(out1, Relit) else None
    return Attempt(composite(user, out1), coordinates)


def copy_input(user: Garment) -> Attempt:
    """Return the photo unchanged."""
    return Attempt(user.photo.image)


def flat_colour(user: Garment, shop: Garment) -> Attempt:
    """Fill the shirt with the mean colour of the shop's garment."""
    color = shop.work[shop.alpha > 0.9].mean(axis=0, dtype=np.float32)
    plain = np.broadcast_to(color, (2, 2, 3)).astype(np.float32)
    return Attempt(composite(user, RenderedGarment(plain, user.corners)))


def box_affine(user: Garment, shop: Garment) -> Attempt:
    """Stretch the shop garment's box to the shirt's, under S2's shading."""
    _, style, mask = warp_by_matches(user, shop, None)
    x1, y1, x2, y2 = mask_box(mask)
    corners = [[[x1, y1], [x2 - 1, y1]], [[x1, y2 - 1], [x2 - 1, y2 - 1]]]
    warp = Warp(np.array(corners, np.float32), mask_box(user.detection.mask))
    return _warped(user, warp, style, mask)


def contour_warp(user: Garment, shop: Garment) -> Attempt:
    """Warp by the outlines of both masks, under S2's shading."""
    return _warped(user, *warp_by_matches(user, shop, None))


def _warped(
    user: Garment, warp: Warp, style: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> Attempt:
    garment = RenderedGarment(warp_with_shading(user, warp, style, mask), user.corners)
    coordinates = to_fractions(warp.coordinates(*photo_raster(user)), mask.shape)
    return Attempt(composite(user, garment), coordinates)


def warp_with_shading(
    user: Garment, warp: Warp, style: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> Array:
    """Warp S1's photo and apply S2's shading, without a network.

    Args:
        user: has S2.
        warp: from the user's working size to `style`.
        style: uint8 (H, W, 3), S1's photo.
        mask: bool (H, W), the pixels of S1.

    Returns:
        float32 (h, w, 3), 0..255, at the user's working size.
    """
    height, width = user.alpha.shape
    colors, _ = warp_image(style, mask, warp, np.arange(height), np.arange(width))
    return relight(colors, shading(user.work, user.alpha))


def truth_warp(user: Garment, shop: Garment, truth: Truth) -> Attempt:
    """Warp by the true charts under the true shading, up to its unknown level.

    The matte is that of the other methods; the mean shading is 1, as of `shading`.
    """
    points = true_coordinates(truth)
    columns, rows = np.moveaxis(points, -1, 0)
    colors = [
        ndimage.map_coordinates(channel, [rows, columns], order=1, mode="nearest")
        for channel in np.moveaxis(shop.photo.image.astype(np.float32), -1, 0)
    ]
    gain = np.where(truth.tee, truth.light / truth.light[truth.tee].mean(), 1.0)
    lit = relight(np.stack(colors, axis=-1), gain)
    ys, xs = photo_raster(user)
    corners = float(xs[0]), float(ys[0]), float(xs[-1]), float(ys[-1])
    return Attempt(
        composite(user, RenderedGarment(lit, corners)),
        to_fractions(points, truth.shop_tee.shape),
    )


def true_coordinates(truth: Truth) -> Array:
    """Return the point of the shop picture that corresponds to each pixel of the photo.

    Only the fronts correspond: where the worn shirt shows its back or inner collar, and
    outside it, the coordinates are those of the nearest pixel of its front.

    Returns:
        float32 (H, W, 2), (x, y) in pixels of the shop picture.
    """
    inner = ndimage.binary_erosion(truth.shop_tee, iterations=MATCHING.edge_margin)
    inner_front = truth.shop_front & inner
    source = inner_front if inner_front.any() else truth.shop_front
    target = truth.front
    tree = cKDTree(panel_units(truth.shop_chart[source]))
    nearest = np.arange(1, min(NEIGHBORS, tree.n) + 1)
    distance, index = tree.query(panel_units(truth.chart[target]), k=nearest)
    weight = 1.0 / np.maximum(distance, 1e-6)
    points = np.argwhere(source)[:, ::-1][index]  # (N, NEIGHBORS, 2), x and y
    mean = (points * weight[..., None]).sum(axis=1) / weight.sum(axis=1)[:, None]
    coordinates = np.zeros((*truth.tee.shape, 2), np.float32)
    coordinates[target] = mean
    return extend_nearest(coordinates, target)
