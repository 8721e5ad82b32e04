"""Read and write VIA files of any size: projects and plain annotations."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from data_tools.annotations import (
    FILE_ERRORS,
    BadFile,
    DataError,
    Dataset,
    ImageRecord,
    WriteRecord,
)
from data_tools.formats import via3
from data_tools.formats.via import format_row, parse_row
from data_tools.garments import with_size
from data_tools.passthrough import KEY
from data_tools.streams import (
    file_notes,
    member_names,
    read_members,
    read_top,
    top_names,
    write_document,
)

_MAX_TOP = 20  # members at the top of a project of VIA 3
_ROWS, _IDS = "_via_img_metadata", "_via_image_id_list"
# Settings of a new project: VIA's own defaults.
_SETTINGS: dict[str, Any] = {
    "ui": {
        "annotation_editor_height": 25,
        "annotation_editor_fontsize": 0.8,
        "leftsidebar_width": 18,
        "image_grid": {
            "img_height": 80,
            "rshape_fill": "none",
            "rshape_fill_opacity": 0.3,
            "rshape_stroke": "yellow",
            "rshape_stroke_width": 2,
            "show_region_shape": True,
            "show_image_policy": "all",
        },
        "image": {
            "region_label": "__via_region_id__",
            "region_color": "__via_default_region_color__",
            "region_label_font": "10px Sans",
            "on_image_annotation_editor_placement": "NEAR_REGION",
        },
    },
    "core": {"buffer_size": 18, "filepath": {}, "default_filepath": ""},
    "project": {"name": "tryon"},
}


def read_via(path: Path, category: str | None = None) -> Dataset:
    """Return the records of a VIA project, or of its annotations alone.

    Args:
        path: the .json, of VIA 1, 2 or 3.
        category: name of the attribute that is the category, see `parse_region`.

    Raises:
        DataError: when it is not a VIA file.
        OSError: when it cannot be read.
    """
    if not next(top_names(path), "").startswith("_via"):
        names = set(islice(top_names(path), _MAX_TOP))
        is_via3 = names.issuperset(via3.MEMBERS)
        return (_read_via3 if is_via3 else _read_annotations)(path, category)
    top = read_top(path, (_ROWS,))
    if _ROWS not in top:
        raise DataError(f"{path}: expected VIA's {_ROWS}")
    kept = (top.get("_via_settings") or {}).pop(KEY, {})
    extra = {f"via.{name}": value for name, value in top.items() if name != _ROWS}
    if top.get(_IDS) == [key for key, _ in read_members(path, _ROWS)]:
        del extra[f"via.{_IDS}"]
    extra |= kept.get("extra", {})
    categories = kept.get("categories", {})
    return Dataset(
        lambda: _read_records(path, read_members(path, _ROWS), category),
        categories,
        extra,
        top[_ROWS],
        file_notes(path),
    )


def _read_via3(path: Path, category: str | None) -> Dataset:
    """Read a project of VIA 3."""
    top = read_top(path, ("metadata",))
    if not all(isinstance(top[name], dict) for name in ("attribute", "file", "view")):
        raise DataError(f"{path}: expected objects in a project of VIA 3")
    note = f"{path}: read as a project of VIA 3; VIA is written as VIA 2, which 3 imports"
    return Dataset(
        lambda: _read_records(path, via3.read_rows(path), category),
        count=len(top["view"]),
        notes=(note, *file_notes(path)),
    )


def _read_annotations(path: Path, category: str | None) -> Dataset:
    """Read plain annotations, a JSON object of entries by file."""
    count = sum(1 for _ in top_names(path))
    if count and "filename" not in member_names(path):
        raise DataError(f"{path}: expected VIA's project, or its annotations by file")
    extra = {"via.form": "annotations"}
    notes = file_notes(path)
    return Dataset(
        lambda: _read_records(path, read_members(path), category), {}, extra, count, notes
    )


def _read_records(
    path: Path, rows: Iterable[tuple[str, Any]], category: str | None
) -> Iterator[ImageRecord | BadFile]:
    for key, row in rows:
        try:
            if isinstance(row, DataError):
                raise row
            yield with_size(parse_row(key, row, category), path.parent, "via")
        except FILE_ERRORS as error:
            yield BadFile.of(f"{path}: {key[:200]}", error)


@contextmanager
def write_via(path: Path, dataset: Dataset) -> Iterator[WriteRecord]:
    """Write records into a project, or as plain annotations where those were read.

    Yields a function that writes one record.

    Args:
        path: the .json; it appears when the block ends without an error.
        dataset: the records' categories and extra.
    """
    if dataset.extra.get("via.form") == "annotations":
        with write_annotations(path) as write_row:
            yield write_row
        return
    keys: dict[str, None] = {}
    found: dict[str, dict[str, Any]] = {"region": {}, "file": {}}
    top = _top(dataset)
    with write_document(path, {_ROWS: "{}"}, top) as parts:

        def write(record: ImageRecord) -> dict[str, Any]:
            key, row = format_row(record)
            _check_new(key, keys)
            parts[_ROWS].insert(key, row)
            _collect_attributes(row, found)
            return row

        yield write
        if top["_via_attributes"] is None:
            top["_via_attributes"] = found
        if top[_IDS] is None:
            top[_IDS] = list(keys)


@contextmanager
def write_annotations(path: Path) -> Iterator[WriteRecord]:
    """Write records as plain annotations; yields a function that writes one."""
    keys: dict[str, None] = {}
    with write_document(path, {"": "{}"}, {}, bare=True) as parts:

        def write(record: ImageRecord) -> dict[str, Any]:
            key, row = format_row(record)
            _check_new(key, keys)
            parts[""].insert(key, row)
            return row

        yield write


def _check_new(key: str, keys: dict[str, None]) -> None:
    if key in keys:
        raise DataError(f"a second photo would have VIA's key {key}")
    keys[key] = None


def _top(dataset: Dataset) -> dict[str, Any]:
    """Return the top level of a project; None is replaced when all rows are written."""
    given = {
        name.removeprefix("via."): value
        for name, value in dataset.extra.items()
        if name.startswith("via._")
    }
    rest = {k: v for k, v in dataset.extra.items() if not k.startswith("via.")}
    settings = dict(given.get("_via_settings") or _SETTINGS)
    if rest or dataset.categories:
        settings[KEY] = {"extra": rest, "categories": dict(dataset.categories)}
    default = {
        "_via_settings": settings,
        _ROWS: None,
        "_via_attributes": None,
        "_via_data_format_version": "2.0.10",
        _IDS: None,
    }
    return default | given | {"_via_settings": settings}


def _collect_attributes(row: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    """Collect the attributes that VIA shows, and the categories of its menu."""
    regions = row["regions"]
    regions = regions.values() if isinstance(regions, dict) else regions
    for region in regions:
        attributes = region["region_attributes"]
        _collect_texts(attributes, found["region"])
        if isinstance(name := attributes.get("category"), str):
            menu = {"type": "dropdown", "description": "", "options": {}}
            menu |= {"default_options": {}}
            if found["region"]["category"]["type"] == "text":
                found["region"]["category"] = menu
            found["region"]["category"]["options"].setdefault(name, "")
    _collect_texts(row["file_attributes"], found["file"])


def _collect_texts(attributes: dict[str, Any], found: dict[str, Any]) -> None:
    text = {"type": "text", "description": "", "default_value": ""}
    for name, value in attributes.items():
        if name != KEY and isinstance(value, str | int | float):
            found.setdefault(name, dict(text))
