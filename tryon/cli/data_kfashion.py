"""`tryon data kfashion`: sort K-Fashion's tops and bottoms by category and colour."""

import sys
from collections import Counter
from pathlib import Path

import click

from tryon.cli.data_options import data_errors, leave_out, read_annotations
from tryon.cli.shared import FOLDER, progress, user_errors


@click.command()
@click.argument("src", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "-o", "--out", type=FOLDER, required=True, metavar="DIR", help="New folder."
)
@click.pass_context
@user_errors
def kfashion(context: click.Context, src: Path, out: Path) -> None:
    """Cut tops and bottoms out of K-Fashion's photos in SRC.

    DIR gets photos/ (800x800, padded with white) and each garment (400x400, on white) in
    tops/<category>/<colour>/ or bottoms/<category>/<colour>/: 7 and 5 categories, 21
    colours. Garments without a category or colour are skipped and counted.
    """
    from data_tools.annotations import BadFile
    from data_tools.files import whole_folder
    from data_tools.garment_folders import write_garments

    folders, skipped, bad = Counter[str](), Counter[str](), 0
    dataset = read_annotations(src, "kfashion")
    with (
        data_errors(),
        whole_folder(out) as folder,
        progress(context, dataset.count or 0) as tell,
    ):
        for written in write_garments(dataset, src, folder):
            tell("")
            if isinstance(written, BadFile):
                bad += 1
                leave_out(written)
            else:
                folders.update(written.folders)
                skipped.update(written.skipped)
    for name, count in sorted(folders.items()):
        click.echo(f"{count:8d}  {name}", err=True)
    for reason, count in sorted(skipped.items()):
        click.echo(f"{count:8d}  skipped: {reason}", err=True)
    click.echo(out)
    if bad:
        sys.exit(3)
