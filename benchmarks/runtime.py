"""Keras beside OpenVINO on the segmenter's two networks: time ratios and differences.

Both run in one process on the same cores, turn by turn on the same inputs, so that a busy
machine slows both; ratios of medians are printed, not seconds. Processor time is what the
work costs, wall time what the user waits. Run: make benchmark

    python benchmarks/runtime.py [PHOTO ...] [--cores N] [--repeats N]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from mrcnn.config import MaskRCNNConfig, RefinerConfig
from mrcnn.detections import Detections, mask_iou
from mrcnn.predictor import build_network, detect, letterbox
from mrcnn.refiner.inference import Refinement, refine
from mrcnn.runtime import KerasPredictor, OpenVinoPredictor, Predictor
from tryon.images import read_photo, shrink
from tryon.stages import WORK_SIZE
from tryon.zoo import shipped_card

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SCORE = 0.3  # finds below it are not compared
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def load(name: str, folder: Path) -> tuple[Predictor, Predictor]:
    """Load a shipped network into Keras and into OpenVINO."""
    card = shipped_card(name)
    kind = RefinerConfig if name == "refiner" else MaskRCNNConfig
    config = kind.from_dict(card.values["config"])
    build = partial(build_network, config, card.path)
    return (
        KerasPredictor(config, build),
        OpenVinoPredictor(config, build, name, folder),
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


def find_differences(expected: Detections, found: Detections) -> Iterator[dict]:
    """Compare the finds of two Mask R-CNNs on one photo, pair by pair."""
    for k in range(min(len(expected), len(found))):
        yield {
            "score": float(abs(expected.scores[k] - found.scores[k])),
            "box (pixels)": float(np.abs(expected.boxes[k] - found.boxes[k]).max()),
            **mask_differences(expected.masks[k], found.masks[k]),
        }


def reading_differences(expected: Refinement, found: Refinement) -> dict[str, float]:
    """Compare what two refiners say of the same find."""
    away = np.hypot(*(expected.landmarks - found.landmarks)[:, :2].T)
    seen = np.abs(expected.landmarks - found.landmarks)[:, 2]
    return {
        "classes": float(np.abs(expected.classes - found.classes).max()),
        "landmark (pixels)": float(away.max()),
        "seen": float(seen.max()),
        **mask_differences(expected.mask, found.mask),
    }


def mask_differences(expected: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Compare two soft masks (H, W)."""
    apart = np.abs(expected - found)
    return {
        "mask, mean": float(apart.mean()),
        "mask, largest": float(apart.max()),
        "1 - IoU at 0.5": 1 - mask_iou(expected >= 0.5, found >= 0.5),
    }


def compare(
    finders: tuple[Predictor, Predictor],
    refiners: tuple[Predictor, Predictor],
    photos: list[np.ndarray],
) -> None:
    """Print how far the finds of both are apart, and what is read from the same finds."""
    finds: list[dict[str, float]] = []
    readings: list[dict[str, float]] = []
    uneven = 0
    for photo in photos:
        both = [detect(finder, photo, SCORE)[0] for finder in finders]
        uneven += len(both[0]) != len(both[1])
        finds += find_differences(*both)
        pairs = [refine(refiner, photo, both[0].masks, True) for refiner in refiners]
        readings += map(reading_differences, *pairs)
    print(f"{len(finds)} finds on {len(photos)} photos; {uneven} with another number")
    for title, rows in (("Mask R-CNN", finds), ("refiner", readings)):
        print(title)
        for key in rows[0] if rows else ():
            values = [row[key] for row in rows]
            print(f"  {key:<18} mean {np.mean(values):.1e}   largest {max(values):.1e}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    examples = [EXAMPLES / "me.jpg", EXAMPLES / "tee.jpg"]
    parser.add_argument("photos", type=Path, nargs="*", default=examples)
    parser.add_argument("--cores", type=int, help="use so many (Linux only)")
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    if args.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores])
    photos = [shrink(read_photo(path).image, WORK_SIZE) for path in args.photos]
    with tempfile.TemporaryDirectory() as folder:
        finders, refiners = load("segmenter", Path(folder)), load("refiner", Path(folder))
        for name, pair in (("Mask R-CNN", finders), ("refiner", refiners)):
            view = letterbox(photos[0], pair[0].image_size)[0]
            if name == "refiner":
                view = np.dstack([view, np.full_like(view[..., 0], 128)])
            for views in (1, 2):
                found = ratios(pair, np.stack([view] * views), args.repeats)
                shares = ", ".join(f"{share:.2f} {key}" for key, share in found.items())
                print(f"{name}, {views} view(s): OpenVINO's time / Keras': {shares}")
        compare(finders, refiners, photos)


if __name__ == "__main__":
    main()
