"""What a try-on is measured against: ways to fill a shirt without a network."""

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
NEAREST = 4  # shop pixels whose places are mixed for a spot between them


@dataclass(frozen=True)
class Attempt:
    """One way's result for a pair.

    Attributes:
        image: uint8 (H, W, 3), at the user photo's own size.
        places: float32 (H, W, 2), which spot of the shop picture each of its pixels got,
            as shares of width and height; None where the way knows of none.
    """

    image: NDArray[np.uint8]
    places: Array | None = None


@dataclass(frozen=True)
class Drawn:
    """A garment drawn beforehand.

    Attributes:
        colours: (h, w, 3), 0..255.
        corners: where its first and last pixel centres lie, in working-size pixels:
            (x_first, y_first, x_last, y_last).
    """

    colours: Array
    corners: tuple[float, float, float, float]

    def draw(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return colours (len(ys), len(xs), 3), 0..255, at working-size places."""
        return sample_raster(self.colours, self.corners, ys, xs)


def photo_raster(user: Garment) -> tuple[Array, Array]:
    """Return rows and columns of the photo's own pixels, in working-size pixels."""
    height, width = user.photo.size
    return user.raster(slice(0, height), slice(0, width))


def ours(user: Garment, out1: Transferred) -> Attempt:
    """Return the pipeline's own result; a pattern takes no spot of the shop picture."""
    raster = photo_raster(user)
    places = out1.shop_coordinates(*raster) if isinstance(out1, Relit) else None
    return Attempt(composite(user, out1), places)


def copy_input(user: Garment) -> Attempt:
    """Leave the photo as it is."""
    return Attempt(user.photo.image)


def flat_colour(user: Garment, shop: Garment) -> Attempt:
    """Fill the shirt with the mean colour of the shop's garment."""
    colour = shop.work[shop.alpha > 0.9].mean(axis=0, dtype=np.float32)
    plain = np.broadcast_to(colour, (2, 2, 3)).astype(np.float32)
    return Attempt(composite(user, Drawn(plain, user.corners)))


def box_affine(user: Garment, shop: Garment) -> Attempt:
    """Stretch the shop garment's box to the shirt's; light is S2's own."""
    _, style, mask = warp_by_matches(user, shop, None)
    x1, y1, x2, y2 = mask_box(mask)
    corners = [[[x1, y1], [x2 - 1, y1]], [[x1, y2 - 1], [x2 - 1, y2 - 1]]]
    warp = Warp(np.array(corners, np.float32), mask_box(user.detection.mask))
    return _warped(user, warp, style, mask)


def contour_warp(user: Garment, shop: Garment) -> Attempt:
    """Warp by the outlines of both masks; light is S2's own."""
    return _warped(user, *warp_by_matches(user, shop, None))


def _warped(
    user: Garment, warp: Warp, style: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> Attempt:
    garment = Drawn(classical_light(user, warp, style, mask), user.corners)
    places = to_fractions(warp.coordinates(*photo_raster(user)), mask.shape)
    return Attempt(composite(user, garment), places)


def classical_light(
    user: Garment, warp: Warp, style: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> Array:
    """Draw S1's photo through a warp, lit by S2's folds: no network, a baseline.

    Args:
        user: has S2.
        warp: from the user's working size to `style`.
        style: uint8 (H, W, 3), S1's photo.
        mask: bool (H, W), where its colours may be taken from.

    Returns:
        float32 (h, w, 3), 0..255, at the user's working size.
    """
    height, width = user.alpha.shape
    colours, _ = warp_image(style, mask, warp, np.arange(height), np.arange(width))
    return relight(colours, shading(user.work, user.alpha))


def truth_warp(user: Garment, shop: Garment, truth: Truth) -> Attempt:
    """Warp by the true charts under the true light, whose level nobody knows.

    The same matte as for the others; the light's mean is 1, as that of `shading`.
    """
    pixels = true_places(truth)
    columns, rows = np.moveaxis(pixels, -1, 0)
    colours = [
        ndimage.map_coordinates(channel, [rows, columns], order=1, mode="nearest")
        for channel in np.moveaxis(shop.photo.image.astype(np.float32), -1, 0)
    ]
    gain = np.where(truth.tee, truth.light / truth.light[truth.tee].mean(), 1.0)
    lit = relight(np.stack(colours, axis=-1), gain)
    ys, xs = photo_raster(user)
    corners = float(xs[0]), float(ys[0]), float(xs[-1]), float(ys[-1])
    return Attempt(
        composite(user, Drawn(lit, corners)), to_fractions(pixels, truth.shop_tee.shape)
    )


def true_places(truth: Truth) -> Array:
    """Find for each pixel of the photo the spot of the shop picture with its chart.

    Only front meets front: where the worn shirt shows its back, and beside it, the
    nearest pixel of its front gives the spot; the inner collar is never taken.

    Returns:
        float32 (H, W, 2), (x, y) in pixels of the shop picture.
    """
    rim = ndimage.binary_erosion(truth.shop_tee, iterations=MATCHING.edge_margin)
    source = (
        truth.shop_front & rim if (truth.shop_front & rim).any() else truth.shop_front
    )
    target = truth.front
    tree = cKDTree(panel_units(truth.shop_chart[source]))
    nearest = np.arange(1, min(NEAREST, tree.n) + 1)
    away, index = tree.query(panel_units(truth.chart[target]), k=nearest)
    weight = 1.0 / np.maximum(away, 1e-6)
    spots = np.argwhere(source)[:, ::-1][index]  # (N, NEAREST, 2), x and y
    mixed = (spots * weight[..., None]).sum(axis=1) / weight.sum(axis=1)[:, None]
    places = np.zeros((*truth.tee.shape, 2), np.float32)
    places[target] = mixed
    return extend_nearest(places, target)
