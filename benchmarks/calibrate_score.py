"""Fit the weights of a result's score to rendered people, with faults and without.

    python -m benchmarks.calibrate_score RENDERS... [--table FILE]

RENDERS hold people of the renderer's profile `near`: each is dressed in the tee of their
own shop picture, so that mask, class, side and places are known. Every result with a
short-sleeve top is also made with one fault at a time. Printed are the weights for
`ScoreConfig`, and of people that were held out (every third) how well the score ranks
good results above others (area under the ROC curve) and how near it is to their share.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from benchmarks.score import FAULTS
from data_tools.annotations import SHORT_SLEEVE_TOP
from data_tools.paint.rendered_pairs import RenderedPair, Truth
from mrcnn.detections import mask_iou
from tryon.errors import Refusal
from tryon.evaluation.baselines import photo_raster
from tryon.evaluation.metrics import coordinate_errors
from tryon.evaluation.tryon import read_pair
from tryon.judge import doubts
from tryon.pipeline import Options, TryOnPipeline, color_distance_to_shop
from tryon.stages import Garment
from tryon.transfer import Relit

Array = NDArray[np.float64]
GOOD_IOU = 0.9  # minimum of a good result's mask
GOOD_PLACES = 0.03  # maximum median error of a good result's print, panel units
FRONT = 60.0  # degrees that the wearer of a good result is turned at most
PENALTY = 0.02  # of the squared weights, in units of each doubt's deviation
HELD_OUT = 3  # every third person
UNCHARTED = "by outlines"  # the fault whose warps do not read the chart


@dataclass(frozen=True)
class Row:
    """What speaks against one result, and how well it was done.

    Attributes:
        person: number of the person, the renderer's seed.
        fault: name of what was spoilt on purpose.
        may_be_good: whether this is a short-sleeve top, called that, and seen from the
            front.
        iou: of the mask and the true shirt.
        places: median error of the print, in panel units.
        doubts: see `tryon.judge.doubts`.
    """

    person: int
    fault: str
    may_be_good: bool
    iou: float
    places: float
    doubts: dict[str, float]

    @property
    def is_good(self) -> bool:
        """Whether mask and print lie where they should."""
        is_placed = self.iou >= GOOD_IOU and self.places <= GOOD_PLACES
        return self.may_be_good and is_placed


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--table", type=click.Path(path_type=Path), help="Keep the rows, as JSON.")
def main(folders: tuple[Path, ...], table: Path | None) -> None:
    """Measure, fit, print."""
    if table is not None and table.exists():
        rows = [Row(**values) for values in json.loads(table.read_text())]
    else:
        pipeline = TryOnPipeline.from_pretrained()
        rows = [row for folder in folders for row in measure(pipeline, folder)]
        if table is not None:
            table.write_text(json.dumps([asdict(row) for row in rows]))
    charted = [row for row in rows if row.fault != UNCHARTED]
    rows, uncharted = charted, [row for row in rows if row.fault == UNCHARTED]
    names = list(rows[0].doubts)
    against = np.array([[row.doubts[name] for name in names] for row in rows])
    good = np.array([row.is_good for row in rows])
    held_out = np.array([row.person % HELD_OUT == 0 for row in rows])
    spoilt = np.array([row.fault in FAULTS and row.fault != "none" for row in rows])
    bias, weights = fit(against[~held_out], good[~held_out], spoilt[~held_out])
    scores = special.expit(against[held_out] @ -weights + bias)
    report(scores, good[held_out], spoilt[held_out])
    bias, weights = fit(against, good, spoilt)
    click.echo(f"bias {bias:.2f}")
    unread = unread_distortion(uncharted, bias, dict(zip(names, weights, strict=True)))
    click.echo(f"distortion of warps without a chart {unread:.2f}")
    for name, weight in zip(names, weights, strict=True):
        click.echo(f"{name:<20}{weight:8.3f}")


def measure(pipeline: TryOnPipeline, folder: Path) -> Iterator[Row]:
    """Dress all people of a folder in their own shop pictures, all their cuts in A's."""
    for path in sorted(folder.glob("p*_[ABVW].json")):
        person, cut = path.stem.split("_")
        shop_name = f"{person}_{'B' if cut == 'B' else 'A'}_shop"
        if not (folder / f"{shop_name}.jpg").exists():
            continue
        pair = RenderedPair(folder, path.stem, shop_name, path.stem, path.stem, ())
        try:
            user_photo, shop_photo, _, truth = read_pair(pair)
            user, shop, _ = pipeline.find_pair(
                user_photo, shop_photo, Options(force=True)
            )
        except (Refusal, ValueError):
            continue
        is_top = cut in "AB"
        angle = abs(json.loads(path.read_text()).get("view", 0.0))
        is_called_top = user.detection.instance.label == SHORT_SLEEVE_TOP
        for kind, fault in FAULTS.items() if is_top else [("none", FAULTS["none"])]:
            wearer, out1 = fault(pipeline, user, shop)
            distance = color_distance_to_shop(wearer, shop, out1)
            yield Row(
                int(person[1:]),
                kind if is_top else "other class",
                is_top and is_called_top and angle <= FRONT,
                mask_iou(wearer.detection.mask, truth.tee),
                median_error(wearer, out1, truth),
                doubts(wearer.detection, shop.detection, out1.placement, distance),
            )
        click.echo(path.stem, err=True)


def median_error(user: Garment, out1: Relit, truth: Truth) -> float:
    """Return the median distance of the print on the front from its true place."""
    errors = coordinate_errors(out1.shop_coordinates(*photo_raster(user)), truth)
    front = errors[truth.front & truth.tee]
    return float(np.nanmedian(front)) if len(front) else 1.0


def fit(
    against: Array, good: NDArray[np.bool_], spoilt: NDArray[np.bool_]
) -> tuple[float, Array]:
    """Fit a logistic function in which nothing speaks for a result.

    Args:
        against: (N, K), doubts.
        good: (N,).
        spoilt: (N,), results with a fault made on purpose. They count for the weights,
            but not for the bias: how often users get such faults, they do not tell.

    Returns:
        The bias and (K,) weights, none of them negative.
    """
    scale = against.std(axis=0) + 1e-6
    scaled, sign = against / scale, np.where(good, 1.0, -1.0)
    # Good ones and others count alike in all.
    share = np.where(good, 0.5 / good.sum(), 0.5 / (~good).sum())

    def loss(parameters: Array) -> float:
        bias, weights = parameters[0], parameters[1:]
        margin = sign * (bias - scaled @ weights)
        penalty = PENALTY * (weights**2).sum()
        return float(-(share * special.log_expit(margin)).sum() + penalty)

    count = against.shape[1]
    bounds = [(None, None)] + [(0.0, None)] * count
    found = optimize.minimize(loss, np.zeros(count + 1), bounds=bounds)
    weights = found.x[1:] / scale
    usual = against[~spoilt] @ weights

    def excess(bias: float) -> float:
        return float(special.expit(bias - usual).mean() - good[~spoilt].mean())

    return float(optimize.brentq(excess, -50, 50)), weights


def unread_distortion(rows: list[Row], bias: float, weights: dict[str, float]) -> float:
    """Return the distortion at which warps without a chart score as they are."""
    rest = {name: weight for name, weight in weights.items() if name != "distortion"}
    totals = [sum(rest[name] * row.doubts[name] for name in rest) for row in rows]
    share = np.mean([row.is_good for row in rows])

    def excess(distortion: float) -> float:
        logits = bias - weights["distortion"] * distortion - np.array(totals)
        return float(special.expit(logits).mean() - share)

    return float(optimize.brentq(excess, -5, 5))


def report(scores: Array, good: NDArray[np.bool_], spoilt: NDArray[np.bool_]) -> None:
    """Print how well scores rank, and how near they are to the share of good ones."""
    above = stats.mannwhitneyu(scores[good], scores[~good]).statistic
    area = above / (good.sum() * (~good).sum())
    click.echo(f"held out: {len(good)} results, {good.sum()} good, area {area:.3f}")
    for low in (0.0, 0.25, 0.5, 0.75):
        inside = ~spoilt & (scores >= low) & (scores < low + 0.25 + (low == 0.75))
        share = good[inside].mean() if inside.any() else np.nan
        click.echo(
            f"score {low:.2f} to {low + 0.25:.2f}: {inside.sum()}, {share:.2f} good"
        )


if __name__ == "__main__":
    main()
