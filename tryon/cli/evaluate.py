"""`tryon evaluate`: the figures of docs/models.md, on any data of the same form."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tryon.cli.shared import (
    PHOTO,
    echo_json,
    load_keras,
    progress,
    quiet_start,
    user_errors,
)

if TYPE_CHECKING:
    from data_tools.annotations import AnnotatedPhoto
    from tryon.segment import Segmenter

_DATA = click.Path(path_type=Path, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
Rows = list[tuple[str, dict[str, Any]]]
# What the table of a segmenter shows; JSON holds every figure.
_SHOWN = (
    "photos", "IoU mean", "IoU median", "IoU p10", "boundary F", "mask AP", "box AP",
    "keypoint AP", "landmark error", "misses", "false finds",
)  # fmt: skip


@click.group()
def evaluate() -> None:
    """Measure the models on the val split of annotated data."""


@evaluate.command()
@click.argument("data", type=_DATA)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="CARD",
    help="The .json card of a segmenter or refiner, in the shipped one's place.",
)
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
    help="Draw the 24 worst photos: truth green, found red, false finds first.",
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
    """IoU, boundary F, AP, landmarks, misses and false finds on DATA.

    Photos of people are measured as close-ups too. docs/evaluation.md says what each
    figure means; JSON holds them all, by full names.
    """
    if sheet and sheet.suffix.lower() not in (".png", ".webp", ".jpg", ".jpeg"):
        raise click.UsageError(f"{sheet}: expected a name in .png, .webp or .jpg")
    from tryon import evaluate_segmentation as evaluation

    photos = _some(_read_photos(data), limit)
    segmenter = _load(context, models)
    close = sum(photo.source == "people" for photo in photos) * len(evaluation.CLOSE_UPS)
    with progress(context, len(photos) + close) as tell:
        results = list(evaluation.measure_photos(segmenter, photos, tell))
    rows = evaluation.tabulate(results)
    if sheet:
        from tryon.evaluation_sheet import write_sheet

        write_sheet(results, sheet)
    if as_json:
        echo_json(dict(rows) | {"photos": [result.row() for result in results]})
        return
    for line in format_rows(rows, _SHOWN):
        click.echo(line)


@evaluate.command()
@click.argument("data", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@user_errors
def tryon(context: click.Context, data: Path, as_json: bool) -> None:
    """SSIM and CIEDE2000 against rendered truth, beside simple baselines."""
    load_keras(context)
    from tryon import evaluate_tryon as evaluation
    from tryon.errors import TryOnError
    from tryon.pipeline import TryOnPipeline

    try:
        count = len(evaluation.find_triples(data))
    except FileNotFoundError as error:
        raise TryOnError(str(error)) from error
    pipeline = TryOnPipeline.from_pretrained()
    with progress(context, count) as tell:
        rows = evaluation.evaluate_tryon(pipeline, data, tell)
    if as_json:
        echo_json(dict(rows))
        return
    for line in format_rows(rows, tuple(rows[0][1]) if rows else ()):
        click.echo(line)


def _load(context: click.Context, models: tuple[str, ...]) -> "Segmenter":
    """Load the shipped networks, with those of the cards in their places."""
    from tryon.errors import TryOnError
    from tryon.segment import Segmenter
    from tryon.zoo import load_card

    cards = {card.values["kind"]: card for card in map(load_card, map(Path, models))}
    if len(cards) < len(models) or not set(cards) <= {"segmenter", "refiner"}:
        raise TryOnError(
            "--model: expected at most one segmenter's and one refiner's card, got "
            f"{len(models)} cards of {', '.join(cards)}"
        )
    with quiet_start(context):
        return Segmenter.from_pretrained(cards.get("segmenter"), cards.get("refiner"))


def _read_photos(data: Path) -> "list[AnnotatedPhoto]":
    from data_tools.folders import read_folder
    from tryon.errors import TryOnError

    try:
        return read_folder(data, "val")
    except (FileNotFoundError, ValueError) as error:
        raise TryOnError(str(error)) from error


def _some(photos: "list[AnnotatedPhoto]", limit: int | None) -> "list[AnnotatedPhoto]":
    """Return at most `limit` photos of each source, evenly spaced."""
    if limit is None:
        return photos
    chosen = []
    for source in sorted({photo.source for photo in photos}):
        mine = [photo for photo in photos if photo.source == source]
        count = min(limit, len(mine))
        chosen += [mine[i * len(mine) // count] for i in range(count)]
    return chosen


def format_rows(rows: Rows, columns: tuple[str, ...]) -> Iterator[str]:
    """Format rows as the lines of a table; columns that no row knows are left out."""
    known = [column for column in columns if any(column in row for _, row in rows)]
    wide = max([22, *(len(name) + 2 for name, _ in rows)])
    yield f"{'':<{wide}}" + "".join(f"{column:>16}" for column in known)
    for name, values in rows:
        cells = (_cell(values.get(column)) for column in known)
        yield f"{name:<{wide}}" + "".join(f"{cell:>16}" for cell in cells)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
