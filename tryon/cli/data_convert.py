"""`tryon data convert`: from one format of annotations to another."""

import itertools
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tryon.cli.data_options import FAIL_FAST, FILTERS, POLYGONS, read_filters
from tryon.cli.shared import progress, user_errors

if TYPE_CHECKING:
    from data_tools.annotations import Dataset
    from data_tools.convert import Format

FORMATS = ("deepfashion2", "coco", "coco-294", "via")
_NAMED = 20  # differences that are named one by one


@click.command()
@click.argument("src", type=click.Path(path_type=Path, exists=True))
@click.argument("dst", type=click.Path(path_type=Path))
@click.option(
    "--from", "source", type=click.Choice(FORMATS), required=True, help="Of SRC."
)
@click.option("--to", "target", type=click.Choice(FORMATS), required=True, help="Of DST.")
@POLYGONS
@FILTERS
@click.option("--check", is_flag=True, help="Read DST again and tell what differs.")
@click.option("--strict", is_flag=True, help="Refuse when DST cannot carry everything.")
@FAIL_FAST
@click.pass_context
@user_errors
def convert(
    context: click.Context,
    src: Path,
    dst: Path,
    source: str,
    target: str,
    polygons: str,
    filters: tuple[str, ...],
    check: bool,
    strict: bool,
    fail_fast: bool,
) -> None:
    """Convert the annotations SRC into DST, a new file or folder; nothing is lost.

    What DST has no place for travels under the key `tryon`, or is named before it is
    dropped (docs/formats.md). Photos are not copied. Bad files are named and left out.
    """
    wanted = read_filters(filters)
    from data_tools import convert as converting
    from tryon.errors import TryOnError

    if dst.exists() and not (dst.is_dir() and not any(dst.iterdir())):
        raise TryOnError(f"{dst} is there already; choose another name or remove it")
    kind = converting.FORMATS[target]
    try:
        dataset = converting.FORMATS[source].read(src)
        chosen = converting.choose(dataset, converting.Choice(wanted, polygons))
        losses = _tell_losses(chosen, kind, target, strict)
        dst.parent.mkdir(parents=True, exist_ok=True)
        done, bad = _write(context, chosen, kind, dst, fail_fast)
        unlike = check and _tell_differences(context, chosen, kind.read(dst), losses)
    except (OSError, ValueError) as error:
        raise TryOnError(str(error)) from error
    click.echo(f"{done} images, {bad} left out", err=True)
    click.echo(dst)
    if bad or unlike:
        sys.exit(3)


def _tell_losses(
    dataset: "Dataset", kind: "Format", target: str, strict: bool
) -> Counter[str]:
    """Name what cannot be carried, before anything is written.

    Raises:
        TryOnError: with `strict`, when there is something.
    """
    from data_tools.convert import count_losses
    from tryon.errors import TryOnError

    losses = count_losses(dataset, kind)
    if not losses:
        return losses
    text = ", ".join(f"{name} ({count})" for name, count in losses.most_common())
    if strict:
        raise TryOnError(f"{target} cannot carry {text}; choose another format")
    click.echo(f"{target} cannot carry {text}", err=True)
    return losses


def _write(
    context: click.Context, dataset: "Dataset", kind: "Format", dst: Path, fail_fast: bool
) -> tuple[int, int]:
    """Convert, and return how many images were written and left out."""
    from data_tools.convert import convert
    from tryon.errors import TryOnError

    done = bad = 0
    with progress(context, dataset.count or 0) as tell:
        for problem in convert(dataset, kind, dst):
            tell("")
            if problem is None:
                done += 1
            elif fail_fast:
                raise TryOnError(f"{problem.name}: {problem.reason}")
            else:
                bad += 1
                click.echo(f"Left out: {problem.name}: {problem.reason}", err=True)
    return done, bad


def _tell_differences(
    context: click.Context, one: "Dataset", other: "Dataset", losses: Counter[str]
) -> bool:
    """Tell what differs; return whether something does that was not named as a loss."""
    from data_tools.convert import compare

    counts: Counter[str] = Counter()
    images = 0
    name_it = _limited(_NAMED)
    with progress(context, one.count or 0) as tell:
        for found in compare(one, other):
            tell("")
            images += 1
            for each in found:
                counts[each.name] += 1
                name_it(f"Differs: {each.file_name}, {each.place}: {each.name}")
    if not counts:
        click.echo(f"Checked {images} images: nothing differs", err=True)
        return False
    text = ", ".join(f"{name} ({count})" for name, count in counts.most_common())
    click.echo(f"Checked {images} images; what differs: {text}", err=True)
    return not set(counts) <= set(losses)


def _limited(limit: int) -> Callable[[str], None]:
    """Return a function that prints its first texts on stderr, and says when it stops."""
    calls = itertools.count()

    def echo(text: str) -> None:
        if (call := next(calls)) <= limit:
            click.echo(text if call < limit else "... and more", err=True)

    return echo
