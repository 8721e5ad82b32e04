"""Training: stage after stage, each from the weights of the one before."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from mrcnn import checkpoint
from mrcnn.backbone import set_trainable
from mrcnn.config import OUTLINES, Stage, TrainConfig
from mrcnn.model import MaskRCNN


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Rise linearly to the peak, then fall along a cosine to 2 % of it.

    Args:
        peak: the highest learning rate.
        warmup: steps of the rise.
        total: steps of the whole stage.
    """

    def __init__(self, peak: float, warmup: int, total: int):
        super().__init__()
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        rise = (step + 1.0) / max(self.warmup, 1)
        along = keras.ops.clip(
            (step - self.warmup) / max(self.total - self.warmup, 1), 0.0, 1.0
        )
        fall = 0.02 + 0.49 * (1.0 + keras.ops.cos(along * math.pi))
        return self.peak * keras.ops.minimum(rise, fall)

    def get_config(self):
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total}


class AveragedAdamW(keras.optimizers.AdamW):
    """AdamW that may keep an exponential moving average of the weights beside them.

    Keras writes the average over the weights at the end of every `fit`. A run is many
    calls of `fit`: here the weights stay until `use_averages` asks for the average.
    """

    def finalize_variable_values(self, var_list):
        """Leave the weights as they are."""

    def use_averages(self, variables) -> None:
        """Write the averages over the weights; without averages nothing happens."""
        super().finalize_variable_values(variables)
        # Copies: on JAX the weights would share the averages' memory, and the next step
        # gives the memory of the weights away.
        for variable in variables:
            variable.assign(np.array(variable))


@contextmanager
def averaged_weights(model: MaskRCNN) -> Iterator[None]:
    """Put the averages in place of the weights, and afterwards the weights back."""
    if not model.optimizer.use_ema:
        yield
        return
    kept = [np.array(weight) for weight in model.trainable_variables]
    model.optimizer.use_averages(model.trainable_variables)
    try:
        yield
    finally:
        for weight, value in zip(model.trainable_variables, kept, strict=True):
            weight.assign(value)


def compile_stage(model: MaskRCNN, stage: Stage, train: TrainConfig) -> None:
    """Freeze what the stage leaves alone and give the model its optimizer."""
    set_trainable(model.backbone, stage.layers)
    for layer in model.class_layers:
        layer.trainable = stage.layers != OUTLINES
    warmup = min(train.warmup_steps, stage.steps // 4)
    optimizer = AveragedAdamW(
        WarmupCosine(stage.learning_rate, warmup, stage.steps),
        weight_decay=train.weight_decay,
        global_clipnorm=train.gradient_norm,
        use_ema=train.ema > 0,
        ema_momentum=train.ema,
    )
    # XLA is slower than the plain graph on a CPU, and TensorFlow is the CPU's choice.
    jit = keras.backend.backend() == "jax"
    model.compile(optimizer=optimizer, jit_compile=jit)


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One epoch of a run: its stage, its steps, and the steps of the run after it."""

    stage: int
    steps: int
    done: int


def plan_epochs(train: TrainConfig, steps_per_epoch: int) -> list[Epoch]:
    """Cut the stages into epochs of equal length, at most `steps_per_epoch` long."""
    epochs: list[Epoch] = []
    done = 0
    for number, stage in enumerate(train.stages):
        count = math.ceil(stage.steps / steps_per_epoch)
        for _ in range(count):
            done += stage.steps // count
            epochs.append(Epoch(number, stage.steps // count, done))
    return epochs


def run_stages(
    model: MaskRCNN,
    train: TrainConfig,
    make_batches: Callable[[int, int], keras.utils.PyDataset],
    out_dir: Path,
    steps_per_epoch: int = 100,
    resume: bool = False,
    settings: dict[str, object] | None = None,
    look: Callable[[int], dict[str, float]] | None = None,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
) -> Iterator[dict[str, float]]:
    """Train all stages, one epoch a yield; a stage begins with the averages of the last.

    After every epoch the checkpoint in `out_dir` is replaced, see `mrcnn.checkpoint`.

    Args:
        model: the network; its weights are the start.
        train: the recipe.
        make_batches: gives the batches of an epoch from its number, over all stages, and
            its steps.
        out_dir: an existing folder.
        steps_per_epoch: steps between two yields, at most.
        resume: go on from the checkpoint in `out_dir`, if there is one.
        settings: whatever else must be as it was when the run is resumed; JSON values.
        look: called with an epoch's number when it is done, the averages in place of the
            weights; what it returns joins the epoch's row.
        callbacks: given to Keras; they are told epochs from 0 in every epoch.

    Yields:
        epoch (from 1), stage, step and the mean losses of the epoch.

    Raises:
        checkpoint.RunError: when the run cannot begin.
    """
    epochs = plan_epochs(train, steps_per_epoch)
    settings = {
        **(settings or {}),
        "network": dataclasses.asdict(model.config),
        "recipe": dataclasses.asdict(train),
        "steps_per_epoch": steps_per_epoch,
    }
    state = checkpoint.begin(out_dir, settings, resume)
    stage = None
    if state.epochs:
        stage = epochs[state.epochs - 1].stage
        compile_stage(model, train.stages[stage], train)
        checkpoint.restore(model, out_dir, state)
    for number, epoch in list(enumerate(epochs))[state.epochs :]:
        if epoch.stage != stage:
            if stage is not None:
                model.optimizer.use_averages(model.trainable_variables)
            stage = epoch.stage
            compile_stage(model, train.stages[stage], train)
        # Weights files leave the random state out: every epoch has one of its own.
        model.seed.state.assign([train.seed, number])
        # No shuffling: the batches are drawn at random, from their own seed.
        history = model.fit(
            make_batches(number, epoch.steps),
            verbose=0,
            shuffle=False,
            callbacks=list(callbacks),
        ).history
        row: checkpoint.Row = {
            "epoch": number + 1,
            "stage": epoch.stage,
            "step": epoch.done,
        }
        row |= {name: float(values[-1]) for name, values in history.items()}
        if look is not None:
            with averaged_weights(model):
                row |= look(number + 1)
        state.rows.append(row)
        checkpoint.save(model, out_dir, state)
        yield row
