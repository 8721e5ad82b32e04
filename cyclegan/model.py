"""CycleGAN of one garment pattern: start reading here.

Domain a are the users' shirts S2, domain b the pattern's cut-outs S1, both on a plain
background. All losses are restricted to the garments' masks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from . import losses, weights
from .config import CycleGANConfig
from .data import from_model_range
from .image_pool import ImagePool
from .networks import build_discriminator, build_generator, relight_texture
from .steps import (
    JIT,
    Terms,
    TrainingStep,
    build_discriminator_step,
    check_batch,
    learning_rate,
)

Batch = Mapping[str, np.ndarray]


class CycleGAN:
    """Two generators, two discriminators, and their training steps.

    Args:
        config: the recipe.

    Example:
        >>> model = CycleGAN(CycleGANConfig(image_size=32, filters=8, blocks=1))
        >>> model.step
        0

    References:
        Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent
        Adversarial Networks, ICCV 2017.
    """

    def __init__(self, config: CycleGANConfig) -> None:
        """Build all networks with seeded weights."""
        self.config = config
        self.step = 0  # steps taken
        self.generator_a2b = build_generator(config, "generator_a2b")
        plain = dataclasses.replace(config, texture=0)  # shirts share no print
        self.generator_b2a = build_generator(plain, "generator_b2a")
        self.discriminator_a = build_discriminator(config, "discriminator_a")
        self.discriminator_b = build_discriminator(config, "discriminator_b")
        self._build_steps()
        self._reset_pools()

    @classmethod
    def from_folder(cls, folder: str | Path) -> CycleGAN:
        """Load a saved model with its own config."""
        model = cls(weights.read_config(folder, CycleGANConfig))
        model.load(folder)
        return model

    def set_texture(self, texture: np.ndarray) -> None:
        """Initialize the texture of the print, (T, T, 3) in [-1, 1]."""
        self.generator_a2b.get_layer("texture").set_weights([texture])

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Train the generators, then each discriminator, by one step.

        With a paired target, only each `cycle_every`th step is such a full one; the
        others train generator_a2b towards the target, in a sixth of the time.

        Args:
            batch: `real_a`, `real_b` (B, S, S, 3) in [-1, 1]; `mask_a`, `mask_b`
                (B, S, S, 1) or (B, S, S), 0 or 1; unless `lambda_paired` is 0 also
                `paired_b` (B, S, S, 3), the target of fake_b, and `paired_mask`, where
                it is valid; with a texture also `places_a`, `places_b` (B, S, S, 2),
                chart coordinates in [-1, 1]. Colours outside the masks are ignored.

        Returns:
            Named losses from before the step, unweighted; a full step has also `loss`,
            the generators' weighted sum.
        """
        batch = self._prepare(batch)
        paired_only = bool(self.config.lambda_paired) and bool(
            self.step % self.config.cycle_every
        )
        logs = self._paired_step(batch) if paired_only else self._full_step(batch)
        self.step += 1
        return logs

    def _paired_step(self, batch: Batch) -> dict[str, float]:
        unused = ("real_b", "mask_b", "places_b")
        logs = self.paired_step.run({k: batch[k] for k in batch if k not in unused})
        return {"paired_b": logs["paired_b"]}

    def _full_step(self, batch: Batch) -> dict[str, float]:
        fake_b, fake_a = self._translate(batch)
        logs = self.generator_step.run(batch)
        logs["discriminator_a"] = self._train_discriminator(
            self.discriminator_a_step, batch, "a", self._pool_a, fake_a
        )
        logs["discriminator_b"] = self._train_discriminator(
            self.discriminator_b_step, batch, "b", self._pool_b, fake_b
        )
        return logs

    def generate(
        self,
        real_a: np.ndarray,
        mask_a: np.ndarray,
        uv_a: np.ndarray | None = None,
    ) -> np.ndarray:
        """Translate shirts to the pattern.

        Args:
            real_a: (B, S, S, 3) in [-1, 1].
            mask_a: (B, S, S, 1) or (B, S, S), 0 or 1.
            uv_a: chart coordinates (B, S, S, 2) in [-1, 1], only with a texture.

        Returns:
            fake_b (B, S, S, 3) float32 in [-1, 1], background outside the mask.
        """
        return self._translate_one(self.generator_a2b, real_a, mask_a, uv_a)

    def reconstruct(
        self,
        fake_b: np.ndarray,
        mask_a: np.ndarray,
        uv_a: np.ndarray | None = None,
    ) -> np.ndarray:
        """Translate the output of `generate` back to the shirts; shapes as there."""
        return self._translate_one(self.generator_b2a, fake_b, mask_a, uv_a)

    def sample_sheet(self, batch: Batch) -> np.ndarray:
        """Show real_a, fake_b, real_b and fake_a, one row per pair.

        Args:
            batch: as for `train_step`.

        Returns:
            uint8 (B * S, 4 * S, 3).
        """
        batch = self._prepare(batch)
        fake_b, fake_a = self._translate(batch)
        columns = (batch["real_a"], fake_b, batch["real_b"], fake_a)
        return from_model_range(np.hstack([np.concatenate(c) for c in columns]))

    def save(self, folder: str | Path) -> None:
        """Write weights, optimizer states and step count, but not the image pools."""
        weights.save_state(
            folder, self.config, self.step, self._networks(), self._optimizers()
        )

    def load(self, folder: str | Path) -> None:
        """Load the state that `save` wrote; image pools start empty."""
        self.step = weights.load_state(folder, self._networks(), self._optimizers())
        self._reset_pools()

    def generator_terms(self, batch: Mapping[str, Any]) -> Terms:
        """Compute the generators' losses.

        Args:
            batch: tensors as in `train_step`, on the plain background.

        Returns:
            Scalars by name, without those of weight 0.
        """
        real_a, *shape_a = _side(batch, "a")
        real_b, *shape_b = _side(batch, "b")
        mask_a, mask_b = shape_a[0], shape_b[0]
        fake_b, identity_b = self._run_both(
            self.generator_a2b, (real_a, *shape_a), (real_b, *shape_b)
        )
        fake_a, identity_a = self._run_both(
            self.generator_b2a, (real_b, *shape_b), (real_a, *shape_a)
        )
        cycled_a = self._run(self.generator_b2a, fake_b, *shape_a)
        cycled_b = self._run(self.generator_a2b, fake_a, *shape_b)
        terms = {
            "adversarial_a": _adversarial_loss(self.discriminator_a, fake_a, mask_b),
            "adversarial_b": _adversarial_loss(self.discriminator_b, fake_b, mask_a),
            "cycle_a": losses.masked_l1(real_a, cycled_a, mask_a),
            "cycle_b": losses.masked_l1(real_b, cycled_b, mask_b),
        }
        if self.config.lambda_identity:
            terms["identity_a"] = losses.masked_l1(real_a, identity_a, mask_a)
            terms["identity_b"] = losses.masked_l1(real_b, identity_b, mask_b)
        if self.config.lambda_paired:
            terms["paired_b"] = _paired_error(batch, fake_b)
        return terms

    def paired_terms(self, batch: Mapping[str, Any]) -> Terms:
        """Compute the paired loss only."""
        fake_b = self._run(self.generator_a2b, *_side(batch, "a"))
        return {"paired_b": _paired_error(batch, fake_b)}

    def _run_both(self, generator: keras.Model, real: tuple, same: tuple) -> tuple:
        """Return the fake and, if it has a loss, the identity image."""
        if not self.config.lambda_identity:
            return self._run(generator, *real), None
        # One pass over both is faster than two.
        both = [ops.concatenate(pair, axis=0) for pair in zip(real, same, strict=True)]
        return tuple(ops.split(self._run(generator, *both), 2, axis=0))

    def _run(self, generator: keras.Model, image: Any, mask: Any, *uv: Any) -> Any:
        """Generate inside the mask; outside is the plain background."""
        planes = self._input_planes(image, mask)
        if not self._is_textured(generator):
            return self._on_background(generator(_concatenate(planes)), mask)
        output = relight_texture(generator(_concatenate([*planes, *uv])))
        return self._on_background(output, mask)

    def _input_planes(self, image: Any, mask: Any) -> list[Any]:
        return [image, mask] if self.config.input_channels == 4 else [image]

    def _is_textured(self, generator: keras.Model) -> bool:
        return bool(self.config.texture) and generator is self.generator_a2b

    def _on_background(self, image: Any, mask: Any) -> Any:
        return image * mask + self.config.background * (1.0 - mask)

    def _translate_one(
        self,
        generator: keras.Model,
        image: np.ndarray,
        mask: np.ndarray,
        uv: np.ndarray | None,
    ) -> np.ndarray:
        arrays = {"real_a": image, "mask_a": mask}
        arrays |= {} if uv is None else {"places_a": uv}
        channels = {"real_a": 3, "mask_a": 1, **self._uv_channels("a")}
        batch = check_batch(arrays, channels, self.config.image_size)
        batch["real_a"] = self._on_background(batch["real_a"], batch["mask_a"])
        return self._predict(generator, batch, "a")

    def _predict(self, generator: keras.Model, batch: Batch, side: str) -> np.ndarray:
        """Generate as `_run` does, from the arrays of one side of a prepared batch."""
        image, mask, *uv = _side(batch, side)
        planes = self._input_planes(image, mask)
        planes += uv if self._is_textured(generator) else []
        output = generator.predict_on_batch(np.concatenate(planes, axis=-1))
        if self._is_textured(generator):
            output = ops.convert_to_numpy(relight_texture(ops.convert_to_tensor(output)))
        return self._on_background(np.asarray(output), mask)

    def _uv_channels(self, *sides: str) -> dict[str, int]:
        """Return keys and channels of the sides' chart coordinates, with a texture."""
        return {f"places_{side}": 2 for side in sides if self.config.texture}

    def _prepare(self, batch: Batch) -> dict[str, np.ndarray]:
        channels = {"real_a": 3, "mask_a": 1, "real_b": 3, "mask_b": 1}
        channels |= self._uv_channels("a", "b")
        if self.config.lambda_paired:
            channels.update(paired_b=3, paired_mask=1)
        checked = check_batch(batch, channels, self.config.image_size)
        for side in ("a", "b"):
            image, mask = checked[f"real_{side}"], checked[f"mask_{side}"]
            checked[f"real_{side}"] = self._on_background(image, mask)
        return checked

    def _translate(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return fake_b and fake_a of a prepared batch."""
        return (
            self._predict(self.generator_a2b, batch, "a"),
            self._predict(self.generator_b2a, batch, "b"),
        )

    def _train_discriminator(
        self,
        step: TrainingStep,
        batch: Batch,
        side: str,
        pool: ImagePool,
        fake: np.ndarray,
    ) -> float:
        """Train one discriminator on a real and a pooled fake batch."""
        mask = batch["mask_b" if side == "a" else "mask_a"]
        pooled = pool.query(np.concatenate([fake, mask], axis=-1))
        logs = step.run(
            {
                "real": batch[f"real_{side}"],
                "real_mask": batch[f"mask_{side}"],
                "fake": pooled[..., :3],
                "fake_mask": pooled[..., 3:],
            }
        )
        return logs["loss"]

    def _build_steps(self) -> None:
        config = self.config
        generators = [self.generator_a2b, self.generator_b2a]
        full = 1 / config.cycle_every if config.lambda_paired else 1.0
        self.generator_step = TrainingStep(
            "generator_step",
            self.generator_terms,
            _term_weights(config),
            trained=generators,
            frozen=[self.discriminator_a, self.discriminator_b],
            optimizer=_adam(config, config.learning_rate, full),
        )
        self.paired_step = TrainingStep(
            "paired_step",
            self.paired_terms,
            {"paired_b": 1.0},
            trained=[self.generator_a2b],
            frozen=[],
            optimizer=_adam(config, config.learning_rate, 1.0 - full),
        )
        self.discriminator_a_step, self.discriminator_b_step = (
            build_discriminator_step(
                network, _adam(config, config.discriminator_learning_rate, full)
            )
            for network in (self.discriminator_a, self.discriminator_b)
        )
        for generator in generators:
            generator.compile(optimizer=None, jit_compile=JIT)

    def _reset_pools(self) -> None:
        """Empty the image pools; their random numbers depend on seed and step."""
        size, seed = self.config.pool_size, 2 * (self.config.seed + self.step)
        self._pool_a, self._pool_b = ImagePool(size, seed), ImagePool(size, seed + 1)

    def _networks(self) -> dict[str, keras.Model]:
        return {
            "generator_a2b": self.generator_a2b,
            "generator_b2a": self.generator_b2a,
            "discriminator_a": self.discriminator_a,
            "discriminator_b": self.discriminator_b,
        }

    def _optimizers(self) -> dict[str, keras.Optimizer]:
        return {
            "generators": self.generator_step.optimizer,
            "paired": self.paired_step.optimizer,
            "discriminator_a": self.discriminator_a_step.optimizer,
            "discriminator_b": self.discriminator_b_step.optimizer,
        }


def _adam(config: CycleGANConfig, rate: float, share: float) -> keras.Optimizer:
    schedule = learning_rate(rate, config.decay_steps, share)
    return keras.optimizers.Adam(schedule, beta_1=config.beta_1)


def _concatenate(planes: list[Any]) -> Any:
    return ops.concatenate(planes, axis=-1) if len(planes) > 1 else planes[0]


def _side(batch: Mapping[str, Any], side: str) -> list[Any]:
    """Return image, mask and, with a texture, chart coordinates of a side."""
    names = (f"real_{side}", f"mask_{side}", f"places_{side}")
    return [batch[name] for name in names if name in batch]


def _paired_error(batch: Mapping[str, Any], fake_b: Any) -> Any:
    inside = batch["paired_mask"] * batch["mask_a"]
    return losses.masked_l1(batch["paired_b"], fake_b, inside)


def _adversarial_loss(discriminator: keras.Model, fake: Any, mask: Any) -> Any:
    scores = discriminator(fake)
    return losses.lsgan_generator_loss(scores, losses.patch_weights(mask, scores))


def _term_weights(config: CycleGANConfig) -> dict[str, float]:
    term_weights = {
        "adversarial_a": 1.0,
        "adversarial_b": 1.0,
        "cycle_a": config.lambda_cycle,
        "cycle_b": config.lambda_cycle,
        "identity_a": config.lambda_identity,
        "identity_b": config.lambda_identity,
        "paired_b": config.lambda_paired,
    }
    keep = ("adversarial", "cycle")
    return {k: w for k, w in term_weights.items() if w or k.startswith(keep)}
