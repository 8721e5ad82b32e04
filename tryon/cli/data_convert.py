"""`tryon data convert`: convert annotations to another format."""

import itertools
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tryon.cli.data_options import (
    CATEGORY_ATTRIBUTE,
    FAIL_FAST,
    FILTERS,
    FORMATS,
    POLYGONS,
    SOURCE_FORMAT,
    SRC,
    data_errors,
    folder_of,
    leave_out,
    read_annotations,
    read_filters,
)
from tryon.cli.shared import progress, user_errors

if TYPE_CHECKING:
    from data_tools.annotations import Dataset, Note
    from data_tools.convert import Format

_MAX_LISTED = 20  # notes and differences that are printed one by one


@click.command()
@SRC
@click.argument("dst", type=click.Path(path_type=Path))
@SOURCE_FORMAT
@CATEGORY_ATTRIBUTE
@click.option(
    "--to", "target", type=click.Choice(FORMATS), required=True, help="Format of DST."
)
@POLYGONS
@FILTERS
@click.option(
    "--decisions",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE.csv",
    help="Convert only the images that `tryon data curate` keeps in this file.",
)
@click.option("--check", is_flag=True, help="Read DST again and report differences.")
@click.option(
    "--strict",
    is_flag=True,
    help="Refuse values that the format has no field for.",
)
@FAIL_FAST
@click.pass_context
@user_errors
def convert(
    context: click.Context,
    src: Path,
    dst: Path,
    source: str,
    category: str | None,
    target: str,
    polygons: str,
    filters: tuple[str, ...],
    decisions: Path | None,
    check: bool,
    strict: bool,
    fail_fast: bool,
) -> None:
    """Convert the annotations SRC to DST, a new file or folder, without loss.

    Values that the format of DST has no field for are kept under the key `tryon`
    (docs/formats.md). Photos are not copied. Bad files are named and left out. Notes
    name what contradicts itself, and what is read as it is meant.
    """
    photo_filter = read_filters(filters)
    from data_tools import convert as converting
    from data_tools.checks import checked
    from tryon.errors import TryOnError

    kind = converting.FORMATS[target]
    if dst.exists() and not (kind.is_folder and dst.is_dir() and not any(dst.iterdir())):
        raise TryOnError(f"{dst} exists; choose another name or remove it")
    dataset = read_annotations(src, source, category)
    with data_errors():
        names = None if decisions is None else _read_kept(decisions)
        selection = converting.Selection(photo_filter, polygons, names)
        selected = converting.select(dataset, selection)
        if strict:
            _refuse_unsupported(selected, kind, target)
        dst.parent.mkdir(parents=True, exist_ok=True)
        notes = Counter[str]()
        told = converting.heard(checked(selected, folder_of(src)), _teller(notes))
        done, bad, unsupported = _write(context, told, kind, dst, fail_fast)
        differs = check and _report_differences(context, selected, kind.read(dst))
    if notes:
        click.echo(f"Notes: {_list_counts(notes)}", err=True)
    if unsupported:
        text = f"{_list_unsupported(target, unsupported)}; kept under the key tryon"
        click.echo(text, err=True)
    click.echo(f"{done} images, {bad} left out", err=True)
    click.echo(dst)
    if bad or differs:
        sys.exit(3)


def _read_kept(path: Path) -> frozenset[str]:
    from data_tools.curate import read_decisions

    return frozenset(name for name, one in read_decisions(path).items() if one.keep)


def _refuse_unsupported(dataset: "Dataset", kind: "Format", target: str) -> None:
    """Refuse values that the format has no field for, before anything is written.

    Raises:
        TryOnError: naming them.
    """
    from data_tools.convert import count_unsupported
    from tryon.errors import TryOnError

    if counts := count_unsupported(dataset, kind):
        raise TryOnError(
            f"{_list_unsupported(target, counts)}; without --strict they are kept under "
            "the key tryon"
        )


def _list_unsupported(target: str, counts: Counter[str]) -> str:
    return f"{target} has no field for {_list_counts(counts)}"


def _list_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.most_common())


def _write(
    context: click.Context, dataset: "Dataset", kind: "Format", dst: Path, fail_fast: bool
) -> tuple[int, int, Counter[str]]:
    """Convert; return the numbers of images written, left out and unsupported values."""
    from data_tools.annotations import BadFile
    from data_tools.convert import convert

    done, bad, unsupported = 0, 0, Counter[str]()
    with progress(context, dataset.count or 0) as tell:
        for result in convert(dataset, kind, dst):
            tell("")
            if isinstance(result, BadFile):
                bad += 1
                leave_out(result, fail_fast)
            else:
                done += 1
                unsupported.update(result)
    return done, bad, unsupported


def _report_differences(context: click.Context, one: "Dataset", other: "Dataset") -> bool:
    """Print differences; return whether there are any."""
    from data_tools.convert import compare

    counts: Counter[str] = Counter()
    images = 0
    echo = _limited_echo(_MAX_LISTED)
    with progress(context, one.count or 0) as tell:
        for differences in compare(one, other):
            tell("")
            images += 1
            for each in differences:
                counts[each.name] += 1
                echo(f"Differs: {each.file_name}, {each.part}: {each.name}")
    result = f"differences in {_list_counts(counts)}" if counts else "no differences"
    click.echo(f"Checked {images} images: {result}", err=True)
    return bool(counts)


def _teller(counts: Counter[str]) -> Callable[[str, "Note"], None]:
    """Return a function that prints the first notes on images, and counts all."""
    echo = _limited_echo(_MAX_LISTED)

    def tell(name: str, note: "Note") -> None:
        counts[note.kind] += 1
        echo(f"Note: {name}: {note}")

    return tell


def _limited_echo(limit: int) -> Callable[[str], None]:
    """Return a function that prints its first texts on stderr, then "... and more"."""
    calls = itertools.count()

    def echo(text: str) -> None:
        if (call := next(calls)) <= limit:
            click.echo(text if call < limit else "... and more", err=True)

    return echo
