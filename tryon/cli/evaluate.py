"""`tryon evaluate`: measure segmentation or whole try-ons on annotated data."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tryon.cli.shared import (
    MODELS,
    PHOTO,
    echo_json,
    load_keras,
    progress,
    quiet_start,
    read_models,
    user_errors,
)

if TYPE_CHECKING:
    from data_tools.annotations import AnnotatedPhoto
    from data_tools.paint.rendered_pairs import RenderedPair
    from tryon.segment import Segmenter

_DATA = click.Path(path_type=Path, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
T = TypeVar("T")
SHIPPED_PAIRS = Path(__file__).parents[1] / "evaluation" / "pairs"
CONTROLLED_PAIRS = SHIPPED_PAIRS.with_name("controlled")
Rows = list[tuple[str, dict[str, Any]]]
# Columns of the tables; JSON has every metric.
_SHOWN = (
    "photos", "IoU mean", "IoU median", "IoU p10", "boundary F", "mask AP", "box AP",
    "keypoint AP", "landmark error", "misses", "false finds",
)  # fmt: skip
_SHOWN_TRYON = (
    "pairs", "refused", "SSIM inside", "dE inside", "dE rim", "gradients inside",
    "coordinates inside", "aspect error", "tilt error", "left", "left worst", "spilled",
    "spilled worst", "dE edge", "level error", "level error worst", "grey tint error",
    "changed pixels",
)  # fmt: skip


@click.group()
def evaluate() -> None:
    """Measure the models on the val split of annotated data."""


@evaluate.command()
@click.argument("data", type=_DATA)
@MODELS
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most N photos of each source, evenly spaced, for a quick look.",
)
@click.option(
    "--sheet",
    type=PHOTO,
    metavar="FILE",
    help="Draw the 24 worst photos: truth green, detections red, false ones first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with a row per photo.")
@click.pass_context
@user_errors
def segmentation(
    context: click.Context,
    data: Path,
    models: tuple[str, ...],
    limit: int | None,
    sheet: Path | None,
    as_json: bool,
) -> None:
    """Measure IoU, boundary F, AP, landmarks, misses and false detections on DATA.

    Photos of people are measured as close-ups too. docs/evaluation.md explains each
    metric; JSON has them all, by full names.
    """
    _check_sheet(sheet)
    from tryon.evaluation import segmentation as evaluation

    photos = _limit_sources(_read_photos(data), limit)
    segmenter = _load(context, models)
    close = sum(photo.source == "people" for photo in photos) * len(evaluation.CLOSE_UPS)
    with progress(context, len(photos) + close) as advance:
        results = list(evaluation.measure_photos(segmenter, photos, advance))
    rows = evaluation.tabulate(results)
    if sheet:
        from tryon.evaluation.sheets import write_mask_sheet

        write_mask_sheet(results, sheet)
    if as_json:
        echo_json(dict(rows) | {"photos": [result.row() for result in results]})
        return
    for line in format_rows(rows, _SHOWN):
        click.echo(line)


@evaluate.command()
@click.argument("data", type=_FOLDER, required=False)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most N pairs of each folder, evenly spaced, for a quick look.",
)
@click.option(
    "--sheet",
    type=PHOTO,
    metavar="FILE",
    help="Draw the best, the median and the worst pair: user, shop, result, truth.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with a row per pair.")
@click.pass_context
@user_errors
def tryon(
    context: click.Context,
    data: Path | None,
    limit: int | None,
    sheet: Path | None,
    as_json: bool,
) -> None:
    """Compare results with rendered ground truth, and with simple baselines.

    DATA is a folder of rendered people; without it, the shipped pairs are measured: 24,
    and 24 controlled ones that differ in skin or old cloth alone.
    docs/evaluation.md explains each metric; JSON has them all.
    """
    _check_sheet(sheet)
    folders = [data] if data else [SHIPPED_PAIRS, CONTROLLED_PAIRS]
    pairs = [pair for folder in folders for pair in _spaced(_read_pairs(folder), limit)]
    load_keras(context)
    from tryon.evaluation import tryon as evaluation
    from tryon.pipeline import TryOnPipeline

    with quiet_start(context):
        pipeline = TryOnPipeline.from_pretrained()
    with progress(context, len(pairs)) as advance:
        results = list(evaluation.measure_pairs(pipeline, pairs, advance))
    if sheet:
        from tryon.evaluation.sheets import write_pair_sheet

        write_pair_sheet(results, sheet)
    rows = evaluation.tabulate(results)
    if as_json:
        echo_json(dict(rows) | {"pairs": [result.row() for result in results]})
        return
    for line in format_rows(rows, _SHOWN_TRYON):
        click.echo(line)


def _check_sheet(sheet: Path | None) -> None:
    if sheet and sheet.suffix.lower() not in (".png", ".webp", ".jpg", ".jpeg"):
        raise click.UsageError(f"{sheet}: expected a name in .png, .webp or .jpg")


def _load(context: click.Context, models: tuple[str, ...]) -> "Segmenter":
    """Load the shipped networks, or those of the cards instead."""
    from tryon.segment import Segmenter

    cards = read_models(models)
    with quiet_start(context):
        return Segmenter.from_pretrained(cards.get("segmenter"), cards.get("refiner"))


def _read_photos(data: Path) -> "list[AnnotatedPhoto]":
    from data_tools.folders import read_folder
    from tryon.errors import TryOnError

    try:
        return read_folder(data, "val")
    except (FileNotFoundError, ValueError) as error:
        raise TryOnError(str(error)) from error


def _read_pairs(data: Path) -> "list[RenderedPair]":
    from data_tools.paint.rendered_pairs import find_pairs
    from tryon.errors import TryOnError

    try:
        return find_pairs(data)
    except (OSError, ValueError) as error:
        raise TryOnError(str(error)) from error


def _limit_sources(
    photos: "list[AnnotatedPhoto]", limit: int | None
) -> "list[AnnotatedPhoto]":
    """Return at most `limit` photos of each source, evenly spaced."""
    if limit is None:
        return photos
    sources = sorted({photo.source for photo in photos})
    groups = ([p for p in photos if p.source == source] for source in sources)
    return [photo for group in groups for photo in _spaced(group, limit)]


def _spaced(items: list[T], limit: int | None) -> list[T]:
    """Return at most `limit` of the items, evenly spaced."""
    count = len(items) if limit is None else min(limit, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def format_rows(rows: Rows, columns: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table; columns that no row has are left out."""
    known = [column for column in columns if any(column in row for _, row in rows)]
    wide = max([22, *(len(name) + 2 for name, _ in rows)])
    widths = [max(16, len(column) + 2) for column in known]

    def line(name: str, cells: Iterable[str]) -> str:
        placed = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        return f"{name:<{wide}}" + "".join(placed)

    yield line("", known)
    for name, values in rows:
        yield line(name, (_cell(values.get(column)) for column in known))


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
