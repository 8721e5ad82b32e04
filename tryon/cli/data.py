"""`tryon data`: prepare annotated photos for training."""

from pathlib import Path

import click

from tryon.cli.data_augment import augment
from tryon.cli.data_collect import collect
from tryon.cli.data_convert import convert
from tryon.cli.data_curate import curate
from tryon.cli.data_inspect import inspect
from tryon.cli.data_kfashion import kfashion
from tryon.cli.data_options import FILTERS, POLYGONS, data_errors, read_filters
from tryon.cli.data_preview import preview
from tryon.cli.data_split import split
from tryon.cli.shared import progress, user_errors

_DATA = click.Path(path_type=Path, exists=True)


@click.group()
def data() -> None:
    """Prepare annotated photos."""


data.add_command(augment)
data.add_command(collect)
data.add_command(convert)
data.add_command(curate)
data.add_command(inspect)
data.add_command(kfashion)
data.add_command(preview)
data.add_command(split)


@data.command()
@click.argument("data", nargs=-1, required=True, type=_DATA, metavar="DATA...")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE.zip",
    help="File to write.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "val"]),
    default="train",
    show_default=True,
    help="Split of the photos.",
)
@click.option(
    "--max-size",
    type=click.IntRange(min=16),
    default=480,
    show_default=True,
    help="Longest side of a photo, pixels.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 95),
    default=88,
    show_default=True,
    help="Quality of the JPEG photos.",
)
@POLYGONS
@FILTERS
@click.pass_context
@user_errors
def pack(
    context: click.Context,
    data: tuple[Path, ...],
    out: Path,
    split: str,
    max_size: int,
    quality: int,
    polygons: str,
    filters: tuple[str, ...],
) -> None:
    """Pack annotated photos into one small zip, to train on another machine.

    `tryon train segmenter` and `tryon evaluate segmentation` read the zip as DATA. Of a
    folder with train/ and val/ only the folder of --split is packed.
    """
    photo_filter = read_filters(filters)
    if out.suffix.lower() != ".zip":
        raise click.UsageError(f"-o {out}: expected a name that ends in .zip")
    from data_tools.folders import read_folder
    from data_tools.pack import pack_photos

    with data_errors():
        photos = [
            photo
            for path in data
            for photo in read_folder(path, split, polygons, photo_filter, alone=True)
        ]
        out.parent.mkdir(parents=True, exist_ok=True)
        left_out = []
        with progress(context, len(photos)) as tell:
            for problem in pack_photos(photos, out, max_size, quality):
                tell("")
                left_out += [problem] if problem else []
    for problem in left_out:
        click.echo(f"Left out: {problem}", err=True)
    size = out.stat().st_size / 1e6
    click.echo(f"{len(photos) - len(left_out)} photos, {size:.1f} MB", err=True)
    click.echo(out)
