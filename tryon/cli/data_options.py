"""Options of every command that reads annotated photos."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data_tools.annotations import Dataset
    from data_tools.filters import PhotoFilter

POLYGONS = click.option(
    "--polygons",
    type=click.Choice(["segmentation", "landmarks"]),
    default="segmentation",
    show_default=True,
    help="Masks as drawn, or the polygon through the landmarks.",
)
FILTERS = click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="KEY=VALUES",
    help="Photos to take: viewpoint=2, occlusion=1,2, scale=, zoom-in=, category=, "
    "sleeve=short, source=user or min-area=0.02. May be given several times.",
)
# Those of `data_tools.convert.FORMATS`, which a --help has no time to import.
FORMATS = (
    "deepfashion2", "coco", "coco-294", "via", "labelme", "yolo", "label-maps",
    "kfashion",
)  # fmt: skip
SOURCE_FORMAT = click.option(
    "--from", "source", type=click.Choice(FORMATS), required=True, help="Format of SRC."
)
FAIL_FAST = click.option(
    "--fail-fast", is_flag=True, help="Stop at the first bad file, and write nothing."
)


class WeightedData(click.ParamType):
    """PATH or PATH=WEIGHT; gives (path, weight or None)."""

    name = "DATA[=WEIGHT]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Path, float | None]:
        """Split the weight off, unless a file has that very name."""
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
        click.UsageError: naming the text that is not understood.
    """
    from data_tools.filters import parse_filter

    try:
        return parse_filter(texts)
    except ValueError as error:
        raise click.UsageError(f"--filter {error}") from error


def read_annotations(src: Path, source: str) -> "Dataset":
    """Open the annotations SRC, a format of `FORMATS`.

    Raises:
        TryOnError: when they cannot be opened, or are none.
    """
    from data_tools import convert
    from tryon.errors import TryOnError

    kind = convert.FORMATS[source]
    if kind.is_folder != src.is_dir():
        expected = "a folder" if kind.is_folder else "a file"
        raise TryOnError(f"{src}: expected {expected} of the format {source}")
    try:
        dataset = kind.read(src)
    except (OSError, ValueError) as error:
        raise TryOnError(str(error)) from error
    if not dataset.count:
        raise TryOnError(f"{src}: expected annotations in the format {source}, got none")
    return dataset
