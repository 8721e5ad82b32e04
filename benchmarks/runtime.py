"""Keras beside OpenVINO on the segmenter's network: time ratios and differences.

Both run in one process on the same cores, turn by turn on the same inputs, so that a busy
machine slows both; ratios of medians are printed, not seconds. Processor time is what the
work costs, wall time what the user waits. Run: make benchmark

    python benchmarks/runtime.py [PHOTO ...] [--model CARD] [--cores N] [--repeats N]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mrcnn.config import MaskRCNNConfig
from mrcnn.detections import Detections, mask_iou
from mrcnn.predictor import (
    KerasPredictor,
    OpenVinoPredictor,
    Predictor,
    detect,
    letterbox,
)
from tryon.images import read_photo
from tryon.zoo import load_card, shipped_card

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SCORE = 0.3  # finds below it are not compared
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def load(model: Path | None, folder: Path) -> tuple[Predictor, Predictor]:
    """Load the network into Keras and into OpenVINO."""
    card = load_card(model) if model else shipped_card("segmenter")
    config = MaskRCNNConfig.from_dict(card.values["config"])
    return (
        KerasPredictor(config, card.path),
        OpenVinoPredictor(config, card.path, folder),
    )


def ratios(
    predictors: tuple[Predictor, Predictor], images: np.ndarray, repeats: int
) -> dict[str, float]:
    """Return the second one's median time as share of the first one's, by clock."""
    times: dict[str, list[list[float]]] = {name: [[], []] for name in CLOCKS}
    for turn in range(repeats + 1):
        for i, predict in enumerate(predictors):
            start = {name: clock() for name, clock in CLOCKS.items()}
            predict(images)
            for name, clock in CLOCKS.items():
                if turn:  # the first one traces and allocates
                    times[name][i].append(clock() - start[name])
    return {
        name: statistics.median(second) / statistics.median(first)
        for name, (first, second) in times.items()
    }


def differences(expected: Detections, found: Detections) -> Iterator[dict[str, float]]:
    """Compare the finds of two runtimes on one photo, pair by pair."""
    for k in range(min(len(expected), len(found))):
        apart = np.abs(expected.masks[k] - found.masks[k])
        solid = [finds.masks[k] >= 0.5 for finds in (expected, found)]
        yield {
            "score": float(abs(expected.scores[k] - found.scores[k])),
            "box (pixels)": float(np.abs(expected.boxes[k] - found.boxes[k]).max()),
            "mask, mean": float(apart.mean()),
            "mask, largest": float(apart.max()),
            "1 - IoU at 0.5": 1 - mask_iou(*solid),
        }


def compare(predictors: tuple[Predictor, Predictor], photos: list[np.ndarray]) -> None:
    """Print how far the finds of both are apart."""
    rows: list[dict[str, float]] = []
    uneven = 0
    for photo in photos:
        finds = [detect(predictor, photo, SCORE)[0] for predictor in predictors]
        uneven += len(finds[0]) != len(finds[1])
        rows += differences(*finds)
    print(f"{len(rows)} finds on {len(photos)} photos; {uneven} with another number")
    for key in rows[0] if rows else ():
        values = [row[key] for row in rows]
        print(f"  {key:<16} mean {np.mean(values):.1e}   largest {max(values):.1e}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    examples = [EXAMPLES / "me.jpg", EXAMPLES / "tee.jpg"]
    parser.add_argument("photos", type=Path, nargs="*", default=examples)
    parser.add_argument("--model", type=Path, help="a segmenter's card")
    parser.add_argument("--cores", type=int, help="use so many (Linux only)")
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    if args.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores])
    photos = [read_photo(path).image for path in args.photos]
    with tempfile.TemporaryDirectory() as folder:
        predictors = load(args.model, Path(folder))
        for views in (1, 2):
            images = np.stack([letterbox(photos[0], predictors[0].image_size)[0]] * views)
            found = ratios(predictors, images, args.repeats)
            shares = ", ".join(f"{share:.2f} {name}" for name, share in found.items())
            print(f"OpenVINO's time on {views} view(s) / Keras': {shares}")
        compare(predictors, photos)


if __name__ == "__main__":
    main()
