"""`tryon data convert`: from one format of annotations to another."""

import itertools
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tryon.cli.data_options import (
    FAIL_FAST,
    FILTERS,
    FORMATS,
    POLYGONS,
    SOURCE_FORMAT,
    read_annotations,
    read_filters,
)
from tryon.cli.shared import progress, user_errors

if TYPE_CHECKING:
    from data_tools.annotations import Dataset
    from data_tools.convert import Format

_NAMED = 20  # differences that are named one by one


@click.command()
@click.argument("src", type=click.Path(path_type=Path, exists=True))
@click.argument("dst", type=click.Path(path_type=Path))
@SOURCE_FORMAT
@click.option(
    "--to", "target", type=click.Choice(FORMATS), required=True, help="Format of DST."
)
@POLYGONS
@FILTERS
@click.option(
    "--decisions",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE.csv",
    help="Take the images that `tryon data curate` keeps there.",
)
@click.option("--check", is_flag=True, help="Read DST again and tell what differs.")
@click.option(
    "--strict",
    is_flag=True,
    help="Refuse what the format has no place of its own for.",
)
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
    decisions: Path | None,
    check: bool,
    strict: bool,
    fail_fast: bool,
) -> None:
    """Convert the annotations SRC into DST, a new file or folder; nothing is lost.

    What the format of DST has no place of its own for travels under the key `tryon`
    (docs/formats.md). Photos are not copied. Bad files are named and left out.
    """
    wanted = read_filters(filters)
    from data_tools import convert as converting
    from tryon.errors import TryOnError

    kind = converting.FORMATS[target]
    if dst.exists() and not (kind.is_folder and dst.is_dir() and not any(dst.iterdir())):
        raise TryOnError(f"{dst} is there already; choose another name or remove it")
    dataset = read_annotations(src, source)
    try:
        names = None if decisions is None else _read_kept(decisions)
        chosen = converting.choose(dataset, converting.Choice(wanted, polygons, names))
        if strict:
            _refuse_homeless(chosen, kind, target)
        dst.parent.mkdir(parents=True, exist_ok=True)
        done, bad, homeless = _write(context, chosen, kind, dst, fail_fast)
        unlike = check and _tell_differences(context, chosen, kind.read(dst))
    except (OSError, ValueError) as error:
        raise TryOnError(str(error)) from error
    if homeless:
        told = f"{_tell_homeless(target, homeless)}: it travels under the key tryon"
        click.echo(told, err=True)
    click.echo(f"{done} images, {bad} left out", err=True)
    click.echo(dst)
    if bad or unlike:
        sys.exit(3)


def _read_kept(path: Path) -> frozenset[str]:
    from data_tools.curate import read_decisions

    return frozenset(name for name, one in read_decisions(path).items() if one.keep)


def _refuse_homeless(dataset: "Dataset", kind: "Format", target: str) -> None:
    """Refuse what the format has no place of its own for, before anything is written.

    Raises:
        TryOnError: naming it.
    """
    from data_tools.convert import count_homeless
    from tryon.errors import TryOnError

    if found := count_homeless(dataset, kind):
        raise TryOnError(
            f"{_tell_homeless(target, found)}; without --strict it travels under the key "
            "tryon"
        )


def _tell_homeless(target: str, found: Counter[str]) -> str:
    text = ", ".join(f"{name} ({count})" for name, count in found.most_common())
    return f"{target} has no place of its own for {text}"


def _write(
    context: click.Context, dataset: "Dataset", kind: "Format", dst: Path, fail_fast: bool
) -> tuple[int, int, Counter[str]]:
    """Convert; return how many images were written and left out, and what is homeless."""
    from data_tools.annotations import BadFile
    from data_tools.convert import convert
    from tryon.errors import TryOnError

    done, bad, homeless = 0, 0, Counter[str]()
    with progress(context, dataset.count or 0) as tell:
        for told in convert(dataset, kind, dst):
            tell("")
            if not isinstance(told, BadFile):
                done += 1
                homeless.update(told)
            elif fail_fast:
                raise TryOnError(f"{told.name}: {told.reason}")
            else:
                bad += 1
                click.echo(f"Left out: {told.name}: {told.reason}", err=True)
    return done, bad, homeless


def _tell_differences(context: click.Context, one: "Dataset", other: "Dataset") -> bool:
    """Tell what differs; return whether something does."""
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
    text = ", ".join(f"{name} ({count})" for name, count in counts.most_common())
    what = f"what differs: {text}" if counts else "nothing differs"
    click.echo(f"Checked {images} images: {what}", err=True)
    return bool(counts)


def _limited(limit: int) -> Callable[[str], None]:
    """Return a function that prints its first texts on stderr, and says when it stops."""
    calls = itertools.count()

    def echo(text: str) -> None:
        if (call := next(calls)) <= limit:
            click.echo(text if call < limit else "... and more", err=True)

    return echo
