"""Train the universal generator on rendered and photographed people, painted anew.

How samples and their ground truth are made: `tryon.training.samples.universal`. The
network learns shading, level of light and corrections of the warp; the print stays where
the warp put it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cyclegan.config import UniversalConfig
from cyclegan.data import sampled_batches
from cyclegan.universal import UniversalTrainer
from data_tools.folders import read_folder
from data_tools.paint import designs
from tryon.errors import TryOnError
from tryon.training.generator_run import (
    card_facts,
    resume_or_start,
    save_with_card,
    train_with_sheets,
)
from tryon.training.samples.real_tops import draw_cutout, find_cutouts
from tryon.training.samples.relit_pairs import find_renders, make_pairs
from tryon.training.samples.universal import paint_sample
from tryon.training.steps import Steps


def train_universal(
    folders: list[Path],
    out_dir: Path,
    config: UniversalConfig,
    epochs: int,
    steps_per_epoch: int,
    batch_size: int = 4,
    views: int = 3,
    photos: Sequence[Path] = (),
    start: Path | None = None,
    steps: Steps | None = None,
) -> Iterator[dict[str, float]]:
    """Train, one epoch per yield; at the end `out_dir` has the weights and their card.

    Args:
        folders: of renders.
        out_dir: gets checkpoint, log.csv, a sheet per epoch, weights and card.
        config: the recipe.
        epochs: in total, those of an earlier run in `out_dir` included.
        steps_per_epoch: steps between checkpoints.
        batch_size: samples per step.
        views: of each worn shirt, with random frames.
        photos: folders of annotated photos; people in plain light tops are painted, and
            all tops are real to the adversarial loss, if the config has one.
        start: weights to start from; None starts from a seed.
        steps: counts the steps, and tells how many are left.

    Raises:
        TryOnError: there is an adversarial loss, but no photo shows a top.
    """
    stems = find_renders(folders, "train")
    people = [photo for folder in photos for photo in read_folder(folder, "train")]
    pairs = list(make_pairs(stems, people, config.image_size, views, config.seed))
    textures = [designs.read_texture(s.with_name(s.name + ".tex.jpg")) for s in stems]
    adversarial = config.lambda_adversarial > 0
    real = find_cutouts(people, config.image_size, config.seed) if adversarial else []
    if adversarial and not real:
        raise TryOnError("no photo shows a large top: the adversarial loss needs some")
    trainer = UniversalTrainer(config)
    resume_or_start(trainer, trainer.generator, out_dir, start)

    def sample(rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        painted = paint_sample(
            pairs[rng.integers(len(pairs))],
            designs.vary_design(textures[rng.integers(len(textures))], rng),
            designs.vary_design(textures[rng.integers(len(textures))], rng),
            rng,
        )
        return painted | (draw_cutout(real, rng) if real else {})

    batches = sampled_batches(sample, batch_size, config.seed, trainer.step)
    length, steps = (epochs, steps_per_epoch), steps or Steps()
    yield from train_with_sheets(trainer, batches, *length, out_dir, steps)
    data = [f"{len(stems)} rendered people in tees, painted anew (this project's own)"]
    facts = card_facts("universal", config, data, trainer.step)
    facts["batch_size"] = batch_size
    save_with_card(trainer.generator, out_dir / "universal.weights.h5", facts)
