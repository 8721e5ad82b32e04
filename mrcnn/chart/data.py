"""Training batches of the chart network: garments whose every pixel knows its place."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mrcnn.config import CHART_STRIDE as STRIDE
from mrcnn.windows import homography, mask_bounds, resample, square_window


@dataclass(frozen=True)
class Charted:
    """A picture of a garment with its chart, or a view of one.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        mask: bool (H, W).
        chart: float32 (H, W, 2), x and y on the panel that is seen; anything outside.
        back: bool (H, W), where that panel is the back.
        foreground: bool (H, W), what stays when an augmenter swaps the background; None
            when that is not known.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    chart: NDArray[np.float32]
    back: NDArray[np.bool_]
    foreground: NDArray[np.bool_] | None = None


TWIN_SHARE = 4  # one view in so many is of a garment without a chart
Change = Callable[[Charted, np.random.Generator], Charted]


Row = dict[str, NDArray[np.float32]]
Twins = Callable[[np.random.Generator], tuple[Row, Row]]


class ChartBatches(keras.utils.PyDataset):
    """Batches for `ChartTrainer.fit`, drawn anew for every step from a seed.

    Args:
        load: gives the picture of an index.
        count: number of pictures.
        size: height and width of a view.
        batch_size: views a step.
        steps: batches an epoch.
        seed: of all draws.
        augment: changes a view; None leaves it.
        workers: threads that draw.
        epoch: number of the first epoch; every epoch has other views.
        twins: draws two views of one garment without a chart, as
            `chart_twins.twin_rows`; a quarter of every batch are such. None for none.

    Raises:
        ValueError: when twins are wanted and `batch_size` is no multiple of 8.
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
        twins: Twins | None = None,
    ):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=16)
        if twins is not None and batch_size % (2 * TWIN_SHARE):
            raise ValueError(
                f"expected batch_size in multiples of {2 * TWIN_SHARE}, got {batch_size}"
            )
        self.load, self.count, self.augment, self.steps = load, count, augment, steps
        self.size, self.batch_size, self.twins = size, batch_size, twins
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self.steps

    def __getitem__(self, index: int):
        """Return one batch: the inputs dict of `ChartTrainer` in a tuple."""
        rng = np.random.default_rng([self.seed, self.epoch, index])
        pairs = 0 if self.twins is None else self.batch_size // TWIN_SHARE // 2
        picks = rng.integers(self.count, size=self.batch_size - 2 * pairs)
        rows = [self._row(int(pick), rng) for pick in picks]
        for _ in range(pairs):
            assert self.twins is not None
            rows += self.twins(rng)
        names = rows[-1]  # what only twins have is blank in the others
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
    picture: Charted, size: int, rng: np.random.Generator, shake: float = 1.0
) -> Charted:
    """Look at a garment through a window of `random_window`."""
    return view_charted(picture, random_window(picture.mask, size, rng, shake), size)


def random_window(
    mask: NDArray[np.bool_], size: int, rng: np.random.Generator, shake: float = 1.0
) -> NDArray[np.float64]:
    """Draw a shaken window around a garment: shift, scale, turn, mirror, tilt.

    Args:
        mask: bool (H, W), of the garment in its whole picture.
        size: height and width of the view.
        rng: source of chance.
        shake: 0 gives the window that prediction uses.

    Returns:
        (3, 3), a map from view to picture pixels; it mirrors where the determinant of
        its (2, 2) part is below 0.
    """
    centre, span = square_window(mask_bounds(mask))
    centre = centre + rng.normal(0, 0.03 * shake, 2) * span
    span *= np.exp(rng.normal(0, 0.08 * shake))
    angle = np.deg2rad(rng.normal(0, 9 * shake))
    flip = -1.0 if shake and rng.random() < 0.5 else 1.0
    stretch = np.exp(rng.normal(0, 0.1 * shake))
    cos, sin = np.cos(angle) * span / size, np.sin(angle) * span / size
    turn = np.array([[cos * flip * stretch, -sin], [sin * flip * stretch, cos]])
    tilt = rng.normal(0, 0.12 * shake, 2) / size
    return homography(centre, turn, tilt, size)


def view_charted(picture: Charted, window: NDArray[np.float64], size: int) -> Charted:
    """Look at a garment through a window; in a mirror too x of its chart runs right.

    Args:
        picture: the garment in its whole picture.
        window: (3, 3), see `random_window`.
        size: height and width of the view.
    """
    mask, foreground = (
        None
        if plane is None
        else resample(plane.astype(np.uint8) * 255, window, size) > 127
        for plane in (picture.mask, picture.foreground)
    )
    assert mask is not None
    x, y, back = (
        _nearest(plane, window, size)
        for plane in (picture.chart[..., 0], picture.chart[..., 1], picture.back)
    )
    x = 1 - x if np.linalg.det(window[:2, :2]) < 0 else x
    image = resample(picture.image, window, size)
    return Charted(image, mask, np.stack([x, y], axis=-1), back > 0.5, foreground)


def _nearest(plane: np.ndarray, window: np.ndarray, size: int) -> NDArray[np.float32]:
    """Read a plane through a window without mixing what lies on two panels."""
    moved = Image.fromarray(plane.astype(np.float32)).transform(
        (size, size),
        Image.Transform.PERSPECTIVE,
        tuple((window / window[2, 2]).ravel()[:8]),
        Image.Resampling.NEAREST,
    )
    return np.asarray(moved)


def pack_view(view: Charted) -> Row:
    """Put a view into the arrays of a batch row.

    Returns:
        `views` float32 (S, S, 4), RGB and mask, 0..255, and `gt_chart` float32 (S/4,
        S/4, 4), see `chart_losses`, read at the middles of the cells.
    """
    cells = np.s_[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
    mask = np.float32(255) * view.mask
    truth = [view.chart[cells], view.back[cells], view.mask[cells]]
    return {
        "views": np.dstack([view.image, mask]).astype(np.float32),
        "gt_chart": np.dstack(truth).astype(np.float32),
    }
