"""The data types of the pipeline: frozen, checked records of arrays."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mrcnn.chart.inference import Chart
from mrcnn.pose.inference import Pose
from tryon.files import write_image

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Photo:
    """An upright picture.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        path: where it came from; None for an array.
        icc_profile: colour profile to write beside the pixels; None is sRGB.
    """

    image: NDArray[np.uint8]
    path: Path | None = None
    icc_profile: bytes | None = None

    def __post_init__(self) -> None:
        """Check the array."""
        if self.image.dtype != np.uint8 or self.image.ndim != 3:
            raise ValueError(
                f"expected uint8 (H, W, 3), got {self.image.dtype} {self.image.shape}"
            )
        if self.image.shape[2] != 3:
            raise ValueError(f"expected 3 channels, got {self.image.shape[2]}")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def name(self) -> str:
        """The file's name, or "photo"."""
        return self.path.name if self.path else "photo"


@dataclass(frozen=True)
class Instance:
    """A garment that the segmenter detected, in the photo's pixels.

    Attributes:
        label: DeepFashion2 category id, 1-based.
        label_name: its name.
        score: probability of the class, in [0, 1].
        box: xyxy, x2 and y2 exclusive.
        area: share of the photo, in [0, 1].
        landmarks: float32 (25, 3) of x, y in the photo's pixels and the probability that
            the landmark is visible; None where they were not predicted.
    """

    label: int
    label_name: str
    score: float
    box: Box
    area: float
    landmarks: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class GarmentMask:
    """The selected garment of a photo.

    Attributes:
        mask: bool (h, w) at the working size, of the photo or a smaller copy of it.
        instances: all detections, best score first.
        chosen: index of this garment in `instances`.
        agreement: IoU of the refiner's first and second mask, in [0, 1].
        chart: dense correspondence of its pixels to the canonical tee, points at the
            working size; None where it was not predicted.
        pose: of who wears it; None where nobody is seen to.
        support: IoU with the top that the semantic network sees on the wearer; None
            where it looked at nobody.
        alpha: uint8 (h, w), how much of each pixel the garment covers, 0..255; None
            where the matting network did not look.
    """

    mask: NDArray[np.bool_]
    instances: tuple[Instance, ...]
    chosen: int
    agreement: float
    chart: Chart | None = None
    pose: Pose | None = None
    support: float | None = None
    alpha: NDArray[np.uint8] | None = None

    @property
    def instance(self) -> Instance:
        """The selected instance."""
        return self.instances[self.chosen]


class Placement(NamedTuple):
    """How the print was placed on the user's shirt.

    Attributes:
        method: what the warp was fitted to: "chart", "landmarks", "corners" of the
            outlines, or "box".
        distortion: of the warp, see `Warp`.
        landmark_distance: how far off the landmarks come to lie, see
            `correspond.landmark_distance`.
        stretch: largest local stretch, see `correspond.largest_stretch`.
    """

    method: str = "chart"
    distortion: float = 0.0
    landmark_distance: float = 0.0
    stretch: float = 1.0


@dataclass(frozen=True)
class TryOnResult:
    """What the pipeline returns for one pair.

    Attributes:
        image: uint8 (H, W, 3), out2, at the user photo's own size.
        layers: by name ("s1", "s2", "s3", "out1") a function that draws that picture,
            uint8 RGBA. Each is drawn on demand, since the layers of a phone photo take
            a gigabyte together.
        report: plain values for JSON.
        icc_profile: the user photo's colour profile.

    Example:
        >>> TryOnResult(np.zeros((4, 4, 3), np.uint8), {}).image.shape
        (4, 4, 3)
    """

    image: NDArray[np.uint8]
    layers: Mapping[str, Callable[[], NDArray[np.uint8]]]
    report: Mapping[str, Any] = field(default_factory=dict)
    icc_profile: bytes | None = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result, with the colour profile of the user's photo.

        Args:
            path: ends in `.png` or `.webp` (both lossless) or `.jpg`. The file appears
                whole or not at all; one of that name is replaced.

        Raises:
            TryOnError: the ending is another, or the file cannot be written.
        """
        write_image(self.image, Path(path), self.icc_profile)
