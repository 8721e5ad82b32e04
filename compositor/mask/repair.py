"""Repair a garment mask: drop unrelated components, fill holes, prints and notches."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial
from skimage import morphology

from compositor._checks import check_image, check_plane
from compositor.colorspace import are_common, subsample, to_lab
from compositor.mask.cutout import mask_box, pad_box


@dataclass(frozen=True)
class RepairConfig:
    """What is taken for a fault of the mask. Colour distances are CIE76 in CIELAB."""

    # Unrelated components. Chosen on training street photos: of components that are
    # cloth at least .74 has common colours, of others (bags, bare skin) at most .24.
    component_distance: float = 16.0  # radius within which colours are neighbours
    component_neighbors: float = 0.01  # of the main component's colours, to be common
    min_common_share: float = 0.5  # of a component that must have common colours
    component_samples: int = 400  # colours of a component that are compared
    main_samples: int = 4000  # colours of the main component that are compared

    # Holes of the garment's colour.
    max_hole_share: float = 0.03  # of the mask's area: larger holes stay
    hole_ring: int = 4  # pixels of the cloth around a hole that give its colours
    hole_quantile: float = 0.9  # of a hole's distances from the ring's nearest colours
    max_hole_distance: float = 6.0  # of that quantile

    # Enclosed bold prints, by being large and not skin.
    min_print_share: float = 0.02  # of the mask's area; sunglasses are smaller
    min_skin_distance: float = 25.0  # from the neck's skin: nearer is a hand
    # Of the neck's width: height of the patch above the neckline that gives skin colour.
    skin_height: float = 0.25

    # Notches at the neckline. Lengths are shares of the neck's width.
    max_notch_width: float = 0.3
    notch_above: float = 0.1  # how far above and beside the neckline they are filled
    notch_below: float = 0.3  # how far below
    notch_ring: int = 6  # pixels of the cloth around a notch that give its colours
    notch_distance: float = 8.0  # radius within which colours are neighbours
    notch_neighbors: float = 0.15  # of the ring's colours, for a pixel to be cloth
    notch_samples: int = 400  # colours of the ring that are compared


DEFAULT = RepairConfig()


def drop_unrelated_components(
    mask: NDArray[np.bool_],
    image: NDArray[Any],
    points: NDArray[Any],
    config: RepairConfig = DEFAULT,
) -> NDArray[np.bool_]:
    """Drop components without the garment's colours, as a bag or a bare arm.

    A strap or an arm may cut a garment in several components; most colours of such a
    component are common in the largest one too.

    Args:
        mask: `(H, W)` bool.
        image: `(H, W, 3)` RGB picture, 0 to 255.
        points: `(N, 2)` (x, y) that surely lie on the garment, such as landmarks: a
            component with one of them stays, like a sleeve of another colour.
        config: colour thresholds.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    check_image(image)
    kept = mask.copy()
    components, count = ndimage.label(mask)
    if count < 2:
        return kept
    largest = int(np.bincount(components[mask]).argmax())
    main = image[components == largest]
    x, y = np.rint(np.asarray(points).reshape(-1, 2)).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    sure = {largest, *components[y[inside], x[inside]].tolist()}
    for number, part in enumerate(ndimage.find_objects(components), 1):
        component = components[part] == number
        if number not in sure and _is_unrelated(image[part][component], main, config):
            kept[part] &= ~component
    return kept


def _is_unrelated(colors: NDArray[Any], main: NDArray[Any], config: RepairConfig) -> bool:
    """Return whether most of `(N, 3)` colours are rare in the main component."""
    lab = to_lab(subsample(colors, config.component_samples))
    reference = to_lab(subsample(main, config.main_samples))
    common = are_common(
        lab, reference, config.component_distance, config.component_neighbors
    )
    return bool(common.mean() < config.min_common_share)


def fill_similar_holes(
    mask: NDArray[np.bool_], image: NDArray[Any], config: RepairConfig = DEFAULT
) -> NDArray[np.bool_]:
    """Fill holes of the colour of the cloth around them, and not those of arms or bags.

    Args:
        mask: `(H, W)` bool.
        image: `(H, W, 3)` RGB picture, 0 to 255.
        config: size and colour thresholds.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    check_image(image)
    filled = mask.copy()
    holes, _ = ndimage.label(~mask)
    max_area = config.max_hole_share * mask.sum()
    for number, part in enumerate(ndimage.find_objects(holes), 1):
        rows, columns = part
        enclosed = rows.start > 0 and columns.start > 0
        enclosed &= rows.stop < mask.shape[0] and columns.stop < mask.shape[1]
        if not enclosed:
            continue
        x1, y1, x2, y2 = pad_box(
            (columns.start, rows.start, columns.stop, rows.stop), 1.0, mask.shape
        )
        near = np.s_[y1:y2, x1:x2]
        hole = holes[near] == number
        if hole.sum() > max_area:
            continue
        if _is_similar(hole, mask[near], image[near], config):
            filled[near] |= hole
    return filled


def _is_similar(
    hole: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    image: NDArray[Any],
    config: RepairConfig,
) -> bool:
    """Return whether most of a hole has colours of the garment next to it."""
    ring = ndimage.binary_dilation(hole, iterations=config.hole_ring) & mask
    lab = to_lab(image)
    distances, _ = spatial.cKDTree(lab[ring]).query(lab[hole])
    quantile = np.quantile(distances, config.hole_quantile)
    return bool(quantile < config.max_hole_distance)


def fill_print_holes(
    mask: NDArray[np.bool_],
    image: NDArray[Any],
    neckline: NDArray[Any],
    config: RepairConfig = DEFAULT,
) -> NDArray[np.bool_]:
    """Fill large enclosed holes: bold prints that the network took for a hand.

    Arms, bags and hair cross the garment's outline; an enclosed hole that has not the
    colour of the neck's skin is a print. Sunglasses and pendants are small.

    Args:
        mask: `(H, W)` bool.
        image: `(H, W, 3)` RGB picture, 0 to 255.
        neckline: `(N, 2)` (x, y) from one end of the collar to the other.
        config: size and colour thresholds.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    check_image(image)
    filled = mask.copy()
    skin = _neck_skin(mask, image, neckline, config)
    x1, y1, x2, y2 = mask_box(mask)
    crop, colors = filled[y1:y2, x1:x2], image[y1:y2, x1:x2]
    enclosed, _ = ndimage.label(ndimage.binary_fill_holes(crop) & ~crop)
    for number, part in enumerate(ndimage.find_objects(enclosed), 1):
        hole = enclosed[part] == number
        if skin is None or hole.sum() < config.min_print_share * mask.sum():
            continue
        difference = np.median(to_lab(colors[part][hole]), axis=0) - skin
        if np.linalg.norm(difference) > config.min_skin_distance:
            crop[part] |= hole  # a view of `filled`
    return filled


def _neck_skin(
    mask: NDArray[np.bool_],
    image: NDArray[Any],
    neckline: NDArray[Any],
    config: RepairConfig,
) -> NDArray[np.floating] | None:
    """Return the CIELAB colour above the middle of a neckline; None out of the frame."""
    width = float(np.linalg.norm(neckline[-1] - neckline[0]))
    x, bottom = neckline[len(neckline) // 2]
    columns = np.rint([x - width / 6, x + width / 6 + 1]).astype(int).clip(0)
    rows = np.rint([bottom - config.skin_height * width, bottom]).astype(int).clip(0)
    part = np.s_[rows[0] : rows[1], columns[0] : columns[1]]
    skin = ~mask[part]
    return np.median(to_lab(image[part][skin]), axis=0) if skin.any() else None


def fill_notches(
    mask: NDArray[np.bool_],
    image: NDArray[Any],
    neckline: NDArray[Any],
    config: RepairConfig = DEFAULT,
) -> NDArray[np.bool_]:
    """Fill notches at the neckline that have the colour of the cloth around them.

    Meant for the slit of a placket or the fold under a collar, not for skin, hair or
    sunglasses: each pixel's colour must be common in the cloth around its notch.

    Args:
        mask: `(H, W)` bool.
        image: `(H, W, 3)` RGB picture, 0 to 255.
        neckline: `(N, 2)` (x, y) from one end of the collar to the other.
        config: size and colour thresholds.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    check_image(image)
    filled = mask.copy()
    width = float(np.linalg.norm(neckline[-1] - neckline[0]))
    margins = np.array([config.notch_above, config.notch_below])
    low = np.floor(neckline.min(axis=0) - config.notch_above * width).astype(int)
    high = np.ceil(neckline.max(axis=0) + margins * width).astype(int)
    part = np.s_[max(low[1], 0) : max(high[1], 0), max(low[0], 0) : max(high[0], 0)]
    crop = mask[part]
    if crop.any():
        radius = config.max_notch_width / 2 * width
        filled[part] |= _similar_notches(crop, image[part], radius, config)
    return filled


def _similar_notches(
    mask: NDArray[np.bool_], image: NDArray[Any], radius: float, config: RepairConfig
) -> NDArray[np.bool_]:
    """Return the pixels of cloth colour in notches up to twice the radius wide."""
    notches = close_mask(mask, radius) & ~mask
    inner = ndimage.binary_erosion(mask, border_value=1)  # the rim has mixed colours
    similar = np.zeros_like(mask)
    components, _ = ndimage.label(notches)
    margin = config.notch_ring
    for number, part in enumerate(ndimage.find_objects(components), 1):
        near = tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in part)
        notch = components[near] == number
        ring = ndimage.binary_dilation(notch, iterations=margin) & inner[near]
        similar[near][notch] = _are_cloth(image[near][notch], image[near][ring], config)
    solid = ndimage.binary_opening(similar | mask, np.ones((2, 2), bool)) & similar
    joined = ndimage.binary_propagation(mask, mask=mask | solid)
    return np.asarray(ndimage.binary_fill_holes(joined) & notches, bool)


def _are_cloth(
    colors: NDArray[Any], cloth: NDArray[Any], config: RepairConfig
) -> NDArray[np.bool_]:
    """Return which of `(N, 3)` colours are common among the cloth's `(M, 3)`."""
    if len(cloth) < config.notch_ring:  # too few to tell
        return np.zeros(len(colors), bool)
    reference = subsample(to_lab(cloth), config.notch_samples)
    return are_common(
        to_lab(colors), reference, config.notch_distance, config.notch_neighbors
    )


def close_mask(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Close a mask by a disc; the frame's pixels are repeated outwards.

    Args:
        mask: `(H, W)` bool.
        radius: of the disc, pixels.

    Returns:
        `(H, W)` bool, a superset of the mask.
    """
    margin = int(radius) + 1
    padded = np.pad(mask, margin, mode="edge")
    closed = morphology.isotropic_closing(padded, radius)
    return np.asarray(closed[margin:-margin, margin:-margin], bool) | mask
