"""Training in stages, each starting from the weights of the one before."""

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
    """Linear warm-up to the peak, then cosine decay to 2 % of it.

    `keras.optimizers.schedules.CosineDecay` has the same decay, but reaches the peak one
    step later: its rates in a warm-up of 50 steps are up to 2 % lower.

    Args:
        peak: the highest learning rate.
        warmup: steps of the warm-up; step 0 has the rate peak / warmup.
        total: steps of the whole stage, warm-up included.
    """

    def __init__(self, peak: float, warmup: int, total: int):
        super().__init__()
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        warmup = (step + 1.0) / max(self.warmup, 1)
        progress = keras.ops.clip(
            (step - self.warmup) / max(self.total - self.warmup, 1), 0.0, 1.0
        )
        decay = 0.02 + 0.49 * (1.0 + keras.ops.cos(progress * math.pi))
        return self.peak * keras.ops.minimum(warmup, decay)

    def get_config(self):
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total}


class AveragedAdamW(keras.optimizers.AdamW):
    """AdamW that may keep an exponential moving average of the weights.

    Keras overwrites the weights with the average at the end of every `fit`. A run calls
    `fit` many times: here the weights are kept until `use_averages` is called.
    """

    def finalize_variable_values(self, var_list):
        """Keep the weights at the end of `fit`."""

    def use_averages(self, variables) -> None:
        """Overwrite the weights with their averages, if there are any."""
        super().finalize_variable_values(variables)
        # Copies: on JAX the weights would share the averages' memory, and the next step
        # donates the memory of the weights.
        for variable in variables:
            variable.assign(np.array(variable))


@contextmanager
def averaged_weights(model: MaskRCNN) -> Iterator[None]:
    """Replace the weights by their averages, and restore them afterwards."""
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
    """Freeze what the stage does not train and compile the model with a new optimizer."""
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
    # On a CPU, where TensorFlow is used, XLA is slower than the plain graph.
    jit = keras.backend.backend() == "jax"
    model.compile(optimizer=optimizer, jit_compile=jit)


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One epoch of a run.

    Attributes:
        stage: its index.
        steps: of the epoch.
        done: steps of the whole run until its end.
    """

    stage: int
    steps: int
    done: int


def plan_epochs(train: TrainConfig, steps_per_epoch: int) -> list[Epoch]:
    """Divide each stage into epochs of equal length, at most `steps_per_epoch`."""
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
    evaluate: Callable[[int], dict[str, float]] | None = None,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
    on_begin: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[dict[str, float]]:
    """Train all stages epoch by epoch; a stage starts from the averages of the last.

    After every epoch the checkpoint in `out_dir` is replaced, see `mrcnn.checkpoint`.

    Args:
        model: the network, with its initial weights.
        train: the recipe.
        make_batches: returns the batches of an epoch; called with its number, over all
            stages, and its steps.
        out_dir: an existing folder.
        steps_per_epoch: maximum steps between two yields.
        resume: continue from the checkpoint in `out_dir`, if there is one.
        settings: what else must be unchanged when the run is resumed; JSON values.
        evaluate: called with an epoch's number (from 1) at its end, with the averages in
            place of the weights; its values are added to the epoch's row.
        callbacks: for Keras; each epoch is a `fit` of its own, so its epoch number is 0.
        on_begin: called with the steps that were done before, and those of the whole run.

    Yields:
        The row of each epoch: epoch (from 1), stage, step and the mean losses.

    Raises:
        checkpoint.RunError: when the run cannot start or resume.
    """
    epochs = plan_epochs(train, steps_per_epoch)
    own = _run_settings(model, train, steps_per_epoch)
    state = checkpoint.begin(out_dir, {**(settings or {}), **own}, resume)
    done = epochs[state.epochs - 1].done if state.epochs else 0
    on_begin(done, epochs[-1].done)
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
        # Weights files do not contain the random state: each epoch has its own seed.
        model.seed.state.assign([train.seed, number])
        row: checkpoint.Row = {
            "epoch": number + 1,
            "stage": epoch.stage,
            "step": epoch.done,
        }
        row |= _fit_epoch(model, make_batches(number, epoch.steps), callbacks)
        if evaluate is not None:
            with averaged_weights(model):
                row |= evaluate(number + 1)
        state.rows.append(row)
        checkpoint.save(model, out_dir, state)
        yield row


def _run_settings(
    model: MaskRCNN, train: TrainConfig, steps_per_epoch: int
) -> dict[str, object]:
    """Return the settings that a resumed run must share."""
    return {
        "network": dataclasses.asdict(model.config),
        "recipe": dataclasses.asdict(train),
        "steps_per_epoch": steps_per_epoch,
    }


def _fit_epoch(
    model: MaskRCNN,
    batches: keras.utils.PyDataset,
    callbacks: tuple[keras.callbacks.Callback, ...],
) -> checkpoint.Row:
    """Train one epoch; returns the mean losses."""
    # No shuffling: the batches are random already, each from its own seed.
    history = model.fit(
        batches, verbose=0, shuffle=False, callbacks=list(callbacks)
    ).history
    return {name: float(values[-1]) for name, values in history.items()}
