"""What each pixel of a street photo shows: the truth of the refiner's parts."""

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import UNKNOWN, AnnotatedPhoto, Garment
from mrcnn.config import PART_NAMES
from mrcnn.refiner.data import NO_PART

SKIN, TOP, OUTWEAR, LOWER, DRESS, ACCESSORY, OTHER = range(1, len(PART_NAMES))
# DeepFashion2's labels -> parts.
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
    """Return where skin, cloth and bags are.

    Args:
        photo: whose skin and accessories are read.
        garments: of the photo, where they are read already.
        foreground: the same.

    Returns:
        uint8 (H, W), indices of `PART_NAMES`; None where skin or accessories are not
        known.
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
