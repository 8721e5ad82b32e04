"""`tryon data inspect`: count the contents of annotations, and find their problems."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tryon.cli.data_options import (
    CATEGORY_ATTRIBUTE,
    SOURCE_FORMAT,
    SRC,
    data_errors,
    folder_of,
    read_annotations,
)
from tryon.cli.shared import echo_json, progress, user_errors

_MAX_ROWS = 12  # of a table


@click.command()
@SRC
@SOURCE_FORMAT
@CATEGORY_ATTRIBUTE
@click.option("--json", "as_json", is_flag=True, help="Print JSON with all rows.")
@click.pass_context
@user_errors
def inspect(
    context: click.Context, src: Path, source: str, category: str | None, as_json: bool
) -> None:
    """Count images, garments, sizes, labels and problems of the annotations SRC."""
    from data_tools.inspect import summarise

    dataset = read_annotations(src, source, category)
    with data_errors(), progress(context, dataset.count or 0) as tell:
        for found in summarise(dataset, folder=folder_of(src)):
            summary = found
            tell("")
    values = summary.as_json()
    if as_json:
        echo_json(values)
        return
    for line in _lines(values):
        click.echo(line)


def _lines(values: dict[str, Any]) -> Iterator[str]:
    yield f"{values['images']} images, {values['instances']} garments"
    tables = {name: values[name] for name in ("categories", "sources", "sizes")}
    tables |= {f"garments by {k}": v for k, v in values["attributes"].items()}
    tables |= {name: values[name] for name in ("instance sizes", "landmarks")}
    for name, rows in tables.items():
        if rows:
            yield f"\n{name}"
            yield from _rows(rows)
    yield f"\n{'problems' if values['problems'] else 'no problems'}"
    for problem, count in values["problems"].items():
        yield f"{count:8d}  {problem}, as {values['examples'][problem]}"


def _rows(rows: dict[str, int]) -> Iterator[str]:
    for index, (name, count) in enumerate(rows.items()):
        if index == _MAX_ROWS:
            yield f"          ... and {len(rows) - _MAX_ROWS} more"
            return
        yield f"{count:8d}  {name}"
