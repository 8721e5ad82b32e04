"""How often the score finds a bad result: the shipped pairs, and faults made on purpose.

    python benchmarks/score.py

Each pair is done well, and with one fault at a time. For each fault: how much worse it is
(dE inside, mean over the pairs), and how often its score is below that of the pair done
well (ties count half): 1 finds all, .5 is a guess.
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
from tryon.pipeline import Options, TryOnPipeline, composite, distance, measure
from tryon.stages import Garment
from tryon.transfer import Relit

Fault = Callable[[TryOnPipeline, Garment, Garment], tuple[Garment, Relit]]
SHIFT = 0.1  # of the shop's garment: how far a shifted print lies off
HALF, SWOLLEN = 0.5, 0.06  # shares of the shirt's box


@click.command()
def main() -> None:
    """Print a row for each fault."""
    pipeline = TryOnPipeline.from_pretrained()
    rows = [
        row for pair in find_pairs(SHIPPED_PAIRS) for row in measure_pair(pipeline, pair)
    ]
    well = {name: (score, away) for name, kind, score, away in rows if kind == "none"}
    print(f"{'fault':<18}{'score':>8}{'dE':>8}{'found':>8}")
    for kind in FAULTS:
        mine = [(name, score, away) for name, k, score, away in rows if k == kind]
        scores, distances = (np.array([row[i] for row in mine]) for i in (1, 2))
        better = np.array([well[name][0] for name, _, _ in mine])
        found = np.mean((scores < better) + 0.5 * (scores == better))
        print(f"{kind:<18}{scores.mean():8.3f}{distances.mean():8.1f}{found:8.2f}")
    scores, distances = (np.array([row[i] for row in rows]) for i in (2, 3))
    rank = stats.spearmanr(scores, -distances).statistic
    print(f"rank correlation of score and dE over all: {rank:.2f}")


def measure_pair(
    pipeline: TryOnPipeline, pair: RenderedPair
) -> Iterator[tuple[str, str, float, float]]:
    """Yield name, fault, score and dE inside of each way to do a pair."""
    user_photo, shop_photo, true_photo, truth = read_pair(pair)
    user, shop, _ = pipeline.find_pair(user_photo, shop_photo, Options())
    inside = zones(truth.tee)
    for kind, fault in FAULTS.items():
        wearer, out1 = fault(pipeline, user, shop)
        image = composite(wearer, out1)
        away = distance(wearer, shop, out1)
        score = measure(wearer, shop, out1, image, away)["score"]
        yield (
            pair.name,
            kind,
            score,
            compare(image, true_photo.image, inside)["dE inside"],
        )


def done_well(
    pipeline: TryOnPipeline, user: Garment, shop: Garment
) -> tuple[Garment, Relit]:
    """Do what `tryon run` does."""
    return user, _relit(pipeline, user, shop)


def by_outlines(
    pipeline: TryOnPipeline, user: Garment, shop: Garment
) -> tuple[Garment, Relit]:
    """Forget what the cloth's places are."""
    return user, _warped(pipeline, user, shop, warp_by_matches(user, shop, None))


def shifted(
    pipeline: TryOnPipeline, user: Garment, shop: Garment
) -> tuple[Garment, Relit]:
    """Lay the print too low and aside."""
    warp, style, mask = warp_by_matches(user, shop, match_points(user, shop))
    step = np.float32(SHIFT * np.sqrt(mask.sum()))
    return user, _warped(
        pipeline, user, shop, (replace(warp, grid=warp.grid + step), style, mask)
    )


def half_seen(
    pipeline: TryOnPipeline, user: Garment, shop: Garment
) -> tuple[Garment, Relit]:
    """See the upper half of the shirt alone."""
    mask = user.detection.mask.copy()
    ys = np.flatnonzero(mask.any(axis=1))
    mask[int(ys[0] + HALF * len(ys)) :] = False
    return done_well(pipeline, with_mask(pipeline, user, mask), shop)


def swollen(
    pipeline: TryOnPipeline, user: Garment, shop: Garment
) -> tuple[Garment, Relit]:
    """Take arms and trousers for shirt."""
    wide = max(1, round(SWOLLEN * np.sqrt(user.detection.mask.sum())))
    mask = ndimage.binary_dilation(user.detection.mask, iterations=wide)
    return done_well(pipeline, with_mask(pipeline, user, mask), shop)


def with_mask(pipeline: TryOnPipeline, user: Garment, mask: NDArray[np.bool_]) -> Garment:
    """Return the user with another mask, and the chart that is read in it."""
    charts = pipeline.segmenter.charts
    chart = None if charts is None else predict_chart(charts, user.work, mask)
    return Garment(user.photo, user.work, replace(user.detection, mask=mask, chart=chart))


def _warped(
    pipeline: TryOnPipeline, user: Garment, shop: Garment, way: StyleWarp
) -> Relit:
    """Draw the garment through a given warp."""
    warp, style, mask = way
    filled = fill_outside(style, mask)
    away = landmark_distance(user, shop, warp)
    drawn = _relit(pipeline, user, shop)
    return replace(drawn, warp=warp, style=filled, landmark_distance=away)


def _relit(pipeline: TryOnPipeline, user: Garment, shop: Garment) -> Relit:
    out1 = pipeline.transfer(user, shop)
    assert isinstance(out1, Relit)
    return out1


FAULTS: dict[str, Fault] = {
    "none": done_well,
    "by outlines": by_outlines,
    "shifted print": shifted,
    "half the shirt": half_seen,
    "swollen mask": swollen,
}


if __name__ == "__main__":
    main()
