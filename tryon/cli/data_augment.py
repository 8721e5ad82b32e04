"""`tryon data augment`: write augmented pictures of annotated photos."""

import sys
from contextlib import closing
from pathlib import Path

import click

from tryon.cli.data_options import FAIL_FAST, FORMATS, SOURCE_FORMAT, read_annotations
from tryon.cli.shared import progress, user_errors

# As in `data_tools.augment.transforms`, whose import would slow --help down.
TRANSFORMS = ("flip", "translate", "scale", "rotate", "bend", "occlude", "camera")


@click.command()
@click.argument("src", type=click.Path(path_type=Path, exists=True))
@click.argument("dst", type=click.Path(path_type=Path))
@SOURCE_FORMAT
@click.option(
    "--to", "target", type=click.Choice(FORMATS), help="Format of DST; SRC's by default."
)
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="New pictures of each photo.",
)
@click.option(
    "--transform",
    "transforms",
    type=click.Choice(TRANSFORMS),
    multiple=True,
    default=TRANSFORMS,
    show_default="all",
    help="What may happen to a picture. May be given several times.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
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
    """Draw new pictures from the photos of SRC into DST, a new folder.

    Outlines, boxes and landmarks move along, and left and right landmarks change places
    in a flip. Each picture NAME_augN.jpg gets every other transform by chance, one at
    least; the same seed gives the same files. Split before you augment.
    """
    from data_tools.convert import FORMATS as KINDS
    from tryon.errors import TryOnError

    try:
        from data_tools.augment import files as augment_files
    except ImportError as error:
        raise TryOnError(str(error)) from error
    config = augment_files.AugmentConfig(transforms, count, seed)
    folder = src if src.is_dir() else src.parent
    done = bad = 0
    dataset = read_annotations(src, source)
    try:
        drawn = augment_files.augment(
            dataset, folder, config, KINDS[target or source], dst
        )
        with closing(drawn), progress(context, (dataset.count or 0) * count) as tell:
            for problem in drawn:
                tell("")
                if problem is None:
                    done += 1
                elif fail_fast:
                    raise TryOnError(f"{problem.name}: {problem.reason}")
                else:
                    bad += 1
                    click.echo(f"Left out: {problem.name}: {problem.reason}", err=True)
    except (OSError, ValueError) as error:
        raise TryOnError(str(error)) from error
    click.echo(f"{done} pictures, {bad} left out", err=True)
    click.echo(dst)
    if bad:
        sys.exit(3)
