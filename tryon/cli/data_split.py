"""`tryon data split`: train, val and more, with nothing that leaks."""

import re
import sys
from pathlib import Path

import click

from tryon.cli.data_options import SOURCE_FORMAT, read_annotations
from tryon.cli.shared import FOLDER, progress, user_errors


@click.command()
@click.argument("src", type=click.Path(path_type=Path, exists=True))
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
    help="What images of one identity share: an attribute, as pair_id, or part of the "
    "name, as 'name:(.*)_'. May be given several times.",
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
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
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
    """Split the annotations SRC by identity, so that nothing leaks between the parts.

    Images that share a KEY, also through others, lie in the same part. A group stays in
    its part when other images come or go. Photos are not copied.
    """
    shares = dict(map(_read_part, parts))
    from data_tools import split as splitting
    from data_tools.annotations import BadFile
    from data_tools.convert import FORMATS, convert
    from data_tools.files import whole_folder
    from tryon.errors import TryOnError

    try:
        identities = [splitting.parse_key(key) for key in keys]
    except ValueError as error:
        raise click.UsageError(f"--by {error}") from error
    kind, bad = FORMATS[source], 0
    ending = "" if kind.is_folder else ".json"
    dataset = read_annotations(src, source)
    try:
        found = splitting.split(dataset, identities, shares, seed)
        with whole_folder(out) as folder, progress(context, dataset.count or 0) as tell:
            for name in shares:
                part = splitting.choose_part(dataset, found, name)
                for told in convert(part, kind, folder / f"{name}{ending}"):
                    tell("")
                    if isinstance(told, BadFile):
                        bad += 1
                        click.echo(f"Left out: {told.name}: {told.reason}", err=True)
    except (OSError, ValueError) as error:
        raise TryOnError(str(error)) from error
    click.echo(f"{found.groups} groups, {bad} images left out", err=True)
    for name, count in found.counts.items():
        click.echo(f"{count} images: {out / (name + ending)}", err=True)
    click.echo(out)
    if bad:
        sys.exit(3)


def _read_part(text: str) -> tuple[str, float]:
    """Read NAME=SHARE."""
    found = re.fullmatch(r"([A-Za-z0-9_-]+)=(\d*\.?\d+)", text)
    if found is None or not float(found[2]) > 0:
        raise click.UsageError(f"--part {text!r}: expected NAME=SHARE, as train=0.8")
    return found[1], float(found[2])
