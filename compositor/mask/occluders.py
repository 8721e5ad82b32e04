"""Tell a garment from what lies in front of it, finger by finger, by their colours.

A network draws a hand before a shirt as a mitten: cloth between the fingers is left out,
finger tips are taken along. Near such a thing the colours of the sure garment and of the
sure thing decide, where they differ.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial
from skimage import color as skcolor

from compositor._checks import check_image, check_plane
from compositor.blur import block_mean
from compositor.mask.cutout import mask_box
from compositor.mask.repair import close_mask

# Lengths are shares of the square root of the mask's area, distances of colours CIELAB.
INLET = 0.13  # things are looked for in inlets of the mask up to twice as wide
REACH = 0.08  # so far into the garment a thing may go on: a finger's length
AROUND = 3.0  # reaches: cloth from so far around tells the garment's colours
LEAST_AREA = 0.002  # of the mask's area: smaller inlets are let be
MOST_CLOTH = 0.02  # of the mask's area: larger pieces are no cloth between fingers
SURE = 3  # cells inside a thing's outline from which its colours are taken
FAR = 10.0  # from all colours of the cloth: a thing's own colour
NEAR = 8.0  # to the colours that decide
GRID = 280  # cells: about the square root of the area of a mask that is larger
CELL = 1.5  # CIELAB: distances are worked out for so large a step
SAMPLE = 300  # colours of a side that are compared
RARE, COMMON = 0.005, 0.05  # of them: so many must be near to count at all, or as usual
LEAST_SEEN = 40  # cells that tell a side's colours
LEAST_OWN = 0.3  # of a thing: so much must have its own colours
SPECK = 2  # cells: narrower pieces are noise


def part_from_front(mask: NDArray[np.bool_], image: NDArray[Any]) -> NDArray[np.bool_]:
    """Redraw a mask where arms, hands, bags or hair come in from its outline.

    Large garments are looked at on a coarser grid.

    Args:
        mask: `(H, W)` bool, the garment.
        image: `(H, W, 3)` RGB picture, 0 to 255.

    Returns:
        `(H, W)` bool, a new array.
    """
    check_plane(mask)
    check_image(image)
    parted = mask.copy()
    step = max(round(float(np.sqrt(mask.sum())) / GRID), 1)
    part = _around(mask, step)
    near = mask[part]
    if not near.size:
        return parted
    picture = block_mean(image[part].astype(np.float32), step)
    coarse = block_mean(near.astype(np.float32), step) > 0.5
    lab = np.asarray(skcolor.rgb2lab(picture / np.float32(255)), np.float32)
    changed = _part_all(coarse, lab) ^ coarse
    parted[part] ^= changed.repeat(step, 0).repeat(step, 1)
    return parted


def _around(mask: NDArray[np.bool_], step: int) -> tuple[slice, slice]:
    """Return the rows and columns around a mask, multiples of `step` of them."""
    margin = int(INLET * np.sqrt(mask.sum())) + 1
    x1, y1, x2, y2 = mask_box(mask)
    top, left = max(y1 - margin, 0), max(x1 - margin, 0)
    height = min(y2 + margin, mask.shape[0]) - top
    width = min(x2 + margin, mask.shape[1]) - left
    return (
        slice(top, top + height // step * step),
        slice(left, left + width // step * step),
    )


def _part_all(mask: NDArray[np.bool_], lab: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Redraw a mask `(h, w)` of a picture `(h, w, 3)` in CIELAB around each inlet."""
    scale = float(np.sqrt(mask.sum()))
    margin = int(AROUND * REACH * scale) + 1
    closed = close_mask(mask, INLET * scale)
    inlets, _ = ndimage.label(closed & ~mask)
    parted = mask.copy()
    for number, part in enumerate(ndimage.find_objects(inlets), 1):
        near = tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in part)
        inlet, beyond = inlets[near] == number, ~closed[near]
        if inlet.sum() < LEAST_AREA * scale**2:
            continue
        # What the garment surrounds is more often a print or a pendant than an arm.
        if (ndimage.binary_dilation(inlet) & beyond).any():
            parted[near] = _part_one(parted[near], inlet, beyond, lab[near], scale)
    return parted


def _part_one(
    mask: NDArray[np.bool_],
    inlet: NDArray[np.bool_],
    beyond: NDArray[np.bool_],
    lab: NDArray[np.float32],
    scale: float,
) -> NDArray[np.bool_]:
    """Redraw a mask around one inlet; `beyond` is what no garment surrounds."""
    reach = REACH * scale
    away = ndimage.distance_transform_edt(~inlet)
    zone = inlet | (mask & (away <= reach))
    cloth = lab[mask & (away > reach) & (away <= AROUND * reach)]
    inner = ndimage.binary_erosion(inlet, iterations=SURE)
    if len(cloth) < LEAST_SEEN or inner.sum() < LEAST_SEEN:
        return mask
    to_cloth, to_usual, to_thing = np.full((3, *mask.shape), np.inf, np.float32)
    to_cloth[zone], to_usual[zone] = _distances(lab[zone], cloth)
    own = inner & (to_cloth > FAR)
    if own.sum() < max(LEAST_SEEN, LEAST_OWN * inner.sum()):
        return mask
    to_thing[zone], _ = _distances(lab[zone], lab[own])
    thing = zone & mask & (to_cloth > FAR) & (to_thing < NEAR)
    thing = _opened(thing | inlet) & thing
    thing = ndimage.binary_propagation(inlet, mask=thing | inlet) & thing
    like = inlet & (to_usual < NEAR) & (to_usual < to_thing)
    like = _opened(like | mask) & like
    between = _between(like, mask, beyond, MOST_CLOTH * scale**2)
    return np.asarray((mask | between) & ~thing, bool)


def _between(
    like: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    beyond: NDArray[np.bool_],
    most: float,
) -> NDArray[np.bool_]:
    """Keep the pieces that the garment surrounds: others may be background like it."""
    pieces, count = ndimage.label(like)
    if not count:
        return like
    grown = ndimage.grey_dilation(pieces, size=(3, 3))
    numbers = np.arange(count + 1)
    touching = np.isin(numbers, grown[mask]) & ~np.isin(numbers, grown[beyond])
    fits = touching & (np.bincount(pieces.ravel(), minlength=count + 1) <= most)
    fits[0] = False
    return np.asarray(fits[pieces], bool)


def _opened(plane: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(ndimage.binary_opening(plane, np.ones((SPECK, SPECK), bool)), bool)


def _distances(
    colours: NDArray[np.float32], known: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how far `(N, 3)` colours are from any of the known `(M, 3)`.

    Returns:
        `(N,)` twice: to the nearest but for a few `RARE` ones, and to the nearest
        `COMMON` ones. Colours of the same `CELL` of CIELAB share their distances.
    """
    cells = np.rint(colours / CELL).astype(np.int64) @ (1 << np.array([0, 20, 40]))
    _, first, which = np.unique(cells, return_index=True, return_inverse=True)
    known = known[:: -(-len(known) // SAMPLE)]
    away = spatial.distance.cdist(colours[first], known)
    ranks = [int(share * len(known)) for share in (RARE, COMMON)]
    few, many = np.partition(away, ranks, axis=1)[:, ranks].T.astype(np.float32)
    return few[which], many[which]
