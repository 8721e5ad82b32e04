"""Losses of the chart network, and the model that `mrcnn.train.run_stages` trains."""

import keras
from keras import ops

from mrcnn.chart import build_chart_network
from mrcnn.config import ChartConfig, TrainConfig
from mrcnn.losses import binary_cross_entropy

LOSS_NAMES = ("place", "promise", "slope", "back")
WEIGHTS = {"place": 10.0, "promise": 0.1, "slope": 10.0, "back": 0.3}


class ChartTrainer(keras.Model):
    """A chart network with its losses.

    Args:
        config: architecture. Defaults to `ChartConfig()`.
        train: the recipe. Defaults to `TrainConfig()`.

    Call arguments:
        inputs: a dict of `mrcnn.chart_data.pack_view`'s arrays, batched.

    Returns:
        The losses, scalars, by the names of `LOSS_NAMES`.
    """

    def __init__(
        self, config: ChartConfig | None = None, train: TrainConfig | None = None
    ):
        super().__init__(name="chart_trainer", dtype="float32")
        self.config = config or ChartConfig()
        self.network = build_chart_network(self.config)
        self.seed = keras.random.SeedGenerator((train or TrainConfig()).seed)
        self.trackers = {name: keras.metrics.Mean(name) for name in LOSS_NAMES}
        self.built = True

    @property
    def backbone(self) -> keras.Model:
        """The part that may start from ImageNet weights."""
        return self.network.get_layer(f"{self.config.backbone}_backbone")

    def call(self, inputs, training=False):
        pred = self.network(inputs["views"], training=training)
        return chart_losses(pred, inputs["gt_chart"])

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Add the losses that `call` computed, and track each."""
        del x, y, sample_weight, training
        for name, value in y_pred.items():
            self.trackers[name].update_state(value)
        return sum(WEIGHTS[name] * y_pred[name] for name in LOSS_NAMES)


def chart_losses(pred, truth):
    """Return the losses of a batch.

    Args:
        pred: the outputs of `build_chart_network`.
        truth: (B, h, w, 4): x, y on the panel that is seen, 1 where it is the back, and
            1 where there is garment.

    Returns:
        place: mean distance of the places; promise: how far `scales` misses their
        errors (negative log likelihood, Laplace); slope: error of the steps from cell
        to cell; back: cross entropy.
    """
    known, is_back = truth[..., 3], truth[..., 2]
    share = is_back[..., None]
    places = pred["places"][..., 0, :] * (1 - share) + pred["places"][..., 1, :] * share
    away = (places - truth[..., :2]) * known[..., None]
    error = ops.sqrt(ops.sum(ops.square(away), axis=-1) + 1e-8) * known
    count = ops.sum(known) + 1.0
    scale = pred["scales"]
    promise = ops.stop_gradient(error) / scale + ops.log(scale)
    return {
        "place": ops.sum(error) / count,
        "promise": ops.sum(promise * known) / count,
        "slope": (_steps(away, truth, 1) + _steps(away, truth, 2)) / count,
        "back": ops.sum(binary_cross_entropy(pred["back"], is_back) * known) / count,
    }


def _steps(away, truth, axis: int):
    """Sum the changes of the error between neighbours on one panel."""
    size = truth.shape[axis]
    low, high = ops.arange(size - 1), ops.arange(1, size)
    one, two = (ops.take(truth, index, axis=axis) for index in (low, high))
    same = one[..., 3] * two[..., 3] * (1 - ops.abs(one[..., 2] - two[..., 2]))
    change = ops.take(away, high, axis=axis) - ops.take(away, low, axis=axis)
    return ops.sum(ops.sum(ops.abs(change), axis=-1) * same)
