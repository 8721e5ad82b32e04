"""The hub types: what every reader of annotations gives and every consumer takes."""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

UNKNOWN, SHORT_SLEEVE_TOP = 0, 1
# DeepFashion2's categories; the id of CATEGORIES[i] is i + 1.
CATEGORIES = (
    "short sleeve top",
    "long sleeve top",
    "short sleeve outwear",
    "long sleeve outwear",
    "vest",
    "sling",
    "shorts",
    "trousers",
    "skirt",
    "short sleeve dress",
    "long sleeve dress",
    "vest dress",
    "sling dress",
)
ATTRIBUTES = ("scale", "occlusion", "zoom_in", "viewpoint")  # each 1, 2 or 3
LANDMARKS = 25  # of a short sleeve top


@dataclass(frozen=True)
class Garment:
    """One garment of a photo.

    Attributes:
        label: DeepFashion2's category id, 1 to 13; `UNKNOWN` where nobody can tell.
        mask: bool (H, W), what is seen of it.
        landmarks: float32 (K, 3) of x, y in pixels and v: 2 seen, 1 hidden, 0 outside
            the photo. K is 25 for a short sleeve top. None where nobody marked them.
        attributes: DeepFashion2's scale, occlusion, zoom_in and viewpoint (1 to 3 each),
            those of them that are labelled.
    """

    label: int
    mask: NDArray[np.bool_]
    landmarks: NDArray[np.float32] | None = None
    attributes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check label and shapes."""
        if not UNKNOWN <= self.label <= len(CATEGORIES):
            raise ValueError(f"expected label in 0..{len(CATEGORIES)}, got {self.label}")
        if self.mask.ndim != 2 or self.mask.dtype != bool:
            raise ValueError(
                f"expected a bool mask (H, W), got {self.mask.dtype} {self.mask.shape}"
            )
        points = self.landmarks
        if points is not None and (points.ndim != 2 or points.shape[1] != 3):
            raise ValueError(f"expected landmarks (K, 3), got {points.shape}")


class DataError(ValueError):
    """A file is not in the form that was expected; the message names it."""


class BadPhotoError(DataError):
    """A photo or its annotation cannot be read; the message names the file."""


@dataclass(frozen=True)
class Facts:
    """What an annotation says, short of its masks.

    Attributes:
        source: DeepFashion2's "shop" or "user"; "" where that is not labelled.
        garments: label and attributes of each.
    """

    source: str
    garments: list[tuple[int, dict[str, int]]]


def no_garments() -> list[Garment]:
    """Read a photo in which nothing is marked."""
    return []


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photo with the garments that were marked in it; nothing is read before its call.

    Attributes:
        image_path: JPEG or PNG; of a photo inside an archive the place there.
        source: what kind of photo it is: "people", "shop", "rendered", "user" ...
        read_garments: reads the annotation.
        read_foreground: reads what stays when the background is swapped, bool (H, W);
            None where that is not known.
        open_image: opens the photo's bytes; None opens `image_path`.
        read_facts: reads labels and attributes alone; None goes through the garments.
    """

    image_path: Path
    source: str
    read_garments: Callable[[], list[Garment]] = no_garments
    read_foreground: Callable[[], NDArray[np.bool_]] | None = None
    open_image: Callable[[], IO[bytes]] | None = None
    read_facts: Callable[[], Facts] | None = None

    def image(self) -> NDArray[np.uint8]:
        """Return the photo, upright, uint8 (H, W, 3).

        Raises:
            BadPhotoError: when it cannot be read.
        """
        with self._named():
            file = self.image_path if self.open_image is None else self.open_image()
            with Image.open(file) as picture:
                return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))

    def garments(self) -> list[Garment]:
        """Return the garments of which something is seen.

        Raises:
            BadPhotoError: when the annotation cannot be read.
        """
        with self._named():
            return [garment for garment in self.read_garments() if garment.mask.any()]

    def foreground(self) -> NDArray[np.bool_] | None:
        """Return what stays when the background is swapped, bool (H, W), or None.

        Raises:
            BadPhotoError: when the annotation cannot be read.
        """
        with self._named():
            return None if self.read_foreground is None else self.read_foreground()

    def facts(self) -> Facts:
        """Return labels and attributes.

        Raises:
            BadPhotoError: when the annotation cannot be read.
        """
        with self._named():
            if self.read_facts is not None:
                return self.read_facts()
            found = self.read_garments()
            return Facts("", [(item.label, dict(item.attributes)) for item in found])

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the photo in whatever its bytes or its annotation lead to."""
        try:
            yield
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            OverflowError,
            zlib.error,
            zipfile.BadZipFile,
            Image.DecompressionBombError,
        ) as error:
            raise BadPhotoError(f"{self.image_path}: {error!r}") from error
