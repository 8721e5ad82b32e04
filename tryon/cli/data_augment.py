"""`tryon data augment`: write augmented pictures of annotated photos."""

import sys
from contextlib import closing
from pathlib import Path

import click

from tryon.cli.data_options import (
    FAIL_FAST,
    FORMATS,
    SEED,
    SOURCE_FORMAT,
    SRC,
    data_errors,
    folder_of,
    format_of,
    leave_out,
    read_annotations,
)
from tryon.cli.shared import progress, user_errors

# As in `data_tools.augment.transforms`, whose import would slow --help down.
TRANSFORMS = ("flip", "translate", "scale", "rotate", "bend", "occlude", "camera")


@click.command()
@SRC
@click.argument("dst", type=click.Path(path_type=Path))
@SOURCE_FORMAT
@click.option(
    "--to",
    "target",
    type=click.Choice(FORMATS),
    help="Format of DST; that of SRC by default.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="New pictures per photo.",
)
@click.option(
    "--transform",
    "transforms",
    type=click.Choice(TRANSFORMS),
    multiple=True,
    default=TRANSFORMS,
    show_default="all",
    help="Transform to choose from. May be given several times.",
)
@SEED
@FAIL_FAST
@click.pass_context
@user_errors
def augment(
    context: click.Context,
    src: Path,
    dst: Path,
    source: str,
    target: str | None,
    count: int,
    transforms: tuple[str, ...],
    seed: int,
    fail_fast: bool,
) -> None:
    """Write augmented pictures of the photos in SRC to DST, a new folder.

    Outlines, boxes and landmarks are transformed, too; a flip swaps left and right
    landmarks. Each picture NAME_augN.jpg gets half of the transforms at random, at least
    one; the same seed gives the same files. Split before you augment.
    """
    from data_tools.convert import FORMATS as KINDS
    from tryon.errors import TryOnError

    try:
        from data_tools.augment import files as augment_files
    except ImportError as error:
        raise TryOnError(str(error)) from error
    config = augment_files.AugmentConfig(transforms, count, seed)
    done = bad = 0
    source = format_of(src, source)
    dataset = read_annotations(src, source)
    with data_errors():
        results = augment_files.augment(
            dataset, folder_of(src), config, KINDS[target or source], dst
        )
        with closing(results), progress(context, (dataset.count or 0) * count) as tell:
            for problem in results:
                tell("")
                if problem is None:
                    done += 1
                else:
                    bad += 1
                    leave_out(problem, fail_fast)
    click.echo(f"{done} pictures, {bad} left out", err=True)
    click.echo(dst)
    if bad:
        sys.exit(3)
