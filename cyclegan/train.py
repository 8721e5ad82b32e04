"""The training loop: yields each epoch's log, with checkpoints and resume."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from .weights import replace_folder

Batch = Mapping[str, np.ndarray]
OnEpoch = Callable[[int, dict[str, float], np.ndarray], None]


class Trainable(Protocol):
    """Interface of the trainers."""

    step: int

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Take one step; return named losses."""

    def sample_sheet(self, batch: Batch) -> np.ndarray:
        """Return a uint8 image of a batch's results."""

    def save(self, folder: str | Path) -> None:
        """Write all that an exact resume needs."""

    def load(self, folder: str | Path) -> None:
        """Load what `save` wrote."""


def train(
    model: Trainable,
    batches: Iterable[Batch],
    epochs: int,
    steps_per_epoch: int,
    out_dir: str | Path,
    on_epoch: OnEpoch | None = None,
    measure: Callable[[], Mapping[str, float]] = dict,
    on_begin: Callable[[int, int], None] = lambda done, total: None,
    on_step: Callable[[], None] = lambda: None,
) -> Iterator[dict[str, float]]:
    """Train epoch by epoch and yield each epoch's log.

    `out_dir` holds `checkpoint/` (the last complete epoch) and `log.csv`. If there is a
    checkpoint, training continues from it: call `resume` first and build `batches` from
    `model.step` on, so that the data continue too.

    Args:
        model: a `CycleGAN`, a `UniversalTrainer` or a `ShadingTrainer`.
        batches: at least one per remaining step.
        epochs: in total, those before a resume included.
        steps_per_epoch: steps between checkpoints.
        out_dir: created if absent.
        on_epoch: called with epoch (from 1), log and a uint8 sample sheet.
        measure: called after every epoch; its metrics are added to the log.
        on_begin: called with the steps that were done before, and those of the whole run.
        on_step: called after every step.

    Yields:
        Mean losses of the epoch with `epoch`, `step` and `seconds`.

    Raises:
        ValueError: `epochs` or `steps_per_epoch` below 1, or too few batches.
        FloatingPointError: a loss is nan or infinite; the checkpoint is kept.
    """
    if epochs < 1 or steps_per_epoch < 1:
        raise ValueError(
            "expected epochs and steps_per_epoch of at least 1, "
            f"got {epochs} and {steps_per_epoch}"
        )
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    resume(model, out_dir)
    on_begin(model.step, epochs * steps_per_epoch)
    source = iter(batches)
    for epoch in range(model.step // steps_per_epoch + 1, epochs + 1):
        log, batch = _run_epoch(model, source, steps_per_epoch, on_step)
        log = {"epoch": epoch, "step": model.step, **log, **measure()}
        _write_checkpoint(model, out_dir)
        _append_log(out_dir / "log.csv", log)
        if on_epoch is not None:
            on_epoch(epoch, log, model.sample_sheet(batch))
        yield log


def resume(model: Trainable, out_dir: str | Path) -> bool:
    """Load the checkpoint of an earlier run, unless the model has been trained already.

    Args:
        model: of the same architecture.
        out_dir: the earlier run's folder.

    Returns:
        Whether there was a checkpoint.
    """
    for name in ("checkpoint", "checkpoint.previous"):
        folder = Path(out_dir) / name
        if folder.is_dir():
            if not model.step:
                model.load(folder)
            return True
    return False


def _run_epoch(
    model: Trainable,
    source: Iterator[Batch],
    steps: int,
    on_step: Callable[[], None],
) -> tuple[dict[str, float], Batch]:
    """Return the mean losses and the last batch."""
    sums: dict[str, list[float]] = {}
    start = time.perf_counter()
    batch: Batch | None = None
    for _ in range(steps):
        batch = next(source, None)
        if batch is None:
            raise ValueError(f"expected more batches, got none at step {model.step}")
        for key, value in model.train_step(batch).items():
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"expected a finite loss, got {key} = {value} at step "
                    f"{model.step}; lower the learning rate and resume"
                )
            sums.setdefault(key, []).append(value)
        on_step()
    log = {key: float(np.mean(values)) for key, values in sums.items()}
    return {**log, "seconds": time.perf_counter() - start}, batch or {}


def _write_checkpoint(model: Trainable, out_dir: Path) -> None:
    temporary = out_dir / "checkpoint.tmp"
    model.save(temporary)
    replace_folder(temporary, out_dir / "checkpoint")


def _append_log(path: Path, log: dict[str, float]) -> None:
    """Append a row; an existing file keeps its columns."""
    columns = list(log)
    if path.is_file():
        with path.open(newline="") as file:
            columns = next(csv.reader(file), columns)
    new = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", restval="")
        if new:
            writer.writeheader()
        writer.writerow(log)
