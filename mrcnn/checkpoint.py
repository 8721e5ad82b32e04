"""Checkpoints of a training run: an interrupted run resumes bit-identically.

A run's folder holds `model.weights.h5` (the network with its optimizer), `state.json`
(settings and log) and `log.csv`. The weights of an epoch are first written beside those
of the epoch before; the number of epochs in the state decides which of the two are valid,
so that an interruption at any moment leaves one intact checkpoint.
"""

import csv
import dataclasses
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from mrcnn.weights import load_weights

STATE, LOG, WEIGHTS = "state.json", "log.csv", "model.weights.h5"
Row = dict[str, float]


class RunError(ValueError):
    """A run cannot start or resume in its folder; the message says why."""


@dataclass
class RunState:
    """Settings and progress of a run.

    Attributes:
        settings: everything that determines the run, as JSON values.
        rows: the log of every completed epoch.
    """

    settings: dict[str, Any]
    rows: list[Row] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """Number of completed epochs, over all stages."""
        return len(self.rows)


def begin(out_dir: Path, settings: dict[str, Any], resume: bool) -> RunState:
    """Return the state that a run starts from.

    Args:
        out_dir: the run's folder.
        settings: must equal those of the run that is resumed.
        resume: continue from the checkpoint in the folder, if there is one.

    Raises:
        RunError: when the folder has a run and `resume` is not set, or the run has other
            settings, or its state is damaged.
    """
    settings = json.loads(json.dumps(settings))  # tuples become lists, as in the file
    path = out_dir / STATE
    if not path.exists():
        return RunState(settings)
    if not resume:
        raise RunError(
            f"expected a folder without a run, got {out_dir}: resume it (--resume) or "
            "choose another folder"
        )
    try:
        state = RunState(**json.loads(path.read_text(encoding="utf-8")))
        changed = [key for key in settings if state.settings.get(key) != settings[key]]
    except (ValueError, TypeError, AttributeError) as error:
        raise RunError(f"expected the state of a run in {path}: {error}") from error
    if changed:
        raise RunError(
            f"expected the settings that the run in {out_dir} began with, got other: "
            f"{', '.join(sorted(changed))}"
        )
    return state


def save(model: keras.Model, out_dir: Path, state: RunState) -> None:
    """Write a checkpoint; the one before stays until this one is complete."""
    epoch_weights = _epoch_weights(out_dir, state)
    temporary = out_dir / ("writing-" + WEIGHTS)
    model.save_weights(temporary)
    temporary.replace(epoch_weights)
    _replace(out_dir / STATE, json.dumps(dataclasses.asdict(state)))
    epoch_weights.replace(out_dir / WEIGHTS)
    _replace(out_dir / LOG, _to_csv(state.rows))


def restore(model: keras.Model, out_dir: Path, state: RunState) -> None:
    """Load the checkpoint that belongs to `state` into a compiled model.

    Raises:
        FileNotFoundError, WeightsError: the checkpoint is gone, or damaged.
    """
    epoch_weights = _epoch_weights(out_dir, state)
    if epoch_weights.exists():  # interrupted between writing the state and renaming
        epoch_weights.replace(out_dir / WEIGHTS)
    for stale in out_dir.glob("epoch-*-" + WEIGHTS):
        stale.unlink()
    model.optimizer.build(model.trainable_variables)
    load_weights(model, out_dir / WEIGHTS)


def _epoch_weights(out_dir: Path, state: RunState) -> Path:
    return out_dir / f"epoch-{state.epochs}-{WEIGHTS}"


def _to_csv(rows: list[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _replace(path: Path, text: str) -> None:
    """Write a text file atomically."""
    temporary = path.with_name("writing-" + path.name)
    temporary.write_text(text, encoding="utf-8", newline="")
    temporary.replace(path)
