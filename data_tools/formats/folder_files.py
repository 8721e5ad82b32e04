"""What formats of one file an image share: the files, and what is said of them all."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data_tools.annotations import (
    FILE_ERRORS,
    BadFile,
    DataError,
    Dataset,
    ImageRecord,
)
from data_tools.files import read_json, safe_path, to_json

HEADER = "tryon.json"  # in the folder; only where there is something to say


def find_files(folder: Path, ending: str) -> tuple[int, Callable[[], Iterator[Path]]]:
    """Return how many files with that ending a folder holds, and what lists them.

    They come folder by folder, sorted by name; a folder's names are held at a time.
    """

    def find() -> Iterator[Path]:
        for place, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(files):
                if name.lower().endswith(ending) and name != HEADER:
                    yield Path(place, name)

    return sum(1 for _ in find()), find


def read_header(folder: Path) -> Dataset:
    """Return what `write_header` wrote: categories and extra, no records.

    Raises:
        DataError: when the file is not in that form.
    """
    path = folder / HEADER
    values = read_json(path) if path.is_file() else {}
    categories, extra = values.get("categories", {}), values.get("extra", {})
    if not isinstance(categories, dict) or not isinstance(extra, dict):
        raise DataError(f"{path}: expected categories and extra to be objects")
    if not set(map(type, categories.values())) <= {int}:
        raise DataError(f"{path}: expected whole numbers as ids of categories")
    return Dataset(lambda: iter(()), categories, extra)


def write_header(folder: Path, dataset: Dataset, known: Mapping[str, int]) -> None:
    """Write what is said of all images, unless it is what the format says anyway."""
    values: dict[str, Any] = {}
    if dict(dataset.categories) != dict(known):
        values["categories"] = dict(dataset.categories)
    if dataset.extra:
        values["extra"] = dict(dataset.extra)
    if values:
        (folder / HEADER).write_bytes(to_json(values))


def read_json_files(
    folder: Path, parse: Callable[[Path, dict[str, Any]], ImageRecord]
) -> tuple[int, Callable[[], Iterator[ImageRecord | BadFile]]]:
    """Return how many JSON files a folder holds, and what reads them as records.

    Args:
        folder: searched with the folders in it.
        parse: turns the JSON of a file into a record.
    """
    count, find = find_files(folder, ".json")

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for path in find():
            try:
                yield parse(path, read_json(path))
            except FILE_ERRORS as error:
                yield BadFile.of(path, error)

    return count, read_records


def write_json_files(
    folder: Path, form: Callable[[ImageRecord], dict[str, Any]]
) -> Callable[[ImageRecord], None]:
    """Return what writes a record into a folder, under the name of its image."""
    new_path = path_giver(folder, ".json")

    def put(record: ImageRecord) -> None:
        data = to_json(form(record))
        new_path(record.file_name).write_bytes(data)

    return put


def path_giver(folder: Path, ending: str) -> Callable[[str], Path]:
    """Return what gives the path of an image's own file, and makes its folder.

    It raises DataError for a name that leads elsewhere, or to a file that it gave before.
    """
    given: set[str] = set()

    def give(file_name: str) -> Path:
        name = safe_path(file_name).with_suffix(ending)
        if str(name).lower() in given:  # some disks take A.json for a.json
            raise DataError(f"a second photo that would be {name}")
        given.add(str(name).lower())
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    return give
