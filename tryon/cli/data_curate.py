"""`tryon data curate`: which photos are good enough to learn from."""

from pathlib import Path

import click

from tryon.cli.data_options import SOURCE_FORMAT, read_annotations
from tryon.cli.shared import progress, user_errors


@click.command()
@click.argument("src", type=click.Path(path_type=Path, exists=True))
@SOURCE_FORMAT
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE.csv",
    help="File of decisions; what it holds already stands.",
)
@click.option(
    "--min-side",
    type=click.IntRange(min=0),
    default=64,
    show_default=True,
    help="Shorter side of a garment, pixels.",
)
@click.option("--any-view", is_flag=True, help="Keep side and back views.")
@click.option("--any-outline", is_flag=True, help="Keep cut-off and occluded garments.")
@click.option(
    "--distance",
    type=click.IntRange(0, 16),
    default=4,
    show_default=True,
    help="Bits of 64 that the hashes of two copies of a photo differ in at most.",
)
@click.option("--keep-copies", is_flag=True, help="Open no photo, look for no copies.")
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
    """Decide which photos of SRC are good enough to learn from; nothing is deleted.

    A photo is kept when one of its garments is frontal, clear and large enough, and the
    photo is no copy of one before it. Edit the file as you like, then take what is kept:
    tryon data convert ... --decisions FILE.csv
    """
    from data_tools import curate as curating
    from tryon.errors import TryOnError
    from tryon.files import write_text

    rules = curating.Rules(
        min_side, not any_view, not any_outline, None if keep_copies else distance
    )
    folder = src if src.is_dir() else src.parent
    decisions = []
    dataset = read_annotations(src, source)
    try:
        known = curating.read_decisions(out) if out.exists() else {}
        with progress(context, dataset.count or 0) as tell:
            for decision in curating.curate(dataset, folder, rules, known):
                decisions.append(decision)
                tell("")
    except (OSError, ValueError) as error:
        raise TryOnError(str(error)) from error
    here = {decision.file_name for decision in decisions}
    decisions += [one for name, one in known.items() if name not in here]
    write_text(curating.format_decisions(decisions), out)
    kept = sum(decision.keep for decision in decisions)
    click.echo(f"{kept} of {len(decisions)} photos are kept", err=True)
    click.echo(out)
