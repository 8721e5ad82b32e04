"""The square around a garment that a network sees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor.raster import sample_raster

Array = NDArray[np.float32]
FRAME_MARGIN = 0.06  # around the garment, share of its side
LIGHT_MARGIN = 0.2  # the same where skin and background are to tell the light


@dataclass(frozen=True)
class Frame:
    """The square that a network sees: centre and side in working-size pixels."""

    centre: tuple[float, float]  # x, y
    side: float
    size: int  # pixels of the network's input

    @classmethod
    def around(
        cls, box: tuple[int, int, int, int], size: int, margin: float = FRAME_MARGIN
    ) -> "Frame":
        """Return the frame around a box, with a margin."""
        x1, y1, x2, y2 = box
        side = max(x2 - x1, y2 - y1) * (1 + 2 * margin)
        return cls(((x1 + x2) / 2, (y1 + y2) / 2), side, size)

    @property
    def places(self) -> tuple[Array, Array]:
        """Rows and columns (size,) of its pixels, in working-size pixels."""
        steps = ((np.arange(self.size) + 0.5) / self.size - 0.5) * self.side
        ys, xs = self.centre[1] + steps - 0.5, self.centre[0] + steps - 0.5
        return ys.astype(np.float32), xs.astype(np.float32)

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """First and last pixel centres: (x_first, y_first, x_last, y_last)."""
        ys, xs = self.places
        return float(xs[0]), float(ys[0]), float(xs[-1]), float(ys[-1])


def look(frame: Frame, values: NDArray[np.generic], outside: float) -> Array:
    """Read an array (h, w, C) of the working size through a frame, area-averaged.

    Returns:
        float32 (size, size, C); places outside the picture hold `outside`.
    """
    factor = max(1, int(frame.side / frame.size))
    ys, xs = frame.places
    height, width = values.shape[:2]
    rows, columns = _around(ys, factor, height), _around(xs, factor, width)
    seen = values[rows, columns].astype(np.float32)
    if factor > 1:
        seen = ndimage.uniform_filter(seen, (factor, factor, 0))
    corners = (columns.start, rows.start, columns.stop - 1.0, rows.stop - 1.0)
    read = sample_raster(seen, corners, ys, xs)
    inside = ((ys >= -0.5) & (ys <= height - 0.5))[:, None] & (
        (xs >= -0.5) & (xs <= width - 0.5)
    )[None]
    return np.where(inside[..., None], read, np.float32(outside))


def _around(places: Array, margin: int, count: int) -> slice:
    """Return the pixels of a side that are read at places, and a margin."""
    first = min(max(int(places[0]) - margin - 1, 0), count - 1)
    return slice(first, max(min(int(places[-1]) + margin + 3, count), first + 1))
