"""Square crops around a garment, at the input size of a network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor.raster import sample_raster

Array = NDArray[np.float32]
FRAME_MARGIN = 0.06  # around the garment, as share of its longer side
# The same where skin and background show the network how bright the room is.
LIGHT_MARGIN = 0.2


@dataclass(frozen=True)
class Frame:
    """A square crop of the working picture, resampled to a network's input size."""

    centre: tuple[float, float]  # x, y in working-size pixels
    side: float  # in working-size pixels
    size: int  # height and width in pixels of the network's input

    @classmethod
    def around(
        cls, box: tuple[int, int, int, int], size: int, margin: float = FRAME_MARGIN
    ) -> "Frame":
        """Return the frame around a box.

        Args:
            box: xyxy in working-size pixels, x2 and y2 exclusive.
            size: height and width in pixels of the network's input.
            margin: on each side, as share of the box's longer side.

        Example:
            >>> Frame.around((10, 20, 30, 60), size=64, margin=0.25)
            Frame(centre=(20.0, 40.0), side=60.0, size=64)
        """
        x1, y1, x2, y2 = box
        side = max(x2 - x1, y2 - y1) * (1 + 2 * margin)
        return cls(((x1 + x2) / 2, (y1 + y2) / 2), side, size)

    @property
    def raster(self) -> tuple[Array, Array]:
        """Ys and xs (size,) of its pixel centres, in working-size pixels."""
        steps = ((np.arange(self.size) + 0.5) / self.size - 0.5) * self.side
        ys, xs = self.centre[1] + steps - 0.5, self.centre[0] + steps - 0.5
        return ys.astype(np.float32), xs.astype(np.float32)

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """First and last pixel centres: (x_first, y_first, x_last, y_last)."""
        ys, xs = self.raster
        return float(xs[0]), float(ys[0]), float(xs[-1]), float(ys[-1])


def crop(frame: Frame, values: NDArray[np.generic], outside: float) -> Array:
    """Resample an array (h, w, C) of the working size to a frame, area-averaged.

    Returns:
        float32 (size, size, C); pixels outside the picture hold `outside`.
    """
    factor = max(1, int(frame.side / frame.size))
    ys, xs = frame.raster
    height, width = values.shape[:2]
    rows, columns = _span(ys, factor, height), _span(xs, factor, width)
    part = values[rows, columns].astype(np.float32)
    if factor > 1:
        part = ndimage.uniform_filter(part, (factor, factor, 0))
    corners = (columns.start, rows.start, columns.stop - 1.0, rows.stop - 1.0)
    sampled = sample_raster(part, corners, ys, xs)
    inside = ((ys >= -0.5) & (ys <= height - 0.5))[:, None] & (
        (xs >= -0.5) & (xs <= width - 0.5)
    )[None]
    return np.where(inside[..., None], sampled, np.float32(outside))


def _span(centres: Array, margin: int, count: int) -> slice:
    """Return the pixels along a side that are read at `centres`, and a margin."""
    first = min(max(int(centres[0]) - margin - 1, 0), count - 1)
    return slice(first, max(min(int(centres[-1]) + margin + 3, count), first + 1))
