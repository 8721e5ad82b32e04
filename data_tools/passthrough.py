"""Keep the values that a format has no field for, under one key of its files.

A writer serializes a record in the format's own fields, parses that again, and stores the
values that are then missing or changed ("leftovers") under the key `tryon`. A reader
restores them. Every entry holds a checksum of the format's own field: where somebody has
edited that since, the edit counts and the entry is dropped.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from data_tools.annotations import (
    ImageRecord,
    Instance,
    Note,
    Polygon,
    Ring,
    as_numbers,
)
from data_tools.files import posix_name

KEY = "tryon"
# An image's leftovers in its first instance, for formats whose readers take every unknown
# key of the image for an instance.
PHOTO_KEY = f"{KEY}_photo"
# Key of a record's extra: the format that did not say the size, which is the photo's.
MEASURED = "size.measured"
_OUTLINE = "outline"
# Derived from the outline: an edit of it invalidates them, too.
_DEPENDENT = ("box", "extra.coco.area", "extra.coco.bbox")
Values = dict[str, Any]


def instance_values(instance: Instance) -> Values:
    """Return an instance as JSON values by name, without its empty fields."""
    outline = {
        "polygons": [[list(p.outer), *map(list, p.holes)] for p in instance.polygons],
        "rle": instance.rle and dict(instance.rle),
        "shape": instance.shape and dict(instance.shape),
    }
    values: Values = {"category": instance.category}
    if kept := {name: value for name, value in outline.items() if value}:
        values[_OUTLINE] = kept
    if instance.box is not None:
        values["box"] = list(instance.box)
    if instance.landmarks is not None:
        values["landmarks"] = list(instance.landmarks)
    return values | _named(instance.attributes, instance.extra)


def to_instance(values: Mapping[str, Any], notes: tuple[Note, ...] = ()) -> Instance:
    """Return the instance of `instance_values`, with notes.

    Raises:
        DataError: when a value is not of the type that an instance has.
    """
    outline = values.get(_OUTLINE, {})
    box, landmarks = values.get("box"), values.get("landmarks")
    return Instance(
        values["category"],
        tuple(
            Polygon(_ring(outer), tuple(map(_ring, holes)))
            for outer, *holes in outline.get("polygons", ())
        ),
        outline.get("rle"),
        outline.get("shape"),
        None if box is None else as_numbers(box, 4, "a box"),
        None if landmarks is None else as_numbers(landmarks, 3, "landmarks"),
        _with_prefix("attributes", values),
        _with_prefix("extra", values),
        notes,
    )


def record_values(record: ImageRecord) -> Values:
    """Return a record, without its instances, as JSON values by name."""
    size = {} if record.size is None else {"size": list(record.size)}
    return (
        {"file_name": record.file_name} | size | _named(record.attributes, record.extra)
    )


def without_measured(record: ImageRecord, source: str | None = None) -> ImageRecord:
    """Return a record without a size that was read from the photo's header.

    Args:
        record: of any format.
        source: only a size that this format did not say; None for all.
    """
    measured = record.extra.get(MEASURED)
    if measured is None or source not in (None, measured):
        return record
    extra = {name: value for name, value in record.extra.items() if name != MEASURED}
    return replace(record, size=None, extra=extra)


def to_record(
    values: Mapping[str, Any],
    instances: tuple[Instance, ...] = (),
    notes: tuple[Note, ...] = (),
) -> ImageRecord:
    """Return the record of `record_values` with its instances and notes.

    Raises:
        DataError: when a value is not of the type that a record has.
    """
    size = tuple(values["size"]) if "size" in values else None
    return ImageRecord(
        values["file_name"],
        size,  # type: ignore[arg-type]
        instances,
        _with_prefix("attributes", values),
        _with_prefix("extra", values),
        notes,
    )


def leftovers(values: Values, native: Values) -> dict[str, list[Any]]:
    """Return the values that must be stored beside a format's own fields.

    Args:
        values: of the record.
        native: of the record that the format's own fields are parsed as.

    Returns:
        By name [checksum of the native value, value], or [checksum] where the record has
        no value and the native one has.
    """
    return {
        name: [_checksum(name, native), values[name]]
        if name in values
        else [_checksum(name, native)]
        for name in differing(values, native)
    }


def instance_leftovers(instance: Instance, native: Instance) -> dict[str, list[Any]]:
    """Return the `leftovers` of an instance; `native` is parsed from its own fields."""
    return leftovers(instance_values(instance), instance_values(native))


def image_leftovers(record: ImageRecord, native: ImageRecord) -> dict[str, list[Any]]:
    """Return the `leftovers` of a record, without those of its instances."""
    return leftovers(record_values(record), record_values(native))


def differing(values: Values, others: Values) -> list[str]:
    """Return the names whose values differ, or are missing on one side."""
    names = list(values) + [name for name in others if name not in values]
    return [
        name
        for name in names
        if name not in values
        or name not in others
        or not same_json(values[name], others[name])
    ]


def restore(native: Values, stored: Any) -> Values:
    """Return the values of a record from its native ones and stored `leftovers`.

    Entries that are not in the form of `leftovers` are ignored: another program's.
    """
    if not isinstance(stored, Mapping):
        return native
    values = dict(native)
    for name, entry in stored.items():
        is_entry = isinstance(entry, list) and 1 <= len(entry) <= 2
        if not is_entry or entry[0] != _checksum(name, native):
            continue
        if len(entry) == 2:
            values[name] = entry[1]
        else:
            values.pop(name, None)
    return values


def restore_instance(native: Instance, stored: Any) -> Instance:
    """Return an instance from the one parsed from its own fields and its leftovers.

    Raises:
        DataError: when a stored value is not of the type that an instance has.
    """
    return to_instance(restore(instance_values(native), stored), native.notes)


def restore_record(
    native: ImageRecord, stored: Any, instances: tuple[Instance, ...] = ()
) -> ImageRecord:
    """Return a record from the one parsed from its own fields and its leftovers.

    Raises:
        DataError: when a stored value is not of the type that a record has.
    """
    return to_record(restore(record_values(native), stored), instances, native.notes)


def stored_names(document: Any) -> Iterator[str]:
    """Yield the names of all values that `leftovers` stored in a document."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name in (KEY, PHOTO_KEY):
                yield from _names_of(value)
            else:
                yield from stored_names(value)
    # Lists of numbers are polygons, whose hundreds of elements need no visit.
    elif (
        isinstance(document, list | tuple)
        and document
        and not isinstance(document[0], int | float)
    ):
        for value in document:
            yield from stored_names(value)


def _names_of(stored: Any) -> Iterator[str]:
    """Yield the names of `leftovers`, which may be text; other values are ignored."""
    if isinstance(stored, str):
        try:
            stored = json.loads(stored)
        except (ValueError, RecursionError):
            return
    if isinstance(stored, dict):
        for name, entry in stored.items():
            if isinstance(entry, list) and len(entry) == 2:
                yield name


def given_name(record: ImageRecord, key: str) -> str:
    """Return a photo's name as its file wrote it, while that still names it.

    Args:
        record: of the photo.
        key: of `extra`, where the reader kept that name.
    """
    name = str(record.extra.get(key))
    return name if posix_name(name) == record.file_name else record.file_name


def same_value(one: Any, other: Any) -> bool:
    """Say whether two values are equal and of one type."""
    return type(one) is type(other) and bool(one == other)


def same_json(one: Any, other: Any) -> bool:
    """Say whether two JSON values have the same text: 1 is neither 1.0 nor true."""
    if type(one) is not type(other):
        return False
    if one != other:  # NaN differs from itself, too
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    if isinstance(one, dict):
        return all(same_json(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        kinds = [*map(type, one)]  # no call for each of a polygon's hundreds of numbers
        return kinds == [*map(type, other)] and (
            {int, float}.issuperset(kinds) or all(map(same_json, one, other))
        )
    return True


def _checksum(name: str, native: Values) -> int:
    """Return a checksum of a native value and what it is derived from; 0 for none."""
    names = (name, _OUTLINE) if name in _DEPENDENT else (name,)
    found = [native[each] for each in names if each in native]
    return zlib.crc32(json.dumps(found, sort_keys=True).encode()) if found else 0


def _named(attributes: Mapping[str, Any], extra: Mapping[str, Any]) -> Values:
    values = {f"attributes.{name}": value for name, value in attributes.items()}
    return values | {f"extra.{name}": value for name, value in extra.items()}


def _with_prefix(kind: str, values: Mapping[str, Any]) -> Values:
    """Return the values whose names begin with `kind.`, without that prefix."""
    start = f"{kind}."
    return {
        name[len(start) :]: value
        for name, value in values.items()
        if name.startswith(start)
    }


def _ring(values: Any) -> Ring:
    return as_numbers(values, 2, "a polygon")
