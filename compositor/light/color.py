"""Light and colour of garments."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize
from scipy.cluster import vq
from skimage import color as skcolor

from compositor._checks import check_image, check_plane
from compositor.colorspace import LUMINANCE, from_linear, to_lab, to_linear
from compositor.light.retinex import log_light
from compositor.mask.cutout import mask_box, pad_box
from compositor.raster import resize

DARKEST, BRIGHTEST = 0.25, 4.0  # limits of the shading, relative to its mean
LOOK_SIZE = 768  # pixels along a garment that the light is read from, or a few more
PALETTE = 8  # colours that stand for a garment in `style_distance`
SAMPLES = 4096  # pixels looked at for a palette
RIM_REACH = 0.015  # how far `seam_energy` looks, as a share of sqrt(area)


def shading(
    image: NDArray[Any],
    alpha: NDArray[Any],
    sigma_share: float = 0.03,
) -> NDArray[np.float32]:
    """Estimate how folds and light brighten and darken a garment.

    Steps too sharp for a fold are taken for print and left out (`retinex`). Right for
    plain cloth; large areas of another colour with soft borders (tie-dye) still leak.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        alpha: `(H, W)` matte of the garment in [0, 1].
        sigma_share: Scale of folds, as a share of the garment's longer side, above 0;
            details finer than a tenth of it are smoothed away.

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
    x1, y1, x2, y2 = pad_box(mask_box(alpha), 0.02, alpha.shape)
    if x2 <= x1:
        return gain
    weight = alpha[y1:y2, x1:x2].astype(np.float32)
    step = max(1, max(weight.shape) // LOOK_SIZE)  # light needs no finer look
    fine = np.s_[step // 2 :: step, step // 2 :: step]
    light = to_linear(image[y1:y2, x1:x2][fine])
    local = np.exp(log_light(light, weight[fine], LUMINANCE, sigma_share))
    local = resize(local, (y2 - y1, x2 - x1))
    local /= max(float((local * weight).sum() / weight.sum()), 1e-6)
    local = np.clip(local, DARKEST, BRIGHTEST)
    gain[y1:y2, x1:x2] = np.where(weight > 0, local, 1.0)
    return gain


def relight(garment: NDArray[Any], gain: NDArray[Any]) -> NDArray[np.float32]:
    """Brighten and darken a picture in linear light.

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
) -> float:
    """Compare the colours of two garments, whatever their shapes.

    Each garment becomes a palette of a few colours and their shares; the distance is
    the least mean CIEDE2000 at which one palette can be moved onto the other.

    Args:
        image_a: `(H, W, 3)` RGB picture of one garment, 0 to 255.
        alpha_a: `(H, W)` its matte in [0, 1]; pixels above 0.5 count.
        image_b: `(h, w, 3)` RGB picture of the other.
        alpha_b: `(h, w)` its matte.

    Returns:
        Distance in CIEDE2000 units: 0 the same colours, about 2 hardly visible, above
        20 another garment; infinite when one of them has no pixels.

    References:
        Rubner, Tomasi, Guibas: The Earth Mover's Distance, IJCV 2000.
    """
    for image, alpha in ((image_a, alpha_a), (image_b, alpha_b)):
        check_image(image)
        check_plane(alpha, "alpha", image.shape[:2])
    colours_a, shares_a = _palette(image_a, alpha_a)
    colours_b, shares_b = _palette(image_b, alpha_b)
    if shares_a.size == 0 or shares_b.size == 0:
        return float("inf")
    cost = skcolor.deltaE_ciede2000(colours_a[:, None], colours_b[None])
    return _earth_mover(cost, shares_a, shares_b)


def seam_energy(
    result: NDArray[Any],
    photo: NDArray[Any],
    alpha: NDArray[Any],
) -> float:
    """Measure how visible the rim of the new garment is.

    At a clean rim every pixel is a mixture of the garment's colour next to it and of
    the photo's colour next to it. The figure is how far the rim's colours lie from
    that: halos, remains of the old garment and ragged edges raise it.

    Args:
        result: `(H, W, 3)` RGB result, 0 to 255.
        photo: `(H, W, 3)` RGB photo it was made from.
        alpha: `(H, W)` matte in [0, 1].

    Returns:
        Mean Lab distance (CIE76) from the nearest mixture, over pixels with a matte
        between 0 and 1 and their neighbours; 0 when there is no rim.
    """
    check_image(result, "result")
    check_image(photo, "photo")
    check_plane(alpha, "alpha", photo.shape[:2])
    check_plane(alpha, "alpha", result.shape[:2])
    inside = alpha > 0.5
    area = float(np.sqrt(inside.sum()))
    reach = max(2, round(RIM_REACH * area))
    x1, y1, x2, y2 = pad_box(mask_box(alpha), 0.05, alpha.shape)
    part = np.s_[y1:y2, x1:x2]
    matte = alpha[part].astype(np.float32)
    rim = (matte > 0.02) & (matte < 0.98)
    edge = inside[part] ^ ndimage.binary_erosion(inside[part], border_value=1)
    rim |= edge
    if not rim.any():
        return 0.0
    near = ndimage.uniform_filter(rim.astype(np.float32), 2 * reach + 3) > 1e-9
    seen = _lab_where(result[part], near)
    fore = _near_colour(seen, near & (matte >= 0.98) & ~edge, rim, reach)
    old = _lab_where(photo[part], near)
    back = _near_colour(old, near & (matte <= 0.02), rim, reach)
    known = np.isfinite(fore[:, 0]) & np.isfinite(back[:, 0])
    if not known.any():
        return 0.0
    return float(_segment_distance(seen[rim][known], fore[known], back[known]).mean())


def _lab_where(image: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Turn the marked pixels into CIE Lab; the others are black."""
    lab = np.zeros(image.shape, np.float32)
    lab[where] = to_lab(image[where])
    return lab


def _palette(
    image: NDArray[Any], alpha: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Lab colours `(K, 3)` and shares `(K,)` that stand for a garment."""
    places = np.flatnonzero(alpha.ravel() > 0.5)
    if places.size == 0:
        return np.zeros((0, 3), np.float32), np.zeros(0)
    picks = places[np.linspace(0, places.size - 1, SAMPLES).astype(np.intp)]
    lab = to_lab(image.reshape(-1, 3)[picks][None])[0]
    unique = np.unique(lab.round(1), axis=0)
    count = min(PALETTE, len(unique))
    order = np.lexsort(unique.T)
    start = unique[order[np.linspace(0, len(unique) - 1, count).astype(np.intp)]]
    centres, _ = vq.kmeans(lab, start.astype(np.float32))
    codes, _ = vq.vq(lab, centres)
    shares = np.bincount(codes, minlength=len(centres)) / len(lab)
    return centres, shares


def _earth_mover(
    cost: NDArray[np.floating],
    shares_a: NDArray[np.float64],
    shares_b: NDArray[np.float64],
) -> float:
    """Least mean cost of moving one set of shares onto another."""
    rows, columns = cost.shape
    out = np.kron(np.eye(rows), np.ones(columns))
    into = np.kron(np.ones(rows), np.eye(columns))
    plan = optimize.linprog(
        cost.ravel(),
        A_eq=np.vstack([out, into])[:-1],  # the last row follows from the others
        b_eq=np.concatenate([shares_a, shares_b])[:-1],
        method="highs",
    )
    return max(float(plan.fun), 0.0)


def _near_colour(
    lab: NDArray[np.float32],
    where: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    reach: int,
) -> NDArray[np.float32]:
    """Mean colour of the marked pixels near each of N wanted ones; NaN without any."""
    size = 2 * reach + 1
    share = ndimage.uniform_filter(where.astype(np.float32), size)[wanted]
    total = ndimage.uniform_filter(lab * where[..., None], (size, size, 1))[wanted]
    known = share > 0.5 / size**2
    mean = total / np.where(known, share, 1.0)[:, None]
    return np.where(known[:, None], mean, np.nan).astype(np.float32)


def _segment_distance(
    points: NDArray[np.float32], one: NDArray[np.float32], two: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Distance of each `(N, 3)` point from its own line segment."""
    along = two - one
    length = np.maximum((along**2).sum(axis=1), 1e-6)
    share = np.clip(((points - one) * along).sum(axis=1) / length, 0.0, 1.0)
    away = np.linalg.norm(points - one - share[:, None] * along, axis=1)
    return np.asarray(away, np.float32)
