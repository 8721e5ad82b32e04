"""Fine-tune the Mask R-CNN: joins annotated photos, augmentation and network."""

import dataclasses
import importlib.util
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from cyclegan.weights import save_float16
from data_tools.annotations import AnnotatedPhoto, DataError
from mrcnn.backbone import load_imagenet
from mrcnn.checkpoint import RunError
from mrcnn.config import MaskRCNNConfig, TrainConfig
from mrcnn.data import TrainingBatches
from mrcnn.model import MaskRCNN
from mrcnn.train import averaged_weights, plan_epochs, run_stages
from tryon.errors import TryOnError
from tryon.images import write_image
from tryon.training_data import (
    DataChoice,
    ExampleLoader,
    TrainingPhotos,
    example_augmenter,
    gather_photos,
)
from tryon.worst_cases import draw_cases, judge_case
from tryon.zoo import write_card

STEPS_PER_EPOCH = 100
WORST = 8  # cases in a picture
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class SegmenterRun:
    """A training run.

    Attributes:
        data: the photos.
        out_dir: gets the checkpoint (`mrcnn.checkpoint`), `config.json`, `worst/` with a
            picture an epoch, `tensorboard/`, and at the end `segmenter.weights.h5`
            (float16, the averages where the recipe keeps them) with its card.
        config: the network.
        recipe: the training.
        backbone: ImageNet weights of the backbone; None starts it at random.
        start: weights of a whole network to start from.
        resume: go on from the checkpoint in `out_dir`.
        workers: threads that draw batches.
    """

    data: DataChoice
    out_dir: Path
    config: MaskRCNNConfig
    recipe: TrainConfig
    backbone: Path | None = None
    start: Path | None = None
    resume: bool = False
    workers: int = 1

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return sum(epoch.steps for epoch in plan_epochs(self.recipe, STEPS_PER_EPOCH))


def train_segmenter(
    run: SegmenterRun, on_step: Callable[[], None] = lambda: None
) -> Iterator[dict[str, float]]:
    """Train on annotated photos.

    Args:
        run: what to do.
        on_step: called after every step.

    Yields:
        The log row of every epoch; with enough photos to hold some out also
        `held_out_iou`, the mean over them.

    Raises:
        TryOnError: when there are no photos, a file is not as expected, or the run in
            `out_dir` cannot be resumed.
    """
    try:
        yield from _train(run, on_step)
    except (FileNotFoundError, DataError, RunError) as error:
        raise TryOnError(str(error)) from error


def _train(run: SegmenterRun, on_step: Callable[[], None]) -> Iterator[dict[str, float]]:
    data = gather_photos(run.data, run.recipe.seed)
    run.out_dir.mkdir(parents=True, exist_ok=True)
    model = build_model(run)
    load, augment = ExampleLoader(data.photos), None

    def make_batches(epoch: int, steps: int) -> TrainingBatches:
        nonlocal augment
        if augment is None:  # takes a while: not before the run is known to go on
            augment = example_augmenter(data.photos, run.recipe.seed)
        size = run.config.image_size
        return TrainingBatches(
            load, data.shares, size, run.recipe, steps, augment, run.workers, epoch
        )

    rows = run_stages(
        model,
        run.recipe,
        make_batches,
        run.out_dir,
        STEPS_PER_EPOCH,
        run.resume,
        settings={"data": _described(run.data, data)},
        look=lambda epoch: look_at_worst(model, data.held_out, run.out_dir, epoch),
        callbacks=(_StepCallback(on_step),),
    )
    board = open_board(model, run.out_dir)
    for row in rows:
        run.config.save(run.out_dir / "config.json")
        if board is not None:
            board.on_epoch_end(int(row["epoch"]), dict(row))
        yield row
    save_trained(model, run, data.photos)


def build_model(run: SegmenterRun) -> MaskRCNN:
    """Build the network in the recipe's precision, with the weights it starts from."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(run.recipe.precision)
    keras.utils.set_random_seed(run.recipe.seed)
    try:
        model = MaskRCNN(run.config, run.recipe)
    finally:
        keras.config.set_dtype_policy(before)
    if run.backbone is not None:
        load_imagenet(model.backbone, str(run.backbone))
    if run.start is not None:
        model.load_weights(run.start)
    return model


def _described(choice: DataChoice, data: TrainingPhotos) -> dict[str, object]:
    """Return what a resumed run must have in common with the run before, as to data."""
    return {
        "photos": len(data.photos),
        "weights": [part.weight for part in choice.parts],
        "polygons": choice.polygons,
        "sources": dict(sorted(Counter(p.source for p in data.photos).items())),
    }


class _StepCallback(keras.callbacks.Callback):
    """Tells of every step."""

    def __init__(self, on_step: Callable[[], None]):
        super().__init__()
        self._on_step = on_step

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Tell."""
        self._on_step()


def open_board(model: MaskRCNN, out_dir: Path) -> keras.callbacks.TensorBoard | None:
    """Return what writes `tensorboard/`; None, with a note, where nothing can."""
    has_package = importlib.util.find_spec("tensorboard") is not None
    if keras.backend.backend() != "tensorflow" or not has_package:
        _log.warning(
            "no tensorboard files: they need the tensorflow backend and tensorboard"
        )
        return None
    board = keras.callbacks.TensorBoard(str(out_dir / "tensorboard"), write_graph=False)
    board.set_model(model)
    return board


def look_at_worst(
    model: MaskRCNN, photos: Sequence[AnnotatedPhoto], out_dir: Path, epoch: int
) -> dict[str, float]:
    """Write the held-out photos with the least IoU; returns the mean over all."""
    if not photos:
        return {}
    load = ExampleLoader(photos)
    cases = [judge_case(model, load(index)) for index in range(len(photos))]
    cases.sort(key=lambda case: case.iou)
    (out_dir / "worst").mkdir(exist_ok=True)
    write_image(draw_cases(cases[:WORST]), out_dir / "worst" / f"epoch-{epoch:03d}.jpg")
    return {"held_out_iou": float(np.mean([case.iou for case in cases]))}


def save_trained(
    model: MaskRCNN, run: SegmenterRun, photos: Sequence[AnnotatedPhoto]
) -> None:
    """Write the trained weights, float16 and without the optimizer, and their card."""
    trained = MaskRCNN(run.config)
    with averaged_weights(model):
        trained.set_weights(model.get_weights())
    weights = run.out_dir / "segmenter.weights.h5"
    save_float16(trained, weights)
    write_card(weights, segmenter_card(run.config, run.recipe, photos))


def segmenter_card(
    config: MaskRCNNConfig, recipe: TrainConfig, photos: Sequence[AnnotatedPhoto]
) -> dict[str, object]:
    """Return the facts of the card."""
    counts = Counter(photo.source for photo in photos)
    return {
        "name": "segmenter",
        "kind": "segmenter",
        "licence": "Apache-2.0",
        "config": dataclasses.asdict(config),
        "data": [f"{count} photos ({source})" for source, count in counts.items()],
        "recipe": dataclasses.asdict(recipe),
    }
