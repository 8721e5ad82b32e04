"""Masks -> mattes -> S1, S2, S3, at the working size and at the photo's own."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import NDArray

from compositor import (
    cutout_rgba,
    enlarge_alpha,
    erase,
    estimate_foreground_background,
    pad_box,
    refine_alpha,
)
from compositor.mask.cutout import mask_box
from compositor.raster import sample_raster
from tryon.images import shrink
from tryon.types import GarmentMask, Photo

Made = TypeVar("Made")
Others = TypeVarTuple("Others")
Array = NDArray[np.float32]
WORK_SIZE = 1280  # longest side in pixels that masks and warps are computed at
STRIP_ROWS = 256  # rows of a large photo that are drawn at once
STYLE_SIZE = 2048  # longest side in pixels that S1's colours are taken from


def once(
    make: Callable[["Garment", *Others], Made],
) -> Callable[["Garment", *Others], Made]:
    """Let a function of a garment, and of what can be hashed, do its work once.

    What it gives is kept with the garment: pairs of a batch that share one share it all.
    """

    @wraps(make)
    def kept(garment: "Garment", *others: *Others) -> Made:
        key = make, *others
        if key not in garment.kept:
            garment.kept[key] = make(garment, *others)
        found: Made = garment.kept[key]
        return found

    return kept


@dataclass(frozen=True)
class Garment:
    """A garment in its photo.

    Attributes:
        photo: the photo at its own size.
        work: uint8 (h, w, 3), the photo at the working size.
        found: the mask at the working size.
        kept: what was worked out of it, see `once`.
    """

    photo: Photo
    work: NDArray[np.uint8]
    found: GarmentMask
    kept: dict[Hashable, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    @once
    def alpha(self) -> NDArray[np.float32]:
        """Matte (h, w) at the working size, in steps of 1/255 as masks are saved."""
        matte = refine_alpha(self.work, self.found.mask)
        return np.rint(matte * 255).astype(np.float32) / np.float32(255)

    @property
    @once
    def box(self) -> tuple[int, int, int, int]:
        """Where the matte is not 0, at the working size."""
        return mask_box(self.alpha > 0)

    @property
    @once
    def spill(self) -> tuple[Array, tuple[slice, slice]]:
        """What the garment adds to the colours of the background around it.

        Returns:
            float32 (h, w, 3), the photo's colours at the working size less those of the
            background alone, and the rows and columns around the garment where that is.
        """
        x1, y1, x2, y2 = pad_box(self.box, 0.1, self.alpha.shape)
        part = slice(y1, max(y2, y1 + 1)), slice(x1, max(x2, x1 + 1))
        _, back = estimate_foreground_background(self.work[part], self.alpha[part])
        return self.work[part] - back, part

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Where the working size's outermost pixel centres are, in working pixels."""
        height, width = self.alpha.shape
        return 0.0, 0.0, width - 1.0, height - 1.0

    def places(self, rows: slice, columns: slice) -> tuple[Array, Array]:
        """Return the working-size ys and xs of photo rows and columns."""
        return (
            _places(rows, self.photo.size[0], self.alpha.shape[0]),
            _places(columns, self.photo.size[1], self.alpha.shape[1]),
        )

    @property
    @once
    def full_alpha(self) -> NDArray[np.uint8]:
        """The matte at the photo's own size, 0..255."""
        if self.photo.size == self.alpha.shape:
            return np.rint(self.alpha * 255).astype(np.uint8)
        return enlarge_alpha(self.photo.image, self.work, self.found.mask)

    def behind(self, rows: slice, columns: slice) -> Array:
        """Return the background's colours at the photo's own size.

        The photo itself, less what the old garment's colour adds at the rim.
        """
        spill, (down, across) = self.spill
        corners = across.start, down.start, across.stop - 1.0, down.stop - 1.0
        places = self.places(rows, columns)
        return self.photo.image[rows, columns] - sample_raster(spill, corners, *places)

    def cut(self) -> NDArray[np.uint8]:
        """Return the garment alone, RGBA at the photo's own size."""
        return _by_strips(self.photo.image, self.full_alpha, cutout_rgba)

    def remove(self) -> NDArray[np.uint8]:
        """Return the photo without the garment, RGBA at the photo's own size."""
        return _by_strips(self.photo.image, self.full_alpha, erase)


def _places(span: slice, full: int, small: int) -> Array:
    steps = np.arange(span.start, span.stop, dtype=np.float64) + 0.5
    return (steps * small / full - 0.5).astype(np.float32)


def _by_strips(image, alpha, draw) -> NDArray[np.uint8]:  # type: ignore[no-untyped-def]
    """Draw an RGBA picture a few rows at a time: floats of a phone photo are large."""
    result = np.empty((*alpha.shape, 4), np.uint8)
    for start in range(0, len(result), STRIP_ROWS):
        rows = slice(start, start + STRIP_ROWS)
        result[rows] = draw(image[rows], alpha[rows].astype(np.float32) / np.float32(255))
    return result


def work_image(photo: Photo) -> NDArray[np.uint8]:
    """Return the photo at the working size."""
    return shrink(photo.image, WORK_SIZE)
