"""Train the universal generator on painted pairs.

What a sample shows, and where its truth comes from: `tryon.painted_samples`. The network
learns light, level and what the warp misses; the print stays where it was put.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cyclegan.config import UniversalConfig, to_dict
from cyclegan.data import sampled_batches
from cyclegan.train import resume, train
from cyclegan.universal import UniversalTrainer
from cyclegan.weights import load_weights, save_float16
from data_tools.folders import read_folder
from data_tools.paint import designs
from tryon.errors import TryOnError
from tryon.files import write_image
from tryon.training.samples.real_tops import draw_cutout, find_cutouts
from tryon.training.samples.relit_pairs import find_renders, make_pairs
from tryon.training.samples.universal import paint_sample
from tryon.zoo import write_card


def train_universal(
    folders: list[Path],
    out_dir: Path,
    config: UniversalConfig,
    epochs: int,
    steps_per_epoch: int,
    batch_size: int = 4,
    looks: int = 3,
    photos: Sequence[Path] = (),
    start: Path | None = None,
) -> Iterator[dict[str, float]]:
    """Train, one epoch a yield; the weights and their card end in `out_dir`.

    Args:
        folders: of renders.
        out_dir: gets checkpoint, log.csv, a sheet per epoch, weights and card.
        config: the recipe.
        epochs: in all, those of an earlier run in `out_dir` included.
        steps_per_epoch: steps between checkpoints.
        batch_size: pictures a step.
        looks: pairs per worn shirt.
        photos: folders of annotated photos; people in plain light tops are painted, and
            all tops are real to the adversarial loss, where the config has one.
        start: weights to go on from; None starts from a seed.

    Raises:
        TryOnError: an adversarial loss is wanted and no photo shows a top.
    """
    stems = find_renders(folders, "train")
    people = [photo for folder in photos for photo in read_folder(folder, "train")]
    pairs = list(make_pairs(stems, people, config.image_size, looks, config.seed))
    textures = [designs.read_texture(s.with_name(s.name + ".tex.jpg")) for s in stems]
    adversarial = config.lambda_adversarial > 0
    real = find_cutouts(people, config.image_size, config.seed) if adversarial else []
    if adversarial and not real:
        raise TryOnError("no photo shows a large top: the adversarial loss needs some")
    trainer = UniversalTrainer(config)
    if not resume(trainer, out_dir) and start is not None:
        load_weights(trainer.generator, start)

    def draw(rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        sample = paint_sample(
            pairs[rng.integers(len(pairs))],
            designs.vary_design(textures[rng.integers(len(textures))], rng),
            designs.vary_design(textures[rng.integers(len(textures))], rng),
            rng,
        )
        return sample | (draw_cutout(real, rng) if real else {})

    def on_epoch(epoch: int, log: dict[str, float], sheet: NDArray[np.uint8]) -> None:
        del log
        write_image(sheet, out_dir / f"sheet-{epoch:03d}.png")

    batches = sampled_batches(draw, batch_size, config.seed, trainer.step)
    yield from train(trainer, batches, epochs, steps_per_epoch, out_dir, on_epoch)
    weights = out_dir / "universal.weights.h5"
    save_float16(trainer.generator, weights)
    write_card(weights, universal_card(config, len(stems), trainer.step, batch_size))


def universal_card(
    config: UniversalConfig, renders: int, steps: int, batch_size: int
) -> dict[str, object]:
    """Return the facts of the card."""
    return {
        "name": "universal",
        "kind": "universal",
        "licence": "Apache-2.0",
        "config": to_dict(config),
        "data": [f"{renders} rendered people in tees, painted anew (this project's own)"],
        "steps": steps,
        "batch_size": batch_size,
    }
