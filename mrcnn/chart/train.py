"""Losses of the chart network, and the model that `mrcnn.train.run_stages` trains."""

from keras import ops

from mrcnn.chart.consistency import consistency_losses
from mrcnn.chart.model import build_chart_network
from mrcnn.config import ChartConfig, TrainConfig
from mrcnn.losses import binary_cross_entropy
from mrcnn.trainer import NetworkTrainer

# Weight of each loss in the sum; the names are columns of the log.
WEIGHTS = {
    "place": 10.0,  # coordinates
    "promise": 0.1,  # predicted errors
    "slope": 10.0,  # derivatives of the coordinates
    "back": 0.3,  # which panel
}
CONSISTENCY_WEIGHTS = {
    "twin": 1.0,  # between two views of a garment
    "mark": 0.25,  # coordinates at landmarks
}


class ChartTrainer(NetworkTrainer):
    """A chart network with its losses.

    Args:
        config: architecture. Defaults to `ChartConfig()`.
        train: the recipe. Defaults to `TrainConfig()`.

    Call arguments:
        inputs: a dict of the arrays of `ChartBatches`.

    Returns:
        The losses, scalars, by the names of `WEIGHTS` and `CONSISTENCY_WEIGHTS`; the
        latter are 0 for batches without paired views.
    """

    def __init__(
        self, config: ChartConfig | None = None, train: TrainConfig | None = None
    ):
        config, seed = config or ChartConfig(), (train or TrainConfig()).seed
        super().__init__(
            "chart_trainer",
            build_chart_network(config),
            config,
            WEIGHTS | CONSISTENCY_WEIGHTS,
            seed,
        )

    def call(self, inputs, training=False):
        pred = self.network(inputs["views"], training=training)
        losses = chart_losses(pred, inputs["gt_chart"])
        if "matches" not in inputs:
            return losses | {name: ops.zeros(()) for name in CONSISTENCY_WEIGHTS}
        return losses | consistency_losses(pred, inputs["matches"], inputs["landmark_uv"])


def chart_losses(pred, truth):
    """Return the losses of views with charts.

    Args:
        pred: the outputs of `build_chart_network`.
        truth: (B, h, w, 4): u and v on the visible panel, 1 where it is the back, and 1
            where there is garment.

    Returns:
        place: mean distance of the coordinates; promise: negative log likelihood of
        their errors under a Laplace distribution of scale `scales`; slope: mean error of
        the differences between neighbouring cells; back: cross entropy.

    References:
        Kendall and Gal, "What Uncertainties Do We Need in Bayesian Deep Learning for
        Computer Vision?", NeurIPS 2017.
    """
    known, is_back = truth[..., 3], truth[..., 2]
    back = is_back[..., None]
    uv = pred["places"][..., 0, :] * (1 - back) + pred["places"][..., 1, :] * back
    residual = (uv - truth[..., :2]) * known[..., None]
    error = ops.sqrt(ops.sum(ops.square(residual), axis=-1) + 1e-8) * known
    count = ops.sum(known) + 1.0
    scale = pred["scales"]
    likelihood = ops.stop_gradient(error) / scale + ops.log(scale)
    slope = _difference_error(residual, truth, 1) + _difference_error(residual, truth, 2)
    back_entropy = binary_cross_entropy(pred["back"], is_back)
    return {
        "place": ops.sum(error) / count,
        "promise": ops.sum(likelihood * known) / count,
        "slope": slope / count,
        "back": ops.sum(back_entropy * known) / count,
    }


def _difference_error(residual, truth, axis: int):
    """Sum the differences of the residual between neighbours on the same panel."""
    size = truth.shape[axis]
    low, high = ops.arange(size - 1), ops.arange(1, size)
    first, second = (ops.take(truth, index, axis=axis) for index in (low, high))
    same_panel = 1 - ops.abs(first[..., 2] - second[..., 2])
    is_pair = first[..., 3] * second[..., 3] * same_panel
    change = ops.take(residual, high, axis=axis) - ops.take(residual, low, axis=axis)
    return ops.sum(ops.sum(ops.abs(change), axis=-1) * is_pair)
