"""Train the refiner: joins annotated photos, finds of Mask R-CNN, and network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_tools.annotations import AnnotatedPhoto
from mrcnn.config import RefinerConfig
from mrcnn.detections import mask_iou
from mrcnn.refiner.data import RefinerBatches, Region, corrupt_mask, random_region
from mrcnn.refiner.model import build_refiner
from mrcnn.refiner.train import RefinerTrainer
from mrcnn.runtime import Predictor
from tryon.files import write_image
from tryon.training.run import Trainee, TrainingRun, build_trainee, one_line, train
from tryon.training.samples.photos import TrainingPhotos, gather_photos
from tryon.training.samples.refiner import RegionLoader, region_augmenter
from tryon.training.samples.regions import (
    TrainingRegions,
    collect_regions,
    region_shares,
)
from tryon.training.worst_cases import Case, draw_cases

TOPS_SHARE = 0.14  # of photos without masks that show a short-sleeve top
WORST = 8  # cases in a picture
FINDS = "finds.npz"


def train_refiner(
    run: TrainingRun,
    predictor: Callable[[], Predictor],
    tops: Sequence[Path] = (),
    tell: Callable[[str], None] = lambda name: None,
    on_step: Callable[[], None] = lambda: None,
) -> Iterator[dict[str, float]]:
    """Train on annotated photos.

    Args:
        run: what to do; its config is a `RefinerConfig`.
        predictor: opens the Mask R-CNN whose finds are refined.
        tops: photos that show a short-sleeve top, without masks.
        tell: called with every photo's name while finds are looked for.
        on_step: called after every step.

    Yields:
        The log row of every epoch; with enough photos to hold some out also
        `held_out_iou`, the mean over their garments.

    Raises:
        TryOnError: as `train_segmenter`.
    """
    yield from one_line(_train(run, predictor, tops, tell, on_step))


def _train(
    run: TrainingRun,
    predictor: Callable[[], Predictor],
    tops: Sequence[Path],
    tell: Callable[[str], None],
    on_step: Callable[[], None],
) -> Iterator[dict[str, float]]:
    config, seed = run.config, run.recipe.seed
    assert isinstance(config, RefinerConfig)
    data = gather_photos(run.data, seed)
    weak = [AnnotatedPhoto(path, "tops") for path in tops]
    run.out_dir.mkdir(parents=True, exist_ok=True)
    finds = find_regions(run.out_dir, predictor, data, weak, tell)
    trainee = build_trainee(run, lambda: make_trainee(run))
    load = RegionLoader([*data.photos, *weak], finds)
    photo_shares = [*data.shares, *([TOPS_SHARE / max(len(weak), 1)] * len(weak))]
    shares = region_shares(finds.candidates, photo_shares)
    augment = region_augmenter(data.photos, seed)

    def make_batches(epoch: int, steps: int) -> RefinerBatches:
        return RefinerBatches(
            load,
            shares,
            config.image_size,
            run.recipe.batch_size,
            steps,
            config.landmarks,
            seed,
            augment,
            run.workers,
            epoch,
        )

    def look(epoch: int) -> dict[str, float]:
        return look_at_worst(trainee.model, data.held_out, run.out_dir, epoch)

    data = replace(data, photos=[*data.photos, *weak])
    yield from train(run, trainee, data, make_batches, look, on_step)


def make_trainee(run: TrainingRun) -> Trainee:
    """Build the refiner with its losses."""
    config = run.config
    assert isinstance(config, RefinerConfig)
    model = RefinerTrainer(config, run.recipe)
    return Trainee("refiner", model, lambda: build_refiner(config), lambda m: m.network)


def find_regions(
    out_dir: Path,
    predictor: Callable[[], Predictor],
    data: TrainingPhotos,
    tops: Sequence[AnnotatedPhoto],
    tell: Callable[[str], None],
) -> TrainingRegions:
    """Look for regions, or read those that a run before in this folder found."""
    path, photos = out_dir / FINDS, [*data.photos, *tops]
    finds = TrainingRegions.load(path, photos)
    if finds is None:
        finds = collect_regions(predictor(), data.photos, tops, tell)
        finds.save(path, photos)
    return finds


def look_at_worst(
    model: RefinerTrainer, photos: Sequence[AnnotatedPhoto], out_dir: Path, epoch: int
) -> dict[str, float]:
    """Write the held-out garments with the least IoU; returns the mean over all."""
    cases = [case for photo in photos for case in judge_garments(model, photo)]
    if not cases:
        return {}
    cases.sort(key=lambda case: case.iou)
    (out_dir / "worst").mkdir(exist_ok=True)
    write_image(draw_cases(cases[:WORST]), out_dir / "worst" / f"epoch-{epoch:03d}.jpg")
    return {"held_out_iou": float(np.mean([case.iou for case in cases]))}


def judge_garments(model: RefinerTrainer, photo: AnnotatedPhoto) -> Iterator[Case]:
    """Draw a photo's garments from spoilt hints, the same ones at every call."""
    size, image = model.config.image_size, photo.image()
    for index, garment in enumerate(photo.garments()):
        rng = np.random.default_rng(index)
        region = Region(image, garment.mask, None, garment.label)
        view = random_region(region, size, rng, strength=0)
        truth = np.asarray(view.mask)
        hint = corrupt_mask(truth, rng)
        views = np.dstack([view.image, 255 * hint]).astype(np.float32)
        logits = np.asarray(model.network.predict_on_batch(views[None])["masks"][0])
        guess = logits.repeat(2, 0).repeat(2, 1) > 0
        yield Case(view.image, truth > 0.5, guess, mask_iou(guess, truth > 0.5))
