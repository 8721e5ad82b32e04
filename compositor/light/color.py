"""Estimate shading, relight garments, and measure colour distances and seams."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize
from scipy.cluster import vq
from skimage import color as skcolor

from compositor._checks import check_image, check_plane
from compositor.colorspace import from_linear, to_lab, to_linear
from compositor.light.retinex import RetinexConfig, log_shading
from compositor.mask.cutout import mask_box, pad_box
from compositor.raster import resize


@dataclass(frozen=True)
class PaletteConfig:
    """Size of the palettes that `style_distance` compares."""

    colors: int = 8  # of a palette, at most
    samples: int = 4096  # pixels of a garment that its palette is made of


@dataclass(frozen=True)
class SeamConfig:
    """What `seam_energy` takes for the rim, and for its neighbourhood."""

    reach: float = 0.015  # of the square root of the garment's area
    min_reach: int = 2  # pixels
    rim_alpha: tuple[float, float] = (0.02, 0.98)  # a pixel is rim between these
    margin: float = 0.05  # around the matte, share of its box's longer side


RETINEX, PALETTE, SEAM = RetinexConfig(), PaletteConfig(), SeamConfig()


def shading(
    image: NDArray[Any],
    alpha: NDArray[Any],
    sigma_share: float = 0.03,
    config: RetinexConfig = RETINEX,
) -> NDArray[np.float32]:
    """Estimate a garment's shading by Retinex: how folds and light change its colours.

    Gradients too steep for a fold are taken for print and left out (`retinex`). Exact
    on plain cloth; large prints with soft borders (tie-dye) leak into the shading.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        alpha: `(H, W)` matte of the garment in [0, 1].
        sigma_share: Scale of folds, as a share of the garment's longer side, above 0;
            details finer than a tenth of it are smoothed away.
        config: resolution, and what counts as print.

    Returns:
        `(H, W)` float32 gain for linear light: mean about 1 inside, 1 outside.

    Raises:
        ValueError: When the sizes differ or `sigma_share` is not above 0.
    """
    check_image(image)
    check_plane(alpha, "alpha", image.shape[:2])
    if sigma_share <= 0:
        raise ValueError(f"expected sigma_share > 0, got {sigma_share}")
    gain = np.ones(alpha.shape, np.float32)
    x1, y1, x2, y2 = pad_box(mask_box(alpha), config.margin, alpha.shape)
    if x2 <= x1:
        return gain
    weight = alpha[y1:y2, x1:x2].astype(np.float32)
    step = max(1, max(weight.shape) // config.read_size)
    grid = np.s_[step // 2 :: step, step // 2 :: step]
    light = to_linear(image[y1:y2, x1:x2][grid])
    local = np.exp(log_shading(light, weight[grid], sigma_share, config))
    local = resize(local, (y2 - y1, x2 - x1))
    local /= max(float((local * weight).sum() / weight.sum()), 1e-6)
    local = np.clip(local, config.min_gain, config.max_gain)
    gain[y1:y2, x1:x2] = np.where(weight > 0, local, 1.0)
    return gain


def relight(garment: NDArray[Any], gain: NDArray[Any]) -> NDArray[np.float32]:
    """Multiply a picture by a gain in linear light.

    Args:
        garment: `(h, w, 3)` sRGB colours, 0 to 255.
        gain: `(h, w)` or `(h, w, 3)` factor for linear light, >= 0.

    Returns:
        `(h, w, 3)` float32 sRGB colours in [0, 255].

    Raises:
        ValueError: When the gain's shape does not fit.
    """
    check_image(garment, "garment")
    if gain.shape not in (garment.shape[:2], garment.shape):
        raise ValueError(
            f"expected gain of shape {garment.shape[:2]} or {garment.shape}, "
            f"got {gain.shape}"
        )
    factor = gain[..., None] if gain.ndim == 2 else gain
    return from_linear(to_linear(garment) * factor.astype(np.float32))


def style_distance(
    image_a: NDArray[Any],
    alpha_a: NDArray[Any],
    image_b: NDArray[Any],
    alpha_b: NDArray[Any],
    config: PaletteConfig = PALETTE,
) -> float:
    """Compare the colours of two garments, whatever their shapes.

    Each garment becomes a palette of a few colours and their shares; the distance is
    the earth mover's distance between the palettes in CIEDE2000.

    Args:
        image_a: `(H, W, 3)` RGB picture of one garment, 0 to 255.
        alpha_a: `(H, W)` its matte in [0, 1]; pixels above 0.5 count.
        image_b: `(h, w, 3)` RGB picture of the other.
        alpha_b: `(h, w)` its matte.
        config: size of the palettes.

    Returns:
        Distance in CIEDE2000 units: 0 the same colours, about 2 hardly visible, above
        20 another garment; infinite when one of them has no pixels.

    References:
        Rubner, Tomasi, Guibas: The Earth Mover's Distance, IJCV 2000.
    """
    for image, alpha in ((image_a, alpha_a), (image_b, alpha_b)):
        check_image(image)
        check_plane(alpha, "alpha", image.shape[:2])
    colors_a, shares_a = _palette(image_a, alpha_a, config)
    colors_b, shares_b = _palette(image_b, alpha_b, config)
    if shares_a.size == 0 or shares_b.size == 0:
        return float("inf")
    cost = skcolor.deltaE_ciede2000(colors_a[:, None], colors_b[None])
    return _earth_mover(cost, shares_a, shares_b)


def seam_energy(
    result: NDArray[Any],
    photo: NDArray[Any],
    alpha: NDArray[Any],
    config: SeamConfig = SEAM,
) -> float:
    """Measure how visible the rim of the new garment is.

    At a clean rim every pixel is a mixture of the garment's colour next to it and of the
    photo's colour next to it. The residual from that mixture is measured: halos, remains
    of the old garment and ragged edges raise it.

    Args:
        result: `(H, W, 3)` RGB result, 0 to 255.
        photo: `(H, W, 3)` RGB photo it was made from.
        alpha: `(H, W)` matte in [0, 1].
        config: what counts as the rim.

    Returns:
        Mean Lab distance (CIE76) from the nearest mixture, over pixels with a matte
        between 0 and 1 and their neighbours; 0 when there is no rim.
    """
    check_image(result, "result")
    check_image(photo, "photo")
    check_plane(alpha, "alpha", photo.shape[:2])
    check_plane(alpha, "alpha", result.shape[:2])
    inside = alpha > 0.5
    scale = float(np.sqrt(inside.sum()))
    reach = max(config.min_reach, round(config.reach * scale))
    x1, y1, x2, y2 = pad_box(mask_box(alpha), config.margin, alpha.shape)
    part = np.s_[y1:y2, x1:x2]
    matte = alpha[part].astype(np.float32)
    low, high = config.rim_alpha
    rim = (matte > low) & (matte < high)
    edge = inside[part] ^ ndimage.binary_erosion(inside[part], border_value=1)
    rim |= edge
    if not rim.any():
        return 0.0
    near = ndimage.uniform_filter(rim.astype(np.float32), 2 * reach + 3) > 1e-9
    new = _lab_where(result[part], near)
    fore = _local_mean(new, near & (matte >= high) & ~edge, rim, reach)
    old = _lab_where(photo[part], near)
    back = _local_mean(old, near & (matte <= low), rim, reach)
    known = np.isfinite(fore[:, 0]) & np.isfinite(back[:, 0])
    if not known.any():
        return 0.0
    return float(_segment_distance(new[rim][known], fore[known], back[known]).mean())


def _lab_where(image: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Turn the marked pixels into CIE Lab; the others are black."""
    lab = np.zeros(image.shape, np.float32)
    lab[where] = to_lab(image[where])
    return lab


def _palette(
    image: NDArray[Any], alpha: NDArray[Any], config: PaletteConfig
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Cluster a garment's Lab colours: k-means centres `(K, 3)` and shares `(K,)`.

    The start is spread over the sorted colours, not drawn, so that results repeat.
    """
    indices = np.flatnonzero(alpha.ravel() > 0.5)
    if indices.size == 0:
        return np.zeros((0, 3), np.float32), np.zeros(0)
    picks = indices[np.linspace(0, indices.size - 1, config.samples).astype(np.intp)]
    lab = to_lab(image.reshape(-1, 3)[picks][None])[0]
    unique = np.unique(lab.round(1), axis=0)
    count = min(config.colors, len(unique))
    order = np.lexsort(unique.T)
    start = unique[order[np.linspace(0, len(unique) - 1, count).astype(np.intp)]]
    centers, _ = vq.kmeans(lab, start.astype(np.float32))
    codes, _ = vq.vq(lab, centers)
    shares = np.bincount(codes, minlength=len(centers)) / len(lab)
    return centers, shares


def _earth_mover(
    cost: NDArray[np.floating],
    shares_a: NDArray[np.float64],
    shares_b: NDArray[np.float64],
) -> float:
    """Return the minimum mean cost of moving one set of shares onto another.

    A linear program; `scipy.stats.wasserstein_distance_nd` takes no cost matrix.
    """
    rows, columns = cost.shape
    supply = np.kron(np.eye(rows), np.ones(columns))
    demand = np.kron(np.ones(rows), np.eye(columns))
    plan = optimize.linprog(
        cost.ravel(),
        A_eq=np.vstack([supply, demand])[:-1],  # the last row follows from the others
        b_eq=np.concatenate([shares_a, shares_b])[:-1],
        method="highs",
    )
    return max(float(plan.fun), 0.0)


def _local_mean(
    lab: NDArray[np.float32],
    where: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    reach: int,
) -> NDArray[np.float32]:
    """Return the mean of marked colours around each of N pixels; NaN without any.

    Args:
        lab: `(H, W, 3)`.
        where: `(H, W)` bool, the marked pixels.
        wanted: `(H, W)` bool, N pixels.
        reach: half width of the window.
    """
    size = 2 * reach + 1
    share = ndimage.uniform_filter(where.astype(np.float32), size)[wanted]
    total = ndimage.uniform_filter(lab * where[..., None], (size, size, 1))[wanted]
    known = share > 0.5 / size**2
    mean = total / np.where(known, share, 1.0)[:, None]
    return np.where(known[:, None], mean, np.nan).astype(np.float32)


def _segment_distance(
    points: NDArray[np.float32], start: NDArray[np.float32], stop: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the distance of each `(N, 3)` point from its own line segment."""
    along = stop - start
    length = np.maximum((along**2).sum(axis=1), 1e-6)
    share = np.clip(((points - start) * along).sum(axis=1) / length, 0.0, 1.0)
    distance = np.linalg.norm(points - start - share[:, None] * along, axis=1)
    return np.asarray(distance, np.float32)
