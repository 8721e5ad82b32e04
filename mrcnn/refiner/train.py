"""Losses of the refiner, and the model that `mrcnn.train.run_stages` trains."""

import keras
from keras import ops

from mrcnn.config import RefinerConfig, TrainConfig
from mrcnn.losses import binary_cross_entropy, class_loss, weighted_mean
from mrcnn.refiner.model import build_refiner, class_layers
from mrcnn.trainer import NetworkTrainer

WEIGHTS = {
    "mask": 1.0,
    "class": 0.4,
    "heatmap": 0.15,
    "place": 4.0,
    "seen": 0.1,
    "part": 0.4,
}
EDGE_WEIGHT = 3.0  # how much more a pixel at the outline counts
SPREAD = 1.2  # standard deviation of a true heatmap, cells


class RefinerTrainer(NetworkTrainer):
    """A refiner with its losses.

    Args:
        config: architecture. Defaults to `RefinerConfig()`.
        train: the recipe. Defaults to `TrainConfig()`.

    Call arguments:
        inputs: a dict of `mrcnn.refiner_data.pack_region`'s arrays, batched.

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
        """The layers that `OUTLINES` leaves alone."""
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


def mask_loss(logits, truth, known):
    """Cross entropy, heavier at the outline, and the Dice loss; (B, h, w), known (B,)."""
    padded = ops.expand_dims(truth, -1)
    high = ops.max_pool(padded, 5, strides=1, padding="same")
    low = -ops.max_pool(-padded, 5, strides=1, padding="same")
    weights = 1.0 + EDGE_WEIGHT * ops.squeeze(high - low, -1)
    entropy = ops.sum(weights * binary_cross_entropy(logits, truth), axis=(1, 2))
    entropy = entropy / ops.sum(weights, axis=(1, 2))
    share = ops.sigmoid(logits)
    overlap = 2 * ops.sum(share * truth, axis=(1, 2)) + 1.0
    total = ops.sum(share + truth, axis=(1, 2)) + 1.0
    return weighted_mean(entropy + 0.5 * (1 - overlap / total), known)


def part_loss(logits, parts):
    """Cross entropy of logits (B, h, w, P) and parts (B, h, w); `NO_PART` counts not."""
    known = parts < logits.shape[-1]
    log_share = ops.log_softmax(logits, axis=-1)
    index = ops.expand_dims(ops.where(known, parts, 0), -1)
    picked = ops.take_along_axis(log_share, index, axis=-1)
    return weighted_mean(-ops.squeeze(picked, -1), ops.cast(known, "float32"))


def landmark_losses(pred, points, known):
    """Return the heatmaps' cross entropy, the places' error and the visibility's.

    Args:
        pred: `heatmaps` (B, h, w, K), `places` (B, K, 2) and `seen` (B, K).
        points: (B, K, 3), x and y as shares of the view, and v.
        known: (B,), 0 where there is no truth.
    """
    height, width, count = pred["heatmaps"].shape[1:]
    inside = ops.cast(points[..., 2] > 0, "float32") * known[:, None]  # (B, K)
    truth = _true_heatmaps(points, height, width)  # (B, h * w, K)
    flat = ops.reshape(pred["heatmaps"], (-1, height * width, count))
    entropy = -ops.sum(truth * ops.log_softmax(flat, axis=1), axis=1)
    error = ops.sum(ops.abs(pred["places"] - points[..., :2]), axis=-1)
    visible = ops.cast(points[..., 2] > 1, "float32")
    everywhere = ops.broadcast_to(known[:, None], ops.shape(visible))
    return {
        "heatmap": weighted_mean(entropy, inside),
        "place": weighted_mean(error, inside),
        "seen": weighted_mean(binary_cross_entropy(pred["seen"], visible), everywhere),
    }


def _true_heatmaps(points, height: int, width: int):
    ys = (ops.arange(height, dtype="float32") + 0.5) / height
    xs = (ops.arange(width, dtype="float32") + 0.5) / width
    away_x = (xs[None, :, None] - points[:, None, :, 0]) * (width / SPREAD)
    away_y = (ys[None, :, None] - points[:, None, :, 1]) * (height / SPREAD)
    column = ops.exp(-0.5 * away_x**2)  # (B, w, K)
    row = ops.exp(-0.5 * away_y**2)
    raw = ops.reshape(
        row[:, :, None] * column[:, None], (-1, height * width, points.shape[1])
    )
    return raw / (ops.sum(raw, axis=1, keepdims=True) + 1e-8)
