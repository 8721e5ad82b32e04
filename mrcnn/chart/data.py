"""Training batches of the chart network: garments with chart coordinates per pixel."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from mrcnn.config import CHART_STRIDE as STRIDE
from mrcnn.windows import (
    JitterConfig,
    box_or_frame,
    jittered_window,
    resample,
    resample_nearest,
)

PAIRED_EVERY = 4  # one view in so many is of a garment without a chart; those are paired
JITTER = JitterConfig(
    shift_sigma=0.03,
    log_scale_mean=0.0,
    log_scale_sigma=0.08,
    rotation_sigma=9,
    stretch_sigma=0.1,
    perspective_sigma=0.12,
)


@dataclass(frozen=True)
class Charted:
    """An image of a garment with its chart coordinates, or a view of one.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W).
        chart: float32 (H, W, 2), u and v on the visible panel; arbitrary outside `mask`.
        back: bool (H, W), where the visible panel is the back.
        foreground: bool (H, W), what is kept when the background is replaced; None when
            it is unknown.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    chart: NDArray[np.float32]
    back: NDArray[np.bool_]
    foreground: NDArray[np.bool_] | None = None


Change = Callable[[Charted, np.random.Generator], Charted]
Row = dict[str, NDArray[np.float32]]
SamplePair = Callable[[np.random.Generator], tuple[Row, Row]]


class ChartBatches(keras.utils.PyDataset):
    """Batches for `ChartTrainer.fit`, sampled for every step from its own seed.

    Args:
        load: returns the image of an index with its chart.
        count: number of images.
        size: height and width of a view.
        batch_size: views per step.
        steps: batches per epoch.
        seed: of all random numbers.
        augment: augments a view; None does not.
        workers: threads that make batches.
        epoch: number of the epoch; every epoch has other views.
        sample_pair: returns two views of one garment without a chart, see
            `consistency.paired_rows`; a quarter of every batch are such. None for none.

    Raises:
        ValueError: when there are paired views and `batch_size` is no multiple of 8.
    """

    def __init__(
        self,
        load: Callable[[int, np.random.Generator], Charted],
        count: int,
        size: int,
        batch_size: int,
        steps: int,
        seed: int = 0,
        augment: Change | None = None,
        workers: int = 1,
        epoch: int = 0,
        sample_pair: SamplePair | None = None,
    ):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=16)
        if sample_pair is not None and batch_size % (2 * PAIRED_EVERY):
            raise ValueError(
                f"expected batch_size in multiples of {2 * PAIRED_EVERY}, "
                f"got {batch_size}"
            )
        self.load, self.count, self.augment, self.steps = load, count, augment, steps
        self.size, self.batch_size, self.sample_pair = size, batch_size, sample_pair
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self.steps

    def __getitem__(self, index: int):
        """Return one batch: the inputs dict of `ChartTrainer` in a tuple."""
        rng = np.random.default_rng([self.seed, self.epoch, index])
        paired = self.sample_pair is not None
        pairs = self.batch_size // PAIRED_EVERY // 2 if paired else 0
        indices = rng.integers(self.count, size=self.batch_size - 2 * pairs)
        rows = [self._row(int(i), rng) for i in indices]
        for _ in range(pairs):
            assert self.sample_pair is not None
            rows += self.sample_pair(rng)
        names = rows[-1]  # arrays that only paired views have are zero in the others
        return ({name: np.stack([_get(row, name) for row in rows]) for name in names},)

    def _row(self, index: int, rng: np.random.Generator) -> Row:
        view = random_view(self.load(index, rng), self.size, rng)
        if self.augment is not None:
            view = self.augment(view, rng)
        return pack_view(view)


def _get(row: Row, name: str) -> NDArray[np.float32]:
    blank = np.zeros((*row["gt_chart"].shape[:2], 3), np.float32)
    return row.get(name, blank)


def random_view(
    garment: Charted, size: int, rng: np.random.Generator, strength: float = 1.0
) -> Charted:
    """Resample a garment to a window of `random_window`."""
    return warp_garment(garment, random_window(garment.mask, size, rng, strength), size)


def random_window(
    mask: NDArray[np.bool_],
    size: int,
    rng: np.random.Generator,
    strength: float = 1.0,
    jitter: JitterConfig = JITTER,
) -> NDArray[np.float64]:
    """Sample a window around a garment: shift, scale, rotation, flip, perspective.

    Args:
        mask: bool (H, W), of the garment in its whole image.
        size: height and width of the view.
        rng: random generator.
        strength: factor of the jitter; 0 gives the window at inference.
        jitter: distribution of the window.

    Returns:
        (3, 3), a homography from view to image pixels; it mirrors where the determinant
        of its (2, 2) part is negative.
    """
    return jittered_window(box_or_frame(mask), size, rng, jitter, strength)[0]


def warp_garment(garment: Charted, window: NDArray[np.float64], size: int) -> Charted:
    """Resample a garment to a window; in a mirrored view, u still runs to the right.

    Args:
        garment: in its whole image.
        window: (3, 3), see `random_window`.
        size: height and width of the view.
    """
    mask, foreground = (
        None
        if plane is None
        else resample(plane.astype(np.uint8) * 255, window, size) > 127
        for plane in (garment.mask, garment.foreground)
    )
    assert mask is not None
    # Nearest neighbours: coordinates on two panels must not be mixed.
    u, v, back = (
        resample_nearest(plane.astype(np.float32), window, size)
        for plane in (garment.chart[..., 0], garment.chart[..., 1], garment.back)
    )
    u = 1 - u if np.linalg.det(window[:2, :2]) < 0 else u
    image = resample(garment.image, window, size)
    return Charted(image, mask, np.stack([u, v], axis=-1), back > 0.5, foreground)


def pack_view(view: Charted) -> Row:
    """Pack a view into the arrays of a batch row.

    Returns:
        `views` float32 (S, S, 4), RGB and mask, 0..255, and `gt_chart` float32 (S/4,
        S/4, 4), see `chart_losses`, sampled at the centres of the cells.
    """
    cells = np.s_[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
    mask = np.float32(255) * view.mask
    truth = [view.chart[cells], view.back[cells], view.mask[cells]]
    return {
        "views": np.dstack([view.image, mask]).astype(np.float32),
        "gt_chart": np.dstack(truth).astype(np.float32),
    }
