"""Projects of VIA 3, read as those of VIA 2: files, regions, attributes.

References:
    Dutta and Zisserman, "The VIA Annotation Software for Images, Audio and Video",
    ACM Multimedia 2019.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_tools.annotations import DataError
from data_tools.streams import DiskStore, read_members, read_top

MEMBERS = ("project", "attribute", "file", "metadata", "view")
_IMAGE = 2  # type of a file
_TEXT, _CHECKBOX = 1, 2  # types of an attribute; of others the value is an option's id
# VIA 2's names of shapes, and of their numbers, by VIA 3's number.
_SHAPES = {
    1: ("point", ("cx", "cy")),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
}
_PATHS = {5: "polyline", 6: "polyline", 7: "polygon"}


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any] | DataError]]:
    """Yield name and VIA 2's entry of each view of a project, or why there is none.

    Raises:
        DataError: when the file is not JSON.
        OSError: when it cannot be read.
    """
    top = read_top(path, ("metadata",))
    with DiskStore() as store:
        for _, row in read_members(path, "metadata"):
            store.put(row.get("vid") if isinstance(row, dict) else None, row)
        for view_id in top["view"]:
            try:
                row = _row(top, view_id, store.take(view_id))
                yield row["filename"], row
            except (LookupError, TypeError, AttributeError, ValueError) as error:
                yield f"view {view_id}", DataError(f"expected a view of VIA 3 ({error})")


def _row(top: Mapping[str, Any], view_id: str, found: list[Any]) -> dict[str, Any]:
    """Return VIA 2's entry of a view and its metadata."""
    (file_id,) = top["view"][view_id]["fid_list"]
    file = top["file"][str(file_id)]
    if file.get("type", _IMAGE) != _IMAGE:
        raise DataError(f"only images are read, {file['fname']} is a video or a sound")
    regions, attributes = [], dict[str, Any]()
    for row in found:
        if row.get("z"):
            raise DataError("only images are read, there is a time in a video")
        named = _attributes(row.get("av") or {}, top["attribute"])
        if not row.get("xy"):
            attributes |= named
            continue
        shape = _shape(row["xy"])
        regions.append({"shape_attributes": shape, "region_attributes": named})
    name = file.get("fname") or file["src"]
    return {"filename": name, "regions": regions, "file_attributes": attributes}


def _shape(numbers: list[Any]) -> dict[str, Any]:
    kind, *values = numbers
    if kind in _PATHS:
        xs, ys = values[0::2], values[1::2]
        return {"name": _PATHS[kind], "all_points_x": xs, "all_points_y": ys}
    if kind not in _SHAPES:
        raise DataError(f"shape {kind} is not read")
    name, names = _SHAPES[kind]
    return {"name": name, **dict(zip(names, values, strict=True))}


def _attributes(values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes by name, with the texts of options for their ids."""
    return {
        str(known[number]["aname"]): _value(value, known[number])
        for number, value in values.items()
    }


def _value(value: Any, attribute: Mapping[str, Any]) -> Any:
    options = attribute.get("options") or {}
    if attribute.get("type") == _CHECKBOX:
        ticked = str(value).split(",")
        return {text: True for number, text in options.items() if number in ticked}
    return value if attribute.get("type") == _TEXT else options.get(str(value), value)
