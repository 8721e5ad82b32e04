"""Evaluate a Mask R-CNN's masks alone: the table of docs/experiments/segmentation.md.

    python benchmarks/ablation.py CARD... --data FOLDER

Each CARD is the `segmenter.json` of a run of `tryon train segmenter`. On the val split of
FOLDER the short-sleeve top of the highest score in the whole photo is compared with the
ground truth: without crops, refiner or matte.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from data_tools.annotations import SHORT_SLEEVE_TOP, AnnotatedPhoto
from data_tools.folders import read_folder
from mrcnn.detections import mask_iou
from mrcnn.evaluate import boundary_f
from mrcnn.predictor import detect
from mrcnn.runtime import Predictor
from tryon.networks import load_network
from tryon.zoo import load_card

SOURCES = ("people", "shop", "rendered")
MIN_SCORE = 0.05  # of a detection


@click.command()
@click.argument("cards", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--limit", default=20, show_default=True, help="Photos of each source.")
def main(cards: tuple[Path, ...], data: Path, limit: int) -> None:
    """Print IoU and boundary F per source, for each CARD."""
    photos = read_folder(data, "val")
    print("| run | " + " | ".join(f"{s}: IoU / boundary F" for s in SOURCES) + " |")
    print("| --- " * (1 + len(SOURCES)) + "|")
    for card in cards:
        predictor = load_network(load_card(card), "segmenter")
        cells = [
            "{:.3f} / {:.3f}".format(*np.mean(list(measure(predictor, chosen)), axis=0))
            for chosen in (select(photos, source, limit) for source in SOURCES)
        ]
        print(f"| {card.parent.name} | " + " | ".join(cells) + " |", flush=True)


def select(photos: list[AnnotatedPhoto], source: str, limit: int) -> list[AnnotatedPhoto]:
    """Return at most `limit` photos of a source, evenly spaced."""
    members = [photo for photo in photos if photo.source == source]
    count = min(limit, len(members))
    indices = np.linspace(0, len(members) - 1, count).round().astype(int)
    return [members[index] for index in indices]


def measure(
    predictor: Predictor, photos: list[AnnotatedPhoto]
) -> Iterator[tuple[float, float]]:
    """Yield IoU and boundary F of each photo's best detection; 0 without a detection."""
    for photo in photos:
        tops = [g.mask for g in photo.garments() if g.label == SHORT_SLEEVE_TOP]
        if not tops:
            continue
        truth = np.any(tops, axis=0)
        (detections,) = detect(predictor, photo.image(), MIN_SCORE)
        masks = detections.masks[detections.labels == SHORT_SLEEVE_TOP]
        mask = masks[0] >= 0.5 if len(masks) else np.zeros(truth.shape, bool)
        yield mask_iou(mask, truth), boundary_f(mask, truth)


if __name__ == "__main__":
    main()
