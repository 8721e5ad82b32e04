"""Fine-tune the Mask R-CNN: joins annotated photos, augmentation and network."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from cyclegan.weights import save_float16
from data_tools.annotations import AnnotatedPhoto
from data_tools.augment import photo_augmenter
from data_tools.folders import read_folder
from mrcnn.backbone import load_imagenet
from mrcnn.config import MaskRCNNConfig, TrainConfig
from mrcnn.data import Example, TrainingBatches
from mrcnn.model import MaskRCNN
from mrcnn.train import run_stages
from tryon.zoo import write_card

# How often each source is drawn. The few street photos of short sleeves are what users'
# photos look like, so they weigh as much as the many flat lays.
SOURCE_SHARES = {
    "people": 0.46,
    "people-other": 0.17,
    "shop": 0.15,
    "shop-other": 0.12,
    "rendered": 0.1,
}


def load_example(photos: list[AnnotatedPhoto], index: int) -> Example:
    """Read one annotated photo from disk."""
    image, garments = photos[index].image(), photos[index].garments()
    masks = np.array([garment.mask for garment in garments], bool)
    labels = np.array([garment.label for garment in garments], np.int64)
    return Example(image, masks.reshape(-1, *image.shape[:2]), labels)


def drawing_shares(photos: list[AnnotatedPhoto]) -> list[float]:
    """Return how often each photo is drawn, so that sources keep `SOURCE_SHARES`."""
    counts = Counter(photo.source for photo in photos)
    return [SOURCE_SHARES[photo.source] / counts[photo.source] for photo in photos]


def train_segmenter(
    data: list[Path],
    out_dir: Path,
    config: MaskRCNNConfig,
    train: TrainConfig,
    backbone: Path | None,
    start: Path | None = None,
    first_stage: int = 0,
) -> Iterator[dict[str, float]]:
    """Train on folders of annotated photos.

    Args:
        data: folders `read_folder` knows.
        out_dir: gets `model.weights.h5`, `segmenter.weights.h5` (float16),
            `config.json` and `log.csv`.
        config: the network.
        train: the recipe.
        backbone: ImageNet weights of the backbone; None starts it at random.
        start: weights of a whole network to go on from.
        first_stage: stages to skip.

    Yields:
        The log row of every epoch.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    photos = [p for folder in data for p in read_folder(folder, "train")]
    model = MaskRCNN(config, train)
    if backbone is not None:
        load_imagenet(model.backbone, str(backbone))
    if start is not None:
        model.load_weights(start)
    config.save(out_dir / "config.json")

    def make_batches(steps: int) -> TrainingBatches:
        return TrainingBatches(
            partial(load_example, photos),
            drawing_shares(photos),
            config.image_size,
            train,
            steps,
            photo_augmenter(),
        )

    yield from run_stages(model, train, make_batches, out_dir, first_stage=first_stage)
    weights = out_dir / "segmenter.weights.h5"
    trained = MaskRCNN(config)  # anew: without the optimizer's state
    trained.load_weights(out_dir / "model.weights.h5")
    save_float16(trained, weights)
    write_card(weights, segmenter_card(config, train, photos))


def segmenter_card(
    config: MaskRCNNConfig, train: TrainConfig, photos: list[AnnotatedPhoto]
) -> dict[str, object]:
    """Return the facts of the card."""
    counts = Counter(photo.source for photo in photos)
    return {
        "name": "segmenter",
        "kind": "segmenter",
        "licence": "Apache-2.0",
        "config": dataclasses.asdict(config),
        "data": [f"{count} photos ({source})" for source, count in counts.items()],
        "recipe": dataclasses.asdict(train),
    }
