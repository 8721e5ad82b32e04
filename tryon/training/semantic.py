"""Train the semantic network on annotated photos, and on renders, of people."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import AnnotatedPhoto
from mrcnn.config import SemanticConfig
from mrcnn.semantic.data import Scene, SemanticBatches, look, pack_scene
from mrcnn.semantic.inference import LOWER_BODY, NAMES, STRIDE, UPPER_BODY, body_window
from mrcnn.semantic.model import build_semantic_network
from mrcnn.semantic.train import SemanticTrainer
from tryon.files import write_whole
from tryon.pose import PoseReader
from tryon.training.run import (
    NetworkInTraining,
    TrainingRun,
    build_network,
    report_user_errors,
    train,
)
from tryon.training.samples.photos import PhotosConfig, gather_photos
from tryon.training.samples.semantic import (
    OTHER,
    SceneLoader,
    SemanticSamplesConfig,
    balance_classes,
    scene_augmenter,
)
from tryon.training.steps import Steps
from tryon.training.worst_cases import Case, write_worst_cases

BODIES = "bodies.npz"
_BODY = "body-"  # + index of a photo: the name of its people's landmarks in the file


def train_semantic(
    run: TrainingRun,
    poses: Callable[[], PoseReader],
    on_photo: Callable[[str], None] = lambda name: None,
    steps: Steps | None = None,
) -> Iterator[dict[str, float]]:
    """Train on annotated photos.

    Args:
        run: what to do; its config is a `SemanticConfig`.
        poses: opens the networks that read people's poses.
        on_photo: called with each photo's name when its people are read.
        steps: counts the steps, and tells how many are left.

    Yields:
        The log row of every epoch; if there are enough photos to hold some out, with
        `held_out_iou`, the mean over their views and the classes that each shows.

    Raises:
        TryOnError: as `train_segmenter`.
    """
    yield from report_user_errors(_train(run, poses, on_photo, steps or Steps()))


def _train(
    run: TrainingRun,
    poses: Callable[[], PoseReader],
    on_photo: Callable[[str], None],
    steps: Steps,
) -> Iterator[dict[str, float]]:
    config, seed = run.config, run.recipe.seed
    assert isinstance(config, SemanticConfig)
    samples = SemanticSamplesConfig()
    data = gather_photos(run.data, seed, PhotosConfig(samples.source_shares))
    run.out_dir.mkdir(parents=True, exist_ok=True)
    photos = [*data.photos, *data.held_out]
    bodies = read_bodies(run.out_dir / BODIES, poses, photos, on_photo)
    network = build_network(run, lambda: make_network(run))
    load = SceneLoader(data.photos, bodies, samples)
    shares = balance_classes(data.photos, data.shares, samples)
    augment = scene_augmenter(data.photos, seed, samples)
    held_out = SceneLoader(data.held_out, bodies[len(data.photos) :])

    def make_batches(epoch: int, steps: int) -> SemanticBatches:
        return SemanticBatches(
            load,
            shares,
            config.image_size,
            run.recipe.batch_size,
            steps,
            seed,
            augment,
            run.workers,
            epoch,
        )

    def evaluate(epoch: int) -> dict[str, float]:
        scenes = (held_out(index) for index in range(len(data.held_out)))
        cases = [case for scene in scenes for case in judge_scene(network.model, scene)]
        return write_worst_cases(cases, run.out_dir, epoch)

    yield from train(run, network, data, make_batches, evaluate, steps)


def make_network(run: TrainingRun) -> NetworkInTraining:
    """Build the semantic network with its loss."""
    config = run.config
    assert isinstance(config, SemanticConfig)
    model = SemanticTrainer(config, run.recipe)
    return NetworkInTraining(
        "semantic", model, lambda: build_semantic_network(config), lambda m: m.network
    )


def read_bodies(
    path: Path,
    poses: Callable[[], PoseReader],
    photos: Sequence[AnnotatedPhoto],
    on_photo: Callable[[str], None],
) -> list[NDArray[np.float32]]:
    """Read the landmarks of the people in all photos, or load what was read before.

    Args:
        path: an .npz file, which is written if it is not there or is of other photos.
        poses: opens the networks that read people's poses.
        photos: annotated photos.
        on_photo: called with each photo's name.

    Returns:
        float32 (N, 33, 3) of each photo, see `Region.body`.
    """
    names = np.array([str(photo.image_path) for photo in photos], np.str_)
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            if np.array_equal(file["photos"], names):
                return [file[f"{_BODY}{index}"] for index in range(len(photos))]
    read, bodies = poses(), []
    for photo in photos:
        on_photo(photo.image_path.name)
        found = [pose.body for pose in read(photo.image())]
        bodies.append(np.array(found, np.float32).reshape(-1, 33, 3))
    arrays = {f"{_BODY}{index}": body for index, body in enumerate(bodies)}

    def write(file: IO[bytes]) -> None:
        np.savez_compressed(file, allow_pickle=False, photos=names, **arrays)

    write_whole(path, write)
    return bodies


def judge_scene(model: SemanticTrainer, scene: Scene) -> Iterator[Case]:
    """Compare a scene's classes with the predicted ones, in both views of inference."""
    size = model.config.image_size
    for body_view in (UPPER_BODY, LOWER_BODY):
        view = look(scene, body_window(scene.points, body_view, size), size)
        row = pack_scene(view)
        logits = model.network.predict_on_batch(row["views"][None])[0]
        truth, pred = row["gt_clothes"], np.asarray(logits).argmax(axis=-1)
        known = truth < len(NAMES)
        ious = [
            (known & (truth == index) & (pred == index)).sum()
            / (known & ((truth == index) | (pred == index))).sum()
            for index in np.unique(truth[known])
        ]
        worn, seen = (
            np.kron((plane > OTHER) & known, np.ones((STRIDE, STRIDE), bool))
            for plane in (truth, pred)
        )
        yield Case(view.image, worn, seen, float(np.mean(ious)))
