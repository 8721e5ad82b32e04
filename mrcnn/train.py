"""Training: stage after stage, each from the weights of the one before."""

import csv
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import keras

from mrcnn.backbone import set_trainable
from mrcnn.config import Stage, TrainConfig
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


def compile_stage(model: MaskRCNN, stage: Stage, train: TrainConfig) -> None:
    """Freeze what the stage leaves alone and give the model its optimizer."""
    set_trainable(model.backbone, stage.layers)
    warmup = min(train.warmup_steps, stage.steps // 4)
    optimizer = keras.optimizers.AdamW(
        WarmupCosine(stage.learning_rate, warmup, stage.steps),
        weight_decay=train.weight_decay,
        global_clipnorm=train.gradient_norm,
    )
    # XLA is slower than the plain graph on a CPU, and TensorFlow is the CPU's choice.
    jit = keras.backend.backend() == "jax"
    model.compile(optimizer=optimizer, jit_compile=jit)


def run_stages(
    model: MaskRCNN,
    train: TrainConfig,
    make_batches: Callable[[int], keras.utils.PyDataset],
    out_dir: Path,
    steps_per_epoch: int = 100,
    first_stage: int = 0,
) -> Iterator[dict[str, float]]:
    """Train all stages, one epoch a yield.

    After every epoch `out_dir/model.weights.h5` is replaced and a row is added to
    `out_dir/log.csv`.

    Args:
        model: the network; its weights are the start.
        train: the recipe.
        make_batches: gives the batches of a stage, from the steps per epoch.
        out_dir: an existing folder.
        steps_per_epoch: steps between two yields, at most.
        first_stage: stages before this one are skipped (they were done earlier).

    Yields:
        stage, step and the mean losses of the epoch.
    """
    done = 0
    for number, stage in enumerate(train.stages):
        done += stage.steps
        if number < first_stage:
            continue
        compile_stage(model, stage, train)
        epochs = math.ceil(stage.steps / steps_per_epoch)
        batches = make_batches(stage.steps // epochs)
        for epoch in range(epochs):
            # initial_epoch makes Keras continue, not start over, at every call.
            # No shuffling: the batches are drawn at random, from their own seed.
            history = model.fit(
                batches, initial_epoch=epoch, epochs=epoch + 1, verbose=0, shuffle=False
            ).history
            row = {name: values[-1] for name, values in history.items()}
            step = done - stage.steps + (epoch + 1) * len(batches)
            row = {"stage": number, "step": step, **row}
            save_checkpoint(model, out_dir / "model.weights.h5")
            _append(out_dir / "log.csv", row)
            yield row


def save_checkpoint(model: keras.Model, path: Path) -> None:
    """Write the weights to a temporary name and rename them."""
    temporary = path.with_name("writing-" + path.name)
    model.save_weights(temporary)
    temporary.replace(path)


def _append(path: Path, row: dict[str, float]) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)
