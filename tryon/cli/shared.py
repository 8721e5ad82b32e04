"""Options, progress and one-line errors that the commands share."""

import functools
import importlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from tryon.types import Photo
    from tryon.zoo import ModelCard

F = TypeVar("F", bound=Callable[..., Any])
Progress = Callable[[str], None]
STAGES = ("load", "read", "segment", "matte", "transfer", "composite", "judge", "write")

PIPE = Path("-")  # stdin as an input, stdout as an output
STDIN_NAME = "stdin"  # what names a photo that came through it
MAX_STDIN = 1 << 28  # bytes; what is longer is cut, and damaged

MODELS = click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="CARD",
    help="The .json card of a segmenter or refiner, instead of the shipped one.",
)
PHOTO = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


def user_errors(command: F) -> F:
    """Turn a `TryOnError` into one line on stderr and exit code 1."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        from tryon.errors import TryOnError

        try:
            return command(*args, **kwargs)
        except TryOnError as error:
            # One line always, whatever a file's name or a library's message holds.
            raise click.ClickException(" ".join(str(error).split())) from error

    return guarded  # type: ignore[return-value]


def read_input(path: Path) -> "Photo":
    """Read a photo of a file, or of stdin for `-`.

    Raises:
        Refusal: see `read_photo`.
    """
    from tryon.images import read_photo

    if path != PIPE:
        return read_photo(path)
    with click.open_file("-", "rb") as stdin:
        file = io.BytesIO(stdin.read(MAX_STDIN))
    file.name = STDIN_NAME  # type: ignore[attr-defined]
    return read_photo(file)


def expand_pictures(
    paths: Iterable[Path], skip: Callable[[Path], None] = lambda path: None
) -> list[Path]:
    """Replace folders by the pictures in them, sorted.

    Args:
        paths: files, which are taken as they are, and folders.
        skip: called with each other thing in a folder.

    Raises:
        TryOnError: a folder cannot be read, or holds no picture.
    """
    from data_tools.pictures import ENDINGS, Listing, list_pictures
    from tryon.errors import TryOnError
    from tryon.files import printable

    found: list[Path] = []
    for path in paths:
        try:
            listing = list_pictures(path) if path.is_dir() else Listing([path], [])
        except OSError as error:
            raise TryOnError(
                f"{printable(path)}: cannot be read ({error.strerror})"
            ) from error
        if not listing.pictures:
            raise TryOnError(
                f"{printable(path)}: holds no picture ({', '.join(ENDINGS)})"
            )
        found += listing.pictures
        for other in listing.others:
            skip(other)
    return found


def read_models(models: tuple[str, ...]) -> "dict[str, ModelCard]":
    """Read the cards of `MODELS`; returns them by kind.

    Raises:
        TryOnError: a card cannot be used, or it is of another network, or doubled.
    """
    from tryon.errors import TryOnError
    from tryon.zoo import load_card

    cards = {str(card.values["kind"]): card for card in map(load_card, map(Path, models))}
    if len(cards) < len(models) or not set(cards) <= {"segmenter", "refiner"}:
        raise TryOnError(
            "--model: expected at most one segmenter's and one refiner's card, got "
            f"{len(models)} cards of {', '.join(cards)}"
        )
    return cards


def stem_of(path: Path) -> str:
    """Return what an output is named by after an input."""
    return STDIN_NAME if path == PIPE else path.stem


def is_quiet(context: click.Context) -> bool:
    """Tell whether only errors are wanted."""
    return bool(context.obj and context.obj["quiet"])


def echo_json(values: Any) -> None:
    """Print JSON on stdout."""
    click.echo(json.dumps(values, indent=1))


@contextmanager
def progress(context: click.Context, length: int) -> Iterator[Progress]:
    """Show a bar on stderr; yields a function to call with the name of each stage.

    Nothing is shown with `--quiet` or when stderr is no terminal.
    """
    hidden = is_quiet(context) or not sys.stderr.isatty()
    bar = click.progressbar(
        length=length,
        file=sys.stderr,
        item_show_func=lambda stage: stage or "",
        hidden=hidden,
    )
    with bar:

        def tell(stage: str) -> None:
            bar.update(1, stage)

        yield tell


def load_keras(context: click.Context) -> None:
    """Import Keras and its backend.

    Raises:
        TryOnError: when the chosen backend is not installed.
    """
    with quiet_start(context):
        importlib.import_module("keras")


@contextmanager
def quiet_start(context: click.Context) -> Iterator[None]:
    """Drop what TensorFlow prints while it starts or converts, unless with `--verbose`.

    Raises:
        TryOnError: within, Keras was imported and its backend is not installed.
    """
    from tryon.errors import TryOnError
    from tryon.quiet import silent_stderr

    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    verbose = bool(context.obj and context.obj["verbose"])
    try:
        with silent_stderr(unless=verbose):
            yield
    except ImportError as error:
        raise TryOnError(
            f"the backend {backend} cannot be loaded ({error}); install it or choose "
            "another --backend"
        ) from error
