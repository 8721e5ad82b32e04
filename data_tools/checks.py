"""Note what contradicts something else: a size and its photo, a name given twice."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_tools.annotations import FILE_ERRORS, BadFile, Dataset, ImageRecord, Note
from data_tools.files import find_photo
from data_tools.formats.shapes import photo_size, stored_size


def checked(dataset: Dataset, folder: Path | None = None) -> Dataset:
    """Return a dataset whose records carry notes of what contradicts something else.

    Args:
        dataset: the annotations.
        folder: holds them; photos are searched by `find_photo`. Without it their sizes
            are not compared.
    """

    def read_records() -> Iterator[ImageRecord | BadFile]:
        ids: dict[str, Any] = {}
        for record in dataset.read_records():
            if isinstance(record, ImageRecord):
                notes = (*_name_notes(record, ids), *_size_notes(record, folder))
                record = replace(record, notes=record.notes + notes) if notes else record
            yield record

    return replace(dataset, read_records=read_records)


def _name_notes(record: ImageRecord, ids: dict[str, Any]) -> Iterator[Note]:
    """Note a second image of a name; names are added to `ids`."""
    name, number = record.file_name, record.extra.get("coco.id")
    if name in ids:
        both = "" if number is None else f"ids {ids[name]!r} and {number!r}"
        yield Note("a second annotation of the same image", both)
    ids.setdefault(name, number)


def _size_notes(record: ImageRecord, folder: Path | None) -> Iterator[Note]:
    """Note a size that is not the upright photo's, where the photo is found."""
    if folder is None or record.size is None:
        return
    try:
        path = find_photo(folder, record.file_name)
        if not path.is_file():
            return
        size = photo_size(path)
    except FILE_ERRORS as error:
        yield Note("the photo's size cannot be read", " ".join(str(error).split())[:200])
        return
    if size != record.size:
        said, found = (f"{width}x{height}" for height, width in (record.size, size))
        turned = " (its EXIF turns it)" if stored_size(path) == record.size else ""
        detail = f"{said} in the file, {found} in the photo{turned}"
        yield Note("the size is not the photo's", detail)
