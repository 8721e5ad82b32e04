"""A trainable network with named losses: what the trainers of single networks share."""

from collections.abc import Mapping, Sequence

import keras

from mrcnn.config import ChartConfig, MattingConfig, RefinerConfig, SemanticConfig


class NetworkTrainer(keras.Model):
    """Sums the losses that a subclass computes in `call`, and tracks each.

    Args:
        name: of the model.
        network: the network that is trained and shipped.
        config: of the network.
        weights: of the losses in the sum, by name.
        seed: of random numbers in training.
    """

    def __init__(
        self,
        name: str,
        network: keras.Model,
        config: RefinerConfig | ChartConfig | SemanticConfig | MattingConfig,
        weights: Mapping[str, float],
        seed: int,
    ):
        super().__init__(name=name, dtype="float32")
        self.config, self.network = config, network
        self.loss_weights = dict(weights)
        self.seed = keras.random.SeedGenerator(seed)
        self.trackers = {loss: keras.metrics.Mean(loss) for loss in weights}
        self.built = True

    @property
    def class_layers(self) -> Sequence[keras.layers.Layer]:
        """The layers that the stage `OUTLINES` freezes: none, except in a refiner."""
        return ()

    @property
    def backbone(self) -> keras.Model:
        """The backbone, which may start from ImageNet weights."""
        return self.network.get_layer(f"{self.config.backbone}_backbone")

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Sum the losses that `call` computed, and track each."""
        del x, y, sample_weight, training
        for name, value in y_pred.items():
            self.trackers[name].update_state(value)
        return sum(weight * y_pred[name] for name, weight in self.loss_weights.items())
