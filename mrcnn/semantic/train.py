"""The loss of the semantic network, and the model that `run_stages` trains."""

from dataclasses import dataclass

import numpy as np
from keras import ops

from mrcnn.config import CLOTHES, SemanticConfig, TrainConfig
from mrcnn.losses import weighted_mean
from mrcnn.semantic.model import build_semantic_network
from mrcnn.trainer import NetworkTrainer

WEIGHTS = {"clothes": 1.0}  # of the losses in the sum; the names are columns of the log


@dataclass(frozen=True)
class SemanticLossConfig:
    """Weight of each of `CLOTHES`: rare ones count more, and the background less."""

    class_weights: tuple[float, ...] = (
        *(0.6, 1.0, 0.8),
        *(1.5, 1.2, 1.6, 1.3),  # tops and outwear
        *(1.6, 1.2, 1.4),  # shorts, trousers, skirts
        1.3,
    )


DEFAULT = SemanticLossConfig()


class SemanticTrainer(NetworkTrainer):
    """A semantic network with its loss.

    Args:
        config: architecture. Defaults to `SemanticConfig()`.
        train: the recipe. Defaults to `TrainConfig()`.

    Call arguments:
        inputs: a dict of the arrays of `semantic.data.pack_scene`, batched.

    Returns:
        The losses, scalars, by the names of `WEIGHTS`.
    """

    def __init__(
        self, config: SemanticConfig | None = None, train: TrainConfig | None = None
    ):
        config, seed = config or SemanticConfig(), (train or TrainConfig()).seed
        network = build_semantic_network(config)
        super().__init__("semantic_trainer", network, config, WEIGHTS, seed)

    def call(self, inputs, training=False):
        logits = self.network(inputs["views"], training=training)
        return {"clothes": clothes_loss(logits, inputs["gt_clothes"])}


def clothes_loss(logits, clothes, config: SemanticLossConfig = DEFAULT):
    """Return the weighted cross entropy of each cell's class.

    Args:
        logits: (B, h, w, C).
        clothes: int (B, h, w), indices of `CLOTHES`; larger values are ignored.
        config: weight of each class.
    """
    known = clothes < len(CLOTHES)
    truth = ops.where(known, clothes, 0)
    log_probabilities = ops.log_softmax(logits, axis=-1)
    true_class = ops.take_along_axis(log_probabilities, truth[..., None], axis=-1)
    weights = ops.take(np.array(config.class_weights, np.float32), truth)
    return weighted_mean(-true_class[..., 0], weights * ops.cast(known, "float32"))
