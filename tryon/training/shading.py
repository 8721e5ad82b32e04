"""Train the shading network on garments whose light is known.

What a sample shows, and where its truth comes from: `tryon.shading_samples`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cyclegan.config import ShadingConfig, to_dict
from cyclegan.data import sampled_batches
from cyclegan.shading import ShadingTrainer
from cyclegan.train import resume, train
from cyclegan.weights import load_weights, save_float16
from data_tools.folders import read_folder
from data_tools.paint import designs
from tryon.files import write_image
from tryon.training.samples.relit_pairs import find_renders
from tryon.training.samples.shading import light_garments, shading_sample
from tryon.zoo import write_card

PHOTO_SHARE = 0.5  # of the samples that show a real photo, where there are any


def train_shading(
    folders: Sequence[Path],
    out_dir: Path,
    config: ShadingConfig,
    epochs: int,
    steps_per_epoch: int,
    batch_size: int = 8,
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
        looks: frames of each garment.
        photos: folders of annotated photos; plain tops are taken.
        start: weights to go on from; None starts from a seed.
    """
    stems = find_renders(folders, "train")
    annotated = [photo for folder in photos for photo in read_folder(folder, "train")]
    size, seed = config.image_size, config.seed
    garments = list(light_garments(stems, annotated, size, looks, seed))
    rendered = [garment for garment in garments if garment.drawn]
    real = [garment for garment in garments if not garment.drawn]
    textures = [designs.read_texture(s.with_name(s.name + ".tex.jpg")) for s in stems]
    trainer = ShadingTrainer(config)
    if not resume(trainer, out_dir) and start is not None:
        load_weights(trainer.network, start)

    def draw(rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        kind = real if real and rng.random() < PHOTO_SHARE else rendered
        design = designs.vary_design(textures[rng.integers(len(textures))], rng)
        scene = garments[rng.integers(len(garments))].photo
        return shading_sample(kind[rng.integers(len(kind))], design, scene, rng)

    def on_epoch(epoch: int, log: dict[str, float], sheet: NDArray[np.uint8]) -> None:
        del log
        write_image(sheet, out_dir / f"sheet-{epoch:03d}.png")

    batches = sampled_batches(draw, batch_size, seed, trainer.step)
    yield from train(trainer, batches, epochs, steps_per_epoch, out_dir, on_epoch)
    weights = out_dir / "shading.weights.h5"
    save_float16(trainer.network, weights)
    counts = len(rendered) // looks, len(real) // looks
    write_card(weights, shading_card(config, counts, trainer.step, batch_size))


def shading_card(
    config: ShadingConfig, counts: tuple[int, int], steps: int, batch_size: int
) -> dict[str, object]:
    """Return the facts of the card; counts are of rendered and of real garments."""
    rendered, real = counts
    return {
        "name": "shading",
        "kind": "shading",
        "licence": "Apache-2.0",
        "config": to_dict(config),
        "data": [
            f"{rendered} rendered tees, worn and in shop pictures, painted anew (this "
            "project's own)",
            f"{real} plain tops of photos, painted anew",
        ],
        "steps": steps,
        "batch_size": batch_size,
    }
