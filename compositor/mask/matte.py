"""From a hard mask to a soft matte."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor._checks import check_image, check_plane
from compositor.blur import Plane, block_mean, box_mean
from compositor.mask.cutout import mask_box
from compositor.raster import sample_raster

BAND_SHARE = 0.02  # half width of the matte's band, as a share of sqrt(mask area)
PINHOLE_SHARE = 0.002  # holes up to this share of the mask are filled
EPSILON = 1e-4  # guided filter's regularisation, colours in [0, 1]
REACH = 1.75  # colours are compared this many bands away
RIDGE = 5e-4  # least colour variance of cloth and of background, colours in [0, 1]
CONTRAST = 6.0  # squared Mahalanobis distance at which the colours are half trusted
STRANGE = 0.5  # of the sides' squared distance: a colour so far from both is half trusted
SHARPNESS = 2.0  # how much steeper than the colour mixture the matte is
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))  # of colour channels
STRIP_ROWS = 256  # rows of a large photo that are drawn at once
COARSE_BAND = 4  # wider bands, in pixels, are worked out on a coarser grid
EIGHT = np.ones((3, 3), bool)  # pixels that touch at a corner belong together


def clean_mask(mask: NDArray[Any], min_share: float = 0.02) -> NDArray[np.bool_]:
    """Fill pinholes and drop specks, keeping every part of a garment.

    A strap or an arm can cut a shirt in several parts: all of them stay, as long as
    they are no specks.

    Args:
        mask: `(H, W)` bool.
        min_share: Parts smaller than this share of the largest part are dropped,
            in [0, 1].

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    cleaned = _keep_large(mask.astype(bool), min_share)
    holes, count = ndimage.label(~cleaned)
    if count < 2:
        return cleaned
    areas = np.bincount(holes.ravel())
    pinhole = areas <= max(4.0, PINHOLE_SHARE * cleaned.sum())
    edges = (holes[0], holes[-1], holes[:, 0], holes[:, -1])
    pinhole[np.unique(np.concatenate(edges))] = False
    pinhole[0] = False
    return np.asarray(cleaned | pinhole[holes], bool)


def refine_alpha(
    image: NDArray[Any],
    mask: NDArray[Any],
    band: int | None = None,
) -> Plane:
    """Make a soft matte that follows the picture's own edges.

    Inside a band around the mask's outline, the colours of garment and background
    nearby decide, as far as they differ, and a guided filter follows the picture;
    outside the band the matte is exactly 0 or 1. The frame is no edge: a mask that
    touches it keeps its full matte there.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        mask: `(H, W)` bool mask of the garment, possibly a few pixels off.
        band: Half width of the band in pixels, at least 1; by default
            `BAND_SHARE` of the square root of the mask's area, at least 2.

    Returns:
        `(H, W)` float32 matte in [0, 1].

    Raises:
        ValueError: When the sizes differ or the band is below 1.

    References:
        He, Sun, Tang: Guided Image Filtering, ECCV 2010.
    """
    check_image(image)
    check_plane(mask, "mask", image.shape[:2])
    alpha = np.zeros(mask.shape, np.float32)
    part, edge = _find_edge(image, mask.astype(bool), band)
    if edge is not None:
        ys, xs = (np.arange(side, dtype=np.float64) for side in edge.near.shape)
        alpha[part] = edge.draw(image[part], ys, xs)
    return alpha


def enlarge_alpha(
    image: NDArray[np.uint8], small: NDArray[Any], mask: NDArray[Any]
) -> NDArray[np.uint8]:
    """Make the soft matte of a large photo from the mask of a small copy.

    What the matte is as a function of colour is worked out on the copy; the photo's own
    colours then draw it, so that its edge is as sharp as the photo. A strip of rows at a
    time: photos may be large.

    Args:
        image: `(H, W, 3)` uint8 RGB photo.
        small: `(h, w, 3)` its copy, 0 to 255.
        mask: `(h, w)` bool mask of the garment in the copy, possibly a few pixels off.

    Returns:
        `(H, W)` uint8 matte, 0 to 255.

    Raises:
        ValueError: When the sizes of copy and mask differ.

    References:
        He, Sun: Fast Guided Filter, arXiv 1505.00996, 2015.
    """
    check_image(image)
    check_image(small, "small")
    check_plane(mask, "mask", small.shape[:2])
    alpha = np.zeros(image.shape[:2], np.uint8)
    part, edge = _find_edge(small, mask.astype(bool), None)
    if edge is None:
        return alpha
    inside, places = [], []
    for axis, span in enumerate(part):
        scale = image.shape[axis] / small.shape[axis]
        first, last = int(span.start * scale), int(np.ceil(span.stop * scale))
        last = min(last, image.shape[axis])
        inside.append((first, last))
        places.append((np.arange(first, last) + 0.5) / scale - 0.5 - span.start)
    (top, bottom), (left, right) = inside
    for start in range(top, bottom, STRIP_ROWS):
        rows = slice(start, min(start + STRIP_ROWS, bottom))
        ys = places[0][rows.start - top : rows.stop - top]
        drawn = edge.draw(image[rows, left:right], ys, places[1])
        alpha[rows, left:right] = np.rint(drawn * 255)
    return alpha


def _find_edge(
    image: NDArray[Any], mask: NDArray[np.bool_], band: int | None
) -> tuple[tuple[slice, slice], "_Edge | None"]:
    """Return the part of a picture around its mask, and the edge there if any."""
    if band is None:
        band = max(2, round(BAND_SHARE * float(np.sqrt(mask.sum()))))
    if band < 1:
        raise ValueError(f"expected band >= 1, got {band}")
    x1, y1, x2, y2 = mask_box(mask)
    height, width = mask.shape
    part = (
        slice(max(y1 - 4 * band, 0), min(y2 + 4 * band, height)),
        slice(max(x1 - 4 * band, 0), min(x2 + 4 * band, width)),
    )
    return part, None if x2 <= x1 else _Edge.of(image[part], mask[part], band)


def _keep_large(mask: NDArray[np.bool_], min_share: float) -> NDArray[np.bool_]:
    """Drop parts below a share of the largest part."""
    parts, count = ndimage.label(mask, EIGHT)
    if count < 2:
        return mask.copy()
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    large = areas >= max(1.0, min_share * areas.max())
    return np.asarray(large[parts], bool)


@dataclass(frozen=True)
class _Edge:
    """A matte's band as linear maps of the picture's colours, worked out once.

    Attributes:
        near: `(h, w)` share of mask nearby; 0 and 1 outside the band.
        slope: `(h / step, w / step, 3)` and
        offset: `(h / step, w / step)` of the matte over colours in [0, 1].
        step: pixels of `near` a cell of slope and offset.
        tiny: `near` from which a pixel is in the band.
    """

    near: Plane
    slope: Plane
    offset: Plane
    step: int
    tiny: float

    @classmethod
    def of(cls, image: NDArray[Any], mask: NDArray[np.bool_], band: int) -> "_Edge":
        """Work the maps out; those of wide bands on a coarser grid."""
        near = box_mean(mask.astype(np.float32), 2 * band + 1)
        step = max(1, band // COARSE_BAND)
        tiny = 0.25 / (2 * band + 1) ** 2
        return cls(near, *_coefficients(image, mask, band, step), step, tiny)

    def draw(
        self, image: NDArray[Any], ys: NDArray[np.float64], xs: NDArray[np.float64]
    ) -> Plane:
        """Draw the matte of a picture whose rows and columns lie at ys and xs.

        Args:
            image: `(H, W, 3)`, 0 to 255, at any resolution.
            ys: `(H,)` and
            xs: `(W,)`, places of its pixels among those of `near`.
        """
        ends = (0, 0, self.near.shape[1] - 1, self.near.shape[0] - 1)
        near = sample_raster(self.near[..., None], ends, ys, xs)[..., 0]
        alpha = (near >= 0.5).astype(np.float32)
        rows, columns = np.nonzero((near >= self.tiny) & (near <= 1.0 - self.tiny))
        places = [(axis - self.step // 2) / self.step for axis in (ys[rows], xs[columns])]
        soft = _look_up(self.offset, places)
        for channel in range(3):
            shade = image[rows, columns, channel].astype(np.float32) / 255.0
            soft += _look_up(self.slope[..., channel], places) * shade
        # Towards the band's edges the matte must meet 0 and 1.
        share = near[rows, columns]
        low, high = np.clip(4.0 * share - 3.0, 0, 1), np.clip(4.0 * share, 0, 1)
        alpha[rows, columns] = np.clip(soft, low, high)
        return alpha


def _look_up(plane: Plane, places: list[NDArray[np.float64]]) -> Plane:
    """Read a plane between its pixels."""
    read = ndimage.map_coordinates(plane, places, order=1, mode="nearest")
    return np.asarray(read, np.float32)


def _coefficients(
    image: NDArray[Any], mask: NDArray[np.bool_], band: int, step: int
) -> tuple[Plane, Plane]:
    """Slope `(h, w, 3)` and offset `(h, w)` of the matte, on every step-th pixel."""
    guide = block_mean(image.astype(np.float32), step) / np.float32(255)
    hard = block_mean(mask.astype(np.float32), step)
    band = max(1, round(band / step))
    near = box_mean(hard, 2 * band + 1)
    tiny = 0.25 / (2 * band + 1) ** 2
    inner, outer = near > 1.0 - tiny, near < tiny
    soft, trust = _colour_matte(guide, inner, outer, round(REACH * band))
    soft = trust * soft + (1.0 - trust) * hard
    soft[inner], soft[outer] = 1.0, 0.0
    return _guided(guide, soft, max(1, band // 2), EPSILON)


def _colour_matte(
    guide: Plane, inner: NDArray[np.bool_], outer: NDArray[np.bool_], radius: int
) -> tuple[Plane, Plane]:
    """Guess the matte from the colours on both sides, and how far to trust it.

    The colours of the sure garment and of the sure background nearby are told apart by
    Fisher's linear discriminant; a pixel's place between their means is its matte. A
    colour that neither side has, as that of a collar between shirt and skin, tells
    nothing.
    """
    size = 2 * radius + 1
    sides = [_side(guide, side.astype(np.float32), size) for side in (inner, outer)]
    (fore, fore_spread, fore_known), (back, back_spread, back_known) = sides
    spread = [0.5 * (a + b) for a, b in zip(fore_spread, back_spread, strict=True)]
    for diagonal in (0, 3, 5):
        spread[diagonal] = np.maximum(spread[diagonal], 0.0) + RIDGE
    apart, offset = fore - back, guide - back
    direction, scaled = _solve_symmetric(tuple(spread), apart, offset)
    contrast = np.maximum(_dot(direction, apart), 1e-6)
    place = _dot(offset, direction) / contrast
    soft = np.clip((place - 0.5) * SHARPNESS + 0.5, 0.0, 1.0)
    from_back = _dot(scaled, offset) / contrast
    from_fore = from_back + 1.0 - 2.0 * place
    strange = np.minimum(from_back, from_fore) / STRANGE
    trust = contrast / (contrast + CONTRAST) / (1.0 + strange**2)
    trust = np.where(fore_known & back_known, trust, 0.0)
    return soft.astype(np.float32), trust.astype(np.float32)


def _side(
    guide: Plane, where: Plane, size: int
) -> tuple[Plane, list[Plane], NDArray[np.bool_]]:
    """Mean and covariance of the marked colours nearby, and where there are any."""
    share = box_mean(where, size)
    divisor = np.maximum(share, 1e-4)
    mean = box_mean(guide * where[..., None], size) / divisor[..., None]
    spread: list[Plane] = []
    for one, two in PAIRS:
        product = box_mean(guide[..., one] * guide[..., two] * where, size) / divisor
        entry = product - mean[..., one] * mean[..., two]
        spread.append(np.asarray(entry, np.float32))
    return np.asarray(mean, np.float32), spread, share > 2.0 / size**2


def _guided(
    guide: Plane, values: Plane, radius: int, epsilon: float
) -> tuple[Plane, Plane]:
    """Slope and offset of a guided filter: `(H, W)` values follow `(H, W, 3)`."""
    size = 2 * radius + 1
    mean = box_mean(guide, size)
    level = box_mean(values, size)
    cross = box_mean(guide * values[..., None], size) - mean * level[..., None]
    (slope,) = _solve_symmetric(_covariance(guide, mean, size, epsilon), cross)
    offset = level - _dot(slope, mean)
    return box_mean(slope, size), box_mean(offset, size)


def _covariance(
    guide: Plane, mean: Plane, size: int, epsilon: float
) -> tuple[Plane, ...]:
    """Six entries (rr, rg, rb, gg, gb, bb) of the local colour covariance."""
    entries: list[Plane] = []
    for one, two in PAIRS:
        product = box_mean(guide[..., one] * guide[..., two], size)
        entry = product - mean[..., one] * mean[..., two]
        more = epsilon if one == two else 0.0
        entries.append(np.asarray(entry + more, np.float32))
    return tuple(entries)


def _dot(one: Plane, two: Plane) -> Plane:
    """Products of `(H, W, 3)` vectors; numpy's sum over so short an axis is slow."""
    red, green, blue = (one[..., k] * two[..., k] for k in range(3))
    return np.asarray(red + green + blue, np.float32)


def _solve_symmetric(entries: tuple[Plane, ...], *rights: Plane) -> list[Plane]:
    """Solve a symmetric 3x3 system at every pixel, for each right side, by cofactors."""
    rr, rg, rb, gg, gb, bb = entries
    c_rr, c_rg, c_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = rr * c_rr + rg * c_rg + rb * c_rb
    determinant = np.maximum(determinant, EPSILON**3)[..., None]
    solutions = []
    for right in rights:
        r, g, b = right[..., 0], right[..., 1], right[..., 2]
        rows = [
            c_rr * r + c_rg * g + c_rb * b,
            c_rg * r + c_gg * g + c_gb * b,
            c_rb * r + c_gb * g + c_bb * b,
        ]
        solutions.append(np.asarray(np.stack(rows, axis=-1) / determinant, np.float32))
    return solutions
