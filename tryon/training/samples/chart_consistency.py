"""Draw pairs of views of real tops for the chart network's consistency loss.

No ground-truth chart coordinates exist for these photos; `mrcnn.chart.consistency` says
what the network learns from them nevertheless.
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

LANDMARKS = 25  # of a short-sleeve top in DeepFashion2


@dataclass(frozen=True)
class ConsistencyConfig:
    """Which tops are used."""

    min_area: int = 4000  # pixels of a top's mask: smaller ones show too little detail


DEFAULT = ConsistencyConfig()


@dataclass(frozen=True)
class Top:
    """A short-sleeve top in a photo.

    Attributes:
        photo: the photo that shows it.
        landmarks: float32 (25, 3), x and y in pixels and visibility in [0, 1].
    """

    photo: AnnotatedPhoto
    landmarks: NDArray[np.float32]


def find_tops(
    photos: Sequence[AnnotatedPhoto],
    refiner: Predictor,
    on_photo: Callable[[str], None] = lambda name: None,
    config: ConsistencyConfig = DEFAULT,
) -> list[Top]:
    """Return the short-sleeve tops of the photos that show one, with their landmarks.

    Args:
        photos: with masks; the refiner predicts landmarks that are not annotated.
        refiner: the network that predicts them.
        on_photo: called with every photo's name.
        config: minimum size of a top.
    """
    tops = []
    for photo in photos:
        on_photo(photo.image_path.name)
        try:
            garment = _largest_top(photo, config)
            if garment is not None:
                tops.append(Top(photo, _landmarks(photo, garment, refiner)))
        except BadPhotoError:
            continue  # `read_folder` has already reported it
    return tops


def _largest_top(photo: AnnotatedPhoto, config: ConsistencyConfig) -> Garment | None:
    """Return the largest short-sleeve top of a photo; None without a large enough one."""
    tops = [g for g in photo.garments() if g.label == SHORT_SLEEVE_TOP]
    large = [g for g in tops if g.mask.sum() > config.min_area]
    return max(large, key=lambda g: np.count_nonzero(g.mask), default=None)


def _landmarks(
    photo: AnnotatedPhoto, garment: Garment, refiner: Predictor
) -> NDArray[np.float32]:
    """Return a top's annotated or predicted landmarks, see `Top`."""
    if garment.landmarks is not None:
        x, y, v = garment.landmarks.T
        return np.stack([x, y, v == 2], axis=-1).astype(np.float32)
    mask = garment.mask.astype(np.float32)
    (refinement,) = refine(refiner, photo.image(), mask[None], mirror=True)
    return refinement.landmarks


class ConsistencyPairLoader:
    """Draws two views of one top, see `mrcnn.chart.consistency`.

    Args:
        tops: of `find_tops`, at least one.
        size: height and width of a view, pixels.
        change: changes a view without moving anything in it.
        config: as it was given to `find_tops`.
    """

    def __init__(
        self,
        tops: Sequence[Top],
        size: int,
        change: Change,
        config: ConsistencyConfig = DEFAULT,
    ):
        self.tops, self.size, self.change, self.config = tops, size, change, config
        self.marks = np.full((LANDMARKS, 2), np.nan, np.float32)
        self.marks[list(CANONICAL_LANDMARKS)] = list(CANONICAL_LANDMARKS.values())

    def __call__(self, rng: np.random.Generator) -> tuple[Row, Row]:
        """Return the batch rows of both views.

        Raises:
            BadPhotoError: when the photo can no longer be read.
        """
        top = self.tops[int(rng.integers(len(self.tops)))]
        garment = _largest_top(top.photo, self.config)
        assert garment is not None  # `find_tops` selected the photo for it
        photo = UnlabeledGarment(
            top.photo.image(), garment.mask, top.landmarks, self.marks
        )
        return paired_rows(photo, self.size, rng, self.change)
