"""Detection -> matte -> S1, S2, S3, at the working size and at the photo's own."""

from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, NamedTuple, TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from compositor import (
    continue_background,
    cutout_rgba,
    enlarge_alpha,
    erase,
    mask_box,
    pad_box,
    refine_alpha,
    sample_raster,
)
from tryon.images import shrink
from tryon.types import GarmentMask, Photo

Array = NDArray[np.float32]
G = TypeVar("G", bound="DetectedGarment")
Args = TypeVarTuple("Args")
Result = TypeVar("Result")
WORK_SIZE = 1280  # longest side in pixels that masks and warps are computed at
STRIP_ROWS = 256  # rows of a large photo that are drawn at once
# The matting network sees a smaller copy: its edges are softer than the photo's.
EDGE_SLOPE = 2.0
STYLE_SIZE = 2048  # longest side in pixels that S1's colours are taken from


def cached(compute: Callable[[G, *Args], Result]) -> Callable[[G, *Args], Result]:
    """Cache what a function computes of a garment and hashable arguments.

    The value is kept with the garment, so pairs of a batch that share a garment share
    its work, and it goes when the garment goes. (`functools.cached_property` would hold
    one lock for all garments on Python 3.11: two mattes could not be computed at once.
    `functools.lru_cache` would keep garments alive.)
    """

    @wraps(compute)
    def lookup(garment: G, *args: *Args) -> Result:
        key = compute, *args
        if key not in garment.cache:
            garment.cache[key] = compute(garment, *args)
        value: Result = garment.cache[key]
        return value

    return lookup


@dataclass(frozen=True)
class DetectedGarment:
    """A garment that was detected in a photo.

    Attributes:
        photo: the photo at its own size.
        work: uint8 (h, w, 3), the photo at the working size.
        detection: the garment's mask at the working size.
        cache: values computed of the garment, see `cached`.
    """

    photo: Photo
    work: NDArray[np.uint8]
    detection: GarmentMask
    cache: dict[Hashable, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )


@dataclass(frozen=True)
class Garment(DetectedGarment):
    """A garment with its matte; made by `prepare`.

    Attributes:
        alpha: float32 (h, w) in [0, 1], the matte at the working size, in steps of 1/255
            as masks are saved.
        box: xyxy in working-size pixels, around all of the matte that is not 0.
        uncovered: the garment alone, where the matte holds skin that the new garment
            covers as well, see `neckline.cover_neck`.
    """

    alpha: Array
    box: tuple[int, int, int, int]
    uncovered: "Garment | None" = None

    @property
    def own(self) -> "Garment":
        """The garment alone, without skin."""
        return self.uncovered or self

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """First and last pixel centres at the working size: (x1, y1, x2, y2)."""
        height, width = self.alpha.shape
        return 0.0, 0.0, width - 1.0, height - 1.0

    def raster(self, rows: slice, columns: slice) -> tuple[Array, Array]:
        """Return the working-size ys and xs of photo rows and columns."""
        return (
            _pixel_centres(rows, self.photo.size[0], self.alpha.shape[0]),
            _pixel_centres(columns, self.photo.size[1], self.alpha.shape[1]),
        )

    @property
    @cached
    def full_alpha(self) -> NDArray[np.uint8]:
        """The matte at the photo's own size, 0..255."""
        if self.photo.size == self.alpha.shape:
            return np.rint(self.alpha * 255).astype(np.uint8)
        if self.uncovered is not None:
            cover = np.where(self.alpha > self.uncovered.alpha, self.alpha, 0)
            plane = Image.fromarray(np.rint(cover * 255).astype(np.uint8))
            plane = plane.resize(self.photo.size[::-1], Image.Resampling.BILINEAR)
            return np.maximum(self.uncovered.full_alpha, np.asarray(plane))
        mask, prior = self.detection.mask, prior_alpha(self.detection)
        return enlarge_alpha(self.photo.image, self.work, mask, prior=prior)

    def cut(self) -> NDArray[np.uint8]:
        """Return the garment alone, RGBA at the photo's own size."""
        return _by_strips(self.photo.image, self.own.full_alpha, cutout_rgba)

    def remove(self) -> NDArray[np.uint8]:
        """Return the photo without the garment, RGBA at the photo's own size."""
        return _by_strips(self.photo.image, self.full_alpha, erase)


@cached
def prepare(detected: DetectedGarment) -> Garment:
    """Compute the matte of a garment."""
    detection = detected.detection
    prior = prior_alpha(detection)
    matte = refine_alpha(detected.work, detection.mask, prior=prior)
    alpha = np.rint(matte * 255).astype(np.float32) / np.float32(255)
    box = mask_box(alpha > 0)
    return Garment(detected.photo, detected.work, detected.detection, alpha, box)


def prior_alpha(detection: GarmentMask) -> Array | None:
    """Return the matting network's alpha of a garment in [0, 1], if it looked."""
    if detection.alpha is None:
        return None
    alpha = detection.alpha.astype(np.float32) / np.float32(255)
    return np.clip((alpha - 0.5) * EDGE_SLOPE + 0.5, 0.0, 1.0, dtype=np.float32)


def prepare_pair(
    user: DetectedGarment, shop: DetectedGarment | None, second_core: Executor
) -> tuple[Garment, Garment | None]:
    """Compute the mattes of both garments, one of them on the second core."""
    if shop is None:
        return prepare(user), None
    shop_prepared = second_core.submit(prepare, shop)
    return prepare(user), shop_prepared.result()


class Spill(NamedTuple):
    """Colour that the old garment adds to the background around it.

    Attributes:
        colors: float32 (h, w, 3), the photo's colours at the working size less those of
            the background alone.
        rows: of the working size, where they are.
        columns: likewise.
    """

    colors: Array
    rows: slice
    columns: slice


@cached
def estimate_spill(garment: Garment) -> Spill:
    """Estimate the colour that a garment adds to what is seen beside it."""
    x1, y1, x2, y2 = pad_box(garment.box, 0.1, garment.alpha.shape)
    rows, columns = slice(y1, max(y2, y1 + 1)), slice(x1, max(x2, x1 + 1))
    work = garment.work[rows, columns]
    background = continue_background(work, garment.alpha[rows, columns])
    return Spill(work - background, rows, columns)


def background(garment: Garment, spill: Spill, rows: slice, columns: slice) -> Array:
    """Return the colours behind a garment at the photo's own size.

    That is the photo itself, less the old garment's spill at the rim.

    Returns:
        float32 (len(rows), len(columns), 3).
    """
    corners = (
        spill.columns.start,
        spill.rows.start,
        spill.columns.stop - 1.0,
        spill.rows.stop - 1.0,
    )
    raster = garment.raster(rows, columns)
    spilled = sample_raster(spill.colors, corners, *raster)
    return garment.photo.image[rows, columns] - spilled


def _pixel_centres(span: slice, full: int, small: int) -> Array:
    steps = np.arange(span.start, span.stop, dtype=np.float64) + 0.5
    return (steps * small / full - 0.5).astype(np.float32)


def _by_strips(
    image: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    draw: Callable[[NDArray[np.uint8], Array], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """Draw an RGBA picture a few rows at a time: floats of a phone photo are large."""
    result = np.empty((*alpha.shape, 4), np.uint8)
    for start in range(0, len(result), STRIP_ROWS):
        rows = slice(start, start + STRIP_ROWS)
        result[rows] = draw(image[rows], alpha[rows].astype(np.float32) / np.float32(255))
    return result


def work_image(photo: Photo) -> NDArray[np.uint8]:
    """Return the photo at the working size."""
    return shrink(photo.image, WORK_SIZE)
