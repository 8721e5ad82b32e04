"""`tryon data curate`: decide which photos are good enough to train on."""

from pathlib import Path

import click

from tryon.cli.data_options import (
    SOURCE_FORMAT,
    SRC,
    data_errors,
    folder_of,
    read_annotations,
)
from tryon.cli.shared import progress, user_errors


@click.command()
@SRC
@SOURCE_FORMAT
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE.csv",
    help="CSV file of decisions; its existing rows are kept.",
)
@click.option(
    "--min-side",
    type=click.IntRange(min=0),
    default=64,
    show_default=True,
    help="Minimum of a garment's shorter side, pixels.",
)
@click.option("--any-view", is_flag=True, help="Keep side and back views.")
@click.option("--any-outline", is_flag=True, help="Keep cut-off and occluded garments.")
@click.option(
    "--distance",
    type=click.IntRange(0, 16),
    default=4,
    show_default=True,
    help="Maximum number of bits, of 64, in which the hashes of two copies differ.",
)
@click.option(
    "--keep-copies",
    is_flag=True,
    help="Do not search for copies, which opens every photo.",
)
@click.pass_context
@user_errors
def curate(
    context: click.Context,
    src: Path,
    source: str,
    out: Path,
    min_side: int,
    any_view: bool,
    any_outline: bool,
    distance: int,
    keep_copies: bool,
) -> None:
    """Decide which photos of SRC are good enough to train on; nothing is deleted.

    A photo is kept when one of its garments is frontal, clear and large enough, and the
    photo is no copy of an earlier one. Edit the file as needed, then convert the photos
    that are kept: tryon data convert ... --decisions FILE.csv
    """
    from data_tools import curate as curating
    from tryon.files import write_text

    rules = curating.CurationRules(
        min_side, not any_view, not any_outline, None if keep_copies else distance
    )
    decisions = []
    dataset = read_annotations(src, source)
    with data_errors():
        known = curating.read_decisions(out) if out.exists() else {}
        with progress(context, dataset.count or 0) as tell:
            for decision in curating.curate(dataset, folder_of(src), rules, known):
                decisions.append(decision)
                tell("")
    here = {decision.file_name for decision in decisions}
    decisions += [one for name, one in known.items() if name not in here]
    write_text(curating.format_decisions(decisions), out)
    kept = sum(decision.keep for decision in decisions)
    click.echo(f"{kept} of {len(decisions)} photos are kept", err=True)
    click.echo(out)
