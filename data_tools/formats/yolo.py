"""YOLO segmentation: `labels/<id>.txt` with a line for each instance, `data.yaml`.

A line is the number of the class and the polygon, x and y as shares of width and height;
a line of five numbers is a box (centre, width, height). What that cannot hold is kept in
sidecar files in `tryon/`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from data_tools.annotations import (
    FILE_ERRORS,
    BadFile,
    DataError,
    Dataset,
    ImageRecord,
    Instance,
    Polygon,
    WriteRecord,
)
from data_tools.files import find_photo, read_limited
from data_tools.formats.folder_files import (
    Sidecars,
    find_files,
    image_name,
    implied_name,
    read_header,
    record_leftovers,
    unique_paths,
    write_header,
)
from data_tools.formats.names import CATEGORY_IDS
from data_tools.formats.shapes import photo_size
from data_tools.outlines import joined_ring, polygons_of

_YAML = "data.yaml"
_DECIMALS = 6  # of coordinates in pixels, so that 7 / 30 * 30 is 7 again
_MAX_TEXT = 1 << 26  # bytes of a .txt
_MAX_YAML = 1 << 20  # bytes
_MAX_BRACKETS = 100  # in the YAML: the parser's time grows with their number squared
_PHOTOS = (".jpg", ".jpeg", ".png", ".webp")


def parse_lines(
    text: str, file_name: str, size: tuple[int, int], names: Mapping[int, str]
) -> ImageRecord:
    """Turn the lines of one image into a record.

    Args:
        text: of the .txt.
        file_name: of the image.
        size: (height, width) of the image.
        names: of classes, by number.

    Raises:
        DataError: when a line is not in YOLO's form.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    instances = tuple(_parse_line(words, size, names) for words in lines)
    return ImageRecord(file_name, size, instances)


def format_lines(record: ImageRecord, numbers: Mapping[str, int]) -> str:
    """Turn a record into the lines of one image; parts are joined into one polygon.

    Args:
        record: what to write; instances without outline and box get no line.
        numbers: of classes, by name.

    Raises:
        DataError: when the image's size is not known.
    """
    height, width = record.known_size()
    lines = []
    for instance in record.instances:
        if values := _shares(instance, height, width):
            number = numbers[instance.category]
            lines.append(" ".join(map(repr, (number, *values))))
    return "".join(f"{line}\n" for line in lines)


def _parse_line(
    words: Sequence[str], size: tuple[int, int], names: Mapping[int, str]
) -> Instance:
    shares = [float(word) for word in words[1:]]
    if not words[0].isdigit() or len(shares) % 2 or len(shares) < 4:
        line = " ".join(words)[:60]
        raise DataError(f"expected a class and x, y, x, y ..., got {line!r}")
    height, width = size
    name = names.get(int(words[0]), f"class {words[0]}")
    if len(shares) == 4:
        x, y, w, h = shares
        corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        return Instance(name, box=_pixels(corners, height, width))
    return Instance(name, (Polygon(_pixels(shares, height, width)),))


def _pixels(shares: Sequence[float], height: int, width: int) -> tuple[float, ...]:
    sides = (width, height)
    return tuple(round(v * sides[i % 2], _DECIMALS) for i, v in enumerate(shares))


def _shares(instance: Instance, height: int, width: int) -> list[float]:
    ring = joined_ring(polygons_of(instance))
    if len(ring) < 6:
        if instance.box is None:
            return []
        x1, y1, x2, y2 = instance.box
        ring = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
    return [value / (height if i % 2 else width) for i, value in enumerate(ring)]


def read_yolo(folder: Path) -> Dataset:
    """Return the annotations of a folder with `labels`, `data.yaml` and `images`.

    Raises:
        DataError: when `data.yaml` is not as expected.
    """
    numbers = _read_numbers(folder / _YAML)
    names = {number: name for name, number in numbers.items()}
    labels = folder / "labels"
    count, find = find_files(labels, ".txt")
    sidecars = Sidecars(folder)

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for path in find():
            try:
                yield _read_record(path, labels, names, sidecars)
            except FILE_ERRORS as error:
                yield BadFile.of(path, error)

    header = read_header(folder)
    return Dataset(read_records, header.categories or numbers, header.extra, count)


def _read_record(
    path: Path, labels: Path, names: Mapping[int, str], sidecars: Sidecars
) -> ImageRecord:
    native = ImageRecord(image_name(path, labels), None)
    known = sidecars.complete(native)
    size = known.size or _photo_size(labels, known.file_name)
    text = read_limited(path, _MAX_TEXT).decode()
    parsed = parse_lines(text, native.file_name, size, names)
    record = sidecars.complete(replace(parsed, size=None))
    return replace(record, size=record.size or size)


def _photo_size(labels: Path, file_name: str) -> tuple[int, int]:
    for ending in _PHOTOS:
        path = find_photo(labels, str(Path(file_name).with_suffix(ending)))
        if path.is_file():
            return photo_size(path)
    raise DataError(f"expected the photo of {file_name} in images, to read its size")


def _read_numbers(path: Path) -> dict[str, int]:
    """Return the numbers of the classes by name."""
    if not path.is_file():
        raise DataError(f"{path}: expected YOLO's list of class names")
    with path.open("rb") as file:
        data = file.read(_MAX_YAML + 1)
    try:
        if len(data) > _MAX_YAML or data.count(b"[") + data.count(b"{") > _MAX_BRACKETS:
            raise DataError("a short list")
        names = yaml.safe_load(data.decode())["names"]
        pairs = list(names.items() if isinstance(names, dict) else enumerate(names))
        if any(isinstance(name, list | dict) for _, name in pairs):
            raise DataError("texts")  # YAML aliases can expand a short list to a huge one
        return {str(name): int(number) for number, name in pairs}
    except (*FILE_ERRORS, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected names of classes ({reason})") from error


@contextmanager
def write_yolo(folder: Path, dataset: Dataset) -> Iterator[WriteRecord]:
    """Write records into an empty folder; yields a function that writes one."""
    categories = dataset.categories or CATEGORY_IDS
    numbers = {name: number for number, name in enumerate(categories)}
    if sorted(categories.values()) == list(range(len(categories))):
        numbers = dict(categories)
    (folder / "labels").mkdir()
    new_path = unique_paths(folder / "labels", ".txt")
    yield partial(_write_lines, new_path, Sidecars(folder), numbers)
    names = {number: name for name, number in numbers.items()}
    values = {"path": ".", "train": "images", "val": "images", "names": names}
    text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    (folder / _YAML).write_bytes(text.encode())
    write_header(folder, dataset, numbers)


def _write_lines(
    new_path: Callable[[str], Path],
    sidecars: Sidecars,
    numbers: dict[str, int],
    record: ImageRecord,
) -> dict[str, Any]:
    for instance in record.instances:
        numbers.setdefault(instance.category, len(numbers))
    text = format_lines(record, numbers)
    new_path(record.file_name).write_bytes(text.encode())
    return sidecars.write(record, _parse_native(text, record, numbers))


def _parse_native(
    text: str, record: ImageRecord, numbers: Mapping[str, int]
) -> ImageRecord:
    """Return the record that lines are parsed as, without the size that they lack."""
    names = {number: name for name, number in numbers.items()}
    name = implied_name(record.file_name)
    return replace(parse_lines(text, name, record.size or (0, 0), names), size=None)


def yolo_leftovers(record: ImageRecord) -> dict[str, Any]:
    """Return what lines cannot hold of a record, see `record_leftovers`."""
    numbers = {one.category: i for i, one in enumerate(record.instances)}
    text = format_lines(record, numbers)
    return record_leftovers(record, _parse_native(text, record, numbers))
