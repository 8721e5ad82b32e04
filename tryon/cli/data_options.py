"""Options and error handling of the commands that read annotated photos."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data_tools.annotations import BadFile, Dataset
    from data_tools.filters import PhotoFilter

SRC = click.argument("src", type=click.Path(path_type=Path, exists=True))
POLYGONS = click.option(
    "--polygons",
    type=click.Choice(["segmentation", "landmarks"]),
    default="segmentation",
    show_default=True,
    help="Outlines as annotated, or the polygon through the landmarks.",
)
FILTERS = click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="KEY=VALUES",
    help="Condition on photos: viewpoint=2, occlusion=1,2, scale=, zoom-in=, category=, "
    "sleeve=short, source=user or min-area=0.02. May be given several times.",
)
# As in `data_tools.convert`, whose import would slow --help down.
FORMATS = (
    "deepfashion2", "coco", "coco-294", "via", "labelme", "yolo", "label-maps",
    "kfashion",
)  # fmt: skip
SOURCE_FORMAT = click.option(
    "--from",
    "source",
    type=click.Choice(("auto", *FORMATS)),
    default="auto",
    show_default=True,
    help="Format of SRC; auto finds it out from the contents.",
)
CATEGORY_ATTRIBUTE = click.option(
    "--category-attribute",
    "category",
    metavar="NAME",
    help="VIA's attribute that is the category; by default the first of category, class, "
    "label, name and type that has a value.",
)
SEED = click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
FAIL_FAST = click.option(
    "--fail-fast", is_flag=True, help="Stop at the first bad file and write nothing."
)


class WeightedData(click.ParamType):
    """PATH or PATH=WEIGHT; gives (path, weight or None)."""

    name = "DATA[=WEIGHT]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Path, float | None]:
        """Split the weight off, unless a file has the whole value as its name."""
        if Path(value).exists():
            return Path(value), None
        path, _, text = value.rpartition("=")
        if not path or not Path(path).exists():
            self.fail(f"{path or value}: no such folder or file", param, ctx)
        try:
            weight = float(text)
        except ValueError:
            weight = 0.0
        if not 0 < weight < float("inf"):
            self.fail(f"{value}: expected a weight above 0, as in {path}=0.3", param, ctx)
        return Path(path), weight


def read_filters(texts: tuple[str, ...]) -> "PhotoFilter":
    """Parse `--filter`.

    Raises:
        click.UsageError: naming the text that is not valid.
    """
    from data_tools.filters import parse_filter

    try:
        return parse_filter(texts)
    except ValueError as error:
        raise click.UsageError(f"--filter {error}") from error


def format_of(src: Path, source: str) -> str:
    """Return the format of the annotations SRC; auto is found out, and told on stderr.

    Raises:
        TryOnError: when it is not plain.
    """
    if source != "auto":
        return source
    from data_tools.detect import detect_format

    with data_errors():
        found = detect_format(src)
    click.echo(f"Note: {src} is read as {found}; --from overrules it", err=True)
    return found


def read_annotations(src: Path, source: str, category: str | None = None) -> "Dataset":
    """Open the annotations SRC, in a format of `FORMATS`.

    Args:
        src: a file or a folder.
        source: the format.
        category: of VIA, the name of the attribute that is the category.

    Raises:
        TryOnError: when they cannot be opened, or there are none.
    """
    from data_tools import convert
    from data_tools.formats.via_files import read_via
    from tryon.errors import TryOnError

    source = format_of(src, source)
    kind = convert.FORMATS[source]
    if category is not None and source != "via":
        raise click.UsageError("--category-attribute is for the format via")
    if kind.is_folder != src.is_dir():
        expected = "a folder" if kind.is_folder else "a file"
        raise TryOnError(f"{src}: expected {expected} of the format {source}")
    with data_errors():
        dataset = kind.read(src) if category is None else read_via(src, category)
    if not dataset.count:
        raise TryOnError(f"{src}: expected annotations in the format {source}, got none")
    for note in dataset.notes:
        click.echo(f"Note: {note}", err=True)
    return dataset


@contextmanager
def data_errors() -> Iterator[None]:
    """Turn errors of files and annotations into a `TryOnError`."""
    from tryon.errors import TryOnError

    try:
        yield
    except (OSError, ValueError) as error:
        raise TryOnError(str(error)) from error


def leave_out(bad: "BadFile", fail_fast: bool = False) -> None:
    """Report a bad file on stderr.

    Raises:
        TryOnError: with `fail_fast`.
    """
    from tryon.errors import TryOnError

    if fail_fast:
        raise TryOnError(f"{bad.name}: {bad.reason}")
    click.echo(f"Left out: {bad.name}: {bad.reason}", err=True)


def folder_of(src: Path) -> Path:
    """Return the folder that the photos of the annotations SRC are searched from."""
    return src if src.is_dir() else src.parent
