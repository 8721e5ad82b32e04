"""What formats of one file an image share: the files, and what is said of them all."""

import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data_tools.annotations import (
    FILE_ERRORS,
    BadFile,
    DataError,
    Dataset,
    ImageRecord,
    Instance,
    WriteRecord,
)
from data_tools.files import read_json, safe_path, to_json
from data_tools.passthrough import (
    KEY,
    instance_values,
    leftovers,
    record_values,
    restore,
    to_instance,
    to_record,
)

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


def image_name(path: Path, folder: Path) -> str:
    """Return the name of the photo that an annotation in a folder belongs to."""
    return path.relative_to(folder).with_suffix(".jpg").as_posix()


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


class Companions:
    """What files without room for it cannot say, in `tryon/<name>.json` beside them.

    It holds for one image what the format's own file lacks, and a checksum of what that
    file says of the instances: once somebody edits them, those of the file count.
    """

    def __init__(self, folder: Path):
        self._folder = folder / KEY

    def write(self, record: ImageRecord, own: ImageRecord) -> dict[str, Any]:
        """Write what is missing in `own`, which the format's own file reads as.

        Returns:
            What `unsaid` says of it.
        """
        values = {
            "image": leftovers(record_values(record), record_values(own)),
            "checksum": _checksum(own.instances),
            "instances": [*map(instance_values, record.instances)],
        }
        path = self._path(own)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_json(values))
        return unsaid(record, own)

    def complete(self, own: ImageRecord) -> ImageRecord:
        """Return the record that `write` was given, from what the file reads as.

        Raises:
            DataError: when the companion is not in the form of `write`.
        """
        path = self._path(own)
        if not path.is_file():
            return own
        values = read_json(path)
        instances = own.instances
        if values.get("checksum") == _checksum(instances):
            instances = tuple(map(to_instance, values["instances"]))
        return to_record(restore(record_values(own), values.get("image")), instances)

    def _path(self, own: ImageRecord) -> Path:
        return self._folder / safe_path(own.file_name).with_suffix(".json")


def unsaid(record: ImageRecord, own: ImageRecord) -> dict[str, Any]:
    """Return as JSON, with `leftovers`, what a record says and `own` does not.

    Instances are compared with those of the same category; one that is not told apart in
    `own` is named "instances".
    """
    theirs = defaultdict(list)
    for one in reversed(own.instances):
        theirs[one.category].append(instance_values(one))
    kept = [
        leftovers(instance_values(one), theirs[one.category].pop())
        if theirs[one.category]
        else {"instances": [0, 1]}
        for one in record.instances
    ]
    image = leftovers(record_values(record), record_values(own))
    return {"image": {KEY: image}, "instances": [{KEY: each} for each in kept]}


def _checksum(instances: tuple[Instance, ...]) -> int:
    return zlib.crc32(to_json([*map(instance_values, instances)]))


def write_json_files(
    folder: Path, form: Callable[[ImageRecord], dict[str, Any]]
) -> WriteRecord:
    """Return what writes a record into a folder, under the name of its image."""
    new_path = unique_paths(folder, ".json")

    def put(record: ImageRecord) -> dict[str, Any]:
        values = form(record)
        data = to_json(values)
        new_path(record.file_name).write_bytes(data)
        return values

    return put


def unique_paths(folder: Path, ending: str) -> Callable[[str], Path]:
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
