"""Annotation types that all formats are read into and written from.

Records (`ImageRecord`, `Instance`, `Polygon`) hold the contents of a file exactly, and
pass from format to format. `AnnotatedPhoto` and `Garment` are what training uses: the
photo, and masks of its size.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from data_tools.pictures import open_picture

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
LANDMARKS = 25  # number of landmarks of a short sleeve top
# Number of landmarks of each category, in the order of CATEGORIES.
LANDMARK_COUNTS = (25, 33, 31, 39, 15, 15, 10, 14, 8, 29, 37, 19, 19)
MAX_SIDE = 65_535  # pixels, of an image; JPEG's own bound
Ring = tuple[float, ...]
# Errors that a damaged or hostile file can raise in a parser.
FILE_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    zlib.error,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
)


class DataError(ValueError):
    """A file is not in the form that was expected; the message names it."""


class BadPhotoError(DataError):
    """A photo or its annotation cannot be read; the message names the file."""


def as_numbers(values: Iterable[Any], multiple_of: int, what: str) -> Ring:
    """Check that values are numbers, and return them as a tuple, ints as ints.

    Args:
        values: as read from a file.
        multiple_of: what their count must be a multiple of: 2 for points, 3 for
            landmarks.
        what: their name in the error message.

    Raises:
        DataError: when they are no numbers, or of another count.
    """
    if not isinstance(values, list | tuple) or not set(map(type, values)) <= {int, float}:
        raise DataError(f"expected numbers in {what}, got {str(values)[:60]}")
    if len(values) % multiple_of:
        raise DataError(
            f"expected {what} of a multiple of {multiple_of} numbers, got {len(values)}"
        )
    return tuple(values)


@dataclass(frozen=True)
class Note:
    """What a reader took for what it is meant, or what contradicts something else.

    Attributes:
        kind: what it is, the same text for all of its kind.
        detail: the values, as they are in the file.
    """

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        """Return both as one text."""
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


@dataclass(frozen=True)
class Polygon:
    """A polygon with holes.

    Attributes:
        outer: its boundary, flat x, y, x, y ... in pixels; not closed.
        holes: their boundaries, in the same form.
    """

    outer: Ring
    holes: tuple[Ring, ...] = ()

    def __post_init__(self) -> None:
        """Check that boundaries are pairs of numbers."""
        for ring in (self.outer, *self.holes):
            as_numbers(ring, 2, "a polygon")


@dataclass(frozen=True)
class Instance:
    """One garment of an image, as its file describes it.

    Of polygons, rle and shape the first that is given is the outline.

    Attributes:
        category: its name, as written.
        polygons: its visible parts.
        rle: COCO's run lengths, `size` [H, W] and `counts`, as given.
        shape: a shape other than a polygon in VIA's form, such as
            {"name": "circle", "cx": 9, "cy": 9, "r": 4}.
        box: x1, y1, x2, y2 in pixels, x2 and y2 exclusive.
        landmarks: flat x, y, v, x, y, v ...; x and y in pixels; v is 2 visible, 1
            occluded, 0 not labelled. None where there are none.
        attributes: everything else in the file about it: JSON values by name.
        extra: what only one format has a field for, such as "coco.id"; JSON values by
            name.
        notes: of its reader; no part of the annotation.
    """

    category: str
    polygons: tuple[Polygon, ...] = ()
    rle: Mapping[str, Any] | None = None
    shape: Mapping[str, Any] | None = None
    box: Ring | None = None
    landmarks: Ring | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Note, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Check the category's type and the numbers."""
        if not isinstance(self.category, str):
            raise DataError(f"expected a category's name, got {self.category!r}")
        if self.landmarks is not None:
            as_numbers(self.landmarks, 3, "landmarks")
        if self.box is not None and len(as_numbers(self.box, 4, "a box")) != 4:
            raise DataError(f"expected a box of 4 numbers, got {len(self.box)}")


@dataclass(frozen=True)
class ImageRecord:
    """The annotation of one image.

    Attributes:
        file_name: of the image; a relative path with / where the file has one.
        size: (height, width) in pixels; None where it is not known.
        instances: its garments, in the file's order.
        attributes: everything else in the file about it: JSON values by name.
        extra: see `Instance`.
        notes: of its reader; no part of the annotation.
    """

    file_name: str
    size: tuple[int, int] | None
    instances: tuple[Instance, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Note, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Check name and size."""
        if not isinstance(self.file_name, str) or not self.file_name:
            raise DataError(f"expected an image's name, got {self.file_name!r}")
        size = self.size
        if size is not None and not all(
            type(side) is int and 0 < side <= MAX_SIDE for side in size
        ):
            raise DataError(f"expected a size of 1 to {MAX_SIDE} pixels, got {size}")

    def all_notes(self) -> tuple[Note, ...]:
        """Return the notes on the image and on its instances."""
        inner = (note for one in self.instances for note in one.notes)
        return (*self.notes, *inner)

    def known_size(self) -> tuple[int, int]:
        """Return the size.

        Raises:
            DataError: when it is not known.
        """
        if self.size is None:
            raise DataError(
                f"size of {self.file_name} is not known; put the photo beside the "
                "annotations"
            )
        return self.size


@dataclass(frozen=True)
class BadFile:
    """A part of a set of annotations that cannot be read, and the reason in one line."""

    name: str
    reason: str

    @classmethod
    def of(cls, name: object, error: BaseException) -> "BadFile":
        """Make one of the name of a file and the error that it raised."""
        reason = str(error) if isinstance(error, DataError) else repr(error)
        if type(error) is KeyError:
            reason = f"expected {error}"
        return cls(str(name), " ".join(reason.split()))


@dataclass(frozen=True)
class Dataset:
    """A set of annotations, read lazily, record by record.

    Attributes:
        read_records: yields all records from the first; a bad one as a `BadFile`.
        categories: ids by name, in the file's order.
        extra: see `Instance`.
        count: number of records, bad ones included; None where it is not known.
        notes: what the user should know of the set as a whole, a sentence each.
        by_name: whether the records come in the order of their names, since they are
            files of a folder; ids may tell the order that they had in a list.
    """

    read_records: Callable[[], Iterator[ImageRecord | BadFile]]
    categories: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    count: int | None = None
    notes: tuple[str, ...] = ()
    by_name: bool = False


# Writes a record, and returns what was written as JSON values, with `leftovers`.
WriteRecord = Callable[[ImageRecord], Any]


@dataclass(frozen=True)
class Garment:
    """One garment of a photo.

    Attributes:
        label: DeepFashion2's category id, 1 to 13; `UNKNOWN` where it is uncertain.
        mask: bool (H, W), its visible pixels.
        landmarks: float32 (K, 3) of x, y in pixels and v: 2 visible, 1 occluded, 0 not
            labelled or outside the photo. K is 25 for a short sleeve top. None where
            there are none.
        attributes: those of DeepFashion2's scale, occlusion, zoom_in and viewpoint (1 to
            3 each) that are labelled.
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


@dataclass(frozen=True)
class PhotoLabels:
    """The labels of a photo, without masks.

    Attributes:
        source: DeepFashion2's "shop" or "user"; "" where that is not labelled.
        garments: label and attributes of each.
    """

    source: str
    garments: list[tuple[int, dict[str, int]]]


def no_garments() -> list[Garment]:
    """Return the garments of a photo without any."""
    return []


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photo with its annotated garments, all read lazily.

    Attributes:
        image_path: JPEG or PNG; of a photo inside an archive its path there.
        source: kind of photo: "people", "shop", "rendered", "user" ...
        read_garments: reads the annotation.
        read_foreground: reads the mask of what stays when the background is swapped, bool
            (H, W); None where it is not known.
        read_accessories: reads the masks of what is worn or held and is no garment, such
            as bags, and of hair, bool (H, W) each; None where they are not known.
        read_skin: reads the mask of bare skin, bool (H, W); None where it is not known.
        open_image: opens the photo's bytes; None opens `image_path`.
        read_labels: reads labels and attributes alone; None reads the garments for them.
    """

    image_path: Path
    source: str
    read_garments: Callable[[], list[Garment]] = no_garments
    read_foreground: Callable[[], NDArray[np.bool_]] | None = None
    read_accessories: Callable[[], list[NDArray[np.bool_]]] | None = None
    read_skin: Callable[[], NDArray[np.bool_]] | None = None
    open_image: Callable[[], IO[bytes]] | None = None
    read_labels: Callable[[], PhotoLabels] | None = None

    def image(self) -> NDArray[np.uint8]:
        """Return the photo, upright, uint8 (H, W, 3).

        Raises:
            BadPhotoError: when it cannot be read.
        """
        with self._named():
            file = self.image_path if self.open_image is None else self.open_image()
            with open_picture(file) as picture:
                return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))

    def garments(self) -> list[Garment]:
        """Return the garments that are visible.

        Raises:
            BadPhotoError: when the annotation cannot be read.
        """
        with self._named():
            return [garment for garment in self.read_garments() if garment.mask.any()]

    def foreground(self) -> NDArray[np.bool_] | None:
        """Return the mask of the foreground, bool (H, W); None where it is not known.

        Raises:
            BadPhotoError: when the annotation cannot be read.
        """
        with self._named():
            return None if self.read_foreground is None else self.read_foreground()

    def accessories(self) -> list[NDArray[np.bool_]]:
        """Return the masks of bags, hair and the like, bool (H, W) each; often none.

        Raises:
            BadPhotoError: when the annotation cannot be read.
        """
        with self._named():
            return [] if self.read_accessories is None else self.read_accessories()

    def skin(self) -> NDArray[np.bool_] | None:
        """Return the mask of bare skin, bool (H, W); None where it is not known.

        Raises:
            BadPhotoError: when the annotation cannot be read.
        """
        with self._named():
            return None if self.read_skin is None else self.read_skin()

    def labels(self) -> PhotoLabels:
        """Return labels and attributes.

        Raises:
            BadPhotoError: when the annotation cannot be read.
        """
        with self._named():
            if self.read_labels is not None:
                return self.read_labels()
            garments = self.read_garments()
            return PhotoLabels("", [(g.label, dict(g.attributes)) for g in garments])

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Turn any error of the photo or its annotation into one that names the photo."""
        try:
            yield
        except FILE_ERRORS as error:
            raise BadPhotoError(f"{self.image_path}: {error!r}") from error
