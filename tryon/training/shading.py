"""Train the shading network on garments whose shading is known.

How samples and their ground truth are made: `tryon.training.samples.shading`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cyclegan.config import ShadingConfig
from cyclegan.data import sampled_batches
from cyclegan.shading import ShadingTrainer
from data_tools.folders import read_folder
from data_tools.paint import designs
from tryon.training.generator_run import (
    card_facts,
    resume_or_start,
    save_with_card,
    train_with_sheets,
)
from tryon.training.samples.relit_pairs import find_renders
from tryon.training.samples.shading import light_garments, shading_sample
from tryon.training.steps import Steps


@dataclass(frozen=True)
class ShadingSampleConfig:
    """Mixture of the training samples."""

    photo_share: float = 0.5  # of samples that show a real photo, if there are any


DEFAULT = ShadingSampleConfig()


def train_shading(
    folders: Sequence[Path],
    out_dir: Path,
    config: ShadingConfig,
    epochs: int,
    steps_per_epoch: int,
    batch_size: int = 8,
    views: int = 3,
    photos: Sequence[Path] = (),
    start: Path | None = None,
    steps: Steps | None = None,
    samples: ShadingSampleConfig = DEFAULT,
) -> Iterator[dict[str, float]]:
    """Train, one epoch per yield; at the end `out_dir` has the weights and their card.

    Args:
        folders: of renders.
        out_dir: gets checkpoint, log.csv, a sheet per epoch, weights and card.
        config: the recipe.
        epochs: in total, those of an earlier run in `out_dir` included.
        steps_per_epoch: steps between checkpoints.
        batch_size: samples per step.
        views: of each garment, with random frames.
        photos: folders of annotated photos, whose plain tops are used.
        start: weights to start from; None starts from a seed.
        steps: counts the steps, and tells how many are left.
        samples: mixture of the samples.
    """
    stems = find_renders(folders, "train")
    annotated = [photo for folder in photos for photo in read_folder(folder, "train")]
    size, seed = config.image_size, config.seed
    garments = list(light_garments(stems, annotated, size, views, seed))
    rendered = [garment for garment in garments if garment.drawn]
    real = [garment for garment in garments if not garment.drawn]
    textures = [designs.read_texture(s.with_name(s.name + ".tex.jpg")) for s in stems]
    trainer = ShadingTrainer(config)
    resume_or_start(trainer, trainer.network, out_dir, start)

    def sample(rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        kind = real if real and rng.random() < samples.photo_share else rendered
        design = designs.draw_design(textures, rng)
        scene = garments[rng.integers(len(garments))].photo
        return shading_sample(kind[rng.integers(len(kind))], design, scene, rng)

    batches = sampled_batches(sample, batch_size, seed, trainer.step)
    length, steps = (epochs, steps_per_epoch), steps or Steps()
    yield from train_with_sheets(trainer, batches, *length, out_dir, steps)
    tees, tops = len(rendered) // views, len(real) // views
    data = [
        f"{tees} rendered tees, worn and in shop pictures, painted anew (this project's "
        "own)",
        f"{tops} plain tops of photos, painted anew",
    ]
    facts = card_facts("shading", config, data, trainer.step)
    facts["batch_size"] = batch_size
    save_with_card(trainer.network, out_dir / "shading.weights.h5", facts)
