"""Checkpoints of a training run: a run that was killed goes on as if it had not been.

In a run's folder lie `model.weights.h5` (the network with its optimizer), `state.json`
(what was done, with which settings) and `log.csv`. The weights of an epoch are first
written beside those of the epoch before; the state, which counts the epochs, decides
which of the two hold, so that a kill at any moment leaves one whole checkpoint.
"""

import csv
import dataclasses
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

STATE, LOG, WEIGHTS = "state.json", "log.csv", "model.weights.h5"
Row = dict[str, float]


class RunError(ValueError):
    """A run cannot begin in its folder; the message says why."""


@dataclass
class RunState:
    """How far a run is.

    Attributes:
        settings: everything that decides the run, as JSON values.
        rows: the log of every epoch that is done.
    """

    settings: dict[str, Any]
    rows: list[Row] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """How many epochs are done, over all stages."""
        return len(self.rows)


def begin(out_dir: Path, settings: dict[str, Any], resume: bool) -> RunState:
    """Return where a run begins.

    Args:
        out_dir: the run's folder.
        settings: must equal those of the run that is resumed.
        resume: go on from the checkpoint that lies there, if one does.

    Raises:
        RunError: when a run lies there that nobody asked to resume, or that had other
            settings, or whose state is damaged.
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
        others = [key for key in settings if state.settings.get(key) != settings[key]]
    except (ValueError, TypeError, AttributeError) as error:
        raise RunError(f"expected the state of a run in {path}: {error}") from error
    if others:
        raise RunError(
            f"expected the settings that the run in {out_dir} began with, got other: "
            f"{', '.join(sorted(others))}"
        )
    return state


def save(model: keras.Model, out_dir: Path, state: RunState) -> None:
    """Write a checkpoint; the one before stays until this one is whole."""
    fresh = _fresh_weights(out_dir, state)
    temporary = out_dir / ("writing-" + WEIGHTS)
    model.save_weights(temporary)
    temporary.replace(fresh)
    _replace(out_dir / STATE, json.dumps(dataclasses.asdict(state)))
    fresh.replace(out_dir / WEIGHTS)
    _replace(out_dir / LOG, _table(state.rows))


def restore(model: keras.Model, out_dir: Path, state: RunState) -> None:
    """Read the checkpoint that belongs to `state` into a compiled model."""
    fresh = _fresh_weights(out_dir, state)
    if fresh.exists():  # killed between state and rename
        fresh.replace(out_dir / WEIGHTS)
    for stale in out_dir.glob("epoch-*-" + WEIGHTS):
        stale.unlink()
    model.optimizer.build(model.trainable_variables)
    model.load_weights(out_dir / WEIGHTS)


def _fresh_weights(out_dir: Path, state: RunState) -> Path:
    return out_dir / f"epoch-{state.epochs}-{WEIGHTS}"


def _table(rows: list[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name("writing-" + path.name)
    temporary.write_text(text, encoding="utf-8", newline="")
    temporary.replace(path)
