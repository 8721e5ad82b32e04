"""Training of the universal generator, whose exemplar is the warped S1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from . import losses, weights
from .config import UniversalConfig
from .data import from_model_range
from .networks import (
    apply_prediction,
    build_discriminator,
    build_universal_generator,
    relight,
)
from .steps import (
    JIT,
    Terms,
    TrainingStep,
    build_discriminator_step,
    check_batch,
    learning_rate,
)

Batch = Mapping[str, np.ndarray]
_EXEMPLAR = {"warped": 3, "valid": 1, "places": 2}
_INPUTS = {"view": 3, "mask": 1, "warped_b": 3, "valid_b": 1, "places_b": 2}
_CHANNELS = {**_INPUTS, "truth_b": 3}


class UniversalTrainer:
    """One generator, an optional discriminator, and their training steps.

    Every step has the truth, slope, residual and variation terms. Cycle, identity and
    adversarial terms, three times as expensive, are added at every `cycle_every`th step,
    with `cycle_every` times their weight.

    Args:
        config: the recipe.
    """

    def __init__(self, config: UniversalConfig) -> None:
        """Build the networks with seeded weights."""
        self.config = config
        self.step = 0  # steps taken
        self.generator = build_universal_generator(config)
        self.generator.compile(optimizer=None, jit_compile=JIT)
        self.discriminator: keras.Model | None = None
        if config.lambda_adversarial:
            self.discriminator = build_discriminator(config)
        self._build_steps()

    @classmethod
    def from_folder(cls, folder: str | Path) -> UniversalTrainer:
        """Load a saved trainer with its own config."""
        model = cls(weights.read_config(folder, UniversalConfig))
        model.load(folder)
        return model

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Train the generator, then the discriminator, if there is one, by one step.

        Args:
            batch: (B, S, S, 3) in [-1, 1]: `view`, the user's photo around the shirt, the
                shirt as it is input at inference; `warped_b`, S1 warped to it;
                `truth_b`, the user in S1. (B, S, S, 1) or (B, S, S), 0 or 1: `mask` of
                the shirt; `valid_b`, where `warped_b` is valid. (B, S, S, 2) in [-1, 1]:
                `places_b`, coordinates x and y in S1's photo. For cycle and identity
                also `photo`, the user's photo itself, and `warped_a`, the shirt's own
                texture warped to it, `valid_a` and `places_a`; with a discriminator
                `real`, worn garments of real photos, and `real_mask`.

        Returns:
            Named losses from before the step, unweighted; `loss` is the weighted
            sum. Steps without cycle, identity and adversarial terms leave them out.
        """
        batch = self._prepare(batch)
        full = self._has_extras() and self.step % self.config.cycle_every == 0
        fake = self._predict(batch) if full and self.discriminator else None
        if not full:
            logs = self.plain_step.run({key: batch[key] for key in _CHANNELS})
        else:
            logs = self.full_step.run(batch)
        if fake is not None:
            logs["discriminator"] = self._train_discriminator(batch, fake)
        self.step += 1
        return logs

    def sample_sheet(self, batch: Batch) -> np.ndarray:
        """Show the view, warped S1, out1 and the truth, one row per item.

        Args:
            batch: as for `train_step`.

        Returns:
            uint8 (B * S, 4 * S, 3); all but the view are mid grey outside the mask.
        """
        batch = self._prepare(batch)
        mask = batch["mask"]
        out = self._predict(batch)
        columns = (batch["view"], batch["warped_b"] * mask, out, batch["truth_b"] * mask)
        return from_model_range(np.hstack([np.concatenate(c) for c in columns]))

    def save(self, folder: str | Path) -> None:
        """Write weights, optimizer states and step count."""
        weights.save_state(
            folder, self.config, self.step, self._networks(), self._optimizers()
        )

    def load(self, folder: str | Path) -> None:
        """Load the state that `save` wrote."""
        self.step = weights.load_state(folder, self._networks(), self._optimizers())

    def plain_terms(self, batch: Mapping[str, Any]) -> Terms:
        """Compute the terms of every step: truth, slope, residual, variation."""
        prediction = self.generator(_stack_inputs(batch["view"], batch, "b"))
        return self._supervised(batch, prediction)

    def full_terms(self, batch: Mapping[str, Any]) -> Terms:
        """Compute all terms, without those of weight 0."""
        both = self._predict_both(batch)
        terms = self._supervised(batch, both["b"])
        mask, config = batch["mask"], self.config
        if config.lambda_identity:
            same = relight(batch["warped_a"], both["a"])
            terms["identity"] = losses.masked_l1(same, batch["photo"], mask)
        out1 = apply_prediction(batch["warped_b"], both["b"]) * mask
        if config.lambda_cycle:
            worn = batch["view"] * (1.0 - mask) + out1
            prediction = self.generator(_stack_inputs(worn, batch, "a"))
            cycled = relight(batch["warped_a"], prediction)
            terms["cycle"] = losses.masked_l1(cycled, batch["photo"], mask)
        if self.discriminator is not None:
            scores = self.discriminator(out1)
            inside = losses.patch_weights(mask, scores)
            terms["adversarial"] = losses.lsgan_generator_loss(scores, inside)
        return terms

    def _predict_both(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Predict for S1 ("b") and, for the identity loss, the shirt's texture ("a")."""
        if not self.config.lambda_identity:
            return {"b": self.generator(_stack_inputs(batch["view"], batch, "b"))}
        # One pass over both is faster than two.
        rows = [_stack_inputs(batch["view"], batch, which) for which in "ba"]
        predictions = self.generator(ops.concatenate(rows, axis=0))
        return dict(zip("ba", ops.split(predictions, 2, axis=0), strict=True))

    def _supervised(self, batch: Mapping[str, Any], prediction: Any) -> Terms:
        mask = batch["mask"]
        out = relight(batch["warped_b"], prediction)
        log_gain, residual = prediction[..., :3], prediction[..., 3:]
        known = mask * batch["valid_b"]
        return {
            "truth": losses.masked_l1(out, batch["truth_b"], mask),
            "slope": losses.total_variation(out - batch["truth_b"], mask),
            "residual": losses.masked_l1(residual, ops.zeros_like(residual), known),
            "variation": losses.total_variation(log_gain, mask),
        }

    def _prepare(self, batch: Batch) -> dict[str, np.ndarray]:
        channels = dict(_CHANNELS)
        if self.config.lambda_cycle or self.config.lambda_identity:
            channels |= {f"{name}_a": count for name, count in _EXEMPLAR.items()}
            channels["photo"] = 3
        if self.discriminator is not None:
            channels |= {"real": 3, "real_mask": 1}
        return check_batch(batch, channels, self.config.image_size)

    def _predict(self, batch: Batch) -> np.ndarray:
        """Return out1 inside the mask, 0 outside."""
        inputs = np.concatenate([batch[key] for key in _INPUTS], axis=-1)
        prediction = self.generator.predict_on_batch(inputs)
        out = apply_prediction(
            ops.convert_to_tensor(batch["warped_b"]), ops.convert_to_tensor(prediction)
        )
        return ops.convert_to_numpy(out) * batch["mask"]

    def _train_discriminator(self, batch: Batch, fake: np.ndarray) -> float:
        logs = self.discriminator_step.run(
            {
                "real": batch["real"] * batch["real_mask"],
                "fake": fake,
                "real_mask": batch["real_mask"],
                "fake_mask": batch["mask"],
            }
        )
        return logs["loss"]

    def _has_extras(self) -> bool:
        config = self.config
        extras = (
            config.lambda_cycle,
            config.lambda_identity,
            config.lambda_adversarial,
        )
        return any(extras)

    def _build_steps(self) -> None:
        config = self.config
        rate = learning_rate(config.learning_rate, config.decay_steps)
        optimizer = keras.optimizers.Adam(rate, beta_1=config.beta_1)
        frozen = [] if self.discriminator is None else [self.discriminator]
        plain, full = _term_weights(config)
        self.plain_step = TrainingStep(
            "plain_step", self.plain_terms, plain, [self.generator], [], optimizer
        )
        self.full_step = TrainingStep(
            "full_step", self.full_terms, full, [self.generator], frozen, optimizer
        )
        if self.discriminator is not None:
            rate = learning_rate(
                config.discriminator_learning_rate,
                config.decay_steps,
                1 / config.cycle_every,
            )
            self.discriminator_step = build_discriminator_step(
                self.discriminator, keras.optimizers.Adam(rate, beta_1=0.5)
            )

    def _networks(self) -> dict[str, keras.Model]:
        networks = {"generator": self.generator}
        if self.discriminator is not None:
            networks["discriminator"] = self.discriminator
        return networks

    def _optimizers(self) -> dict[str, keras.Optimizer]:
        optimizers = {"generator": self.full_step.optimizer}
        if self.discriminator is not None:
            optimizers["discriminator"] = self.discriminator_step.optimizer
        return optimizers


def _stack_inputs(view: Any, batch: Mapping[str, Any], which: str) -> Any:
    """Join the generator's inputs for exemplar "a" or "b", (B, S, S, 10)."""
    exemplar = [batch[f"{name}_{which}"] for name in _EXEMPLAR]
    return ops.concatenate([view, batch["mask"], *exemplar], axis=-1)


def _term_weights(config: UniversalConfig) -> tuple[dict, dict]:
    """Return the weights of the plain and of the full step's terms."""
    plain = {
        "truth": config.lambda_truth,
        "slope": config.lambda_slope,
        "residual": config.lambda_residual,
        "variation": config.lambda_variation,
    }
    extras = {
        "cycle": config.lambda_cycle,
        "identity": config.lambda_identity,
        "adversarial": config.lambda_adversarial,
    }
    scaled = {key: w * config.cycle_every for key, w in extras.items() if w}
    return plain, {**plain, **scaled}
