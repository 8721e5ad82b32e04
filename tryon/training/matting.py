"""Train the matting network on renders that are painted anew, and on annotated photos."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import AnnotatedPhoto
from data_tools.augment.backdrops import cut_backdrops
from data_tools.paint import designs
from data_tools.paint.rendered_pairs import WORN_FILES
from mrcnn.config import MattingConfig
from mrcnn.detections import mask_iou
from mrcnn.matting.data import MatteBatches, MatteScene, pack_matte, random_view
from mrcnn.matting.model import build_matting_network
from mrcnn.matting.train import MattingTrainer
from tryon.training.run import (
    NetworkInTraining,
    TrainingRun,
    build_network,
    report_user_errors,
    train,
)
from tryon.training.samples.matting import (
    DEFAULT,
    Load,
    has_garment,
    photo_loader,
    render_loader,
    view_changer,
)
from tryon.training.samples.photos import PhotosConfig, TrainingPhotos, gather_photos
from tryon.training.steps import Steps
from tryon.training.worst_cases import Case, write_worst_cases

TEXTURE = ".tex.jpg"  # ending of a render's flat design


def train_matting(
    run: TrainingRun, steps: Steps | None = None
) -> Iterator[dict[str, float]]:
    """Train on renders, whose edges are exact, and on photos with masks.

    Args:
        run: what to do; its config is a `MattingConfig`.
        steps: hears of every step.

    Yields:
        The log row of every epoch; if there are enough photos to hold some out, with
        `held_out_iou` of the masks, which the network gets with made-up faults.

    Raises:
        TryOnError: as `train_segmenter`.
    """
    yield from report_user_errors(_train(run, steps or Steps()))


def _train(run: TrainingRun, steps: Steps) -> Iterator[dict[str, float]]:
    config, seed = run.config, run.recipe.seed
    assert isinstance(config, MattingConfig)
    data = gather_photos(run.data, seed, PhotosConfig(DEFAULT.source_shares))
    data = _with_garments(data)
    run.out_dir.mkdir(parents=True, exist_ok=True)
    network = build_network(run, lambda: make_network(run))
    paths = (_texture(photo) for photo in data.photos)
    textures = [designs.read_texture(path) for path in paths if path.exists()]
    loaders = [make_loader(photo, textures) for photo in data.photos]
    held_out = [make_loader(photo, textures) for photo in data.held_out]
    pieces = cut_backdrops(data.photos, DEFAULT.backdrops, np.random.default_rng(seed))
    change = view_changer(pieces)

    def make_batches(epoch: int, steps: int) -> MatteBatches:
        return MatteBatches(
            lambda index, rng: loaders[index](rng),
            data.shares,
            config.image_size,
            run.recipe.batch_size,
            steps,
            seed,
            change,
            run.workers,
            epoch,
        )

    def evaluate(epoch: int) -> dict[str, float]:
        cases = []
        for index, load in enumerate(held_out):
            rng = np.random.default_rng([seed, index])
            view = change(random_view(load(rng), config.image_size, rng), rng)
            cases.append(judge_view(network.model, view))
        return write_worst_cases(cases, run.out_dir, epoch)

    yield from train(run, network, data, make_batches, evaluate, steps)


def make_network(run: TrainingRun) -> NetworkInTraining:
    """Build the matting network with its losses."""
    config = run.config
    assert isinstance(config, MattingConfig)
    model = MattingTrainer(config, run.recipe)
    return NetworkInTraining(
        "matting", model, lambda: build_matting_network(config), lambda m: m.network
    )


def make_loader(photo: AnnotatedPhoto, textures: list[NDArray[np.uint8]]) -> Load:
    """Return what loads scenes of a photo; renders with their light are painted anew."""
    path = photo.image_path
    stem = path.with_name(path.stem)
    if all(path.with_name(path.stem + ending).exists() for ending in WORN_FILES):
        return render_loader(stem, textures)
    return photo_loader(photo)


def _texture(photo: AnnotatedPhoto) -> Path:
    return photo.image_path.with_name(photo.image_path.stem + TEXTURE)


def _with_garments(data: TrainingPhotos) -> TrainingPhotos:
    """Leave out photos without a garment that the network can learn from."""
    keep = [has_garment(photo) for photo in data.photos]
    return TrainingPhotos(
        [photo for photo, kept in zip(data.photos, keep, strict=True) if kept],
        [share for share, kept in zip(data.shares, keep, strict=True) if kept],
        [photo for photo in data.held_out if has_garment(photo)],
    )


def judge_view(model: MattingTrainer, view: MatteScene) -> Case:
    """Compare a predicted matte, cut at one half, with the truth where that is known."""
    row = pack_matte(view)
    logits = np.asarray(model.network.predict_on_batch(row["views"][None]))[0]
    known = view.known > 127
    truth, found = known & (view.alpha > 127), known & (logits > 0)
    return Case(view.image, truth, found, mask_iou(found, truth))
