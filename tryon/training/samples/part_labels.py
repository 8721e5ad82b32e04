"""Read the ground-truth part label of each pixel of a photo, for the refiner."""

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import UNKNOWN, AnnotatedPhoto, Garment
from mrcnn.config import PART_NAMES
from mrcnn.refiner.data import NO_PART

SKIN, TOP, OUTWEAR, LOWER, DRESS, ACCESSORY, OTHER = range(1, len(PART_NAMES))
# Category id of DeepFashion2 -> part label.
PART_OF = {
    UNKNOWN: NO_PART,
    **dict.fromkeys((1, 2, 5, 6), TOP),
    **dict.fromkeys((3, 4), OUTWEAR),
    **dict.fromkeys((7, 8, 9), LOWER),
    **dict.fromkeys((10, 11, 12, 13), DRESS),
}


def read_parts(
    photo: AnnotatedPhoto,
    garments: list[Garment] | None = None,
    foreground: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8] | None:
    """Return the part label of each pixel: skin, garment, accessory, other, background.

    Where they overlap, skin lies over garments and garments over accessories.

    Args:
        photo: an annotated photo.
        garments: its garments, if they were read before; None reads them.
        foreground: bool (H, W), its foreground, likewise.

    Returns:
        uint8 (H, W), indices of `PART_NAMES`; None when the photo's skin, foreground or
        accessories are not annotated.
    """
    if photo.read_accessories is None or photo.read_skin is None:
        return None
    skin = photo.skin()
    foreground = photo.foreground() if foreground is None else foreground
    if skin is None or foreground is None:
        return None
    parts = np.where(foreground, np.uint8(OTHER), np.uint8(0))
    for mask in photo.accessories():
        parts[mask] = ACCESSORY
    for garment in photo.garments() if garments is None else garments:
        parts[garment.mask] = PART_OF[garment.label]
    parts[skin] = SKIN
    return parts
