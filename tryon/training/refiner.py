"""Train the refiner on annotated photos and on detections of a Mask R-CNN in them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_tools.annotations import AnnotatedPhoto
from mrcnn.config import RefinerConfig
from mrcnn.detections import mask_iou
from mrcnn.refiner.data import (
    RefinerBatches,
    Region,
    corrupt_mask,
    pack_region,
    random_region,
)
from mrcnn.refiner.model import build_refiner
from mrcnn.refiner.train import RefinerTrainer
from mrcnn.runtime import Predictor
from tryon.pose import PoseReader
from tryon.training.run import (
    NetworkInTraining,
    TrainingRun,
    build_network,
    report_user_errors,
    train,
)
from tryon.training.samples.photos import TrainingPhotos, gather_photos
from tryon.training.samples.refiner import RegionLoader, region_augmenter
from tryon.training.samples.regions import (
    TrainingRegions,
    collect_regions,
    region_shares,
)
from tryon.training.steps import Steps
from tryon.training.worst_cases import Case, write_worst_cases

DETECTIONS = "finds.npz"


@dataclass(frozen=True)
class RefinerSampleConfig:
    """Mixture of the training samples."""

    # Sampling weight of all photos without masks that show a short-sleeve top; the
    # annotated photos have theirs from `gather_photos`.
    unlabeled_weight: float = 0.14


DEFAULT = RefinerSampleConfig()


def train_refiner(
    run: TrainingRun,
    predictor: Callable[[], Predictor],
    poses: Callable[[], PoseReader],
    tops: Sequence[Path] = (),
    on_photo: Callable[[str], None] = lambda name: None,
    steps: Steps | None = None,
) -> Iterator[dict[str, float]]:
    """Train on annotated photos.

    Args:
        run: what to do; its config is a `RefinerConfig`.
        predictor: opens the Mask R-CNN whose detections are refined.
        poses: opens the networks that read people's poses.
        tops: photos that show a short-sleeve top, without masks.
        on_photo: called with each photo's name when its garments are detected.
        steps: counts the steps, and tells how many are left.

    Yields:
        The log row of every epoch; if there are enough photos to hold some out, with
        `held_out_iou`, the mean over their garments.

    Raises:
        TryOnError: as `train_segmenter`.
    """
    yield from report_user_errors(
        _train(run, predictor, poses, tops, on_photo, steps or Steps())
    )


def _train(
    run: TrainingRun,
    predictor: Callable[[], Predictor],
    poses: Callable[[], PoseReader],
    tops: Sequence[Path],
    on_photo: Callable[[str], None],
    steps: Steps,
    samples: RefinerSampleConfig = DEFAULT,
) -> Iterator[dict[str, float]]:
    config, seed = run.config, run.recipe.seed
    assert isinstance(config, RefinerConfig)
    data = gather_photos(run.data, seed)
    unlabeled = [AnnotatedPhoto(path, "tops") for path in tops]
    run.out_dir.mkdir(parents=True, exist_ok=True)
    detections = detect_regions(run.out_dir, predictor, poses, data, unlabeled, on_photo)
    network = build_network(run, lambda: make_network(run))
    load = RegionLoader([*data.photos, *unlabeled], detections)
    weight = samples.unlabeled_weight / max(len(unlabeled), 1)
    weights = [*data.shares, *([weight] * len(unlabeled))]
    weights = region_shares(detections.candidates, weights)
    augment = region_augmenter(data.photos, seed)

    def make_batches(epoch: int, steps: int) -> RefinerBatches:
        return RefinerBatches(
            load,
            weights,
            config.image_size,
            run.recipe.batch_size,
            steps,
            config.landmarks,
            config.body_planes,
            seed,
            augment,
            run.workers,
            epoch,
        )

    def evaluate(epoch: int) -> dict[str, float]:
        return evaluate_held_out(network.model, data.held_out, run.out_dir, epoch)

    data = replace(data, photos=[*data.photos, *unlabeled])
    yield from train(run, network, data, make_batches, evaluate, steps)


def make_network(run: TrainingRun) -> NetworkInTraining:
    """Build the refiner with its losses."""
    config = run.config
    assert isinstance(config, RefinerConfig)
    model = RefinerTrainer(config, run.recipe)
    return NetworkInTraining(
        "refiner", model, lambda: build_refiner(config), lambda m: m.network
    )


def detect_regions(
    out_dir: Path,
    predictor: Callable[[], Predictor],
    poses: Callable[[], PoseReader],
    data: TrainingPhotos,
    tops: Sequence[AnnotatedPhoto],
    on_photo: Callable[[str], None],
) -> TrainingRegions:
    """Detect the garments of all photos, or load what an earlier run here detected."""
    path, photos = out_dir / DETECTIONS, [*data.photos, *tops]
    regions = TrainingRegions.load(path, photos)
    if regions is None:
        regions = collect_regions(predictor(), poses(), data.photos, tops, on_photo)
        regions.save(path, photos)
    return regions


def evaluate_held_out(
    model: RefinerTrainer, photos: Sequence[AnnotatedPhoto], out_dir: Path, epoch: int
) -> dict[str, float]:
    """Write a sheet of the worst held-out garments; returns the mean IoU over all."""
    cases = [case for photo in photos for case in judge_garments(model, photo)]
    return write_worst_cases(cases, out_dir, epoch)


def judge_garments(model: RefinerTrainer, photo: AnnotatedPhoto) -> Iterator[Case]:
    """Refine a photo's garments from corrupted masks, the same ones at every call."""
    size, image = model.config.image_size, photo.image()
    for index, garment in enumerate(photo.garments()):
        rng = np.random.default_rng(index)
        region = Region(image, garment.mask, None, garment.label)
        view = random_region(region, size, rng, strength=0)
        truth = np.asarray(view.mask)
        hint = corrupt_mask(truth, rng)
        view = replace(view, hint=hint)
        assert isinstance(config := model.config, RefinerConfig)
        views = pack_region(view, config.landmarks, config.body_planes)["views"]
        logits = np.asarray(model.network.predict_on_batch(views[None])["masks"][0])
        mask = logits.repeat(2, 0).repeat(2, 1) > 0
        yield Case(view.image, truth > 0.5, mask, mask_iou(mask, truth > 0.5))
