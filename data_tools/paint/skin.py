"""Connected components of bare skin beside a garment: candidates for arms and hands."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from data_tools.paint.cloth import Mask


class SkinComponent(NamedTuple):
    """An 8-connected component of bare skin that touches a garment.

    Attributes:
        box: rows and columns of its bounding box.
        mask: bool (h, w), the component in its box.
        contact: int (N, 2), y and x in the box of its pixels beside the garment.
    """

    box: tuple[slice, slice]
    mask: Mask
    contact: NDArray[np.intp]

    def to_photo(self, points: NDArray[np.generic]) -> NDArray[np.floating]:
        """Return the mean of points (N, 2) of the box, y and x, in the photo."""
        return points.mean(axis=0) + [side.start for side in self.box]


def touching_skin(garment: Mask, skin: Mask, max_gap: int) -> Iterator[SkinComponent]:
    """Yield the components of bare skin that touch a garment.

    Args:
        garment: bool (H, W).
        skin: bool (H, W), all skin that is seen.
        max_gap: pixels between skin and garment, at most.
    """
    near = ndimage.binary_dilation(garment, iterations=max_gap)
    components, _ = ndimage.label(skin & ~garment, np.ones((3, 3)))
    for number, box in enumerate(ndimage.find_objects(components), 1):
        mask = components[box] == number
        contact = np.argwhere(mask & near[box])
        if len(contact):
            yield SkinComponent(box, mask, contact)
