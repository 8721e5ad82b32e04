"""Options and checks that the training commands share."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tryon.cli.shared import FOLDER, is_quiet, load_keras

if TYPE_CHECKING:
    from mrcnn.config import Stage
    from tryon.training.steps import Steps

WEIGHTS = click.Path(path_type=Path, dir_okay=False, exists=True)
DATA = click.Path(path_type=Path, file_okay=False, exists=True)
EXISTING = click.Path(path_type=Path, exists=True)
OUT = click.option(
    "-o", "--out", type=FOLDER, required=True, metavar="DIR", help="Folder for the files."
)
SEED = click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")

PRECISION = click.option(
    "--precision",
    type=click.Choice(["float32", "mixed_bfloat16"]),
    default="float32",
    show_default=True,
    help="mixed_bfloat16 is faster on processors that support it.",
)


Options = Sequence[Callable[..., Any]]


def combine(options: Options) -> Callable[..., Any]:
    """Return a decorator that adds options to a command, in their order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def load_training(context: click.Context, folders: Iterable[Path]) -> None:
    """Load Keras and imgaug, once the data are known to hold something.

    Args:
        context: of the command.
        folders: of the data; files are taken as they are.

    Raises:
        TryOnError: when a folder holds no data, or a package is not installed.
    """
    from tryon.errors import TryOnError

    for folder in folders:
        if folder.is_dir() and not any(map(_is_data, folder.rglob("*"))):
            raise TryOnError(
                f"{folder}: holds neither pictures nor annotations; name a folder of them"
            )
    load_keras(context)
    try:
        import data_tools.augment.views  # noqa: F401
    except ImportError as error:
        raise TryOnError(str(error)) from error


def _is_data(path: Path) -> bool:
    from data_tools.pictures import is_picture

    return is_picture(path) or path.suffix.lower() in (".json", ".zip")


def read_stage(text: str) -> "Stage":
    """Parse LAYERS:STEPS:RATE.

    Raises:
        click.UsageError: when the text has another form.
    """
    from mrcnn.config import TRAINABLE_FROM, Stage

    parts = re.fullmatch(r"([^:]+):(\d+):([-+.\deE]+)", text)
    if parts is None or parts[1] not in TRAINABLE_FROM or int(parts[2]) < 1:
        raise click.UsageError(
            f"--stage {text!r}: expected LAYERS:STEPS:RATE as in 4+:1000:5e-4, "
            f"LAYERS one of {', '.join(TRAINABLE_FROM)}"
        )
    return Stage(parts[1], int(parts[2]), float(parts[3]))


def count_steps(context: click.Context) -> "Steps":
    """Return what says a training's steps and the time left on stderr."""
    from tryon.training.steps import Steps

    if is_quiet(context):
        return Steps()
    click.echo("preparing the data and the network", err=True)
    return Steps(lambda line: click.echo(line, err=True))


def print_row(row: dict[str, Any]) -> None:
    """Print a row of the training log on stderr."""
    text = "  ".join(f"{key} {float(value):.4g}" for key, value in row.items())
    click.echo(text, err=True)
