"""Training batches: a random view of a random photo, at many scales.

Users stand closer than street photos do, so a view may hold a whole street or a shirt
that fills the frame and is cut by its edges. What lies beyond a photo is grey, as it is
in `predictor.letterbox`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from PIL import Image

from mrcnn.config import TrainConfig

PAD_VALUE = 127  # grey beyond the photo's edge


@dataclass(frozen=True)
class Example:
    """One annotated photo.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        masks: bool (N, H, W), one for each garment; N may be 0.
        labels: int (N,), 1-based ids into `CLASS_NAMES`.
    """

    image: np.ndarray
    masks: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        """Check that masks and labels belong to the image."""
        expected = (len(self.labels), *self.image.shape[:2])
        if self.masks.shape != expected:
            raise ValueError(f"expected masks {expected}, got {self.masks.shape}")


Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class TrainingBatches(keras.utils.PyDataset):
    """Batches for `MaskRCNN.fit`, drawn anew for every step from a seed.

    Args:
        load: gives the example of an index.
        shares: how often each index is drawn, relative; its length is their number.
        image_size: height and width of a view.
        train: batch size, instances kept, seed.
        steps: batches per epoch.
        augment: changes colours of a view (uint8 (S, S, 3), rng); None leaves them.
    """

    def __init__(
        self,
        load: Callable[[int], Example],
        shares: Sequence[float],
        image_size: int,
        train: TrainConfig,
        steps: int,
        augment: Augment | None = None,
        workers: int = 1,
    ):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=16)
        self.load, self.augment, self.steps = load, augment, steps
        self.image_size, self.train = image_size, train
        total = np.asarray(shares, np.float64)
        self.shares = total / total.sum()
        self.epoch = 0

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
        view = random_view(self.load(index), self.image_size, rng)
        if self.augment is None:
            return view
        return Example(self.augment(view.image, rng), view.masks, view.labels)


def random_view(example: Example, size: int, rng: np.random.Generator) -> Example:
    """Look at an example through a random window: scale, shift, turn, mirror.

    Args:
        example: the whole photo.
        size: height and width of the view.
        rng: source of chance.

    Returns:
        The view; garments of which nothing is left are dropped.

    Convention:
        The window is an affine map from view pixels to photo pixels.
    """
    centre, span = _window(example, rng)
    angle = np.deg2rad(rng.normal(0, 6))
    flip = -1.0 if rng.random() < 0.5 else 1.0
    stretch = np.exp(rng.normal(0, 0.06))
    scale = span / size
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    turn = np.array([[cos * flip * stretch, -sin], [sin * flip * stretch, cos]])
    matrix = np.column_stack([turn, centre - turn @ [size / 2, size / 2]])
    image = _resample(example.image, matrix, size, Image.Resampling.BILINEAR, scale)
    kept = [
        (mask, label)
        for mask, label in zip(
            (_resample_mask(m, matrix, size, scale) for m in example.masks),
            example.labels,
            strict=True,
        )
        if mask.sum() > 64
    ]
    masks = np.array([m for m, _ in kept], bool).reshape(-1, size, size)
    return Example(image, masks, np.array([k for _, k in kept], np.int64))


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


def _resample(image, matrix, size, method, scale: float) -> np.ndarray:
    """Sample an image through the window; shrink first, so that nothing aliases."""
    picture, factor = Image.fromarray(image), max(1, int(scale))
    if factor > 1:
        picture = picture.reduce(factor)
    # PIL reads at pixel centres (x + .5, y + .5) on both sides, as our windows do.
    data = tuple((matrix / factor).ravel())
    fill = (PAD_VALUE,) * 3 if image.ndim == 3 else 0
    moved = picture.transform(
        (size, size), Image.Transform.AFFINE, data, method, fillcolor=fill
    )
    return np.asarray(moved)


def _resample_mask(mask, matrix, size, scale: float) -> np.ndarray:
    grey = mask.astype(np.uint8) * 255
    return _resample(grey, matrix, size, Image.Resampling.BILINEAR, scale) >= 128


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
