"""`tryon batch`: thousands of pairs."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tryon.cli.shared import (
    FOLDER,
    MODELS,
    PHOTO,
    is_quiet,
    progress,
    quiet_start,
    read_models,
    user_errors,
)

if TYPE_CHECKING:
    from tryon.batch.pairs import Pair
    from tryon.batch.run import Batch, Engine


@click.command()
@click.argument("pairs_path", required=False, type=PHOTO, metavar="[PAIRS.csv]")
@click.option("--users", type=FOLDER, metavar="DIR", help="Photos of people.")
@click.option("--shops", type=FOLDER, metavar="DIR", help="Shop pictures.")
@click.option(
    "-o", "--out", type=FOLDER, required=True, metavar="DIR", help="Folder for the files."
)
@click.option("--pattern", metavar="NAME", help="Pattern of the rows that name none.")
@click.option(
    "--instance",
    type=click.IntRange(min=0),
    metavar="K",
    help="Take the K-th garment detected in the user's photo, in rows that name none.  "
    "[default: the largest]",
)
@click.option(
    "--force",
    is_flag=True,
    help="Go on after sleeve_mismatch, view_mismatch and low_confidence, in rows that do "
    "not say.",
)
@MODELS
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@click.option("--no-clobber", is_flag=True, help="Leave existing results alone.")
@click.option("--retry-failed", is_flag=True, help="Retry the pairs that failed.")
@click.option("--restart", is_flag=True, help="Start again: ignore DIR's manifest.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that share the cores; each takes half a GB of memory, with photos of "
    "12 megapixels 1.5 GB.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="What spreads the work; ray needs the extra 'ray'.",
)
@click.option(
    "--address", metavar="HOST:PORT", help="Ray cluster.  [default: this machine]"
)
@click.pass_context
@user_errors
def batch(
    context: click.Context,
    pairs_path: Path | None,
    users: Path | None,
    shops: Path | None,
    out: Path,
    pattern: str | None,
    instance: int | None,
    force: bool,
    models: tuple[str, ...],
    seed: int,
    no_clobber: bool,
    retry_failed: bool,
    restart: bool,
    workers: int,
    engine: str,
    address: str | None,
) -> None:
    """Dress every pair of PAIRS.csv, or every user of one folder in every top of another.

    PAIRS.csv has the columns user and shop, and pattern, instance, force (yes or no) and
    output if wanted; its paths start from its own folder. Writes <user>__<shop>.png each,
    manifest.jsonl (a row per pair: result or reason, scores, hashes) and report.html to
    DIR and prints the manifest's path.

    A run that was stopped, even killed, resumes when the same command is run again. Exit
    code 3: finished, but some pairs failed. Example: tryon batch pairs.csv -o out
    """
    from tryon.batch.pairs import DEFAULTS

    defaults = DEFAULTS._replace(pattern=pattern, instance=instance, force=force)
    pairs = _read_plan(pairs_path, users, shops, defaults)
    if address and engine != "ray":
        raise click.UsageError("--address goes with --engine ray")
    with quiet_start(context):
        from tryon.batch.models import ShippedModels
        from tryon.batch.run import MANIFEST, REPORT, Job, open_batch

    shipped = ShippedModels(read_models(models))
    job = Job(out, shipped, seed, no_clobber)
    with open_batch(job, pairs, retry_failed, restart) as opened:
        _run(context, opened, _engine(engine, workers, address))
        counts = opened.finish()
    click.echo(out / MANIFEST)
    if _tell_counts(counts, out / REPORT, is_quiet(context)):
        context.exit(3)


def _tell_counts(counts: Mapping[str, int], report: Path, quiet: bool) -> bool:
    """Say on stderr what was skipped and what failed; returns whether any pair failed."""
    left = dict(counts)
    skipped = left.pop("skipped", 0)
    total = sum(left.values())
    failed = {reason: n for reason, n in left.items() if reason not in ("done", "kept")}
    if skipped and not quiet:
        line = f"{skipped} files that are no pictures were skipped; see {report}"
        click.echo(line, err=True)
    if failed:
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(failed.items()))
        line = f"{sum(failed.values())} of {total} pairs failed ({reasons}); see {report}"
        click.echo(line, err=True)
    return bool(failed)


def _read_plan(
    pairs_path: Path | None, users: Path | None, shops: Path | None, defaults: "Pair"
) -> "list[Pair]":
    from tryon.batch.pairs import cross_pairs, read_pairs

    if pairs_path and not users and not shops:
        return read_pairs(pairs_path, defaults)
    if users and shops and not pairs_path:
        return cross_pairs(users, shops, defaults)
    raise click.UsageError("expected PAIRS.csv, or --users DIR and --shops DIR")


def _engine(name: str, workers: int, address: str | None) -> "Engine":
    from tryon.batch.run import run_here, run_in_processes

    if name == "ray":
        from tryon.batch.ray import run_on_ray

        return partial(run_on_ray, workers=workers, address=address)
    return run_here if workers == 1 else partial(run_in_processes, workers=workers)


def _run(context: click.Context, opened: "Batch", engine: "Engine") -> None:
    """Do what is left, with a bar.

    Raises:
        TryOnError: stopped by Ctrl-C, by a full disk, or by a worker's death.
    """
    from tryon.errors import TryOnError

    left, start = len(opened.pending), time.monotonic()
    if not left:
        return
    done = 0
    try:
        with progress(context, left) as tell:
            for done, _ in enumerate(opened.run(engine), 1):
                tell(f"{done / (time.monotonic() - start):.2f} pairs/s")
    except KeyboardInterrupt as error:
        raise TryOnError(
            f"stopped after {done} of {left} pairs; run the same command again to resume"
        ) from error
