"""Short-sleeve tops in photos, for the chart network: their places are not known.

What such photos teach all the same: `mrcnn.chart_twins`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import (
    SHORT_SLEEVE_TOP,
    AnnotatedPhoto,
    BadPhotoError,
    Garment,
)
from data_tools.paint.charts import CANONICAL_LANDMARKS
from mrcnn.chart.consistency import UnlabeledGarment, paired_rows
from mrcnn.chart.data import Change, Row
from mrcnn.refiner.inference import refine
from mrcnn.runtime import Predictor

LEAST_AREA = 4000  # pixels of a top: of smaller ones nothing can be read
LANDMARKS = 25


@dataclass(frozen=True)
class Top:
    """A top in a photo.

    Attributes:
        photo: where it is seen.
        landmarks: float32 (25, 3), x and y in pixels, and how surely it is seen.
    """

    photo: AnnotatedPhoto
    landmarks: NDArray[np.float32]


def find_tops(
    photos: Sequence[AnnotatedPhoto],
    refiner: Predictor,
    tell: Callable[[str], None] = lambda name: None,
) -> list[Top]:
    """Return the photos that show a short-sleeve top, and the landmarks on it.

    Args:
        photos: with masks; landmarks that nobody marked are read.
        refiner: reads them.
        tell: called with every photo's name.
    """
    tops = []
    for photo in photos:
        tell(photo.image_path.name)
        try:
            garment = _top_of(photo)
            if garment is not None:
                tops.append(Top(photo, _landmarks(photo, garment, refiner)))
        except BadPhotoError:
            continue  # the reader of the folder has named it
    return tops


def _top_of(photo: AnnotatedPhoto) -> Garment | None:
    """Return the largest short-sleeve top of a photo, or None."""
    tops = [g for g in photo.garments() if g.label == SHORT_SLEEVE_TOP]
    large = [g for g in tops if g.mask.sum() > LEAST_AREA]
    return max(large, key=lambda g: np.count_nonzero(g.mask), default=None)


def _landmarks(
    photo: AnnotatedPhoto, garment: Garment, refiner: Predictor
) -> NDArray[np.float32]:
    if garment.landmarks is not None:
        x, y, v = garment.landmarks.T
        return np.stack([x, y, v == 2], axis=-1).astype(np.float32)
    mask = garment.mask.astype(np.float32)
    (reading,) = refine(refiner, photo.image(), mask[None], mirror=True)
    return reading.landmarks


class TwinLoader:
    """Draws two views of one top, see `mrcnn.chart.consistency.paired_rows`.

    Args:
        tops: of `find_tops`, at least one.
        size: height and width of a view.
        change: changes a view, and moves nothing in it.
    """

    def __init__(self, tops: Sequence[Top], size: int, change: Change):
        self.tops, self.size, self.change = tops, size, change
        self.marks = np.full((LANDMARKS, 2), np.nan, np.float32)
        self.marks[list(CANONICAL_LANDMARKS)] = list(CANONICAL_LANDMARKS.values())

    def __call__(self, rng: np.random.Generator) -> tuple[Row, Row]:
        """Return the rows of both views.

        Raises:
            BadPhotoError: when the photo cannot be read any more.
        """
        top = self.tops[int(rng.integers(len(self.tops)))]
        garment = _top_of(top.photo)
        assert garment is not None  # `find_tops` saw it
        photo = UnlabeledGarment(
            top.photo.image(), garment.mask, top.landmarks, self.marks
        )
        return paired_rows(photo, self.size, rng, self.change)
