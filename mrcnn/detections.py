"""Detections of one image, in the image's own pixels."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Detections:
    """Detected instances of one image, highest score first.

    Attributes:
        boxes: float32 (N, 4), xyxy pixels, x2 and y2 exclusive.
        labels: int (N,), DeepFashion2's category ids, 1 to 13.
        scores: float32 (N,) in [0, 1].
        masks: float32 (N, H, W) in [0, 1]: probability that a pixel is garment.
        landmarks: float32 (N, K, 3): x, y in pixels and the probability that it is
            visible; None when they were not predicted.
        wearers: (N,), who wears each or None; None when nobody was looked for.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    masks: np.ndarray
    landmarks: np.ndarray | None = None
    wearers: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that the arrays have one row per instance."""
        count = len(self.scores)
        if self.boxes.shape != (count, 4):
            raise ValueError(f"expected boxes ({count}, 4), got {self.boxes.shape}")
        if self.labels.shape != (count,):
            raise ValueError(f"expected labels ({count},), got {self.labels.shape}")
        if self.masks.ndim != 3 or len(self.masks) != count:
            raise ValueError(f"expected masks ({count}, H, W), got {self.masks.shape}")
        if self.landmarks is not None and len(self.landmarks) != count:
            raise ValueError(
                f"expected landmarks ({count}, K, 3), got {self.landmarks.shape}"
            )

    def __len__(self) -> int:
        """Return the number of instances."""
        return len(self.scores)

    def __getitem__(self, index: np.ndarray | slice) -> "Detections":
        """Return the instances selected by a slice, a bool mask or indices."""
        return Detections(
            self.boxes[index],
            self.labels[index],
            self.scores[index],
            self.masks[index],
            None if self.landmarks is None else self.landmarks[index],
            None if self.wearers is None else self.wearers[index],
        )

    def __add__(self, other: "Detections") -> "Detections":
        """Return the instances of both, without landmarks and wearers."""
        return Detections(
            np.concatenate([self.boxes, other.boxes]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.masks, other.masks]),
        )

    @classmethod
    def empty(cls, size: tuple[int, int]) -> "Detections":
        """Return no instances, for an image of `size` (height, width)."""
        return cls(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.int64),
            np.zeros(0, np.float32),
            np.zeros((0, *size), np.float32),
        )


def mask_iou(mask_a: np.ndarray, mask_b: np.ndarray) -> float:
    """Return the intersection over union of two bool masks; 0 when both are empty."""
    union = np.count_nonzero(mask_a | mask_b)
    return float(np.count_nonzero(mask_a & mask_b) / union) if union else 0.0
