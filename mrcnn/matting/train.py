"""The losses of the matting network, and the model that `run_stages` trains."""

from dataclasses import dataclass

from keras import ops

from mrcnn.config import MattingConfig, TrainConfig
from mrcnn.losses import weighted_mean
from mrcnn.matting.model import build_matting_network
from mrcnn.trainer import NetworkTrainer

# Of the losses in the sum; the names are columns of the log.
WEIGHTS = {"alpha": 1.0, "edges": 1.0}


@dataclass(frozen=True)
class MattingLossConfig:
    """Weights inside the losses."""

    edge_weight: float = 6.0  # of a pixel near the true edge or the rough mask's
    reach: int = 15  # pixels: side of the window around a pixel that makes it near


DEFAULT = MattingLossConfig()


class MattingTrainer(NetworkTrainer):
    """A matting network with its losses.

    Args:
        config: architecture. Defaults to `MattingConfig()`.
        train: the recipe. Defaults to `TrainConfig()`.

    Call arguments:
        inputs: a dict of the arrays of `matting.data.pack_matte`, batched.

    Returns:
        The losses, scalars, by the names of `WEIGHTS`.
    """

    def __init__(
        self, config: MattingConfig | None = None, train: TrainConfig | None = None
    ):
        config, seed = config or MattingConfig(), (train or TrainConfig()).seed
        network = build_matting_network(config)
        super().__init__("matting_trainer", network, config, WEIGHTS, seed)

    def call(self, inputs, training=False):
        logits = self.network(inputs["views"], training=training)
        truth, known = inputs["gt_alpha"], inputs["known"]
        rough = inputs["views"][..., 3] / 255.0
        return {
            "alpha": alpha_loss(logits, truth, known, rough),
            "edges": edge_loss(logits, truth, known),
        }


def alpha_loss(logits, truth, known, rough, config: MattingLossConfig = DEFAULT):
    """Return the cross entropy of alpha, which counts more near edges.

    Args:
        logits: (B, S, S).
        truth: (B, S, S) in [0, 1].
        known: (B, S, S), weight of each pixel, 0 to 1.
        rough: (B, S, S) in [0, 1], the mask that the network was given.
        config: how much more.
    """
    entropy = (
        ops.relu(logits) - logits * truth + ops.log1p(ops.exp(-ops.absolute(logits)))
    )
    near = ops.maximum(_variation(truth, config.reach), ops.absolute(truth - rough))
    return weighted_mean(entropy, known * (1.0 + config.edge_weight * near))


def edge_loss(logits, truth, known):
    """Return the mean absolute error of alpha's differences between neighbours."""
    alpha = ops.sigmoid(logits)
    total = 0.0
    for axis in (1, 2):
        steps = [_difference(plane, axis) for plane in (alpha, truth)]
        both = ops.minimum(*_neighbours(known, axis))
        true_edge = ops.cast(ops.absolute(steps[1]) > 0, "float32")
        weights = both * (0.05 + true_edge)
        total += weighted_mean(ops.absolute(steps[0] - steps[1]), weights)
    return total


def _variation(plane, reach: int):
    """Return how far a plane (B, S, S) varies in a window, 0 to 1."""
    planes = plane[..., None]
    high = ops.max_pool(planes, reach, 1, padding="same")
    low = -ops.max_pool(-planes, reach, 1, padding="same")
    return (high - low)[..., 0]


def _neighbours(plane, axis: int):
    """Return a plane (B, S, S) without its first and without its last row or column."""
    if axis == 1:
        return plane[:, 1:], plane[:, :-1]
    return plane[:, :, 1:], plane[:, :, :-1]


def _difference(plane, axis: int):
    after, before = _neighbours(plane, axis)
    return after - before
