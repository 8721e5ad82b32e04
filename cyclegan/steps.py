"""Compiled training steps: which networks are trained, and the terms of their loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from . import losses

# On a CPU TensorFlow's plain graph is faster than XLA; JAX needs its compiler.
JIT = "auto" if keras.backend.backend() == "jax" else False

Terms = dict[str, Any]


class TrainingStep(keras.Model):
    """One `train_on_batch` that trains some networks while others are frozen.

    Args:
        name: model name.
        terms: function of a batch (dict of tensors) that returns scalar losses by name.
        weights: of each term in the total loss.
        trained: networks that this step trains.
        frozen: networks that the terms use but this step does not train.
        optimizer: of the trained networks; steps may share one.
    """

    def __init__(
        self,
        name: str,
        terms: Callable[[Mapping[str, Any]], Terms],
        weights: Mapping[str, float],
        trained: Sequence[keras.Model],
        frozen: Sequence[keras.Model],
        optimizer: keras.Optimizer,
    ) -> None:
        """Compile; the optimizer is built for the trained networks."""
        paths = [v.path for model in (*trained, *frozen) for v in model.variables]
        if len(set(paths)) != len(paths):  # see `layers.build_settings`
            raise ValueError("expected networks of different names, got equal paths")
        super().__init__(name=name, dtype="float32")
        self.trained, self.frozen = list(trained), list(frozen)
        self._terms, self._weights = terms, dict(weights)
        self._trackers = {key: keras.metrics.Mean(name=key) for key in weights}
        self._set_trainable()
        if not optimizer.built:
            optimizer.build(self.trainable_variables)
        self.compile(optimizer=optimizer, jit_compile=JIT)

    def call(self, batch: Mapping[str, Any], training: bool | None = None) -> Terms:
        """Return the loss terms of a batch, unweighted scalars."""
        del training  # the networks are the same in training and at inference
        return self._terms(batch)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Sum the weighted terms and track each for the log."""
        del x, y, sample_weight, training
        for key, tracker in self._trackers.items():
            tracker.update_state(y_pred[key])
        return sum(self._weights[key] * y_pred[key] for key in self._trackers)

    def run(self, batch: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Take one optimizer step.

        Args:
            batch: float32 arrays.

        Returns:
            `loss` (weighted total) and every term, from before the step.
        """
        self._set_trainable()
        logs = self.train_on_batch(dict(batch), return_dict=True)
        return {key: float(value) for key, value in logs.items()}

    def _set_trainable(self) -> None:
        for network in self.frozen:
            network.trainable = False
        for network in self.trained:
            network.trainable = True


def build_discriminator_step(
    discriminator: keras.Model, optimizer: keras.Optimizer
) -> TrainingStep:
    """Build the training step of one discriminator.

    Args:
        discriminator: a PatchGAN.
        optimizer: of the discriminator alone.

    Returns:
        A step on batches with `real`, `fake` (B, S, S, 3) in [-1, 1] and their
        `real_mask`, `fake_mask` (B, S, S, 1).
    """

    def terms(batch: Mapping[str, Any]) -> Terms:
        real, fake = discriminator(batch["real"]), discriminator(batch["fake"])
        weights = (
            losses.patch_weights(batch["real_mask"], real),
            losses.patch_weights(batch["fake_mask"], fake),
        )
        return {"real_fake": losses.lsgan_discriminator_loss(real, fake, *weights)}

    return TrainingStep(
        f"{discriminator.name}_step",
        terms,
        {"real_fake": 1.0},
        trained=[discriminator],
        frozen=[],
        optimizer=optimizer,
    )


def learning_rate(rate: float, decay_steps: int, share: float = 1.0) -> Any:
    """Return a constant learning rate, or its cosine decay to 0.

    Args:
        rate: at the start.
        decay_steps: steps of the trainer until 0; 0 means a constant rate.
        share: fraction of the trainer's steps that this optimizer takes part in.

    Returns:
        A float or a Keras schedule.
    """
    if not decay_steps:
        return rate
    steps = max(1, round(decay_steps * share))
    return keras.optimizers.schedules.CosineDecay(rate, steps)


def check_batch(
    batch: Mapping[str, np.ndarray], channels: Mapping[str, int], size: int
) -> dict[str, np.ndarray]:
    """Check a batch's keys, shapes and values.

    Args:
        batch: arrays (B, S, S, C); masks may be bool and may lack the last axis.
        channels: expected C by key.
        size: expected S, pixels.

    Returns:
        The expected keys only, as float32 (B, S, S, C).

    Raises:
        ValueError: a key is missing, a shape is wrong or a value is not finite.
    """
    checked: dict[str, np.ndarray] = {}
    for key, depth in channels.items():
        if key not in batch:
            raise ValueError(f"expected {key!r} in the batch, got {sorted(batch)}")
        array = np.asarray(batch[key], np.float32)
        if depth == 1 and array.ndim == 3:
            array = array[..., None]
        count = next(iter(checked.values())).shape[0] if checked else len(array)
        shape = (count, size, size, depth)
        if array.shape != shape or not count:
            raise ValueError(f"expected {key} of shape {shape}, got {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"expected finite numbers in {key}, got nan or inf")
        checked[key] = array
    return checked
