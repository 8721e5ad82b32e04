"""Label maps: `<id>.png`, whose values are classes, with `labels.json` that names them.

What maps cannot say (several instances of a class, what lies under another, landmarks,
attributes) lies in `tryon/`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
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
from data_tools.files import to_json
from data_tools.formats.folder_files import (
    Companions,
    find_files,
    image_name,
    read_header,
    unique_paths,
    unsaid,
    write_header,
)
from data_tools.formats.label_maps import read_map
from data_tools.outlines import encode_mask, mask_of

_NAMES = "labels.json"
_BACKGROUND = "null"
_LARGEST = 255  # value of an 8-bit map
LabelMap = NDArray[np.uint8]


def parse_map(values: LabelMap, file_name: str, names: Sequence[str]) -> ImageRecord:
    """Turn a label map into a record: an instance for each class that is seen.

    Args:
        values: uint8 (H, W); 0 is background.
        file_name: of the image.
        names: of the values; without any, what is above 127 is a short sleeve top.
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
    """Turn a record into a label map, uint8 (H, W); later instances lie on top.

    Args:
        record: what to write.
        numbers: values of the classes by name; those that are missing are added.

    Raises:
        DataError: when the image's size is not known, or there are too many classes.
    """
    if record.size is None:
        raise DataError(f"size of {record.file_name} is not known; put the photo beside")
    values = np.zeros(record.size, np.uint8)
    for instance in record.instances:
        number = numbers.setdefault(instance.category, len(numbers) + 1)
        if number > _LARGEST:
            raise DataError(f"expected at most {_LARGEST} classes in label maps")
        values[mask_of(instance, record.size)] = number
    return values


def read_label_maps(folder: Path) -> Dataset:
    """Return the annotations of a folder; `labels.json` lies in it or above.

    Raises:
        DataError: when `labels.json` is no list of names.
    """
    names = _read_names(folder)
    count, find = find_files(folder, ".png")
    companions = Companions(folder)

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for path in find():
            try:
                own = parse_map(read_map(path), image_name(path, folder), names)
                yield companions.complete(own)
            except FILE_ERRORS as error:
                yield BadFile.of(path, error)

    header = read_header(folder)
    numbers = {name: value for value, name in enumerate(names) if name != _BACKGROUND}
    return Dataset(read_records, header.categories or numbers, header.extra, count)


def _read_names(folder: Path) -> list[str]:
    for path in (folder / _NAMES, folder.parent / _NAMES):
        if path.is_file():
            try:
                names = json.loads(path.read_text(encoding="utf-8"))
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}: expected a list of names") from error
            if not isinstance(names, list) or not {str}.issuperset(map(type, names)):
                raise DataError(f"{path}: expected a list of names")
            return names
    return []


@contextmanager
def write_label_maps(folder: Path, dataset: Dataset) -> Iterator[WriteRecord]:
    """Write records into an empty folder; yields what writes one."""
    categories = dataset.categories
    numbers = {name: value for value, name in enumerate(categories or CATEGORIES, 1)}
    if len(set(categories.values()) & set(range(1, _LARGEST + 1))) == len(numbers):
        numbers = dict(categories)
    yield partial(_put, unique_paths(folder, ".png"), Companions(folder), folder, numbers)
    (folder / _NAMES).write_bytes(to_json(_names(numbers)))
    write_header(folder, dataset, numbers)


def _names(numbers: dict[str, int]) -> list[str]:
    names = [_BACKGROUND] * (1 + max(numbers.values(), default=0))
    for name, number in numbers.items():
        names[number] = name
    return names


def _put(
    new_path: Callable[[str], Path],
    companions: Companions,
    folder: Path,
    numbers: dict[str, int],
    record: ImageRecord,
) -> dict[str, Any]:
    values = format_map(record, numbers)
    path = new_path(record.file_name)
    Image.fromarray(values).save(path)
    own = parse_map(values, image_name(path, folder), _names(numbers))
    return companions.write(record, own)


def map_form(record: ImageRecord) -> dict[str, Any]:
    """Return what a map cannot say of a record, as `unsaid` has it."""
    numbers: dict[str, int] = {}
    values = format_map(record, numbers)
    name = PurePosixPath(record.file_name).with_suffix(".jpg").as_posix()
    return unsaid(record, parse_map(values, name, _names(numbers)))
