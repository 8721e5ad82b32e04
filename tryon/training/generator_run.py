"""Training run of a cyclegan network: start or resume, sheets, weights and card."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cyclegan.config import Config, to_dict
from cyclegan.train import Trainable, resume, train
from cyclegan.weights import load_weights, save_float16
from tryon.errors import TryOnError
from tryon.files import write_image
from tryon.training.steps import Steps
from tryon.zoo import write_card


def resume_or_start(
    trainer: Trainable, network: keras.Model, out_dir: Path, start: Path | None
) -> None:
    """Load the checkpoint in `out_dir`, or else the weights in `start` into `network`.

    Raises:
        TryOnError: the weights cannot be used.
    """
    if resume(trainer, out_dir) or start is None:
        return
    try:
        load_weights(network, start)
    except ValueError as error:
        raise TryOnError(f"{start}: cannot be started from ({error})") from error


def train_with_sheets(
    trainer: Trainable,
    batches: Iterable[Mapping[str, NDArray[np.float32]]],
    epochs: int,
    steps_per_epoch: int,
    out_dir: Path,
    steps: Steps,
    measure: Callable[[], Mapping[str, float]] = dict,
    board: keras.callbacks.TensorBoard | None = None,
) -> Iterator[dict[str, float]]:
    """Train as `cyclegan.train.train`, with a sample sheet per epoch.

    Args:
        trainer: has the networks.
        batches: at least one per remaining step.
        epochs: in total, those before a resume included.
        steps_per_epoch: steps between checkpoints.
        out_dir: gets checkpoint, log.csv and `sheet-<epoch>.png`.
        steps: counts the steps, and tells how many are left.
        measure: called after every epoch; its metrics are added to the log.
        board: gets the log too; None for none.

    Yields:
        The log of each epoch.
    """

    def on_epoch(epoch: int, log: dict[str, float], sheet: NDArray[np.uint8]) -> None:
        write_image(sheet, out_dir / f"sheet-{epoch:03d}.png")
        if board is not None:
            board.on_epoch_end(epoch, log)

    length, listeners = (epochs, steps_per_epoch), (steps.begin, steps)
    return train(trainer, batches, *length, out_dir, on_epoch, measure, *listeners)


def save_with_card(
    network: keras.Model, weights: Path, facts: Mapping[str, object]
) -> Path:
    """Write a network's weights, float16, and their card; returns the card's path."""
    save_float16(network, weights)
    return write_card(weights, facts)


def card_facts(
    kind: str,
    config: Config,
    data: list[str],
    steps: int,
    name: str | None = None,
    licence: str = "Apache-2.0",
) -> dict[str, Any]:
    """Return the facts of a network's card.

    Args:
        kind: of the network.
        config: its recipe.
        data: what it was trained on, in words.
        steps: number of training steps.
        name: of the network; None for that of its kind.
        licence: of the weights.
    """
    return {
        "name": name or kind,
        "kind": kind,
        "licence": licence,
        "config": to_dict(config),
        "data": data,
        "steps": steps,
    }
