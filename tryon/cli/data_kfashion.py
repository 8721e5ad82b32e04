"""`tryon data kfashion`: K-Fashion's tops and bottoms by category and colour."""

import sys
from collections import Counter
from pathlib import Path

import click

from tryon.cli.data_options import read_annotations
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
    colours. Garments without one of them are counted.
    """
    from data_tools.annotations import BadFile
    from data_tools.files import whole_folder
    from data_tools.garment_folders import write_garments
    from tryon.errors import TryOnError

    folders, passed_over, bad = Counter[str](), Counter[str](), 0
    dataset = read_annotations(src, "kfashion")
    try:
        with whole_folder(out) as folder, progress(context, dataset.count or 0) as tell:
            for told in write_garments(dataset, src, folder):
                tell("")
                if isinstance(told, BadFile):
                    bad += 1
                    click.echo(f"Left out: {told.name}: {told.reason}", err=True)
                else:
                    folders.update(told.folders)
                    passed_over.update(told.passed_over)
    except (OSError, ValueError) as error:
        raise TryOnError(str(error)) from error
    for name, count in sorted(folders.items()):
        click.echo(f"{count:8d}  {name}", err=True)
    for reason, count in sorted(passed_over.items()):
        click.echo(f"{count:8d}  passed over: {reason}", err=True)
    click.echo(out)
    if bad:
        sys.exit(3)
