"""Separate a garment from occluders in front of it (hands, bags, hair) by colour.

A segmentation network draws a hand in front of a shirt as a mitten: it leaves out the
cloth between the fingers, and includes the finger tips. Around each occluder the colours
of sure garment and of sure occluder decide, where they differ.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from compositor._checks import check_image, check_plane
from compositor.blur import block_mean
from compositor.colorspace import subsample, to_lab
from compositor.mask.cutout import mask_box
from compositor.mask.repair import close_mask


@dataclass(frozen=True)
class OccluderConfig:
    """Where occluders are looked for, and what counts as their colour.

    Lengths are shares of the square root of the mask's area ("scale"), colour distances
    are CIE76 in CIELAB, cells are pixels of the working grid. What the whole brings was
    measured on 50 renders with a hand in front (docs/experiments/segmentation.md).
    """

    work_scale: int = 280  # cells: larger garments are downsampled to about this scale
    closing_radius: float = 0.13  # scale: inlets of the mask up to twice as wide count
    min_inlet_area: float = 0.002  # of the mask's area: smaller inlets are ignored
    # Scale: how far into the mask an occluder may reach, about a finger's length.
    reach: float = 0.08
    surroundings: float = 3.0  # reaches: cloth within this radius gives its colours
    erosion: int = 3  # cells inside an inlet's outline from which its colours are taken
    min_samples: int = 40  # cells that a side's colours need at least
    max_samples: int = 300  # colours of a side that are compared
    color_cell: float = 1.5  # CIELAB: colours are quantised to this before comparison
    # Quantiles of the distances to a side's colours: one that ignores outliers among
    # them, and one that only the side's common colours are near to.
    outlier_quantile: float = 0.005
    common_quantile: float = 0.05
    min_own_distance: float = 10.0  # from all colours of the cloth: an occluder's own
    max_distance: float = 8.0  # to a side's colours, for a pixel to belong to it
    min_own_share: float = 0.3  # of an inlet that must have colours of its own
    opening_size: int = 2  # cells: narrower pieces are noise
    max_gap_area: float = 0.02  # of the mask's area: larger pieces are no cloth in gaps


DEFAULT = OccluderConfig()


def separate_occluders(
    mask: NDArray[np.bool_], image: NDArray[Any], config: OccluderConfig = DEFAULT
) -> NDArray[np.bool_]:
    """Correct a mask around arms, hands, bags or hair that cross its outline.

    Args:
        mask: `(H, W)` bool, the garment.
        image: `(H, W, 3)` RGB picture, 0 to 255.
        config: where occluders are looked for, and colour thresholds.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    check_image(image)
    corrected = mask.copy()
    step = max(round(float(np.sqrt(mask.sum())) / config.work_scale), 1)
    part = _crop(mask, step, config)
    cropped = mask[part]
    if not cropped.size:
        return corrected
    picture = block_mean(image[part].astype(np.float32), step)
    coarse = block_mean(cropped.astype(np.float32), step) > 0.5
    changed = _correct_inlets(coarse, to_lab(picture), config) ^ coarse
    corrected[part] ^= changed.repeat(step, 0).repeat(step, 1)
    return corrected


def _crop(
    mask: NDArray[np.bool_], step: int, config: OccluderConfig
) -> tuple[slice, slice]:
    """Return the rows and columns around a mask, multiples of `step` of them."""
    margin = int(config.closing_radius * np.sqrt(mask.sum())) + 1
    x1, y1, x2, y2 = mask_box(mask)
    top, left = max(y1 - margin, 0), max(x1 - margin, 0)
    height = min(y2 + margin, mask.shape[0]) - top
    width = min(x2 + margin, mask.shape[1]) - left
    return (
        slice(top, top + height // step * step),
        slice(left, left + width // step * step),
    )


def _correct_inlets(
    mask: NDArray[np.bool_], lab: NDArray[np.float32], config: OccluderConfig
) -> NDArray[np.bool_]:
    """Correct a mask `(h, w)` of a CIELAB picture `(h, w, 3)` around each inlet.

    An inlet is what closing adds to the mask.
    """
    scale = float(np.sqrt(mask.sum()))
    margin = int(config.surroundings * config.reach * scale) + 1
    closed = close_mask(mask, config.closing_radius * scale)
    inlets, _ = ndimage.label(closed & ~mask)
    corrected = mask.copy()
    for number, part in enumerate(ndimage.find_objects(inlets), 1):
        near = tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in part)
        inlet, outside = inlets[near] == number, ~closed[near]
        if inlet.sum() < config.min_inlet_area * scale**2:
            continue
        # What the garment encloses is more often a print or a pendant than an arm.
        if (ndimage.binary_dilation(inlet) & outside).any():
            corrected[near] = _correct_inlet(
                corrected[near], inlet, outside, lab[near], scale, config
            )
    return corrected


def _correct_inlet(
    mask: NDArray[np.bool_],
    inlet: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    lab: NDArray[np.float32],
    scale: float,
    config: OccluderConfig,
) -> NDArray[np.bool_]:
    """Correct a mask around one inlet; `outside` is beyond the closed mask."""
    reach = config.reach * scale
    distance = ndimage.distance_transform_edt(~inlet)
    zone = inlet | (mask & (distance <= reach))
    around = mask & (distance > reach) & (distance <= config.surroundings * reach)
    cloth = lab[around]
    inner = ndimage.binary_erosion(inlet, iterations=config.erosion)
    if len(cloth) < config.min_samples or inner.sum() < config.min_samples:
        return mask
    to_cloth, to_common, to_occluder = np.full((3, *mask.shape), np.inf, np.float32)
    to_cloth[zone], to_common[zone] = _color_distances(lab[zone], cloth, config)
    own = inner & (to_cloth > config.min_own_distance)
    if own.sum() < max(config.min_samples, config.min_own_share * inner.sum()):
        return mask
    to_occluder[zone], _ = _color_distances(lab[zone], lab[own], config)
    occluder = zone & mask & (to_cloth > config.min_own_distance)
    occluder &= to_occluder < config.max_distance
    occluder = _open(occluder | inlet, config) & occluder
    occluder = ndimage.binary_propagation(inlet, mask=occluder | inlet) & occluder
    gaps = inlet & (to_common < config.max_distance) & (to_common < to_occluder)
    gaps = _open(gaps | mask, config) & gaps
    gaps = _keep_enclosed(gaps, mask, outside, config.max_gap_area * scale**2)
    return np.asarray((mask | gaps) & ~occluder, bool)


def _keep_enclosed(
    gaps: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    max_area: float,
) -> NDArray[np.bool_]:
    """Keep small components that touch the mask and not what is outside.

    Others may be background of the garment's colour.
    """
    components, count = ndimage.label(gaps)
    if not count:
        return gaps
    grown = ndimage.grey_dilation(components, size=(3, 3))
    numbers = np.arange(count + 1)
    kept = np.isin(numbers, grown[mask]) & ~np.isin(numbers, grown[outside])
    kept &= np.bincount(components.ravel(), minlength=count + 1) <= max_area
    kept[0] = False
    return np.asarray(kept[components], bool)


def _open(plane: NDArray[np.bool_], config: OccluderConfig) -> NDArray[np.bool_]:
    """Open a mask by a square, which removes narrower pieces."""
    square = np.ones((config.opening_size, config.opening_size), bool)
    return np.asarray(ndimage.binary_opening(plane, square), bool)


def _color_distances(
    colors: NDArray[np.float32], reference: NDArray[np.float32], config: OccluderConfig
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return two quantiles of the distances of `(N, 3)` colours to `(M, 3)` others.

    Returns:
        `(N,)` twice: the quantiles `outlier_quantile` and `common_quantile`. Colours in
        the same cell of `color_cell` share the distances of one of them.
    """
    cells = np.rint(colors / config.color_cell).astype(np.int64)
    keys = cells @ (1 << np.array([0, 20, 40]))
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    reference = subsample(reference, config.max_samples)
    distances = spatial.distance.cdist(colors[first], reference)
    quantiles = config.outlier_quantile, config.common_quantile
    ranks = [int(quantile * len(reference)) for quantile in quantiles]
    chosen = np.partition(distances, ranks, axis=1)[:, ranks]
    outlier, common = chosen.T.astype(np.float32)
    return outlier[inverse], common[inverse]
