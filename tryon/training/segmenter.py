"""Fine-tune the Mask R-CNN: joins annotated photos, augmentation and network."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from data_tools.annotations import AnnotatedPhoto
from mrcnn.config import MaskRCNNConfig
from mrcnn.data import TrainingBatches
from mrcnn.model import MaskRCNN
from tryon.files import write_image
from tryon.training.run import Trainee, TrainingRun, build_trainee, one_line, train
from tryon.training.samples.photos import ExampleLoader, example_augmenter, gather_photos
from tryon.training.worst_cases import draw_cases, judge_case

WORST = 8  # cases in a picture


def train_segmenter(
    run: TrainingRun, on_step: Callable[[], None] = lambda: None
) -> Iterator[dict[str, float]]:
    """Train on annotated photos.

    Args:
        run: what to do; its config is a `MaskRCNNConfig`.
        on_step: called after every step.

    Yields:
        The log row of every epoch; with enough photos to hold some out also
        `held_out_iou`, the mean over them.

    Raises:
        TryOnError: when there are no photos, a file is not as expected, or the run in
            `out_dir` cannot be resumed.
    """
    yield from one_line(_train(run, on_step))


def _train(run: TrainingRun, on_step: Callable[[], None]) -> Iterator[dict[str, float]]:
    config = run.config
    assert isinstance(config, MaskRCNNConfig)
    data = gather_photos(run.data, run.recipe.seed)
    run.out_dir.mkdir(parents=True, exist_ok=True)
    trainee = build_trainee(
        run,
        lambda: Trainee(
            "segmenter", MaskRCNN(config, run.recipe), lambda: MaskRCNN(config)
        ),
    )
    load, augment = ExampleLoader(data.photos), None

    def make_batches(epoch: int, steps: int) -> TrainingBatches:
        nonlocal augment
        if augment is None:  # takes a while: not before the run is known to go on
            augment = example_augmenter(data.photos, run.recipe.seed)
        size = config.image_size
        return TrainingBatches(
            load, data.shares, size, run.recipe, steps, augment, run.workers, epoch
        )

    def look(epoch: int) -> dict[str, float]:
        return look_at_worst(trainee.model, data.held_out, run.out_dir, epoch)

    yield from train(run, trainee, data, make_batches, look, on_step)


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
