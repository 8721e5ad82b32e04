"""Training of the shading network, which separates a garment's shading from its print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from . import losses, weights
from .config import ShadingConfig
from .data import GAMMA, from_model_range
from .networks import build_shading_network
from .steps import JIT, Terms, TrainingStep, check_batch, learning_rate

Batch = Mapping[str, np.ndarray]
_CHANNELS = {"view": 3, "mask": 1, "log_light": 1, "known": 1}


class ShadingTrainer:
    """The shading network and its training step.

    Args:
        config: the recipe.
    """

    def __init__(self, config: ShadingConfig) -> None:
        """Build the network with seeded weights."""
        self.config = config
        self.step = 0  # steps taken
        self.network = build_shading_network(config)
        self.network.compile(optimizer=None, jit_compile=JIT)
        rate = learning_rate(config.learning_rate, config.decay_steps)
        self._training = TrainingStep(
            "shading_step",
            self.terms,
            {"light": config.lambda_light, "slope": config.lambda_slope},
            [self.network],
            [],
            keras.optimizers.Adam(rate, beta_1=config.beta_1),
        )

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Train the network by one step.

        Args:
            batch: (B, S, S, 3) in [-1, 1]: `view`, the garment's photo, 0 outside it.
                (B, S, S, 1) or (B, S, S): `mask` of the garment, 0 or 1; `log_light`,
                log of its shading in linear light, up to a constant; `known`, where that
                is valid, 0 or 1.

        Returns:
            Named losses from before the step, unweighted; `loss` is the weighted sum.
        """
        logs = self._training.run(check_batch(batch, _CHANNELS, self.config.image_size))
        self.step += 1
        return logs

    def terms(self, batch: Mapping[str, Any]) -> Terms:
        """Compute the losses of log shading, up to a constant, and of its gradients."""
        known = batch["known"]
        inputs = ops.concatenate([batch["view"], batch["mask"]], axis=-1)
        error = self.network(inputs) - batch["log_light"]
        level = losses.masked_mean(error, known)
        return {
            "light": losses.masked_l1(error, level, known),
            "slope": losses.total_variation(error, known),
        }

    def sample_sheet(self, batch: Batch) -> np.ndarray:
        """Show the view, the true shading and the predicted one, one row per item.

        Args:
            batch: as for `train_step`.

        Returns:
            uint8 (B * S, 3 * S, 3), mid grey outside the garment and at mean shading.
        """
        batch = check_batch(batch, _CHANNELS, self.config.image_size)
        inputs = np.concatenate([batch["view"], batch["mask"]], axis=-1)
        lights = batch["log_light"], self.network.predict_on_batch(inputs)
        columns = [batch["view"]]
        for light in lights:
            level = ops.convert_to_numpy(losses.masked_mean(light, batch["known"]))
            shown = np.exp((light - level) / GAMMA) - 1.0
            columns.append(np.repeat(shown * batch["known"], 3, axis=-1))
        return from_model_range(np.hstack([np.concatenate(c) for c in columns]))

    def save(self, folder: str | Path) -> None:
        """Write weights, optimizer state and step count."""
        weights.save_state(
            folder, self.config, self.step, self._networks(), self._optimizers()
        )

    def load(self, folder: str | Path) -> None:
        """Load the state that `save` wrote."""
        self.step = weights.load_state(folder, self._networks(), self._optimizers())

    def _networks(self) -> dict[str, keras.Model]:
        return {"network": self.network}

    def _optimizers(self) -> dict[str, keras.Optimizer]:
        return {"network": self._training.optimizer}
