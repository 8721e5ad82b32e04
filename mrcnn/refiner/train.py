"""Losses of the refiner, and the model that `mrcnn.train.run_stages` trains."""

from dataclasses import dataclass

import keras
from keras import ops

from mrcnn.config import RefinerConfig, TrainConfig
from mrcnn.losses import binary_cross_entropy, class_loss, weighted_mean
from mrcnn.refiner.model import build_refiner, class_layers
from mrcnn.trainer import NetworkTrainer

# Weight of each loss in the sum; the names are columns of the log.
WEIGHTS = {
    "mask": 1.0,
    "class": 0.4,
    "heatmap": 0.15,
    "place": 4.0,  # landmark coordinates
    "seen": 0.1,  # landmark visibility
    "part": 0.4,
}


@dataclass(frozen=True)
class RefinerLossConfig:
    """Settings of the losses of masks and heatmaps."""

    edge_weight: float = 3.0  # additional weight of pixels at the mask's outline
    edge_window: int = 5  # cells; pixels whose window meets both sides are at the outline
    dice_weight: float = 0.5  # of the Dice loss, relative to the cross entropy
    heatmap_sigma: float = 1.2  # standard deviation of a true heatmap, cells


DEFAULT = RefinerLossConfig()


class RefinerTrainer(NetworkTrainer):
    """A refiner with its losses.

    Args:
        config: architecture. Defaults to `RefinerConfig()`.
        train: the recipe. Defaults to `TrainConfig()`.

    Call arguments:
        inputs: a dict of the arrays of `refiner.data.pack_region`, batched.

    Returns:
        The losses, scalars, by the names of `WEIGHTS`.
    """

    def __init__(
        self, config: RefinerConfig | None = None, train: TrainConfig | None = None
    ):
        config, seed = config or RefinerConfig(), (train or TrainConfig()).seed
        super().__init__("refiner_trainer", build_refiner(config), config, WEIGHTS, seed)

    @property
    def class_layers(self) -> list[keras.layers.Layer]:
        """The layers that the stage `OUTLINES` freezes."""
        return class_layers(self.network)

    def call(self, inputs, training=False):
        pred = self.network(inputs["views"], training=training)
        known = inputs["known"]
        points = inputs["gt_landmarks"]
        return {
            "mask": mask_loss(pred["masks"], inputs["gt_masks"], known[:, 0]),
            "class": class_loss(pred["classes"], inputs["gt_label"], known[:, 1]),
            **landmark_losses(pred, points, known[:, 2]),
            "part": part_loss(pred["parts"], inputs["gt_parts"]),
        }


def mask_loss(logits, truth, known, config: RefinerLossConfig = DEFAULT):
    """Return cross entropy, with more weight at the outline, plus the Dice loss.

    Args:
        logits: (B, h, w).
        truth: (B, h, w) in [0, 1].
        known: (B,), 0 where the mask is unknown.
        config: weights.

    References:
        Milletari et al., "V-Net", 3DV 2016 (Dice loss).
    """
    window, planes = config.edge_window, ops.expand_dims(truth, -1)
    high = ops.max_pool(planes, window, strides=1, padding="same")
    low = -ops.max_pool(-planes, window, strides=1, padding="same")
    weights = 1.0 + config.edge_weight * ops.squeeze(high - low, -1)
    entropy = ops.sum(weights * binary_cross_entropy(logits, truth), axis=(1, 2))
    entropy = entropy / ops.sum(weights, axis=(1, 2))
    probabilities = ops.sigmoid(logits)
    overlap = 2 * ops.sum(probabilities * truth, axis=(1, 2)) + 1.0
    total = ops.sum(probabilities + truth, axis=(1, 2)) + 1.0
    dice_loss = 1 - overlap / total
    return weighted_mean(entropy + config.dice_weight * dice_loss, known)


def part_loss(logits, parts):
    """Return the cross entropy of human parsing.

    Args:
        logits: (B, h, w, P).
        parts: int (B, h, w); `NO_PART` is ignored.
    """
    known = parts < logits.shape[-1]
    log_probabilities = ops.log_softmax(logits, axis=-1)
    index = ops.expand_dims(ops.where(known, parts, 0), -1)
    true_part = ops.take_along_axis(log_probabilities, index, axis=-1)
    return weighted_mean(-ops.squeeze(true_part, -1), ops.cast(known, "float32"))


def landmark_losses(pred, points, known, config: RefinerLossConfig = DEFAULT):
    """Return the losses of heatmaps, landmark coordinates and landmark visibility.

    Args:
        pred: `heatmaps` (B, h, w, K), `places` (B, K, 2) and `seen` (B, K).
        points: (B, K, 3), x and y as fractions of the view, and visibility.
        known: (B,), 0 where the landmarks are unknown.
        config: width of the true heatmaps.

    Returns:
        heatmap: cross entropy; place: L1 distance of the coordinates; seen: cross
        entropy.
    """
    height, width, count = pred["heatmaps"].shape[1:]
    inside = ops.cast(points[..., 2] > 0, "float32") * known[:, None]  # (B, K)
    truth = _true_heatmaps(points, height, width, config.heatmap_sigma)  # (B, h * w, K)
    flat = ops.reshape(pred["heatmaps"], (-1, height * width, count))
    entropy = -ops.sum(truth * ops.log_softmax(flat, axis=1), axis=1)
    error = ops.sum(ops.abs(pred["places"] - points[..., :2]), axis=-1)
    visible = ops.cast(points[..., 2] > 1, "float32")
    weights = ops.broadcast_to(known[:, None], ops.shape(visible))
    return {
        "heatmap": weighted_mean(entropy, inside),
        "place": weighted_mean(error, inside),
        "seen": weighted_mean(binary_cross_entropy(pred["seen"], visible), weights),
    }


def _true_heatmaps(points, height: int, width: int, sigma: float):
    """Return a normalized Gaussian around each landmark, (B, h * w, K)."""
    ys = (ops.arange(height, dtype="float32") + 0.5) / height
    xs = (ops.arange(width, dtype="float32") + 0.5) / width
    dx = (xs[None, :, None] - points[:, None, :, 0]) * (width / sigma)
    dy = (ys[None, :, None] - points[:, None, :, 1]) * (height / sigma)
    column = ops.exp(-0.5 * dx**2)  # (B, w, K)
    row = ops.exp(-0.5 * dy**2)
    raw = ops.reshape(
        row[:, :, None] * column[:, None], (-1, height * width, points.shape[1])
    )
    return raw / (ops.sum(raw, axis=1, keepdims=True) + 1e-8)
