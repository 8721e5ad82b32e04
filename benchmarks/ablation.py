"""Measure a Mask R-CNN's first masks: the table of docs/experiments/segmentation.md.

    python benchmarks/ablation.py CARD... --data FOLDER

Each CARD is the `segmenter.json` of a run of `tryon train segmenter`. On the val split of
FOLDER the best find of a short-sleeve top in the whole photo is compared with the truth:
no closer look, no refiner, no matte.
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
ANY_SCORE = 0.05


@click.command()
@click.argument("cards", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--limit", default=20, show_default=True, help="Photos of each source.")
def main(cards: tuple[Path, ...], data: Path, limit: int) -> None:
    """Print IoU and boundary F of first masks, per source, for each CARD."""
    photos = read_folder(data, "val")
    print("| run | " + " | ".join(f"{s}: IoU / boundary F" for s in SOURCES) + " |")
    print("| --- " * (1 + len(SOURCES)) + "|")
    for card in cards:
        predictor = load_network(load_card(card), "segmenter")
        cells = [
            "{:.3f} / {:.3f}".format(*np.mean(list(measure(predictor, chosen)), axis=0))
            for chosen in (pick(photos, source, limit) for source in SOURCES)
        ]
        print(f"| {card.parent.name} | " + " | ".join(cells) + " |", flush=True)


def pick(photos: list[AnnotatedPhoto], source: str, limit: int) -> list[AnnotatedPhoto]:
    """Return at most `limit` photos of a source, evenly spaced."""
    own = [photo for photo in photos if photo.source == source]
    places = np.linspace(0, len(own) - 1, min(limit, len(own))).round().astype(int)
    return [own[place] for place in places]


def measure(
    predictor: Predictor, photos: list[AnnotatedPhoto]
) -> Iterator[tuple[float, float]]:
    """Yield IoU and boundary F of each photo's best first mask; 0 where there is none."""
    for photo in photos:
        tops = [g.mask for g in photo.garments() if g.label == SHORT_SLEEVE_TOP]
        if not tops:
            continue
        truth = np.any(tops, axis=0)
        (found,) = detect(predictor, photo.image(), ANY_SCORE)
        own = found.masks[found.labels == SHORT_SLEEVE_TOP]
        mask = own[0] >= 0.5 if len(own) else np.zeros(truth.shape, bool)
        yield mask_iou(mask, truth), boundary_f(mask, truth)


if __name__ == "__main__":
    main()
