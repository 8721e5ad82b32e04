"""Shared by formats with one file per image: listing, reading and writing files."""

import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
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
from data_tools.files import read_json, read_noted_json, safe_path, to_json
from data_tools.formats.mending import mend_numbers, parse_or_mend
from data_tools.garments import with_size
from data_tools.passthrough import (
    KEY,
    image_leftovers,
    instance_leftovers,
    instance_values,
    restore_record,
    to_instance,
)

HEADER = "tryon.json"  # what belongs to a whole folder; written only when needed


def find_files(folder: Path, ending: str) -> tuple[int, Callable[[], Iterator[Path]]]:
    """Count the files of `list_files`; return a function that lists them."""
    find = partial(list_files, folder, ending)
    return sum(1 for _ in find()), find


def list_files(folder: Path, ending: str) -> Iterator[Path]:
    """Yield the files with an ending in a folder tree.

    They are listed directory by directory, sorted by name, with the names of one
    directory in memory at a time.
    """
    for directory, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.lower().endswith(ending) and name != HEADER:
                yield Path(directory, name)


def read_header(folder: Path) -> Dataset:
    """Read what `write_header` wrote: categories and extra, no records.

    Raises:
        DataError: when the file is not in that form.
    """
    path = folder / HEADER
    values = read_json(path) if path.is_file() else {}
    categories, extra = values.get("categories", {}), values.get("extra", {})
    if not isinstance(categories, dict) or not isinstance(extra, dict):
        raise DataError(f"{path}: expected categories and extra to be objects")
    if not set(map(type, categories.values())) <= {int}:
        raise DataError(f"{path}: expected integers as ids of categories")
    return Dataset(lambda: iter(()), categories, extra)


def write_header(folder: Path, dataset: Dataset, known: Mapping[str, int]) -> None:
    """Write categories and extra, unless they are what the format has by default."""
    values: dict[str, Any] = {}
    if dict(dataset.categories) != dict(known):
        values["categories"] = dict(dataset.categories)
    if dataset.extra:
        values["extra"] = dict(dataset.extra)
    if values:
        (folder / HEADER).write_bytes(to_json(values))


def image_name(path: Path, folder: Path) -> str:
    """Return the name of the photo that an annotation file in a folder belongs to."""
    return implied_name(path.relative_to(folder).as_posix())


def implied_name(file_name: str) -> str:
    """Return the name that a photo has in a format without a field for it: NAME.jpg."""
    return PurePosixPath(file_name).with_suffix(".jpg").as_posix()


def read_json_folder(
    folder: Path,
    files: Path,
    parse: Callable[..., ImageRecord],
    categories: Mapping[str, int],
    numeric: tuple[str, ...],
    source: str,
) -> Dataset:
    """Return the annotations of a folder with one JSON file per image.

    Args:
        folder: holds the header.
        files: the folder of the JSON files, searched with its subfolders.
        parse: turns the JSON of a file and `file_name`, the image's, into a record; where
            that has no size, it is read from the photo.
        categories: ids by name, where the header has none.
        numeric: keys below which texts that are numbers are meant as such.
        source: name of the format.
    """
    count, find = find_files(files, ".json")

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for path in find():
            try:
                values, notes = read_noted_json(path)
                record = parse_or_mend(
                    partial(parse, file_name=image_name(path, files)),
                    values,
                    partial(mend_numbers, names=numeric),
                )
                record = replace(record, notes=record.notes + notes) if notes else record
                yield with_size(record, files, source)
            except FILE_ERRORS as error:
                yield BadFile.of(path, error)

    header = read_header(folder)
    known = header.categories or categories
    return Dataset(read_records, known, header.extra, count, by_name=True)


class Sidecars:
    """Files `tryon/<name>.json` with what a format's own files cannot hold.

    One holds an image's leftovers, its instances, and a checksum of the instances in the
    format's own file: once somebody edits these, the sidecar's are ignored.
    """

    def __init__(self, folder: Path, *within: str):
        self._folder = folder.joinpath(KEY, *within)

    def write(self, record: ImageRecord, native: ImageRecord) -> dict[str, Any]:
        """Write a record's sidecar.

        Args:
            record: the complete record.
            native: the record that the format's own file is parsed as.

        Returns:
            The `record_leftovers`.
        """
        values = {
            "image": image_leftovers(record, native),
            "checksum": _checksum(native.instances),
            "instances": [*map(instance_values, record.instances)],
        }
        path = self._path(native)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_json(values))
        return record_leftovers(record, native)

    def complete(self, native: ImageRecord) -> ImageRecord:
        """Return the record that `write` was given, from the native one.

        Raises:
            DataError: when the sidecar is not in the form of `write`.
        """
        path = self._path(native)
        if not path.is_file():
            return native
        values = read_json(path)
        instances = native.instances
        if values.get("checksum") == _checksum(instances):
            instances = tuple(map(to_instance, values["instances"]))
        return restore_record(native, values.get("image"), instances)

    def _path(self, native: ImageRecord) -> Path:
        return self._folder / safe_path(native.file_name).with_suffix(".json")


def record_leftovers(record: ImageRecord, native: ImageRecord) -> dict[str, Any]:
    """Return the `leftovers` of a record and of its instances as JSON values.

    Instances are compared with the native ones of the same category, in order; one
    without a counterpart has the leftover "instances".
    """
    counterparts = defaultdict(list)
    for one in reversed(native.instances):
        counterparts[one.category].append(one)
    kept = [
        instance_leftovers(one, counterparts[one.category].pop())
        if counterparts[one.category]
        else {"instances": [0, 1]}
        for one in record.instances
    ]
    image = image_leftovers(record, native)
    return {"image": {KEY: image}, "instances": [{KEY: each} for each in kept]}


def _checksum(instances: tuple[Instance, ...]) -> int:
    return zlib.crc32(to_json([*map(instance_values, instances)]))


def json_writer(
    folder: Path, serialize: Callable[[ImageRecord], dict[str, Any]]
) -> WriteRecord:
    """Return a function that writes a record into a folder, as `<image's name>.json`."""
    new_path = unique_paths(folder, ".json")

    def write(record: ImageRecord) -> dict[str, Any]:
        values = serialize(record)
        data = to_json(values)
        new_path(record.file_name).write_bytes(data)
        return values

    return write


def unique_paths(folder: Path, ending: str) -> Callable[[str], Path]:
    """Return a function from an image's name to the path of its file in a folder.

    It creates the file's folder, and raises DataError for a name that leads out of the
    folder, or whose path it returned before.
    """
    used: set[str] = set()

    def new_path(file_name: str) -> Path:
        name = safe_path(file_name).with_suffix(ending)
        if str(name).lower() in used:  # some file systems ignore case
            raise DataError(f"a second photo would be written as {name}")
        used.add(str(name).lower())
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    return new_path
