"""Train the Mask R-CNN on annotated photos."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from data_tools.annotations import AnnotatedPhoto
from mrcnn.config import MaskRCNNConfig
from mrcnn.data import TrainingBatches
from mrcnn.model import MaskRCNN
from tryon.training.run import (
    NetworkInTraining,
    TrainingRun,
    build_network,
    report_user_errors,
    train,
)
from tryon.training.samples.photos import ExampleLoader, example_augmenter, gather_photos
from tryon.training.steps import Steps
from tryon.training.worst_cases import judge_case, write_worst_cases


def train_segmenter(
    run: TrainingRun, steps: Steps | None = None
) -> Iterator[dict[str, float]]:
    """Train on annotated photos.

    Args:
        run: what to do; its config is a `MaskRCNNConfig`.
        steps: counts the steps, and tells how many are left.

    Yields:
        The log row of every epoch; if there are enough photos to hold some out, with
        `held_out_iou`, the mean over them.

    Raises:
        TryOnError: when there are no photos, a file is invalid, or the run in `out_dir`
            cannot be resumed.
    """
    yield from report_user_errors(_train(run, steps or Steps()))


def _train(run: TrainingRun, steps: Steps) -> Iterator[dict[str, float]]:
    config = run.config
    assert isinstance(config, MaskRCNNConfig)
    data = gather_photos(run.data, run.recipe.seed)
    run.out_dir.mkdir(parents=True, exist_ok=True)
    network = build_network(
        run,
        lambda: NetworkInTraining(
            "segmenter", MaskRCNN(config, run.recipe), lambda: MaskRCNN(config)
        ),
    )
    load, augment = ExampleLoader(data.photos), None

    def make_batches(epoch: int, steps: int) -> TrainingBatches:
        nonlocal augment
        if augment is None:  # slow: not before the run is known to continue
            augment = example_augmenter(data.photos, run.recipe.seed)
        size = config.image_size
        return TrainingBatches(
            load, data.shares, size, run.recipe, steps, augment, run.workers, epoch
        )

    def evaluate(epoch: int) -> dict[str, float]:
        return evaluate_held_out(network.model, data.held_out, run.out_dir, epoch)

    yield from train(run, network, data, make_batches, evaluate, steps)


def evaluate_held_out(
    model: MaskRCNN, photos: Sequence[AnnotatedPhoto], out_dir: Path, epoch: int
) -> dict[str, float]:
    """Write a sheet of the worst held-out photos; returns the mean IoU over all."""
    load = ExampleLoader(photos)
    cases = [judge_case(model, load(index)) for index in range(len(photos))]
    return write_worst_cases(cases, out_dir, epoch)
