"""VGG Image Annotator: the regions and attributes of one file, to records and back.

References:
    Dutta and Zisserman, "The VIA Annotation Software for Images, Audio and Video",
    ACM Multimedia 2019.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from data_tools.annotations import (
    CATEGORIES,
    SHORT_SLEEVE_TOP,
    DataError,
    ImageRecord,
    Instance,
    Note,
    Polygon,
    as_numbers,
)
from data_tools.files import posix_name, to_json
from data_tools.formats.mending import mend_numbers, parse_or_mend
from data_tools.outlines import joined_ring, polygons_of, shape_ring
from data_tools.passthrough import (
    KEY,
    Values,
    given_name,
    image_leftovers,
    instance_leftovers,
    restore_instance,
    restore_record,
    same_value,
    without_measured,
)

UNNAMED = CATEGORIES[SHORT_SLEEVE_TOP - 1]  # category of a region that names none
# Region attributes that may hold the category: the first of these that has a value does.
_NAMING = ("category", "class", "label", "name", "type")
_MAX_NAMED = 5  # attributes in a note
_ROW = ("filename", "size", "regions", "file_attributes")
_NO_SIZE = -1  # bytes of the photo, as VIA writes an unknown size


def parse_row(
    key: str, row: Mapping[str, Any], category: str | None = None
) -> ImageRecord:
    """Turn VIA's entry of one file into a record, without a size.

    Args:
        key: of the entry.
        row: the entry.
        category: see `parse_region`.

    Raises:
        DataError: when it is not in VIA's form.
    """
    if not isinstance(row, dict):
        raise DataError(f"expected an object in {key}, got {str(row)[:60]}")
    native = _parse_native_row(key, row)
    stored = _stored(row.get("file_attributes", {}))
    record = restore_record(native, stored)
    regions = _regions(row)[1]
    return replace(
        record, instances=tuple(parse_region(region, category) for region in regions)
    )


def format_row(record: ImageRecord) -> tuple[str, dict[str, Any]]:
    """Turn a record into VIA's key and entry of the file."""
    record = without_measured(record, "via")
    extra = record.extra
    size = extra.get("via.size", _NO_SIZE)
    regions: Any = [format_region(one) for one in record.instances]
    names = extra.get("via.regions")  # VIA 1 has an object instead of a list
    if isinstance(names, list) and len(set(names)) == len(regions):
        regions = dict(zip(map(str, names), regions, strict=True))
    row = {
        "filename": given_name(record, "via.filename"),
        "size": size,
        "regions": regions,
        "file_attributes": _writable(record.attributes, KEY),
    }
    other = extra.get("via.other")
    row |= {k: v for k, v in dict(other or {}).items() if k not in _ROW}
    key = str(extra.get("via.key", f"{row['filename']}{size}"))
    native = _parse_native_row(key, row)
    if kept := image_leftovers(record, native):
        row["file_attributes"][KEY] = to_json(kept).decode()
    return key, row


def _parse_native_row(key: str, row: Mapping[str, Any]) -> ImageRecord:
    """Return the record of the fields that VIA itself has."""
    size = row.get("size", _NO_SIZE)
    extra: dict[str, Any] = {} if same_value(size, _NO_SIZE) else {"via.size": size}
    if key != f"{row['filename']}{size}":
        extra["via.key"] = key
    if (names := _regions(row)[0]) is not None:
        extra["via.regions"] = names
    if other := {k: v for k, v in row.items() if k not in _ROW}:
        extra["via.other"] = other
    attributes = row.get("file_attributes", {})
    attributes = {k: v for k, v in attributes.items() if k != KEY}
    if (name := posix_name(row["filename"])) != row["filename"]:
        extra["via.filename"] = row["filename"]
    return ImageRecord(name, None, (), attributes, extra)


def _regions(row: Mapping[str, Any]) -> tuple[list[str] | None, list[Any]]:
    """Return the keys of the regions, None unless they are VIA 1's object, and them."""
    regions = row["regions"]
    if isinstance(regions, dict):
        return list(regions), list(regions.values())
    if not isinstance(regions, list):
        raise DataError(f"expected regions to be a list, got {str(regions)[:60]}")
    return None, regions


def parse_region(region: Mapping[str, Any], category: str | None = None) -> Instance:
    """Turn one region into an instance.

    A region that names no category is a short sleeve top.

    Args:
        region: of VIA.
        category: name of the attribute that is the category; None for the first of
            category, class, label, name and type, in any case, that has a value.

    Raises:
        DataError: when it is not in VIA's form.
    """
    mend = partial(mend_numbers, names=("shape_attributes",))
    parse = partial(_parse_native_region, category=category)
    native = parse_or_mend(parse, region, mend)
    return restore_instance(native, _stored(region.get("region_attributes", {})))


def format_region(instance: Instance) -> dict[str, Any]:
    """Turn an instance into one region; its parts are joined into one polygon."""
    extra = instance.extra
    naming = extra.get("via.naming", "category")
    written = extra.get("via.class", instance.category)
    if (_text(written) or UNNAMED) != instance.category:
        written = instance.category
    if naming is None and instance.category != UNNAMED:
        naming = "category"
    named = {} if naming is None else {naming: written}
    region: dict[str, Any] = {
        "shape_attributes": _shape(instance),
        "region_attributes": named | _writable(instance.attributes, *named, KEY),
    }
    native = _parse_native_region(region)
    if kept := instance_leftovers(instance, native):
        region["region_attributes"][KEY] = to_json(kept).decode()
    return region


def _writable(attributes: Mapping[str, Any], *excluded: str) -> dict[str, Any]:
    """Return the attributes without nulls, which VIA cannot open, and excluded names."""
    return {k: v for k, v in attributes.items() if v is not None and k not in excluded}


def _parse_native_region(
    region: Mapping[str, Any], category: str | None = None
) -> Instance:
    """Return the instance of the fields that VIA itself has."""
    attributes, shape = region.get("region_attributes", {}), region["shape_attributes"]
    names = _naming(attributes) if category is None else [category]
    naming = next((name for name in names if name in attributes), None)
    written = UNNAMED if naming is None else attributes[naming]
    found = _text(written) or UNNAMED
    extra: dict[str, Any] = {} if naming == "category" else {"via.naming": naming}
    if not same_value(written, found):
        extra["via.class"] = written
    shape_ring(shape)  # raises when it is malformed
    polygons: tuple[Polygon, ...] = ()
    if shape["name"] == "polygon" and len(shape) == 3:
        polygons = (Polygon(as_numbers(list(shape_ring(shape)), 2, "a polygon")),)
    return Instance(
        found,
        polygons,
        shape=None if polygons else dict(shape),
        attributes={k: v for k, v in attributes.items() if k not in (naming, KEY)},
        extra=extra,
        notes=_naming_notes(attributes, names),
    )


def _naming(attributes: Mapping[str, Any]) -> list[str]:
    """Return the names of attributes that may be the category, the likeliest first."""
    found = [name for name in attributes if name.lower() in _NAMING]
    if len(found) > 1:
        # Those without a value come last, equal ones by their own name.
        found.sort(
            key=lambda name: (
                not _text(attributes[name]), _NAMING.index(name.lower()), name
            )
        )  # fmt: skip
    return found


def _naming_notes(attributes: Mapping[str, Any], names: list[str]) -> tuple[Note, ...]:
    """Note which of several attributes is the category."""
    if len(names) < 2:
        return ()
    values = [f"{name} {_text(attributes[name])[:40]!r}" for name in names[:_MAX_NAMED]]
    detail = f"{values[0]} is taken, not {', '.join(values[1:])}"
    return (Note("several attributes could be the category", detail),)


def _text(written: Any) -> str:
    """Return the text of a region attribute; of check boxes the first ticked one."""
    if isinstance(written, dict):
        written = next((name for name, ticked in written.items() if ticked), "")
    return str(written).strip()


def _shape(instance: Instance) -> dict[str, Any]:
    if instance.shape and not (instance.polygons or instance.rle):
        return dict(instance.shape)
    ring = joined_ring(polygons_of(instance))
    if ring:
        xs, ys = list(ring[0::2]), list(ring[1::2])
        return {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    if instance.box:
        x1, y1, x2, y2 = instance.box
        return {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
    return {"name": "point", "cx": 0, "cy": 0}  # a region needs a shape


def _stored(attributes: Mapping[str, Any]) -> Values | None:
    """Return `leftovers` that were stored as text; None for another program's value."""
    try:
        return json.loads(attributes[KEY])
    except (LookupError, TypeError, ValueError, RecursionError):
        return None
