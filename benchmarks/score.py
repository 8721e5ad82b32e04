"""Evaluate the score: how often it detects faults that are injected on purpose.

    python benchmarks/score.py

Each shipped pair is rendered without a fault, and with one at a time. Printed for each
fault: the mean score, the mean error (dE inside), and how often the score is below that
of the same pair without a fault (ties count half): 1 is perfect, .5 is chance.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import click
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from compositor import fill_outside
from data_tools.paint.rendered_pairs import RenderedPair, find_pairs
from mrcnn.chart.inference import predict_chart
from tryon.cli.evaluate import SHIPPED_PAIRS
from tryon.correspond import StyleWarp, landmark_distance, match_points, warp_by_matches
from tryon.evaluation.metrics import compare, zones
from tryon.evaluation.tryon import read_pair
from tryon.pipeline import (
    Options,
    TryOnPipeline,
    color_distance_to_shop,
    composite,
    measure,
)
from tryon.stages import DetectedGarment, Garment, prepare
from tryon.transfer import Relit

Fault = Callable[[TryOnPipeline, Garment, Garment], tuple[Garment, Relit]]
SHIFT = 0.1  # of a shifted print, fraction of the shop garment's size
HALF = 0.5  # height of a half shirt, fraction of the shirt's
SWOLLEN = 0.06  # dilation of a mask, fraction of the shirt's size


@click.command()
def main() -> None:
    """Print a row for each fault."""
    pipeline = TryOnPipeline.from_pretrained()
    rows = [
        row for pair in find_pairs(SHIPPED_PAIRS) for row in measure_pair(pipeline, pair)
    ]
    faultless = {name: score for name, kind, score, _ in rows if kind == "none"}
    print(f"{'fault':<18}{'score':>8}{'dE':>8}{'found':>8}")
    for kind in FAULTS:
        members = [(name, score, error) for name, k, score, error in rows if k == kind]
        scores, errors = (np.array([row[i] for row in members]) for i in (1, 2))
        reference = np.array([faultless[name] for name, _, _ in members])
        detected = np.mean((scores < reference) + 0.5 * (scores == reference))
        print(f"{kind:<18}{scores.mean():8.3f}{errors.mean():8.1f}{detected:8.2f}")
    scores, errors = (np.array([row[i] for row in rows]) for i in (2, 3))
    rank = stats.spearmanr(scores, -errors).statistic
    print(f"rank correlation of score and dE over all: {rank:.2f}")


def measure_pair(
    pipeline: TryOnPipeline, pair: RenderedPair
) -> Iterator[tuple[str, str, float, float]]:
    """Yield name, fault, score and dE inside of a pair with each fault."""
    user_photo, shop_photo, true_photo, truth = read_pair(pair)
    user, shop, _ = pipeline.find_pair(user_photo, shop_photo, Options())
    inside = zones(truth.tee)
    for kind, fault in FAULTS.items():
        wearer, out1 = fault(pipeline, user, shop)
        image = composite(wearer, out1)
        distance = color_distance_to_shop(wearer, shop, out1)
        score = measure(wearer, shop, out1, image, distance)["score"]
        assert score is not None
        yield (
            pair.name,
            kind,
            score,
            compare(image, true_photo.image, inside)["dE inside"],
        )


def without_fault(
    pipeline: TryOnPipeline, user: Garment, shop: Garment
) -> tuple[Garment, Relit]:
    """Transfer as `tryon run` does."""
    return user, _relit(pipeline, user, shop)


def by_outlines(
    pipeline: TryOnPipeline, user: Garment, shop: Garment
) -> tuple[Garment, Relit]:
    """Warp by outlines, without chart or landmarks."""
    return user, _warped(pipeline, user, shop, warp_by_matches(user, shop, None))


def shifted(
    pipeline: TryOnPipeline, user: Garment, shop: Garment
) -> tuple[Garment, Relit]:
    """Shift the print down and sideways."""
    warp, style, mask = warp_by_matches(user, shop, match_points(user, shop))
    step = np.float32(SHIFT * np.sqrt(mask.sum()))
    return user, _warped(
        pipeline, user, shop, (replace(warp, grid=warp.grid + step), style, mask)
    )


def half_mask(
    pipeline: TryOnPipeline, user: Garment, shop: Garment
) -> tuple[Garment, Relit]:
    """Keep only the upper half of the mask."""
    mask = user.detection.mask.copy()
    ys = np.flatnonzero(mask.any(axis=1))
    mask[int(ys[0] + HALF * len(ys)) :] = False
    return without_fault(pipeline, with_mask(pipeline, user, mask), shop)


def swollen_mask(
    pipeline: TryOnPipeline, user: Garment, shop: Garment
) -> tuple[Garment, Relit]:
    """Dilate the mask into arms and trousers."""
    wide = max(1, round(SWOLLEN * np.sqrt(user.detection.mask.sum())))
    mask = ndimage.binary_dilation(user.detection.mask, iterations=wide)
    return without_fault(pipeline, with_mask(pipeline, user, mask), shop)


def with_mask(pipeline: TryOnPipeline, user: Garment, mask: NDArray[np.bool_]) -> Garment:
    """Return the user with another mask, and the chart predicted in it."""
    charts = pipeline.segmenter.charts
    chart = None if charts is None else predict_chart(charts, user.work, mask)
    detection = replace(user.detection, mask=mask, chart=chart)
    return prepare(DetectedGarment(user.photo, user.work, detection))


def _warped(
    pipeline: TryOnPipeline, user: Garment, shop: Garment, style_warp: StyleWarp
) -> Relit:
    """Transfer the garment with a given warp."""
    warp, style, mask = style_warp
    filled = fill_outside(style, mask)
    distance = landmark_distance(user, shop, warp)
    out1 = _relit(pipeline, user, shop)
    return replace(out1, warp=warp, style=filled, landmark_distance=distance)


def _relit(pipeline: TryOnPipeline, user: Garment, shop: Garment) -> Relit:
    out1 = pipeline.transfer(user, shop)
    assert isinstance(out1, Relit)
    return out1


FAULTS: dict[str, Fault] = {
    "none": without_fault,
    "by outlines": by_outlines,
    "shifted print": shifted,
    "half the shirt": half_mask,
    "swollen mask": swollen_mask,
}


if __name__ == "__main__":
    main()
