"""Evaluate the try-on against rendered truth and simple baselines.

Each pair becomes a `Result`; every row of the table is a function of a list of them, so
that any group (a design, an arm in front) is measured alike. What each metric means:
docs/evaluation.md.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_tools.paint.controlled_pairs import CONTROLLED
from data_tools.paint.rendered_pairs import RenderedPair, Truth, read_truth
from tryon.errors import Refusal, TryOnError
from tryon.evaluation import baselines
from tryon.evaluation.baselines import Attempt
from tryon.evaluation.metrics import (
    compare,
    coordinate_errors,
    light_errors,
    old_cloth,
    print_errors,
    zones,
)
from tryon.images import read_photo
from tryon.pipeline import Options, TryOnPipeline, composite
from tryon.stages import Garment
from tryon.types import Photo

Metrics = dict[str, Any]
Picture = NDArray[np.uint8]
# Names of methods and metrics are keys of the JSON report.
PIPELINE = "ours"
METHODS = (PIPELINE, "copy", "flat colour", "box affine", "contour warp", "truth warp")
CHANGED = "changed pixels"  # where the matte is 0
WORST = ("left", "spilled", "level error")  # whose largest value is shown too


@dataclass(frozen=True)
class Result:
    """Metrics of one pair.

    Attributes:
        pair: its pictures and tags.
        refusal: the reason when the pipeline refused it; None when it did not.
        metrics: by method; empty after a refusal.
        render: returns user, shop, result and truth, each uint8 (H, W, 3).
    """

    pair: RenderedPair
    refusal: str | None
    metrics: Mapping[str, Mapping[str, float]]
    render: Callable[[], tuple[Picture, ...]] = field(repr=False)

    def row(self) -> Metrics:
        """Return plain values for JSON."""
        return {
            "name": self.pair.name,
            "tags": list(self.pair.tags),
            "refusal": self.refusal,
            **self.metrics,
        }


def measure_pairs(
    pipeline: TryOnPipeline, pairs: list[RenderedPair], on_pair: Callable[[str], None]
) -> Iterator[Result]:
    """Measure the pipeline and every baseline on each pair.

    Args:
        pipeline: as `tryon run` uses it.
        pairs: of one folder or more.
        on_pair: called with each pair's name.

    Raises:
        TryOnError: when a file of a pair cannot be read.
    """
    for pair in pairs:
        on_pair(pair.name)
        yield measure_pair(pipeline, pair)


def measure_pair(pipeline: TryOnPipeline, pair: RenderedPair) -> Result:
    """Measure one pair as `tryon run` without `--force`; a refusal is a result too."""
    user_image, shop_image, true_image, truth = read_pair(pair)
    render = partial(render_pair, pipeline, pair)
    try:
        user, shop, _ = pipeline.find_pair(user_image, shop_image, Options())
    except Refusal as refusal:
        return Result(pair, refusal.reason, {}, render)
    parts = zones(truth.tee)
    background = user.full_alpha == 0
    metrics = {}
    for name, attempt in _attempts(pipeline, user, shop, truth):
        image = attempt.image
        values = compare(image, true_image.image, parts)
        values |= old_cloth(image, user_image.image, true_image.image, truth.tee)
        values |= light_errors(image, true_image.image, parts["inside"])
        changed = (image != user_image.image).any(axis=-1) & background
        errors = _print_errors(attempt, truth, parts)
        metrics[name] = values | errors | {CHANGED: int(changed.sum())}
    return Result(pair, None, metrics, render)


def read_pair(pair: RenderedPair) -> tuple[Photo, Photo, Photo, Truth]:
    """Read the user's photo, the shop picture, the true photo and the ground truth.

    Raises:
        TryOnError: when a file cannot be read, or their sizes differ.
    """
    stems = pair.user, pair.shop, pair.truth
    user, shop, true = (read_photo(pair.path(stem)) for stem in stems)
    try:
        truth = read_truth(pair)
    except ValueError as error:
        raise TryOnError(f"{error}; render the person again") from error
    sizes = [user.size, true.size, shop.size]
    if sizes != [truth.tee.shape, truth.tee.shape, truth.shop_tee.shape]:
        raise TryOnError(
            f"{pair.folder}: {pair.name}: the pictures and their label maps differ in "
            "size; render the person again"
        )
    return user, shop, true, truth


def _attempts(
    pipeline: TryOnPipeline, user: Garment, shop: Garment, truth: Truth
) -> Iterator[tuple[str, Attempt]]:
    """Yield every method's result, in the order of `METHODS`."""
    yield PIPELINE, baselines.pipeline_result(user, pipeline.transfer(user, shop))
    yield "copy", baselines.copy_input(user)
    yield "flat colour", baselines.flat_colour(user, shop)
    yield "box affine", baselines.box_affine(user, shop)
    yield "contour warp", baselines.contour_warp(user, shop)
    yield "truth warp", baselines.truth_warp(user, shop, truth)


def _print_errors(
    attempt: Attempt, truth: Truth, parts: Mapping[str, NDArray[np.bool_]]
) -> dict[str, float]:
    """Return the errors of the print's shape, and of the coordinates in each zone."""
    if attempt.coordinates is None:
        return {}
    errors = coordinate_errors(attempt.coordinates, truth)
    shape = print_errors(attempt.coordinates, truth)
    shirt = {name: part & truth.tee for name, part in parts.items()}
    medians = {
        f"coordinates {name}": float(np.median(errors[part]))
        for name, part in shirt.items()
        if part.any()
    }
    return medians | shape


def render_pair(pipeline: TryOnPipeline, pair: RenderedPair) -> tuple[Picture, ...]:
    """Return the pictures of a pair: user, shop, result and truth."""
    user_image, shop_image, true_image, _ = read_pair(pair)
    user, shop, _ = pipeline.find_pair(user_image, shop_image, Options())
    result = composite(user, pipeline.transfer(user, shop))
    return user_image.image, shop_image.image, result, true_image.image


def summarize(results: list[Result], method: str) -> Metrics:
    """Return the mean metrics of a method over a group of results.

    Returns:
        By name; `pairs` measured and `refused` are counts, changed pixels a sum; metrics
        that the method does not have are left out.
    """
    done = [result.metrics[method] for result in results if result.refusal is None]
    values: Metrics = {"pairs": len(done), "refused": len(results) - len(done)}
    for name in sorted({name for metrics in done for name in metrics}):
        known = [metrics[name] for metrics in done if name in metrics]
        values[name] = int(sum(known)) if name == CHANGED else float(np.mean(known))
        if name in WORST:
            values[f"{name} worst"] = float(max(known))
    return values


def tabulate(results: list[Result]) -> list[tuple[str, Metrics]]:
    """Return a row of metrics for each method, over all pairs and over each tag.

    Controlled pairs have rows of their own, and are in none of the others.
    """
    plain = [r for r in results if CONTROLLED not in r.pair.tags]
    controlled = [r for r in results if CONTROLLED in r.pair.tags]
    rows = [(method, summarize(plain, method)) for method in METHODS if plain]
    for group in (plain, controlled):
        for tag in sorted({tag for result in group for tag in result.pair.tags}):
            tagged = [result for result in group if tag in result.pair.tags]
            rows += [
                (f"{tag}, {method}", summarize(tagged, method)) for method in METHODS
            ]
    return rows + measure_moves(controlled)


def measure_moves(results: list[Result]) -> list[tuple[str, Metrics]]:
    """Return how far the level moves with the skin alone, and with the old shirt alone.

    Args:
        results: of controlled pairs: the same shop picture on A and S, and on A and D.

    Returns:
        A row each, where there are such pairs: their number, and mean and worst of the
        difference of their levels' errors.
    """
    levels = {
        (result.pair.user, result.pair.shop): result.metrics[PIPELINE]["level"]
        for result in results
        if result.refusal is None
    }
    rows = []
    for name, letter in (("skin alone", "S"), ("old cloth alone", "D")):
        moves = [
            abs(level - levels[other, shop])
            for (user, shop), level in levels.items()
            if user.endswith("_A") and (other := f"{user[:-1]}{letter}", shop) in levels
        ]
        if moves:
            worst = float(max(moves))
            values = {"level error": float(np.mean(moves)), "level error worst": worst}
            rows.append((f"moves with the {name}", {"pairs": len(moves), **values}))
    return rows
