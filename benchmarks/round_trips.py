"""Check round trips between annotation formats: the table of docs/formats.md.

    python benchmarks/round_trips.py

Garments of every kind are written in each format, and the extension under `tryon` is
removed: the rest is what the format itself can express. That is converted to every other
format and back, and must be unchanged.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_tools.annotations import BadFile, Dataset, ImageRecord, Instance, Polygon
from data_tools.convert import FORMATS, compare, convert
from data_tools.formats.folder_files import HEADER
from data_tools.outlines import encode_mask
from data_tools.passthrough import KEY, PHOTO_KEY, instance_values, record_values

SIZE = 40, 60  # height, width
NAMES = ("instances", "category", "outline", "box", "landmarks", "attributes")
ENDING = {True: "", False: ".json"}  # of a folder and of a file


def everything() -> Dataset:
    """Return one image with all that the formats can express."""
    disc = np.hypot(*(np.mgrid[:40, :60] - [[[12]], [[48]]])) < 7
    part = Polygon((2, 22, 9, 22, 9, 36, 2, 36))
    holed = Polygon((12, 4, 36, 4, 36, 36, 12, 36), ((20, 10, 26, 10, 26, 18, 20, 18),))
    top = Instance(
        "short sleeve top",
        (holed, part),
        box=(2, 4, 36, 36),
        landmarks=(14, 6, 2) * 12 + (30, 30, 1) * 13,
        attributes={"scale": 2, "viewpoint": 2, "색상": "블랙", "소재": ["우븐", "니트"]},
    )
    others = (
        Instance("skirt", rle=encode_mask(disc), box=(42, 6, 55, 19)),
        Instance("vest", shape={"name": "circle", "cx": 48, "cy": 30, "r": 6}),
        Instance("hat", (Polygon((40, 22, 58, 22, 58, 38)),), attributes={"note": None}),
        Instance("hat", (Polygon((40, 24, 44, 24, 44, 38)),)),
    )
    attributes = {"source": "user", "pair_id": 7, "스타일": [{"스타일": "로맨틱"}]}
    record = ImageRecord("a.jpg", SIZE, (top, *others), attributes)
    return Dataset(lambda: iter([record]), {"short sleeve top": 1, "hat": 40}, count=1)


def write(dataset: Dataset, name: str, path: Path) -> list[str]:
    """Write a dataset with its photo; return what the format cannot express itself.

    Raises:
        ValueError: when the image cannot be written.
    """
    (report,) = convert(dataset, FORMATS[name], path)
    if isinstance(report, BadFile):
        raise ValueError(f"{name}: {report.reason}")
    parent = path if path.is_dir() else path.parent
    for folder in ("image", "images"):
        (parent / folder).mkdir(exist_ok=True)
        Image.new("RGB", SIZE[::-1]).save(parent / folder / "a.jpg")
    return report


def strip(path: Path) -> None:
    """Remove the extensions that are not part of the format."""
    if path.is_dir():
        shutil.rmtree(path / KEY, ignore_errors=True)
        (path / HEADER).unlink(missing_ok=True)
    for file in [path] if path.is_file() else path.rglob("*.json"):
        values = json.loads(file.read_text(encoding="utf-8"))
        text = json.dumps(_own(values), ensure_ascii=False)
        file.write_text(text, encoding="utf-8")


def _own(values: Any) -> Any:
    if isinstance(values, dict):
        return {k: _own(v) for k, v in values.items() if k not in (KEY, PHOTO_KEY)}
    return [_own(value) for value in values] if isinstance(values, list) else values


def value_names(dataset: Dataset) -> list[str]:
    """Return the names of all values of a dataset of one image."""
    (record,) = dataset.read_records()
    if isinstance(record, BadFile):
        raise ValueError(f"{record.name}: {record.reason}")
    rows = [record_values(record), *map(instance_values, record.instances)]
    return [name for values in rows for name in values]


def rows(folder: Path) -> Iterator[list[str]]:
    """Yield for each format its name, what it expresses, and what others lack of it.

    Args:
        folder: an empty one, to work in.

    Raises:
        ValueError: when a round trip loses something.
    """
    for source, kind in FORMATS.items():
        first = folder / f"{source}{ENDING[kind.is_folder]}"
        write(everything(), source, first)
        strip(first)
        dataset = kind.read(first)
        row = [source, in_words(value_names(dataset))]
        for target, other in FORMATS.items():
            there = folder / f"{source}-{target}"
            there.mkdir()
            second = there / f"there{ENDING[other.is_folder]}"
            third = there / f"back{ENDING[kind.is_folder]}"
            row.append(in_words(write(dataset, target, second)))
            write(other.read(second), source, third)
            if lost := [
                name for each in compare(dataset, kind.read(third)) for name in each
            ]:
                raise ValueError(f"{source}, {target} and back: {lost}")
        yield row


def in_words(names: list[str]) -> str:
    """Return the kinds of values, each once: "box, attributes"."""
    kinds = {name.partition(".")[0] for name in names}  # attributes.scale
    return ", ".join(name for name in NAMES if name in kinds) or "-"


def table() -> str:
    """Return the table in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        body = list(rows(Path(folder)))
    head = ["from", "carries by itself", *(f"to {name}" for name in FORMATS)]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(table())
