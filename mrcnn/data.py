"""Training batches: a random view of a random photo, at many scales.

Users stand closer than street photos do, so a view may hold a whole street or a shirt
that fills the frame and is cut by its edges. What lies beyond a photo is grey, as it is
in `predictor.letterbox`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from mrcnn.config import TrainConfig
from mrcnn.windows import homography, resample

UNNAMED = -1  # label of a garment whose class nobody knows
MIN_PIXELS = 64  # of a view: of smaller garments nothing can be learned


@dataclass(frozen=True)
class Example:
    """One annotated photo.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        masks: bool (N, H, W), one for each garment; N may be 0.
        labels: int (N,), 1-based ids into `CLASS_NAMES`, or `UNNAMED`.
        foreground: bool (H, W), what stays when an augmenter swaps the background;
            None where that is not known.
    """

    image: np.ndarray
    masks: np.ndarray
    labels: np.ndarray
    foreground: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that masks and labels belong to the image."""
        size = self.image.shape[:2]
        expected = (len(self.labels), *size)
        if self.masks.shape != expected:
            raise ValueError(f"expected masks {expected}, got {self.masks.shape}")
        if self.foreground is not None and self.foreground.shape != size:
            raise ValueError(f"expected foreground {size}, got {self.foreground.shape}")


Augment = Callable[[Example, np.random.Generator], Example]


class TrainingBatches(keras.utils.PyDataset):
    """Batches for `MaskRCNN.fit`, drawn anew for every step from a seed.

    Args:
        load: gives the example of an index; what it alters is drawn from the generator.
        shares: how often each index is drawn, relative; its length is their number.
        image_size: height and width of a view.
        train: batch size, instances kept, seed.
        steps: batches per epoch.
        augment: changes a view, its masks as well; None leaves it.
        workers: threads that draw batches.
        epoch: number of the first epoch; every epoch has other views.
    """

    def __init__(
        self,
        load: Callable[[int, np.random.Generator], Example],
        shares: Sequence[float],
        image_size: int,
        train: TrainConfig,
        steps: int,
        augment: Augment | None = None,
        workers: int = 1,
        epoch: int = 0,
    ):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=16)
        self.load, self.augment, self.steps = load, augment, steps
        self.image_size, self.train = image_size, train
        total = np.asarray(shares, np.float64)
        self.shares = total / total.sum()
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self.steps

    def on_epoch_end(self) -> None:
        """Draw other views in the next epoch."""
        self.epoch += 1

    def __getitem__(self, index: int):
        """Return one batch: the inputs dict of `MaskRCNN` in a tuple."""
        rng = np.random.default_rng([self.train.seed, self.epoch, index])
        picks = rng.choice(len(self.shares), self.train.batch_size, p=self.shares)
        views = [self._view(int(pick), rng) for pick in picks]
        rows = [pack_truth(view, self.train.max_instances, rng) for view in views]
        batch = {
            "images": np.stack([view.image for view in views]).astype(np.float32),
            "gt_boxes": np.stack([row[0] for row in rows]),
            "gt_labels": np.stack([row[1] for row in rows]),
            "gt_masks": np.stack([row[2] for row in rows]),
        }
        return (batch,)

    def _view(self, index: int, rng: np.random.Generator) -> Example:
        view = random_view(self.load(index, rng), self.image_size, rng)
        if self.augment is None:
            return view
        return _without_specks(self.augment(view, rng))


def random_view(example: Example, size: int, rng: np.random.Generator) -> Example:
    """Look at an example through a random window: scale, shift, turn, mirror, tilt.

    Args:
        example: the whole photo.
        size: height and width of the view.
        rng: source of chance.

    Returns:
        The view; garments of which nothing is left are dropped.

    Convention:
        The window is a homography from view pixels to photo pixels.
    """
    centre, span = _window(example, rng)
    window = _shaken_window(centre, span / size, size, rng)

    def look(mask: np.ndarray) -> np.ndarray:
        return resample(mask.astype(np.uint8) * 255, window, size) >= 128

    image = resample(example.image, window, size)
    masks = np.array([look(mask) for mask in example.masks], bool)
    foreground = None if example.foreground is None else look(example.foreground)
    masks = masks.reshape(-1, size, size)
    return _without_specks(Example(image, masks, example.labels, foreground))


def _shaken_window(
    centre: np.ndarray, scale: float, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the window (3, 3) around a photo's place, at photo pixels a view pixel."""
    angle = rng.normal(0, 6 if rng.random() < 0.85 else 30)  # lies askew, at times
    angle = np.deg2rad(np.clip(angle, -60, 60))
    flip = -1.0 if rng.random() < 0.5 else 1.0
    stretch = np.exp(rng.normal(0, 0.06))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    turn = np.array([[cos * flip * stretch, -sin], [sin * flip * stretch, cos]])
    tilt = np.clip(rng.normal(0, 0.06, 2), -0.2, 0.2) / (size / 2)
    return homography(centre, turn, tilt, size)


def _without_specks(view: Example) -> Example:
    """Drop garments of which next to nothing is seen."""
    seen = view.masks.sum((1, 2)) > MIN_PIXELS
    return Example(view.image, view.masks[seen], view.labels[seen], view.foreground)


def _window(example: Example, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Choose the window's centre (x, y) and side in photo pixels."""
    height, width = example.image.shape[:2]
    if len(example.masks) == 0 or rng.random() < 0.25:
        span = max(height, width) * np.exp(rng.uniform(np.log(0.5), np.log(1.25)))
        share = rng.uniform(0.3, 0.7, 2) if span < min(height, width) else 0.5
        return np.array([width, height]) * share, span
    ys, xs = np.nonzero(example.masks[rng.integers(len(example.masks))])
    low, high = np.array([xs.min(), ys.min()]), np.array([xs.max(), ys.max()])
    side = max(high - low) + 1
    span = side / np.exp(rng.uniform(np.log(0.22), np.log(1.3)))
    span = min(span, 1.5 * max(height, width))  # mostly photo, not mostly grey
    jitter = rng.uniform(-0.5, 0.5, 2) * max(0.3 * side, 0.8 * (span - side))
    return (low + high) / 2 + jitter, span


def pack_truth(
    view: Example, max_instances: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put a view's garments into fixed places.

    Returns:
        Boxes float32 (M, 4), labels int32 (M,), masks uint8 (M, S, S); zero where there
        is no garment. Of too many, a random choice is kept.
    """
    size = view.image.shape[0]
    boxes = np.zeros((max_instances, 4), np.float32)
    labels = np.zeros(max_instances, np.int32)
    masks = np.zeros((max_instances, size, size), np.uint8)
    chosen = rng.permutation(len(view.labels))[:max_instances]
    for place, index in enumerate(chosen):
        ys, xs = np.nonzero(view.masks[index])
        boxes[place] = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        labels[place] = view.labels[index]
        masks[place] = view.masks[index]
    return boxes, labels, masks
