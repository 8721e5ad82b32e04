"""`tryon evaluate`: the figures of docs/models.md, on any data of the same form."""

from pathlib import Path
from typing import Any

import click

from tryon.cli.shared import echo_json, load_keras, progress, user_errors

_DATA = click.Path(path_type=Path, file_okay=False, exists=True)


@click.group()
def evaluate() -> None:
    """Measure the models on the val split of annotated data."""


@evaluate.command()
@click.argument("data", type=_DATA)
@click.option("-m", "--model", metavar="CARD", help="A segmenter's .json card.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@user_errors
def segmentation(
    context: click.Context, data: Path, model: str | None, as_json: bool
) -> None:
    """Mask IoU, boundary F, AP, misses and false finds on DATA."""
    load_keras(context)
    from tryon import evaluate as evaluation
    from tryon.segment import Segmenter
    from tryon.zoo import load_card

    segmenter = Segmenter.from_pretrained(load_card(Path(model)) if model else None)
    _run(
        context,
        data,
        "segmentation",
        as_json,
        lambda tell: evaluation.evaluate_segmentation(segmenter, data, tell),
    )


@evaluate.command()
@click.argument("data", type=_DATA)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@user_errors
def tryon(context: click.Context, data: Path, as_json: bool) -> None:
    """SSIM and CIEDE2000 against rendered truth, beside simple baselines."""
    load_keras(context)
    from tryon import evaluate as evaluation
    from tryon.pipeline import TryOnPipeline

    pipeline = TryOnPipeline.from_pretrained()
    _run(
        context,
        data,
        "tryon",
        as_json,
        lambda tell: evaluation.evaluate_tryon(pipeline, data, tell),
    )


def _run(
    context: click.Context, data: Path, kind: str, as_json: bool, measure: Any
) -> None:
    from tryon.errors import TryOnError
    from tryon.evaluate import format_rows, progress_total

    try:
        with progress(context, progress_total(data, kind)) as tell:
            rows = measure(tell)
    except FileNotFoundError as error:
        raise TryOnError(str(error)) from error
    if as_json:
        echo_json(dict(rows))
        return
    for line in format_rows(rows):
        click.echo(line)
