"""Compare Keras and OpenVINO on the segmenter's networks: time ratios and differences.

Both run in one process on the same cores, in turns on the same inputs, so that a busy
machine slows both; ratios of medians are printed, not seconds. Processor time measures
the work, wall time what the user waits. Run: make benchmark

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
MIN_SCORE = 0.3  # of detections that are compared
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
    """Return the second one's median time divided by the first one's, by clock."""
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


def detection_differences(first: Detections, second: Detections) -> Iterator[dict]:
    """Compare the detections of two Mask R-CNNs on one photo, one by one."""
    for k in range(min(len(first), len(second))):
        yield {
            "score": float(abs(first.scores[k] - second.scores[k])),
            "box (pixels)": float(np.abs(first.boxes[k] - second.boxes[k]).max()),
            **mask_differences(first.masks[k], second.masks[k]),
        }


def refinement_differences(first: Refinement, second: Refinement) -> dict[str, float]:
    """Compare two refinements of the same detection."""
    distance = np.hypot(*(first.landmarks - second.landmarks)[:, :2].T)
    visibility = np.abs(first.landmarks - second.landmarks)[:, 2]
    return {
        "classes": float(np.abs(first.classes - second.classes).max()),
        "landmark (pixels)": float(distance.max()),
        "seen": float(visibility.max()),
        **mask_differences(first.mask, second.mask),
    }


def mask_differences(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Compare two soft masks (H, W)."""
    difference = np.abs(first - second)
    return {
        "mask, mean": float(difference.mean()),
        "mask, largest": float(difference.max()),
        "1 - IoU at 0.5": 1 - mask_iou(first >= 0.5, second >= 0.5),
    }


def compare(
    detectors: tuple[Predictor, Predictor],
    refiners: tuple[Predictor, Predictor],
    photos: list[np.ndarray],
) -> None:
    """Print the differences of detections, and of refinements of the same detections."""
    detections: list[dict[str, float]] = []
    refinements: list[dict[str, float]] = []
    uneven = 0
    for photo in photos:
        both = [detect(detector, photo, MIN_SCORE)[0] for detector in detectors]
        uneven += len(both[0]) != len(both[1])
        detections += detection_differences(*both)
        pairs = [refine(refiner, photo, both[0].masks, True) for refiner in refiners]
        refinements += map(refinement_differences, *pairs)
    count = len(detections)
    print(f"{count} detections on {len(photos)} photos; {uneven} with another number")
    for title, rows in (("Mask R-CNN", detections), ("refiner", refinements)):
        print(title)
        for key in rows[0] if rows else ():
            values = [row[key] for row in rows]
            print(f"  {key:<18} mean {np.mean(values):.1e}   largest {max(values):.1e}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    examples = [EXAMPLES / "me.jpg", EXAMPLES / "tee.jpg"]
    parser.add_argument("photos", type=Path, nargs="*", default=examples)
    parser.add_argument("--cores", type=int, help="number of cores to use (Linux only)")
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    if args.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores])
    photos = [shrink(read_photo(path).image, WORK_SIZE) for path in args.photos]
    with tempfile.TemporaryDirectory() as folder:
        detectors = load("segmenter", Path(folder))
        refiners = load("refiner", Path(folder))
        for name, pair in (("Mask R-CNN", detectors), ("refiner", refiners)):
            view = letterbox(photos[0], pair[0].image_size)[0]
            if name == "refiner":
                view = np.dstack([view, np.full_like(view[..., 0], 128)])
            for views in (1, 2):
                values = ratios(pair, np.stack([view] * views), args.repeats)
                text = ", ".join(f"{value:.2f} {key}" for key, value in values.items())
                print(f"{name}, {views} view(s): OpenVINO's time / Keras': {text}")
        compare(detectors, refiners, photos)


if __name__ == "__main__":
    main()
