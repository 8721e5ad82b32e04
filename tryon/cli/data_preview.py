"""`tryon data preview`: a contact sheet of annotated photos."""

from pathlib import Path

import click

from tryon.cli.data_options import SOURCE_FORMAT, read_annotations
from tryon.cli.shared import PHOTO, user_errors


@click.command()
@click.argument("src", type=click.Path(path_type=Path, exists=True))
@SOURCE_FORMAT
@click.option(
    "-o", "--out", type=PHOTO, required=True, metavar="FILE", help="Picture to write."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 600),
    default=24,
    show_default=True,
    help="Photos on the sheet, chosen by the seed.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@user_errors
def preview(src: Path, source: str, out: Path, limit: int, seed: int) -> None:
    """Draw photos with outlines, boxes, landmarks and categories of SRC on one sheet.

    Landmarks that are seen are yellow, hidden ones white.
    """
    import numpy as np

    from data_tools.preview import choose_records, draw_sheet
    from tryon.errors import TryOnError
    from tryon.files import write_image

    dataset = read_annotations(src, source)
    try:
        records = choose_records(dataset, limit, seed)
    except (OSError, ValueError) as error:
        raise TryOnError(str(error)) from error
    if not records:
        raise TryOnError(f"{src}: expected annotations that can be read")
    sheet = draw_sheet(records, src if src.is_dir() else src.parent)
    write_image(np.asarray(sheet), out)
    click.echo(out)
