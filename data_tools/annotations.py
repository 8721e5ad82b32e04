"""The hub type: what every folder reader gives and every consumer takes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

# A label map (H, W) -> [(label, bool mask (H, W)), ...].
MaskReader = Callable[[np.ndarray], list[tuple[int, np.ndarray]]]


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photo with the garments that were marked in it.

    Attributes:
        image_path: JPEG or PNG.
        mask_path: label map of the same size; None when nothing is marked.
        source: "people", "people-other", "shop", "shop-other" or "rendered".
        read_masks: picks the garments from the label map.
    """

    image_path: Path
    mask_path: Path | None
    source: str
    read_masks: MaskReader

    def image(self) -> np.ndarray:
        """Return the photo, uint8 (H, W, 3)."""
        with Image.open(self.image_path) as picture:
            return np.asarray(picture.convert("RGB"))

    def garments(self) -> list[tuple[int, np.ndarray]]:
        """Return (DeepFashion2 label, bool mask (H, W)) of each garment."""
        if self.mask_path is None:
            return []
        with Image.open(self.mask_path) as picture:
            # One-bit masks become 0 and 255; palettes keep their indices.
            plain = picture.convert("L") if picture.mode == "1" else picture
            found = self.read_masks(np.asarray(plain))
        return [(label, mask) for label, mask in found if mask.any()]
