"""Losses of the chart network, and the model that `mrcnn.train.run_stages` trains."""

from keras import ops

from mrcnn.chart.consistency import agreement_losses
from mrcnn.chart.model import build_chart_network
from mrcnn.config import ChartConfig, TrainConfig
from mrcnn.losses import binary_cross_entropy
from mrcnn.trainer import NetworkTrainer

WEIGHTS = {"place": 10.0, "promise": 0.1, "slope": 10.0, "back": 0.3}
AGREEMENT_WEIGHTS = {"twin": 1.0, "mark": 0.25}


class ChartTrainer(NetworkTrainer):
    """A chart network with its losses.

    Args:
        config: architecture. Defaults to `ChartConfig()`.
        train: the recipe. Defaults to `TrainConfig()`.

    Call arguments:
        inputs: a dict of the arrays of `ChartBatches`.

    Returns:
        The losses, scalars, by the names of `WEIGHTS` and `AGREEMENT_WEIGHTS`; the
        latter are 0 in batches without twins.
    """

    def __init__(
        self, config: ChartConfig | None = None, train: TrainConfig | None = None
    ):
        config, seed = config or ChartConfig(), (train or TrainConfig()).seed
        super().__init__(
            "chart_trainer",
            build_chart_network(config),
            config,
            WEIGHTS | AGREEMENT_WEIGHTS,
            seed,
        )

    def call(self, inputs, training=False):
        pred = self.network(inputs["views"], training=training)
        losses = chart_losses(pred, inputs["gt_chart"])
        if "twin" not in inputs:
            return losses | {name: ops.zeros(()) for name in AGREEMENT_WEIGHTS}
        return losses | agreement_losses(pred, inputs["twin"], inputs["marks"])


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
