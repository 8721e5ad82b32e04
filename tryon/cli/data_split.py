"""`tryon data split`: split annotations into train, val and more, without leakage."""

import re
import sys
from pathlib import Path

import click

from tryon.cli.data_options import (
    SEED,
    SOURCE_FORMAT,
    SRC,
    data_errors,
    format_of,
    leave_out,
    read_annotations,
)
from tryon.cli.shared import FOLDER, progress, user_errors


@click.command()
@SRC
@SOURCE_FORMAT
@click.option(
    "-o", "--out", type=FOLDER, required=True, metavar="DIR", help="New folder."
)
@click.option(
    "--by",
    "keys",
    multiple=True,
    required=True,
    metavar="KEY",
    help="Identity of an image: an attribute, as pair_id, or a part of its name, as "
    "'name:(.*)_'. May be given several times.",
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    default=("train=0.8", "val=0.2"),
    show_default=True,
    metavar="NAME=SHARE",
    help="A part and its share of the groups. May be given several times.",
)
@SEED
@click.pass_context
@user_errors
def split(
    context: click.Context,
    src: Path,
    source: str,
    out: Path,
    keys: tuple[str, ...],
    parts: tuple[str, ...],
    seed: int,
) -> None:
    """Split the annotations SRC by identity, without leakage between the parts.

    Images that share a KEY, directly or through others, are in the same part, and stay in
    it when other images are added or removed. Photos are not copied.
    """
    shares = dict(map(_read_part, parts))
    from data_tools import split as splitting
    from data_tools.annotations import BadFile
    from data_tools.convert import FORMATS, convert
    from data_tools.files import whole_folder

    try:
        identities = [splitting.parse_key(key) for key in keys]
    except ValueError as error:
        raise click.UsageError(f"--by {error}") from error
    source = format_of(src, source)
    kind, bad = FORMATS[source], 0
    ending = "" if kind.is_folder else ".json"
    dataset = read_annotations(src, source)
    with data_errors():
        assignment = splitting.split(dataset, identities, shares, seed)
        with whole_folder(out) as folder, progress(context, dataset.count or 0) as tell:
            for name in shares:
                part = splitting.select_part(dataset, assignment, name)
                for result in convert(part, kind, folder / f"{name}{ending}"):
                    tell("")
                    if isinstance(result, BadFile):
                        bad += 1
                        leave_out(result)
    click.echo(f"{assignment.groups} groups, {bad} images left out", err=True)
    for name, count in assignment.counts.items():
        click.echo(f"{count} images: {out / (name + ending)}", err=True)
    click.echo(out)
    if bad:
        sys.exit(3)


def _read_part(text: str) -> tuple[str, float]:
    """Parse NAME=SHARE."""
    found = re.fullmatch(r"([A-Za-z0-9_-]+)=(\d*\.?\d+)", text)
    if found is None or not float(found[2]) > 0:
        raise click.UsageError(f"--part {text!r}: expected NAME=SHARE, as train=0.8")
    return found[1], float(found[2])
