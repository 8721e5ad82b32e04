"""Refine detections: masks of Mask R-CNN in; masks, classes and landmarks out."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import special

from mrcnn.runtime import Predictor
from mrcnn.windows import (
    MIRRORED_LANDMARKS,
    box_or_frame,
    network_input,
    window_matrix,
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
    """

    mask: np.ndarray
    classes: np.ndarray
    landmarks: np.ndarray


def refine(
    refiner: Predictor, image: np.ndarray, masks: np.ndarray, mirror: bool = False
) -> list[Refinement]:
    """Refine detections, each from its own view of the photo.

    Args:
        refiner: the network of `build_refiner`.
        image: uint8 (H, W, 3).
        masks: float32 (N, H, W) in [0, 1], the detector's.
        mirror: whether every mirrored view is predicted too, and the mean taken.

    Returns:
        One refinement per mask.
    """
    size = refiner.image_size
    windows = [window_matrix(box_or_frame(mask), size) for mask in masks]
    views = np.array(
        [network_input(image, m, w, size) for m, w in zip(masks, windows, strict=True)]
    ).reshape(-1, size, size, 4)
    if not len(views):
        return []
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
    }


def _mirror(name: str, values: np.ndarray) -> np.ndarray:
    """Mirror an output of the network."""
    if name == "masks":
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
    span = window[0, 0] * len(raw["masks"]) * 2  # the masks have half the view's size
    points = raw["places"] * span + window[:2, 2]
    return Refinement(
        _paste_mask(raw["masks"], window, frame),
        raw["classes"],
        np.column_stack([points, raw["seen"]]).astype(np.float32),
    )


def _paste_mask(
    logits: np.ndarray, window: np.ndarray, frame: tuple[int, int]
) -> np.ndarray:
    """Resample a view's logits (S/2, S/2) to the photo, as probabilities."""
    scale = 0.5 / window[0, 0]  # logits per photo pixel
    (left, top), span = window[:2, 2], len(logits) / scale
    x1, y1 = (max(int(start), 0) for start in (left, top))
    x2 = min(math.ceil(left + span), frame[1])
    y2 = min(math.ceil(top + span), frame[0])
    moved = Image.fromarray(logits).transform(
        (x2 - x1, y2 - y1),
        Image.Transform.AFFINE,
        (scale, 0, (x1 - left) * scale, 0, scale, (y1 - top) * scale),
        Image.Resampling.BICUBIC,
        fillcolor=_OUTSIDE,
    )
    mask = np.zeros(frame, np.float32)
    mask[y1:y2, x1:x2] = special.expit(np.asarray(moved))
    return mask
