"""Turn a hard mask into a soft matte (alpha) that follows the picture's edges.

Our own rather than closed-form matting (`pymatting`): that solves a sparse system over
the band, 0.4 s for a patch of 300x350 pixels, and brings numba, a compiler of 100 MB.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor._checks import check_image, check_plane
from compositor.blur import Plane, block_mean, box_mean
from compositor.mask.cutout import mask_box
from compositor.raster import sample_points, sample_raster

PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))  # of colour channels
DIAGONAL = (0, 3, 5)  # which of these pairs are variances
EIGHT = np.ones((3, 3), bool)  # 8-connectivity: pixels that touch at a corner connect


@dataclass(frozen=True)
class MatteConfig:
    """Mask cleaning, the matte's band, and how colours decide in it.

    The band is what lies between sure foreground and sure background, the unknown region
    of a trimap. Colours are in [0, 1].
    """

    max_pinhole_share: float = 0.002  # of the mask's area: larger holes are no pinholes
    max_pinhole_area: float = 4.0  # pixels: holes up to this are filled in any mask
    band_share: float = 0.02  # half width of the band, of the square root of the area
    min_band: int = 2  # pixels, of that half width
    epsilon: float = 1e-4  # the guided filter's regularisation, variance of colour
    color_radius: float = 1.75  # of the band: neighbourhood of the colour models
    ridge: float = 5e-4  # added to the variance of a side's colours in each channel
    # Squared Mahalanobis distance of the two sides' mean colours at which the colours
    # are trusted half.
    half_trust_contrast: float = 6.0
    # Squared distance of a colour from the nearer side, over that of the two sides from
    # each other, at which it is trusted half. Chosen on the rims of rendered people.
    half_trust_outlier: float = 0.5
    sharpness: float = 2.0  # slope of alpha over the position between the mean colours
    # Share of that trust beside an alpha that a network predicted.
    prior_trust: float = 0.7
    coarse_band: int = 4  # pixels: wider bands are computed on a coarser grid
    strip_rows: int = 256  # rows of a large photo drawn at once, which bounds memory


DEFAULT = MatteConfig()


def clean_mask(
    mask: NDArray[Any], min_share: float = 0.02, config: MatteConfig = DEFAULT
) -> NDArray[np.bool_]:
    """Fill pinholes and drop specks, keeping every large component.

    A strap or an arm can cut a shirt in several components: all of them stay, unless
    they are specks. Holes that touch the frame stay too, which
    `skimage.morphology.remove_small_holes` would fill.

    Args:
        mask: `(H, W)` bool.
        min_share: Components smaller than this share of the largest one are dropped,
            in [0, 1].
        config: what counts as a pinhole.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    cleaned = _drop_specks(mask.astype(bool), min_share)
    holes, count = ndimage.label(~cleaned)
    if count < 2:
        return cleaned
    areas = np.bincount(holes.ravel())
    max_area = max(config.max_pinhole_area, config.max_pinhole_share * cleaned.sum())
    pinhole = areas <= max_area
    edges = (holes[0], holes[-1], holes[:, 0], holes[:, -1])
    pinhole[np.unique(np.concatenate(edges))] = False
    pinhole[0] = False
    return np.asarray(cleaned | pinhole[holes], bool)


def refine_alpha(
    image: NDArray[Any],
    mask: NDArray[Any],
    band: int | None = None,
    config: MatteConfig = DEFAULT,
    prior: NDArray[Any] | None = None,
) -> Plane:
    """Estimate a soft matte that follows the picture's own edges.

    Inside a band around the mask's outline a linear discriminant of the foreground and
    background colours nearby gives alpha, as far as these differ, and a guided filter
    aligns it with the picture; outside the band alpha is exactly 0 or 1. The frame is no
    edge: a mask that touches it keeps alpha 1 there.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        mask: `(H, W)` bool mask of the garment, possibly a few pixels off.
        band: Half width of the band in pixels, at least 1; by default relative to the
            square root of the mask's area.
        config: the band's width and the colour model.
        prior: `(H, W)` alpha in [0, 1] that a network predicted, in the mask's place;
            colours only sharpen it.

    Returns:
        `(H, W)` float32 matte in [0, 1].

    Raises:
        ValueError: When the sizes differ or the band is below 1.

    References:
        He, Sun, Tang: Guided Image Filtering, ECCV 2010.
    """
    check_image(image)
    check_plane(mask, "mask", image.shape[:2])
    if prior is not None:
        check_plane(prior, "prior", image.shape[:2])
    alpha = np.zeros(mask.shape, np.float32)
    part, model = _fit_band(image, mask.astype(bool), band, config, prior)
    if model is not None:
        ys, xs = (np.arange(side, dtype=np.float64) for side in model.coverage.shape)
        alpha[part] = model.draw(image[part], ys, xs)
    return alpha


def enlarge_alpha(
    image: NDArray[np.uint8],
    small: NDArray[Any],
    mask: NDArray[Any],
    config: MatteConfig = DEFAULT,
    prior: NDArray[Any] | None = None,
) -> NDArray[np.uint8]:
    """Estimate the soft matte of a large photo from the mask of a small copy.

    Alpha as a linear function of colour is fitted on the copy and evaluated on the
    photo's own colours (joint upsampling), so that the edge is as sharp as the photo. A
    strip of rows at a time: photos may be large.

    Args:
        image: `(H, W, 3)` uint8 RGB photo.
        small: `(h, w, 3)` its copy, 0 to 255.
        mask: `(h, w)` bool mask of the garment in the copy, possibly a few pixels off.
        config: see `refine_alpha`.
        prior: see `refine_alpha`, `(h, w)` of the copy.

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
    part, model = _fit_band(small, mask.astype(bool), None, config, prior)
    if model is None:
        return alpha
    spans, coordinates = [], []
    for axis, span in enumerate(part):
        scale = image.shape[axis] / small.shape[axis]
        first, last = int(span.start * scale), int(np.ceil(span.stop * scale))
        last = min(last, image.shape[axis])
        spans.append((first, last))
        coordinates.append((np.arange(first, last) + 0.5) / scale - 0.5 - span.start)
    (top, bottom), (left, right) = spans
    for start in range(top, bottom, config.strip_rows):
        rows = slice(start, min(start + config.strip_rows, bottom))
        ys = coordinates[0][rows.start - top : rows.stop - top]
        drawn = model.draw(image[rows, left:right], ys, coordinates[1])
        alpha[rows, left:right] = np.rint(drawn * 255)
    return alpha


def _fit_band(
    image: NDArray[Any],
    mask: NDArray[np.bool_],
    band: int | None,
    config: MatteConfig,
    prior: NDArray[Any] | None = None,
) -> tuple[tuple[slice, slice], "_BandModel | None"]:
    """Return the crop around a mask and the matte's model there; None without a mask."""
    if band is None:
        share = config.band_share * float(np.sqrt(mask.sum()))
        band = max(config.min_band, round(share))
    if band < 1:
        raise ValueError(f"expected band >= 1, got {band}")
    x1, y1, x2, y2 = mask_box(mask)
    height, width = mask.shape
    part = (
        slice(max(y1 - 4 * band, 0), min(y2 + 4 * band, height)),
        slice(max(x1 - 4 * band, 0), min(x2 + 4 * band, width)),
    )
    if x2 <= x1:
        return part, None
    inner = None if prior is None else prior[part]
    return part, _BandModel.fit(image[part], mask[part], band, config, inner)


def _drop_specks(mask: NDArray[np.bool_], min_share: float) -> NDArray[np.bool_]:
    """Drop components below a share of the largest one's area."""
    components, count = ndimage.label(mask, EIGHT)
    if count < 2:
        return mask.copy()
    areas = np.bincount(components.ravel())
    areas[0] = 0
    large = areas >= max(1.0, min_share * areas.max())
    return np.asarray(large[components], bool)


@dataclass(frozen=True)
class _BandModel:
    """Alpha in the matte's band as local linear functions of colour.

    Attributes:
        coverage: `(h, w)` share of mask in the window around each pixel, [0, 1]; exactly
            0 or 1 outside the band, up to rounding.
        slope: `(h / step, w / step, 3)` and
        offset: `(h / step, w / step)` of alpha over colours in [0, 1].
        step: pixels of `coverage` per cell of slope and offset.
        tolerance: below this, or this close to 1, coverage counts as 0 or 1.
    """

    coverage: Plane
    slope: Plane
    offset: Plane
    step: int
    tolerance: float

    @classmethod
    def fit(
        cls,
        image: NDArray[Any],
        mask: NDArray[np.bool_],
        band: int,
        config: MatteConfig,
        prior: NDArray[Any] | None = None,
    ) -> "_BandModel":
        """Fit the linear functions; those of wide bands on a coarser grid."""
        coverage = box_mean(mask.astype(np.float32), 2 * band + 1)
        step = max(1, band // config.coarse_band)
        slope, offset = _fit_linear(image, mask, band, step, config, prior)
        return cls(coverage, slope, offset, step, _tolerance(band))

    def draw(
        self, image: NDArray[Any], ys: NDArray[np.float64], xs: NDArray[np.float64]
    ) -> Plane:
        """Evaluate the matte on a picture.

        Args:
            image: `(H, W, 3)`, 0 to 255, at any resolution.
            ys: `(H,)` rows of its pixels and
            xs: `(W,)` columns, in pixels of `coverage`.

        Returns:
            `(H, W)` float32 in [0, 1].
        """
        ends = (0, 0, self.coverage.shape[1] - 1, self.coverage.shape[0] - 1)
        coverage = sample_raster(self.coverage[..., None], ends, ys, xs)[..., 0]
        alpha = (coverage >= 0.5).astype(np.float32)
        in_band = (coverage >= self.tolerance) & (coverage <= 1.0 - self.tolerance)
        rows, columns = np.nonzero(in_band)
        cell_ys, cell_xs = (
            (axis - self.step // 2) / self.step for axis in (ys[rows], xs[columns])
        )
        soft = sample_points(self.offset, cell_ys, cell_xs)
        for channel in range(3):
            color = image[rows, columns, channel].astype(np.float32) / 255.0
            soft += sample_points(self.slope[..., channel], cell_ys, cell_xs) * color
        # Towards the band's edges the matte must meet 0 and 1.
        share = coverage[rows, columns]
        low, high = np.clip(4.0 * share - 3.0, 0, 1), np.clip(4.0 * share, 0, 1)
        alpha[rows, columns] = np.clip(soft, low, high)
        return alpha


def _tolerance(band: int) -> float:
    """Return a quarter of a pixel, as a share of the window of a band's coverage."""
    return 0.25 / (2 * band + 1) ** 2


def _fit_linear(
    image: NDArray[Any],
    mask: NDArray[np.bool_],
    band: int,
    step: int,
    config: MatteConfig,
    prior: NDArray[Any] | None = None,
) -> tuple[Plane, Plane]:
    """Fit slope `(h, w, 3)` and offset `(h, w)` of alpha, in blocks of `step` pixels."""
    guide = block_mean(image.astype(np.float32), step) / np.float32(255)
    hard = block_mean(mask.astype(np.float32), step)
    band = max(1, round(band / step))
    coverage = box_mean(hard, 2 * band + 1)
    tolerance = _tolerance(band)
    foreground, background = coverage > 1.0 - tolerance, coverage < tolerance
    radius = round(config.color_radius * band)
    alpha, trust = _color_alpha(guide, foreground, background, radius, config)
    known = hard
    if prior is not None:
        known = block_mean(prior.astype(np.float32), step)
        # A print has colours of both sides: where they contradict, the network decides.
        trust = config.prior_trust * trust * (1.0 - np.abs(alpha - known))
    alpha = trust * alpha + (1.0 - trust) * known
    alpha[foreground], alpha[background] = 1.0, 0.0
    return _guided_filter(guide, alpha, max(1, band // 2), config.epsilon)


def _color_alpha(
    guide: Plane,
    foreground: NDArray[np.bool_],
    background: NDArray[np.bool_],
    radius: int,
    config: MatteConfig,
) -> tuple[Plane, Plane]:
    """Estimate alpha from the colours on both sides, and how far to trust it.

    Fisher's linear discriminant separates the colours of sure foreground and sure
    background nearby; a pixel's position between their means is its alpha. A colour far
    from both, as that of a collar between shirt and skin, gets little trust.
    """
    size = 2 * radius + 1
    sides = [
        _local_color_model(guide, side.astype(np.float32), size)
        for side in (foreground, background)
    ]
    (fore, fore_covariance, fore_known), (back, back_covariance, back_known) = sides
    both = zip(fore_covariance, back_covariance, strict=True)
    covariance = [0.5 * (a + b) for a, b in both]
    for entry in DIAGONAL:
        covariance[entry] = np.maximum(covariance[entry], 0.0) + config.ridge
    apart, offset = fore - back, guide - back
    floor = config.epsilon**3
    direction, scaled = _solve_symmetric(tuple(covariance), floor, apart, offset)
    contrast = np.maximum(_dot(direction, apart), 1e-6)
    position = _dot(offset, direction) / contrast
    alpha = np.clip((position - 0.5) * config.sharpness + 0.5, 0.0, 1.0)
    from_back = _dot(scaled, offset) / contrast
    from_fore = from_back + 1.0 - 2.0 * position
    outlier = np.minimum(from_back, from_fore) / config.half_trust_outlier
    trust = contrast / (contrast + config.half_trust_contrast) / (1.0 + outlier**2)
    trust = np.where(fore_known & back_known, trust, 0.0)
    return alpha.astype(np.float32), trust.astype(np.float32)


def _local_color_model(
    guide: Plane, where: Plane, size: int
) -> tuple[Plane, list[Plane], NDArray[np.bool_]]:
    """Mean and covariance of the marked colours in each window, and where there are any.

    The covariance is given as its six different entries, see `PAIRS`.
    """
    share = box_mean(where, size)
    divisor = np.maximum(share, 1e-4)
    mean = box_mean(guide * where[..., None], size) / divisor[..., None]
    covariance: list[Plane] = []
    for one, two in PAIRS:
        product = box_mean(guide[..., one] * guide[..., two] * where, size) / divisor
        entry = product - mean[..., one] * mean[..., two]
        covariance.append(np.asarray(entry, np.float32))
    return np.asarray(mean, np.float32), covariance, share > 2.0 / size**2


def _guided_filter(
    guide: Plane, values: Plane, radius: int, epsilon: float
) -> tuple[Plane, Plane]:
    """Slope and offset of a guided filter: `(H, W)` values, `(H, W, 3)` guide."""
    size = 2 * radius + 1
    mean = box_mean(guide, size)
    level = box_mean(values, size)
    cross = box_mean(guide * values[..., None], size) - mean * level[..., None]
    covariance = _regular_covariance(guide, mean, size, epsilon)
    (slope,) = _solve_symmetric(covariance, epsilon**3, cross)
    offset = level - _dot(slope, mean)
    return box_mean(slope, size), box_mean(offset, size)


def _regular_covariance(
    guide: Plane, mean: Plane, size: int, epsilon: float
) -> tuple[Plane, ...]:
    """Six entries of the local colour covariance, epsilon added to its diagonal."""
    entries: list[Plane] = []
    for one, two in PAIRS:
        product = box_mean(guide[..., one] * guide[..., two], size)
        entry = product - mean[..., one] * mean[..., two]
        ridge = epsilon if one == two else 0.0
        entries.append(np.asarray(entry + ridge, np.float32))
    return tuple(entries)


def _dot(one: Plane, two: Plane) -> Plane:
    """Dot products of `(H, W, 3)` vectors; numpy's sum over so short an axis is slow."""
    red, green, blue = (one[..., k] * two[..., k] for k in range(3))
    return np.asarray(red + green + blue, np.float32)


def _solve_symmetric(
    entries: tuple[Plane, ...], min_determinant: float, *rights: Plane
) -> list[Plane]:
    """Solve a symmetric 3x3 system at every pixel, for each right side.

    By cofactors, plane by plane: `np.linalg.solve` on a stack of 3x3 matrices is slower.
    """
    rr, rg, rb, gg, gb, bb = entries
    c_rr, c_rg, c_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = rr * c_rr + rg * c_rg + rb * c_rb
    determinant = np.maximum(determinant, min_determinant)[..., None]
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
