"""Find out a format of annotations from the contents of a file or folder."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from data_tools.annotations import DataError
from data_tools.formats import via3
from data_tools.formats.coco_files import PARTS
from data_tools.formats.folder_files import list_files
from data_tools.formats.kfashion import KEYS as KFASHION_KEYS
from data_tools.formats.map_files import names_file
from data_tools.formats.yolo_files import is_yolo
from data_tools.streams import member_names, top_names

_MAX_NAMES = 100  # keys of an object that are looked at
_MAX_FILES = 20  # files of a folder that are looked at
_ITEM = re.compile(r"item[1-9]\d*")


def detect_format(path: Path) -> str:
    """Return the name of the format that a file or a folder plainly has.

    Raises:
        DataError: when it is not plain.
        OSError: when it cannot be read.
    """
    found = _of_file(path) if path.is_file() else _of_folder(path)
    if found is None:
        raise DataError(f"{path}: the format is not plain from its contents; give --from")
    return found


def _of_file(path: Path) -> str | None:
    names = set[str]()
    for name in islice(top_names(path), _MAX_NAMES):
        if name in PARTS:
            return "coco"
        if name.startswith("_via"):
            return "via"
        names.add(name)
    if names.issuperset(via3.MEMBERS) or "filename" in member_names(path):
        return "via"
    if (found := _by_names(names)) is not None:
        raise DataError(f"{path}: a file of the format {found}; give its folder")
    return None


def _of_folder(folder: Path) -> str | None:
    if (folder / "annos").is_dir() or any(folder.glob("*/annos")):
        return "deepfashion2"
    if is_yolo(folder):
        return "yolo"
    if names_file(folder) and next(list_files(folder, ".png"), None):
        return "label-maps"
    for path in islice(list_files(folder, ".json"), _MAX_FILES):
        names = set(_names_of(path))
        if found := _by_names(names):
            return found
        if names.intersection(PARTS) or any(name.startswith("_via") for name in names):
            raise DataError(
                f"{folder}: give the file {path.name}, which holds all images"
            )
    return None


def _names_of(path: Path) -> Iterator[str]:
    """Yield the first names of a JSON object; nothing of what is none."""
    try:
        yield from islice(top_names(path), _MAX_NAMES)
    except DataError:
        return


def _by_names(names: set[str]) -> str | None:
    """Return the format of the JSON of one image."""
    if "shapes" in names:
        return "labelme"
    if names.intersection(KFASHION_KEYS):
        return "kfashion"
    is_item = any(_ITEM.fullmatch(name) for name in names)
    return "deepfashion2" if is_item or {"source", "pair_id"} <= names else None
