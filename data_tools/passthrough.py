"""What a format has no place for travels with it all the same.

A writer turns a record into the format's own form, reads that form again, and stores
what is then missing or changed under one key, `tryon`. A reader takes it back. Every
entry says what stood in the format's own place when it was stored: where somebody has
edited that since, the edit stays and the entry is dropped.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from data_tools.annotations import ImageRecord, Instance, Polygon, Ring, as_numbers

KEY = "tryon"
# Of an image, in its first instance: where other readers take every key of the image
# that they do not know for an instance.
PHOTO_KEY = f"{KEY}_photo"
_OUTLINE = "outline"
# Follow from the outline: an edit of it makes them old, too.
_DEPENDENT = ("box", "extra.coco.area", "extra.coco.bbox")
Values = dict[str, Any]


def instance_values(instance: Instance) -> Values:
    """Return what an instance holds as JSON values by name; empty fields are left out."""
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


def to_instance(values: Mapping[str, Any]) -> Instance:
    """Return the instance of `instance_values`.

    Raises:
        DataError: when a value is not as an instance holds it.
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
        _of("attributes", values),
        _of("extra", values),
    )


def record_values(record: ImageRecord) -> Values:
    """Return what a record holds, short of its instances, as JSON values by name."""
    size = {} if record.size is None else {"size": list(record.size)}
    return (
        {"file_name": record.file_name} | size | _named(record.attributes, record.extra)
    )


def to_record(
    values: Mapping[str, Any], instances: tuple[Instance, ...] = ()
) -> ImageRecord:
    """Return the record of `record_values` with its instances.

    Raises:
        DataError: when a value is not as a record holds it.
    """
    size = tuple(values["size"]) if "size" in values else None
    return ImageRecord(
        values["file_name"],
        size,  # type: ignore[arg-type]
        instances,
        _of("attributes", values),
        _of("extra", values),
    )


def leftovers(values: Values, again: Values) -> dict[str, list[Any]]:
    """Return what must be stored beside a format's own form.

    Args:
        values: of the record.
        again: of the record that the format's own form reads as.

    Returns:
        By name [checksum of what was read] where nothing is meant to stand, else
        [checksum, value].
    """
    return {
        name: [_checksum(name, again), values[name]]
        if name in values
        else [_checksum(name, again)]
        for name in differing(values, again)
    }


def differing(values: Values, again: Values) -> list[str]:
    """Return the names under which two records do not hold the very same."""
    names = list(values) + [name for name in again if name not in values]
    return [
        name
        for name in names
        if not (name in values and name in again and same_json(values[name], again[name]))
    ]


def restore(again: Values, stored: Any) -> Values:
    """Return the values of a record from what its own form reads as and `leftovers`.

    An entry that is not in the form of `leftovers` is passed over: a stranger's.
    """
    if not isinstance(stored, Mapping):
        return again
    values = dict(again)
    for name, entry in stored.items():
        ours = isinstance(entry, list) and 1 <= len(entry) <= 2
        if not ours or entry[0] != _checksum(name, again):
            continue
        if len(entry) == 2:
            values[name] = entry[1]
        else:
            values.pop(name, None)
    return values


def stored_names(form: Any) -> Iterator[str]:
    """Yield the names of all values that `leftovers` stored in a format's own form."""
    if isinstance(form, dict):
        for name, value in form.items():
            if name in (KEY, PHOTO_KEY):
                yield from _names_of(value)
            else:
                yield from stored_names(value)
    # A list of numbers is a ring: no look at each of hundreds.
    elif isinstance(form, list | tuple) and form and not isinstance(form[0], int | float):
        for value in form:
            yield from stored_names(value)


def _names_of(stored: Any) -> Iterator[str]:
    """Yield the names of `leftovers`, which may be text; a stranger's are passed over."""
    if isinstance(stored, str):
        try:
            stored = json.loads(stored)
        except (ValueError, RecursionError):
            return
    if isinstance(stored, dict):
        for name, entry in stored.items():
            if isinstance(entry, list) and len(entry) == 2:
                yield name


def same_json(one: Any, other: Any) -> bool:
    """Say whether two JSON values are written alike: 1 is neither 1.0 nor true."""
    if type(one) is not type(other):
        return False
    if one != other:  # so is NaN beside itself
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    if isinstance(one, dict):
        return all(same_json(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        kinds = [*map(type, one)]  # a ring has hundreds of numbers: no call for each
        return kinds == [*map(type, other)] and (
            {int, float}.issuperset(kinds) or all(map(same_json, one, other))
        )
    return True


def _checksum(name: str, again: Values) -> int:
    """Return a checksum of what was read under a name; 0 for nothing."""
    names = (name, _OUTLINE) if name in _DEPENDENT else (name,)
    found = [again[each] for each in names if each in again]
    return zlib.crc32(json.dumps(found, sort_keys=True).encode()) if found else 0


def _named(attributes: Mapping[str, Any], extra: Mapping[str, Any]) -> Values:
    values = {f"attributes.{name}": value for name, value in attributes.items()}
    return values | {f"extra.{name}": value for name, value in extra.items()}


def _of(kind: str, values: Mapping[str, Any]) -> Values:
    """Return the values whose names begin with a kind, under the rest of their names."""
    start = f"{kind}."
    return {
        name[len(start) :]: value
        for name, value in values.items()
        if name.startswith(start)
    }


def _ring(values: Any) -> Ring:
    return as_numbers(values, 2, "a polygon")
