"""Label maps: `<id>.png` with class values, and `labels.json` with the classes' names.

What maps cannot hold (several instances of a class, hidden parts, landmarks, attributes)
is kept in sidecar files in `tryon/`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_tools.annotations import (
    CATEGORIES,
    FILE_ERRORS,
    SHORT_SLEEVE_TOP,
    BadFile,
    DataError,
    Dataset,
    ImageRecord,
    Instance,
    WriteRecord,
)
from data_tools.encodings import decode_text
from data_tools.files import read_limited, to_json
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
from data_tools.formats.label_maps import read_map
from data_tools.outlines import encode_mask, mask_of

_NAMES = "labels.json"
_MAX_NAMES = 1 << 24  # bytes of their file
_BACKGROUND = "null"
_MAX_VALUE = 255  # of an 8-bit map
LabelMap = NDArray[np.uint8]


def parse_map(values: LabelMap, file_name: str, names: Sequence[str]) -> ImageRecord:
    """Turn a label map into a record: one instance for each class in it.

    Args:
        values: uint8 (H, W); 0 is background.
        file_name: of the image.
        names: of the classes, by value; if empty, values above 127 are a short sleeve
            top.
    """
    if not names:
        values = np.where(values > 127, SHORT_SLEEVE_TOP, 0)
        names = (_BACKGROUND, *CATEGORIES)
    instances = tuple(
        Instance(
            names[value] if value < len(names) else f"value {value}",
            rle=encode_mask(values == value),
        )
        for value in np.unique(values).tolist()
        if value
    )
    height, width = values.shape
    return ImageRecord(file_name, (height, width), instances)


def format_map(record: ImageRecord, numbers: dict[str, int]) -> LabelMap:
    """Turn a record into a label map, uint8 (H, W); later instances are drawn on top.

    Args:
        record: what to write.
        numbers: values of the classes by name; missing ones are added.

    Raises:
        DataError: when the image's size is not known, or there are too many classes.
    """
    size = record.known_size()
    values = np.zeros(size, np.uint8)
    for instance in record.instances:
        number = numbers.setdefault(instance.category, len(numbers) + 1)
        if number > _MAX_VALUE:
            raise DataError(f"expected at most {_MAX_VALUE} classes in label maps")
        values[mask_of(instance, size)] = number
    return values


def read_label_maps(folder: Path) -> Dataset:
    """Return the annotations of a folder; `labels.json` is in it or its parent.

    Raises:
        DataError: when `labels.json` is no list of names.
    """
    names = _read_names(folder)
    count, find = find_files(folder, ".png")
    sidecars = Sidecars(folder)

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for path in find():
            try:
                native = parse_map(read_map(path), image_name(path, folder), names)
                yield sidecars.complete(native)
            except FILE_ERRORS as error:
                yield BadFile.of(path, error)

    header = read_header(folder)
    numbers = {name: value for value, name in enumerate(names) if name != _BACKGROUND}
    known = header.categories or numbers
    return Dataset(read_records, known, header.extra, count, by_name=True)


def _read_names(folder: Path) -> list[str]:
    path = names_file(folder)
    if path is None:
        return []
    try:
        names = json.loads(decode_text(read_limited(path, _MAX_NAMES))[0])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected a list of names") from error
    if not isinstance(names, list) or not {str}.issuperset(map(type, names)):
        raise DataError(f"{path}: expected a list of names")
    return names


def names_file(folder: Path) -> Path | None:
    """Return the path of the names of classes, in a folder or above; None without."""
    paths = (folder / _NAMES, folder.parent / _NAMES)
    return next((path for path in paths if path.is_file()), None)


@contextmanager
def write_label_maps(folder: Path, dataset: Dataset) -> Iterator[WriteRecord]:
    """Write records into an empty folder; yields a function that writes one."""
    categories = dataset.categories
    numbers = {name: value for value, name in enumerate(categories or CATEGORIES, 1)}
    if len(set(categories.values()) & set(range(1, _MAX_VALUE + 1))) == len(numbers):
        numbers = dict(categories)
    new_path = unique_paths(folder, ".png")
    yield partial(_write_map, new_path, Sidecars(folder), folder, numbers)
    (folder / _NAMES).write_bytes(to_json(_names(numbers)))
    write_header(folder, dataset, numbers)


def _names(numbers: dict[str, int]) -> list[str]:
    names = [_BACKGROUND] * (1 + max(numbers.values(), default=0))
    for name, number in numbers.items():
        names[number] = name
    return names


def _write_map(
    new_path: Callable[[str], Path],
    sidecars: Sidecars,
    folder: Path,
    numbers: dict[str, int],
    record: ImageRecord,
) -> dict[str, Any]:
    values = format_map(record, numbers)
    path = new_path(record.file_name)
    Image.fromarray(values).save(path)
    native = parse_map(values, image_name(path, folder), _names(numbers))
    return sidecars.write(record, native)


def map_leftovers(record: ImageRecord) -> dict[str, Any]:
    """Return what a label map cannot hold of a record, see `record_leftovers`."""
    numbers: dict[str, int] = {}
    values = format_map(record, numbers)
    name = implied_name(record.file_name)
    return record_leftovers(record, parse_map(values, name, _names(numbers)))
