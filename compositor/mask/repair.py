"""Mend slips of a mask: cloth that it leaves out, and strangers that it takes along."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial
from skimage import color as skcolor

from compositor._checks import check_image, check_plane
from compositor.mask.cutout import mask_box, pad_box

ALIKE_SHARE = 0.03  # holes up to this share of the mask may be slips
ALIKE = 6.0  # CIELAB distance from the cloth within which nine pixels in ten must lie
RING = 4  # pixels of the cloth around a hole that are looked at
NOTCH = 0.3  # of the neck's width: a notch is no wider
ABOVE, BELOW = 0.1, 0.3  # of the same: so far from the neckline notches are filled
NEAR = 8.0  # CIELAB distance within which a notch's pixel is like one of the cloth
COMMON = 0.15  # of the cloth around a notch: so much must be like a pixel of it
SAMPLE = 400  # colours of the cloth that are compared
PRINT_SHARE = 0.02  # of the mask: from here a hole is a print; sunglasses are smaller
SKIN = 25.0  # CIELAB distance from the neck's skin from which a hole is no hand
NECK = 0.25  # of the neck's width: its skin is looked at so far above the neckline
STRANGE = 16.0  # CIELAB distance from the cloth from which a pixel is not like it
RARE = 0.01  # of the cloth: so much must be like a pixel for it not to be strange
OWN = 0.5  # of a part that lies apart: so much must be like the cloth
CLOTH = 4000  # colours of the cloth that strangers are compared with
MARGIN = 6  # pixels of the cloth around a notch that are looked at, all but the first


def drop_strangers(
    mask: NDArray[np.bool_], image: NDArray[Any], points: NDArray[Any]
) -> NDArray[np.bool_]:
    """Drop parts that lie apart and have not the garment's colours: a bag, a bare arm.

    A strap or an arm may cut a garment in parts; most of what such a part shows is seen
    of the largest part, too.

    Args:
        mask: `(H, W)` bool.
        image: `(H, W, 3)` RGB picture, 0 to 255.
        points: `(N, 2)` (x, y) that are the garment's for sure: a part around one of
            them stays, like a sleeve of another cloth.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    check_image(image)
    kept = mask.copy()
    parts, count = ndimage.label(mask)
    if count < 2:
        return kept
    largest = int(np.bincount(parts[mask]).argmax())
    cloth = image[parts == largest]
    x, y = np.rint(np.asarray(points).reshape(-1, 2)).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    sure = {largest, *parts[y[inside], x[inside]].tolist()}
    for number, part in enumerate(ndimage.find_objects(parts), 1):
        piece = parts[part] == number
        if number not in sure and _is_strange(image[part][piece], cloth):
            kept[part] &= ~piece
    return kept


def _is_strange(colours: NDArray[Any], cloth: NDArray[Any]) -> bool:
    """Tell whether most of `(N, 3)` colours are unlike all but a few of the cloth's."""
    lab = [
        _lab(c[:: -(-len(c) // most)]) for c, most in ((colours, SAMPLE), (cloth, CLOTH))
    ]
    like = spatial.cKDTree(lab[1]).query_ball_point(lab[0], STRANGE, return_length=True)
    return bool((like >= RARE * len(lab[1])).mean() < OWN)


def fill_alike(mask: NDArray[np.bool_], image: NDArray[Any]) -> NDArray[np.bool_]:
    """Fill holes that look like the cloth around them: slips, and no arms or bags.

    Args:
        mask: `(H, W)` bool.
        image: `(H, W, 3)` RGB picture, 0 to 255.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    check_image(image)
    filled = mask.copy()
    holes, _ = ndimage.label(~mask)
    most = ALIKE_SHARE * mask.sum()
    for number, part in enumerate(ndimage.find_objects(holes), 1):
        rows, columns = part
        inside = rows.start > 0 and columns.start > 0
        inside &= rows.stop < mask.shape[0] and columns.stop < mask.shape[1]
        if not inside:
            continue
        around = pad_box(
            (columns.start, rows.start, columns.stop, rows.stop), 1.0, mask.shape
        )
        near = np.s_[around[1] : around[3], around[0] : around[2]]
        hole = holes[near] == number
        if hole.sum() <= most and _is_alike(hole, mask[near], image[near]):
            filled[near] |= hole
    return filled


def _is_alike(
    hole: NDArray[np.bool_], mask: NDArray[np.bool_], image: NDArray[Any]
) -> bool:
    """Tell whether most of a hole has colours of the garment next to it."""
    ring = ndimage.binary_dilation(hole, iterations=RING) & mask
    lab = skcolor.rgb2lab(image.astype(np.float32) / 255.0)
    away, _ = spatial.cKDTree(lab[ring]).query(lab[hole])
    return bool(np.quantile(away, 0.9) < ALIKE)


def fill_prints(
    mask: NDArray[np.bool_], image: NDArray[Any], neckline: NDArray[Any]
) -> NDArray[np.bool_]:
    """Fill large holes that nothing leads to: a bold print that was taken for a hand.

    Arms, bags and hair come in from the garment's outline; what lies in its midst and
    has not the colour of the neck's skin is its own. Sunglasses and pendants are small.

    Args:
        mask: `(H, W)` bool.
        image: `(H, W, 3)` RGB picture, 0 to 255.
        neckline: `(N, 2)` (x, y) from one end of the collar to the other.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    check_image(image)
    filled = mask.copy()
    skin = _neck_skin(mask, image, neckline)
    x1, y1, x2, y2 = mask_box(mask)
    near, colours = filled[y1:y2, x1:x2], image[y1:y2, x1:x2]
    enclosed, _ = ndimage.label(ndimage.binary_fill_holes(near) & ~near)
    for number, part in enumerate(ndimage.find_objects(enclosed), 1):
        hole = enclosed[part] == number
        if skin is None or hole.sum() < PRINT_SHARE * mask.sum():
            continue
        away = np.median(_lab(colours[part][hole]), axis=0) - skin
        if np.linalg.norm(away) > SKIN:
            near[part] |= hole  # a view of `filled`
    return filled


def _neck_skin(
    mask: NDArray[np.bool_], image: NDArray[Any], neckline: NDArray[Any]
) -> NDArray[np.floating] | None:
    """Return the CIELAB colour above the middle of a neckline; None beyond the frame."""
    width = float(np.linalg.norm(neckline[-1] - neckline[0]))
    x, bottom = neckline[len(neckline) // 2]
    columns = np.rint([x - width / 6, x + width / 6 + 1]).astype(int).clip(0)
    rows = np.rint([bottom - NECK * width, bottom]).astype(int).clip(0)
    part = np.s_[rows[0] : rows[1], columns[0] : columns[1]]
    seen = ~mask[part]
    return np.median(_lab(image[part][seen]), axis=0) if seen.any() else None


def _lab(colours: NDArray[Any]) -> NDArray[np.floating]:
    """Turn `(N, 3)` colours, 0 to 255, into CIELAB."""
    return np.asarray(skcolor.rgb2lab(colours.astype(np.float32) / 255))


def fill_notches(
    mask: NDArray[np.bool_], image: NDArray[Any], neckline: NDArray[Any]
) -> NDArray[np.bool_]:
    """Fill notches at the neck that look like the cloth around them.

    The slit of a placket or the fold under a collar, and no skin, hair or sunglasses:
    each pixel must be like a good part of the cloth around its notch.

    Args:
        mask: `(H, W)` bool.
        image: `(H, W, 3)` RGB picture, 0 to 255.
        neckline: `(N, 2)` (x, y) from one end of the collar to the other.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    check_image(image)
    filled = mask.copy()
    width = float(np.linalg.norm(neckline[-1] - neckline[0]))
    low = np.floor(neckline.min(axis=0) - ABOVE * width).astype(int)
    high = np.ceil(neckline.max(axis=0) + np.array([ABOVE, BELOW]) * width).astype(int)
    part = np.s_[max(low[1], 0) : max(high[1], 0), max(low[0], 0) : max(high[0], 0)]
    near = mask[part]
    if near.any():
        filled[part] |= _alike_notches(near, image[part], NOTCH / 2 * width)
    return filled


def _alike_notches(
    mask: NDArray[np.bool_], image: NDArray[Any], radius: float
) -> NDArray[np.bool_]:
    """Return the pixels of notches, up to twice the radius wide, that are like cloth."""
    notches = close_mask(mask, radius) & ~mask
    inner = ndimage.binary_erosion(mask, border_value=1)  # the rim holds other colours
    alike = np.zeros_like(mask)
    parts, _ = ndimage.label(notches)
    for number, part in enumerate(ndimage.find_objects(parts), 1):
        near = tuple(
            slice(max(span.start - MARGIN, 0), span.stop + MARGIN) for span in part
        )
        notch = parts[near] == number
        ring = ndimage.binary_dilation(notch, iterations=MARGIN) & inner[near]
        alike[near][notch] = _are_common(image[near][notch], image[near][ring])
    solid = ndimage.binary_opening(alike | mask, np.ones((2, 2), bool)) & alike
    joined = ndimage.binary_propagation(mask, mask=mask | solid)
    return np.asarray(ndimage.binary_fill_holes(joined) & notches, bool)


def close_mask(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Close a mask by a disc of a radius in pixels; the frame repeats its last pixel."""
    margin = int(radius) + 1
    padded = np.pad(mask, margin, mode="edge")
    grown = ndimage.distance_transform_edt(~padded) <= radius
    closed = ndimage.distance_transform_edt(grown) > radius
    return np.asarray(closed[margin:-margin, margin:-margin], bool) | mask


def _are_common(colours: NDArray[Any], cloth: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which `(N, 3)` colours many of the cloth's `(M, 3)` are like."""
    if len(cloth) < MARGIN:
        return np.zeros(len(colours), bool)
    lab = [_lab(c) for c in (colours, cloth)]
    known = lab[1][:: -(-len(cloth) // SAMPLE)]
    like = spatial.cKDTree(known).query_ball_point(lab[0], NEAR, return_length=True)
    return np.asarray(like >= COMMON * len(known), bool)
