"""Refine detections: masks of Mask R-CNN in; masks, classes and landmarks out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special
from skimage import transform

from mrcnn.config import PART_NAMES
from mrcnn.pose.body import draw_body, roll
from mrcnn.runtime import Predictor
from mrcnn.windows import (
    MIRRORED_LANDMARKS,
    PART_STRIDE,
    network_input,
    paste,
    upright_window,
)

_OUTSIDE = -20.0  # logit of pixels outside the view: a probability of 2e-9


@dataclass(frozen=True)
class Refinement:
    """The refiner's prediction for one detection.

    Attributes:
        mask: float32 (H, W) in [0, 1], probability that a pixel is the garment.
        classes: float32 (1 + classes,), probabilities; index 0 is background.
        landmarks: float32 (K, 3): x, y in the photo's pixels, and the probability that
            the landmark is visible.
        parts: float32 (h, w, P), probabilities of `PART_NAMES` in the refiner's view.
        window: (3, 3), from the pixels of that view (S, S) to the photo's.
    """

    mask: np.ndarray
    classes: np.ndarray
    landmarks: np.ndarray
    parts: np.ndarray
    window: np.ndarray

    def share(self, name: str) -> float:
        """Return the share of the view in which a part is seen for likely."""
        return float((self.parts[..., PART_NAMES.index(name)] > 0.5).mean())

    def part(self, name: str) -> np.ndarray:
        """Return the probability of a part at each pixel of the photo, float32 (H, W)."""
        plane = self.parts[..., PART_NAMES.index(name)]
        return paste(plane, self.window, PART_STRIDE, self.mask.shape)


def refine(
    refiner: Predictor,
    image: np.ndarray,
    masks: np.ndarray,
    mirror: bool = False,
    bodies: Sequence[np.ndarray | None] = (),
) -> list[Refinement]:
    """Refine detections, each from its own view of the photo.

    Args:
        refiner: the network of `build_refiner`.
        image: uint8 (H, W, 3).
        masks: float32 (N, H, W) in [0, 1], the detector's.
        mirror: whether every mirrored view is predicted too, and the mean taken.
        bodies: float32 (33, 3) of each mask's wearer, see `draw_body`; empty when no body
            is known. Refiners without body planes ignore them.

    Returns:
        One refinement per mask.
    """
    size, shape = refiner.image_size, refiner.config.input_shape
    if not len(masks):
        return []
    wearers = bodies or [None] * len(masks)
    windows = [
        upright_window(mask, size, 0.0 if body is None else roll(body))
        for mask, body in zip(masks, wearers, strict=True)
    ]
    has_body = shape[-1] > 4
    views = np.array(
        [
            network_input(image, m, w, size, draw_body(b, w, size) if has_body else None)
            for m, w, b in zip(masks, windows, wearers, strict=True)
        ]
    )
    raw = _predict(refiner, views)
    if mirror:
        flipped = _predict(refiner, np.ascontiguousarray(views[:, :, ::-1]))
        raw = {name: (raw[name] + _mirror(name, flipped[name])) / 2 for name in raw}
    return [
        _to_photo(
            {name: value[i] for name, value in raw.items()}, window, image.shape[:2]
        )
        for i, window in enumerate(windows)
    ]


def _predict(refiner: Predictor, views: np.ndarray) -> dict[str, np.ndarray]:
    """Run the network; logits of classes and visibility become probabilities."""
    raw = refiner(views)
    return {
        "masks": np.asarray(raw["masks"], np.float32),
        "classes": special.softmax(np.asarray(raw["classes"], np.float32), axis=-1),
        "places": np.asarray(raw["places"], np.float32),
        "seen": special.expit(np.asarray(raw["seen"], np.float32)),
        "parts": special.softmax(np.asarray(raw["parts"], np.float32), axis=-1),
    }


def _mirror(name: str, values: np.ndarray) -> np.ndarray:
    """Mirror an output of the network."""
    if name in ("masks", "parts"):
        return values[:, :, ::-1]
    if name == "places":
        return np.stack([1 - values[..., 0], values[..., 1]], axis=-1)[
            :, MIRRORED_LANDMARKS
        ]
    return values[:, MIRRORED_LANDMARKS] if name == "seen" else values


def _to_photo(
    raw: dict[str, np.ndarray], window: np.ndarray, frame: tuple[int, int]
) -> Refinement:
    """Map one view's outputs to a photo of height and width `frame`."""
    size = len(raw["masks"]) * 2  # the masks have half the view's size
    points = transform.matrix_transform(raw["places"] * size, window)
    return Refinement(
        paste(raw["masks"], window, 2, frame, _OUTSIDE, special.expit),
        raw["classes"],
        np.column_stack([points, raw["seen"]]).astype(np.float32),
        raw["parts"],
        window,
    )
