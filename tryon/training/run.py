"""Training run of an mrcnn network: stages, checkpoint, log, weights and card."""

import dataclasses
import importlib.util
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cyclegan.weights import save_float16
from data_tools.annotations import AnnotatedPhoto, DataError
from mrcnn.backbone import load_pretrained
from mrcnn.checkpoint import RunError
from mrcnn.classic import Adopted, is_classic, load_classic
from mrcnn.config import MaskRCNNConfig, NetworkConfig, TrainConfig
from mrcnn.predictor import build_network as build_trained
from mrcnn.train import averaged_weights, run_stages
from mrcnn.weights import WeightsError, load_weights
from tryon.errors import TryOnError
from tryon.files import write_text
from tryon.networks import network_config
from tryon.training.samples.photos import DataChoice, TrainingPhotos
from tryon.training.steps import Steps
from tryon.zoo import load_card, write_card

STEPS_PER_EPOCH = 100  # maximum; a checkpoint and a row of the log are written per epoch
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TrainingRun:
    """Inputs, outputs and recipe of a training run.

    Attributes:
        data: the photos.
        out_dir: gets the checkpoint (`mrcnn.checkpoint`), `config.json`, `worst/` with a
            sheet per epoch, `tensorboard/`, and at the end the weights (float16, their
            averages if the recipe has any) with their card.
        config: of the network.
        recipe: of the training.
        backbone: pretrained weights of the backbone; None starts it at random.
        start: weights of a whole network to start from.
        resume: continue from the checkpoint in `out_dir`.
        workers: threads that make batches.
    """

    data: DataChoice
    out_dir: Path
    config: NetworkConfig
    recipe: TrainConfig
    backbone: Path | None = None
    start: Path | None = None
    resume: bool = False
    workers: int = 1


@dataclasses.dataclass(frozen=True)
class NetworkInTraining:
    """A network and the model that trains it.

    Attributes:
        name: of its weights file and its card.
        model: trained by `fit`; has `config`, `backbone` and `seed`.
        build: builds the network that is shipped, without training parts.
        extract: returns that network from the model.
    """

    name: str
    model: keras.Model
    build: Callable[[], keras.Model]
    extract: Callable[[keras.Model], keras.Model] = lambda model: model

    @property
    def shipped(self) -> keras.Model:
        """The part of the model that is shipped."""
        return self.extract(self.model)


def build_network(
    run: TrainingRun, build: Callable[[], NetworkInTraining]
) -> NetworkInTraining:
    """Build a network in the recipe's precision, with its initial weights."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(run.recipe.precision)
    keras.utils.set_random_seed(run.recipe.seed)
    try:
        network = build()
    finally:
        keras.config.set_dtype_policy(before)
    if run.backbone is not None:
        load_pretrained(network.model.backbone, str(run.backbone))
    if run.start is not None:
        start_from(network.shipped, run.start, run.config)
    return network


def start_from(model: keras.Model, weights: Path, config: NetworkConfig) -> None:
    """Load the weights of a network, also of one with another backbone or fewer inputs.

    Args:
        model: gets them.
        weights: of a network of the same kind. Where the card beside them has another
            config, each layer takes its namesake's weights where they fit, and keeps
            what it has elsewhere. Of the classic Keras Mask R-CNN, see `mrcnn.classic`.
        config: of the model.

    Raises:
        FileNotFoundError, WeightsError: the weights cannot be used.
    """
    if isinstance(config, MaskRCNNConfig) and is_classic(weights):
        _tell_adopted(load_classic(model, weights), weights)
        return
    path = weights.with_name(weights.name.removesuffix(".weights.h5") + ".json")
    card = load_card(path) if path.exists() else None
    given = config if card is None else network_config(card, card.values["kind"])
    if given == config:
        load_weights(model, weights)
        return
    donor = {layer.name: layer for layer in build_trained(given, weights).layers}
    for layer in model.layers:
        if layer.name in donor:
            _adopt_weights(layer, donor[layer.name].get_weights())


def _tell_adopted(adopted: Adopted, weights: Path) -> None:
    """Say what starts anew; of many layers the last, which are the heads'."""
    taken, anew, shown = len(adopted.taken), len(adopted.anew), adopted.anew[-10:]
    others = f", and {anew - len(shown)} others" * (anew > len(shown))
    names = ", ".join(shown) + others if anew else "none"
    line = "%s: %d of %d layers start from it; anew start: %s"
    _log.warning(line, weights.name, taken, taken + anew, names)


def _adopt_weights(layer: keras.layers.Layer, donated: list[np.ndarray]) -> None:
    """Set a layer's weights; inputs that the donor lacks, its last ones, get zeros."""
    adopted = []
    for own, other in zip(layer.get_weights(), donated, strict=True):
        missing = np.subtract(own.shape, other.shape) if own.ndim == other.ndim else [-1]
        inputs_alone = own.ndim >= 2 and not np.any(np.delete(missing, -2))
        if np.any(missing) and not (inputs_alone and missing[-2] > 0):
            return
        adopted.append(np.pad(other, [(0, count) for count in missing]))
    layer.set_weights(adopted)


def train(
    run: TrainingRun,
    network: NetworkInTraining,
    data: TrainingPhotos,
    make_batches: Callable[[int, int], keras.utils.PyDataset],
    evaluate: Callable[[int], dict[str, float]],
    steps: Steps,
) -> Iterator[dict[str, float]]:
    """Train all stages, then write weights and card.

    Args:
        run: inputs, outputs and recipe.
        network: the network.
        data: the photos of `run.data`.
        make_batches: returns the batches of an epoch from its number and steps.
        evaluate: measures the network on held-out photos after an epoch.
        steps: counts the steps, and tells how many are left.

    Yields:
        The log row of every epoch.
    """
    rows = run_stages(
        network.model,
        run.recipe,
        make_batches,
        run.out_dir,
        STEPS_PER_EPOCH,
        run.resume,
        settings={"data": _describe_data(run.data, data)},
        evaluate=evaluate,
        callbacks=(_StepCallback(steps),),
        on_begin=steps.begin,
    )
    board = open_board(network.model, run.out_dir)
    for row in rows:
        text = json.dumps(dataclasses.asdict(run.config), indent=1)
        write_text(text + "\n", run.out_dir / "config.json")
        if board is not None:
            board.on_epoch_end(int(row["epoch"]), dict(row))
        yield row
    save_trained(run, network, data.photos)


def report_user_errors(rows: Iterator[dict[str, float]]) -> Iterator[dict[str, float]]:
    """Pass rows on; errors that a user can correct become `TryOnError`."""
    try:
        yield from rows
    except (FileNotFoundError, DataError, RunError, WeightsError) as error:
        raise TryOnError(str(error)) from error


def _describe_data(choice: DataChoice, data: TrainingPhotos) -> dict[str, object]:
    """Return the description of the data that must be unchanged in a resumed run."""
    return {
        "photos": len(data.photos),
        "weights": [part.weight for part in choice.parts],
        "polygons": choice.polygons,
        "sources": dict(sorted(Counter(p.source for p in data.photos).items())),
    }


class _StepCallback(keras.callbacks.Callback):
    """Calls a function after every step."""

    def __init__(self, on_step: Callable[[], None]):
        super().__init__()
        self._on_step = on_step

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Call the function."""
        self._on_step()


def open_board(model: keras.Model, out_dir: Path) -> keras.callbacks.TensorBoard | None:
    """Return a writer of `tensorboard/`; None, with a warning, where unavailable."""
    has_package = importlib.util.find_spec("tensorboard") is not None
    if keras.backend.backend() != "tensorflow" or not has_package:
        _log.warning(
            "no tensorboard files: they need the tensorflow backend and tensorboard"
        )
        return None
    board = keras.callbacks.TensorBoard(str(out_dir / "tensorboard"), write_graph=False)
    board.set_model(model)
    return board


def save_trained(
    run: TrainingRun, network: NetworkInTraining, photos: Sequence[AnnotatedPhoto]
) -> None:
    """Write the trained weights, float16 and without the optimizer, and their card."""
    shipped = network.build()
    with averaged_weights(network.model):
        shipped.set_weights(network.shipped.get_weights())
    weights = run.out_dir / f"{network.name}.weights.h5"
    save_float16(shipped, weights)
    write_card(weights, card_facts(network.name, run, photos))


def card_facts(
    name: str, run: TrainingRun, photos: Sequence[AnnotatedPhoto]
) -> Mapping[str, Any]:
    """Return the facts of the card."""
    counts = Counter(photo.source for photo in photos)
    return {
        "name": name,
        "kind": name,
        "licence": "Apache-2.0",
        "config": dataclasses.asdict(run.config),
        "data": [f"{count} photos ({source})" for source, count in counts.items()],
        "recipe": dataclasses.asdict(run.recipe),
    }
