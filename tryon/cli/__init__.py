"""The command line: one file per command, heavy imports inside the commands.

stdout holds the product alone, messages go to stderr. Exit codes: 0 done, 1 user or model
error, 2 wrong usage, 3 a batch that finished with some failures.
"""

import io
import logging
import os
import sys

import click

from tryon._version import __version__
from tryon.cli.batch import batch
from tryon.cli.data import data
from tryon.cli.doctor import doctor
from tryon.cli.evaluate import evaluate
from tryon.cli.patterns import patterns
from tryon.cli.run import run
from tryon.cli.segment import segment
from tryon.cli.serve import serve
from tryon.cli.train import train
from tryon.quiet import log_to_stderr
from tryon.signals import exit_on_sigterm


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--backend",
    type=click.Choice(["tensorflow", "jax", "torch"]),
    default=lambda: os.environ.get("KERAS_BACKEND", "tensorflow"),
    show_default="tensorflow, or $KERAS_BACKEND",
    help="What Keras computes with.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell more on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="Tell nothing but errors.")
@click.version_option(__version__, prog_name="tryon")
@click.pass_context
def main(context: click.Context, backend: str, verbose: bool, quiet: bool) -> None:
    """Put a shop's short-sleeve top on the person of a photo."""
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet exclude each other")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a code page of Windows lacks is escaped, as on stderr.
        sys.stdout.reconfigure(errors="backslashreplace")
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "3")
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING
    log_to_stderr(level)
    context.with_resource(exit_on_sigterm())
    context.obj = {"quiet": quiet, "verbose": verbose}


main.add_command(run)
main.add_command(batch)
main.add_command(segment)
main.add_command(serve)
main.add_command(train)
main.add_command(patterns)
main.add_command(data)
main.add_command(evaluate)
main.add_command(doctor)
