"""Try-on against rendered truth, beside simple baselines.

Each pair becomes a `Result`; every figure of the table is a function of a list of them,
so that any group (a design, an arm in front) is measured alike. What each figure means:
docs/evaluation.md.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_tools.paint.rendered_pairs import RenderedPair, Truth, read_truth
from tryon.errors import Refusal, TryOnError
from tryon.evaluation import baselines
from tryon.evaluation.baselines import Attempt
from tryon.evaluation.metrics import compare, coordinate_errors, zones
from tryon.images import read_photo
from tryon.pipeline import Options, TryOnPipeline, composite
from tryon.stages import Garment
from tryon.types import Photo

Figures = dict[str, Any]
Picture = NDArray[np.uint8]
OURS = "ours"
METHODS = (OURS, "copy", "flat colour", "box affine", "contour warp", "truth warp")
CHANGED = "changed pixels"  # where the matte is 0


@dataclass(frozen=True)
class Result:
    """What became of one pair.

    Attributes:
        pair: its pictures and cases.
        refusal: why the pipeline did not do it; None when it did.
        figures: by method; empty after a refusal.
        look: makes user, shop, ours and truth again, each uint8 (H, W, 3).
    """

    pair: RenderedPair
    refusal: str | None
    figures: Mapping[str, Mapping[str, float]]
    look: Callable[[], tuple[Picture, ...]] = field(repr=False)

    def row(self) -> Figures:
        """Return plain values for JSON."""
        return {
            "name": self.pair.name,
            "tags": list(self.pair.tags),
            "refusal": self.refusal,
            **self.figures,
        }


def measure_pairs(
    pipeline: TryOnPipeline, pairs: list[RenderedPair], tell: Callable[[str], None]
) -> Iterator[Result]:
    """Try each pair, and every baseline on it.

    Args:
        pipeline: what `tryon run` uses.
        pairs: of one folder or more.
        tell: called with each pair's name.

    Raises:
        TryOnError: when a file of a pair cannot be read.
    """
    for pair in pairs:
        tell(pair.name)
        yield measure_pair(pipeline, pair)


def measure_pair(pipeline: TryOnPipeline, pair: RenderedPair) -> Result:
    """Try one pair as a user without `--force` would; a refusal is a result too."""
    user_image, shop_image, true_image, truth = read_pair(pair)
    look = partial(look_at, pipeline, pair)
    try:
        user, shop, _ = pipeline.find_pair(user_image, shop_image, Options())
    except Refusal as refusal:
        return Result(pair, refusal.reason, {}, look)
    parts = zones(truth.tee)
    untouched = user.full_alpha == 0
    measured = {}
    for name, attempt in _attempts(pipeline, user, shop, truth):
        values = compare(attempt.image, true_image.image, parts)
        changed = (attempt.image != user_image.image).any(axis=-1) & untouched
        placed = _placement(attempt, truth, parts)
        measured[name] = values | placed | {CHANGED: int(changed.sum())}
    return Result(pair, None, measured, look)


def read_pair(pair: RenderedPair) -> tuple[Photo, Photo, Photo, Truth]:
    """Read the user's photo, the shop picture, the true photo, and what is known.

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
    """Make every method's result, one at a time, in the order of `METHODS`."""
    yield OURS, baselines.ours(user, pipeline.transfer(user, shop))
    yield "copy", baselines.copy_input(user)
    yield "flat colour", baselines.flat_colour(user, shop)
    yield "box affine", baselines.box_affine(user, shop)
    yield "contour warp", baselines.contour_warp(user, shop)
    yield "truth warp", baselines.truth_warp(user, shop, truth)


def _placement(
    attempt: Attempt, truth: Truth, parts: Mapping[str, NDArray[np.bool_]]
) -> dict[str, float]:
    """Return the median coordinate error of the zones that show the shirt."""
    if attempt.places is None:
        return {}
    errors = coordinate_errors(attempt.places, truth)
    seen = {name: part & truth.tee for name, part in parts.items()}
    return {
        f"coordinates {name}": float(np.median(errors[part]))
        for name, part in seen.items()
        if part.any()
    }


def look_at(pipeline: TryOnPipeline, pair: RenderedPair) -> tuple[Picture, ...]:
    """Make the pictures of a pair: user, shop, ours and truth."""
    user_image, shop_image, true_image, _ = read_pair(pair)
    user, shop, _ = pipeline.find_pair(user_image, shop_image, Options())
    made = composite(user, pipeline.transfer(user, shop))
    return user_image.image, shop_image.image, made, true_image.image


def figures(results: list[Result], method: str) -> Figures:
    """Return the mean figures of a method over a group of results.

    Returns:
        By name; `pairs` measured and `refused` are counts, changed pixels a sum, and
        what the method knows nothing of is left out.
    """
    done = [result.figures[method] for result in results if result.refusal is None]
    values: Figures = {"pairs": len(done), "refused": len(results) - len(done)}
    for name in sorted({name for figure in done for name in figure}):
        known = [figure[name] for figure in done if name in figure]
        values[name] = int(sum(known)) if name == CHANGED else float(np.mean(known))
    return values


def tabulate(results: list[Result]) -> list[tuple[str, Figures]]:
    """Return a row of figures for each method, over all pairs and over each case."""
    rows = [(method, figures(results, method)) for method in METHODS]
    for tag in sorted({tag for result in results for tag in result.pair.tags}):
        mine = [result for result in results if tag in result.pair.tags]
        rows += [(f"{tag}, {method}", figures(mine, method)) for method in METHODS]
    return rows
