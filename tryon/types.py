"""The currency of the pipeline: frozen, checked records of arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mrcnn.chart.inference import Chart

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
    """A garment that the segmenter found, in the photo's pixels.

    Attributes:
        label: DeepFashion2 category id, 1-based.
        label_name: its name.
        score: in [0, 1].
        box: xyxy, x2 and y2 exclusive.
        area: share of the photo, in [0, 1].
        landmarks: float32 (25, 3) of x, y in the photo's pixels and how likely it is
            seen, in [0, 1]; None where they were not looked for.
    """

    label: int
    label_name: str
    score: float
    box: Box
    area: float
    landmarks: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class GarmentMask:
    """The chosen garment of a photo.

    Attributes:
        mask: bool (h, w) at the working size, of the photo or a smaller copy of it.
        instances: everything that was found, best score first.
        chosen: index of this garment in `instances`.
        agreement: IoU of the first look and the closer one, in [0, 1].
        chart: where its pixels lie on the garment, spots at the working size; None
            where nobody read it.
    """

    mask: NDArray[np.bool_]
    instances: tuple[Instance, ...]
    chosen: int
    agreement: float
    chart: Chart | None = None

    @property
    def instance(self) -> Instance:
        """The chosen instance."""
        return self.instances[self.chosen]


@dataclass(frozen=True)
class TryOnResult:
    """What the pipeline gives for one pair.

    Attributes:
        image: uint8 (H, W, 3), out2, at the user photo's own size.
        layers: by name ("s1", "s2", "s3", "out1") a function that draws that picture,
            uint8 RGBA; each is drawn when it is asked for, since a phone photo's layers
            together fill a gigabyte.
        report: plain values for JSON.
        icc_profile: the user photo's colour profile.
    """

    image: NDArray[np.uint8]
    layers: Mapping[str, Callable[[], NDArray[np.uint8]]]
    report: Mapping[str, Any] = field(default_factory=dict)
    icc_profile: bytes | None = None
