"""`tryon data preview`: a contact sheet of annotated photos."""

from pathlib import Path

import click

from tryon.cli.data_options import (
    SEED,
    SOURCE_FORMAT,
    SRC,
    data_errors,
    folder_of,
    read_annotations,
)
from tryon.cli.shared import PHOTO, user_errors


@click.command()
@SRC
@SOURCE_FORMAT
@click.option(
    "-o", "--out", type=PHOTO, required=True, metavar="FILE", help="Picture to write."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 600),
    default=24,
    show_default=True,
    help="Photos on the sheet, chosen at random.",
)
@SEED
@user_errors
def preview(src: Path, source: str, out: Path, limit: int, seed: int) -> None:
    """Draw a contact sheet of SRC: photos, outlines, boxes, landmarks, categories.

    Visible landmarks are yellow, occluded ones white.
    """
    from data_tools.preview import draw_sheet, sample_records
    from tryon.errors import TryOnError
    from tryon.files import write_image

    dataset = read_annotations(src, source)
    with data_errors():
        records = sample_records(dataset, limit, seed)
    if not records:
        raise TryOnError(f"{src}: none of the annotations can be read")
    write_image(draw_sheet(records, folder_of(src)), out)
    click.echo(out)
