"""Training batches of Mask R-CNN: random views of random photos, at many scales.

People in users' photos are closer to the camera than in street photos, so a view may show
a whole street, or a shirt that fills the frame and is cut by its edges. Outside the photo
a view is grey, as in `predictor.letterbox`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from mrcnn.config import TrainConfig
from mrcnn.windows import homography, resample

UNNAMED = -1  # label of a garment of unknown class


@dataclass(frozen=True)
class ViewConfig:
    """Distribution of the views of `random_view`."""

    min_pixels: int = 64  # garments of no more pixels in a view are not trained on
    # Which part of the photo: all of it, or the surroundings of a garment.
    scene_probability: float = 0.25  # of views of the whole photo
    min_scene_scale: float = 0.5  # view / longer side of the photo, log-uniform
    max_scene_scale: float = 1.25
    scene_center: tuple[float, float] = (0.3, 0.7)  # of smaller views, fraction of photo
    min_garment_scale: float = 0.22  # longer side of the garment / view, log-uniform
    max_garment_scale: float = 1.3
    max_span: float = 1.5  # view / longer side of the photo: it shows mostly photo
    center_jitter: float = 0.5  # of a garment, fraction of the larger one of the next two
    garment_slack: float = 0.3  # of the garment's side
    view_slack: float = 0.8  # of the view's side minus the garment's
    # How the view is warped.
    rotation_sigma: float = 6.0  # degrees, usually
    usual_rotation_probability: float = 0.85
    wide_rotation_sigma: float = 30.0  # degrees, otherwise: garments that lie askew
    max_rotation: float = 60.0  # degrees
    flip_probability: float = 0.5
    stretch_sigma: float = 0.06  # of the log of the aspect ratio
    perspective_sigma: float = 0.06  # change of scale from a view's centre to its edge
    max_perspective: float = 0.2


DEFAULT = ViewConfig()


@dataclass(frozen=True)
class Example:
    """One annotated photo.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        masks: bool (N, H, W), one for each garment; N may be 0.
        labels: int (N,), DeepFashion2's category ids, 1 to 13, or `UNNAMED`.
        foreground: bool (H, W), what is kept when the background is replaced; None when
            it is unknown.
    """

    image: np.ndarray
    masks: np.ndarray
    labels: np.ndarray
    foreground: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that masks, labels and foreground fit the image."""
        size = self.image.shape[:2]
        expected = (len(self.labels), *size)
        if self.masks.shape != expected:
            raise ValueError(f"expected masks {expected}, got {self.masks.shape}")
        if self.foreground is not None and self.foreground.shape != size:
            raise ValueError(f"expected foreground {size}, got {self.foreground.shape}")


Augment = Callable[[Example, np.random.Generator], Example]


class TrainingBatches(keras.utils.PyDataset):
    """Batches for `MaskRCNN.fit`, sampled for every step from its own seed.

    Args:
        load: returns the example of an index; the generator seeds its augmentation.
        weights: relative sampling probability of each index.
        image_size: height and width of a view.
        train: batch size, maximum number of instances, seed.
        steps: batches per epoch.
        augment: augments a view, masks included; None does not.
        workers: threads that make batches.
        epoch: number of the first epoch; every epoch has other views.
        views: distribution of the views.
    """

    def __init__(
        self,
        load: Callable[[int, np.random.Generator], Example],
        weights: Sequence[float],
        image_size: int,
        train: TrainConfig,
        steps: int,
        augment: Augment | None = None,
        workers: int = 1,
        epoch: int = 0,
        views: ViewConfig = DEFAULT,
    ):
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=16)
        self.load, self.augment, self.steps = load, augment, steps
        self.image_size, self.train, self.views = image_size, train, views
        relative = np.asarray(weights, np.float64)
        self.probabilities = relative / relative.sum()
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self.steps

    def on_epoch_end(self) -> None:
        """Sample other views in the next epoch."""
        self.epoch += 1

    def __getitem__(self, index: int):
        """Return one batch: the inputs dict of `MaskRCNN` in a tuple."""
        rng = np.random.default_rng([self.train.seed, self.epoch, index])
        count, weights = len(self.probabilities), self.probabilities
        indices = rng.choice(count, self.train.batch_size, p=weights)
        views = [self._view(int(i), rng) for i in indices]
        rows = [pack_truth(view, self.train.max_instances, rng) for view in views]
        batch = {
            "images": np.stack([view.image for view in views]).astype(np.float32),
            "gt_boxes": np.stack([row[0] for row in rows]),
            "gt_labels": np.stack([row[1] for row in rows]),
            "gt_masks": np.stack([row[2] for row in rows]),
        }
        return (batch,)

    def _view(self, index: int, rng: np.random.Generator) -> Example:
        view = random_view(self.load(index, rng), self.image_size, rng, self.views)
        if self.augment is None:
            return view
        return _drop_small_garments(self.augment(view, rng), self.views)


def random_view(
    example: Example, size: int, rng: np.random.Generator, config: ViewConfig = DEFAULT
) -> Example:
    """Resample an example to a random view: scale, shift, rotation, flip, perspective.

    Args:
        example: the whole photo.
        size: height and width of the view.
        rng: random generator.
        config: distribution of the views.

    Returns:
        The view; garments of which hardly a pixel is left are dropped.

    Convention:
        The window is a homography from view pixels to photo pixels.
    """
    center, span = _sample_window(example, rng, config)
    window = _warp_window(center, span / size, size, rng, config)

    def view_mask(mask: np.ndarray) -> np.ndarray:
        return resample(mask.astype(np.uint8) * 255, window, size) >= 128

    image = resample(example.image, window, size)
    masks = np.array([view_mask(mask) for mask in example.masks], bool)
    foreground = None if example.foreground is None else view_mask(example.foreground)
    masks = masks.reshape(-1, size, size)
    view = Example(image, masks, example.labels, foreground)
    return _drop_small_garments(view, config)


def _warp_window(
    center: np.ndarray,
    scale: float,
    size: int,
    rng: np.random.Generator,
    config: ViewConfig,
) -> np.ndarray:
    """Return a random window (3, 3) around a point; scale is photo / view pixels."""
    is_usual = rng.random() < config.usual_rotation_probability
    sigma = config.rotation_sigma if is_usual else config.wide_rotation_sigma
    angle = np.clip(rng.normal(0, sigma), -config.max_rotation, config.max_rotation)
    angle = np.deg2rad(angle)
    flip = -1.0 if rng.random() < config.flip_probability else 1.0
    stretch = np.exp(rng.normal(0, config.stretch_sigma))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[cos * flip * stretch, -sin], [sin * flip * stretch, cos]])
    perspective = rng.normal(0, config.perspective_sigma, 2)
    limit = config.max_perspective
    perspective = np.clip(perspective, -limit, limit) / (size / 2)
    return homography(center, linear, perspective, size)


def _drop_small_garments(view: Example, config: ViewConfig) -> Example:
    """Drop garments with hardly a pixel in a view."""
    kept = view.masks.sum((1, 2)) > config.min_pixels
    return Example(view.image, view.masks[kept], view.labels[kept], view.foreground)


def _sample_window(
    example: Example, rng: np.random.Generator, config: ViewConfig
) -> tuple[np.ndarray, float]:
    """Sample the window's centre (x, y) and side, in photo pixels."""
    height, width = example.image.shape[:2]
    if len(example.masks) == 0 or rng.random() < config.scene_probability:
        low, high = np.log(config.min_scene_scale), np.log(config.max_scene_scale)
        span = max(height, width) * np.exp(rng.uniform(low, high))
        is_part = span < min(height, width)
        center = rng.uniform(*config.scene_center, 2) if is_part else 0.5
        return np.array([width, height]) * center, span
    ys, xs = np.nonzero(example.masks[rng.integers(len(example.masks))])
    first, last = np.array([xs.min(), ys.min()]), np.array([xs.max(), ys.max()])
    side = max(last - first) + 1
    low, high = np.log(config.min_garment_scale), np.log(config.max_garment_scale)
    span = side / np.exp(rng.uniform(low, high))
    span = min(span, config.max_span * max(height, width))
    slack = max(config.garment_slack * side, config.view_slack * (span - side))
    jitter = rng.uniform(-config.center_jitter, config.center_jitter, 2) * slack
    return (first + last) / 2 + jitter, span


def pack_truth(
    view: Example, max_instances: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pack a view's garments into arrays of fixed size.

    Args:
        view: height and width S.
        max_instances: M; of more garments a random choice is kept.
        rng: random generator.

    Returns:
        Boxes float32 (M, 4), labels int32 (M,), masks uint8 (M, S, S); padding is zero.
    """
    size = view.image.shape[0]
    boxes = np.zeros((max_instances, 4), np.float32)
    labels = np.zeros(max_instances, np.int32)
    masks = np.zeros((max_instances, size, size), np.uint8)
    chosen = rng.permutation(len(view.labels))[:max_instances]
    for row, index in enumerate(chosen):
        ys, xs = np.nonzero(view.masks[index])
        boxes[row] = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        labels[row] = view.labels[index]
        masks[row] = view.masks[index]
    return boxes, labels, masks
