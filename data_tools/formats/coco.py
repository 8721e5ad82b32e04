"""COCO instances: polygons or run lengths, with keypoints where they are labelled.

An image's `source` and a garment's `attributes`, which COCO does not define, are read
from and written to the image and the annotation.

References:
    Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from data_tools.annotations import (
    LANDMARK_COUNTS,
    DataError,
    ImageRecord,
    Instance,
    Note,
    Polygon,
    Ring,
    as_numbers,
)
from data_tools.files import posix_name
from data_tools.formats.mending import mend_numbers, parse_or_mend, shown
from data_tools.formats.names import category_of
from data_tools.outlines import (
    area_of,
    bounds,
    encode_mask,
    mask_of,
    polygons_of,
    rle_size,
)
from data_tools.passthrough import (
    KEY,
    given_name,
    image_leftovers,
    instance_leftovers,
    instance_values,
    restore_instance,
    restore_record,
    same_value,
    to_instance,
)

ALL_SLOTS = sum(LANDMARK_COUNTS)  # 294: one for every landmark of every category
# Fields of an image and of an annotation.
_IMAGE = ("id", "file_name", "height", "width", KEY)
_ROW = (
    "id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd",
    "keypoints", "num_keypoints", "attributes", KEY,
)  # fmt: skip
_SIDES = ("height", "width")
# Fields of an annotation in which texts that are numbers are meant as such.
_NUMERIC = ("segmentation", "bbox", "area", "keypoints", "iscrowd", "num_keypoints")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Categories:
    """COCO's categories: names by id, and ids by name (the first of equal names)."""

    names: Mapping[Any, str]
    ids: Mapping[str, Any]


def parse_image(image: Row, rows: list[Row], categories: Categories) -> ImageRecord:
    """Turn an image and its annotations into a record.

    Args:
        image: one of `images`.
        rows: those of `annotations` that belong to the image.
        categories: of the document.

    Raises:
        DataError: when they are not in COCO's form.
    """
    native = parse_or_mend(_parse_native_image, image, _mend_image)
    record = restore_record(native, image.get(KEY))
    instances = tuple(parse_annotation(row, categories, record.size) for row in rows)
    return replace(record, instances=instances)


def format_image(record: ImageRecord, image_id: Any) -> dict[str, Any]:
    """Turn a record, without its instances, into one of `images`.

    Raises:
        DataError: when the image's size is not known.
    """
    height, width = record.known_size()
    image = {
        **{k: v for k, v in record.attributes.items() if k not in _IMAGE},
        "id": image_id,
        "file_name": given_name(record, "coco.file_name"),
        "height": height,
        "width": width,
    }
    native = _parse_native_image(image)
    if kept := image_leftovers(record, native):
        image[KEY] = kept
    return image


def _parse_native_image(image: Row) -> ImageRecord:
    """Return the record of the fields that COCO itself has."""
    if not isinstance(image, dict):
        raise DataError(f"expected images to be objects, got {str(image)[:60]}")
    sides: Any = image.get("height"), image.get("width")
    name, extra = posix_name(image.get("file_name", "")), {"coco.id": image["id"]}
    if name != image.get("file_name", ""):
        extra["coco.file_name"] = image["file_name"]
    return ImageRecord(
        name,
        None if sides == (None, None) else sides,
        (),
        {name: value for name, value in image.items() if name not in _IMAGE},
        extra,
    )


def parse_annotation(
    row: Row, categories: Categories, size: tuple[int, int] | None = None
) -> Instance:
    """Turn one of `annotations` into an instance.

    Args:
        row: the annotation.
        categories: of the document.
        size: (height, width) of the image.

    Raises:
        DataError: when it is not in COCO's form.
    """
    parse = partial(_parse_native_annotation, categories=categories, size=size)
    native = parse_or_mend(parse, row, partial(_mend_annotation, categories=categories))
    return restore_instance(native, row.get(KEY))


def _mend_image(image: Any) -> tuple[Any, tuple[Note, ...]]:
    """Return an image with numbers for texts, and whole ones for its sides."""
    image, notes = mend_numbers(image, _SIDES)
    for name in _SIDES if isinstance(image, dict) else ():
        side = image.get(name)
        if isinstance(side, float) and side.is_integer():
            image = image | {name: int(side)}
            notes += (Note("a side that is not written as a whole number", str(side)),)
    return image, notes


def _mend_annotation(row: Any, categories: Categories) -> tuple[Any, tuple[Note, ...]]:
    """Return an annotation with numbers, a listed category and a list of polygons."""
    row, notes = mend_numbers(row, _NUMERIC)
    if not isinstance(row, dict):
        return row, notes
    ring, number = row.get("segmentation"), row.get("category_id")
    if isinstance(ring, list) and {int, float}.issuperset(map(type, ring)) and ring:
        row = row | {"segmentation": [ring]}
        detail = f"{len(ring)} numbers, read as one polygon"
        notes += (Note("segmentation is no list of polygons", detail),)
    if isinstance(number, int | float | str) and number not in categories.names:
        same = [one for one in categories.names if plain_id(one) == plain_id(number)]
        if len(same) == 1:
            row = row | {"category_id": same[0]}
            detail = f"{shown(number)}, where categories have {shown(same[0])}"
            notes += (Note("a category_id of another type", detail),)
    return row, notes


def plain_id(value: Any) -> str:
    """Return an id as text, the same for 1, 1.0 and "1"."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def format_annotation(
    instance: Instance,
    ids: tuple[Any, Any, Any],
    categories: Categories,
    size: tuple[int, int],
    all_slots: bool = False,
) -> dict[str, Any]:
    """Turn an instance into one of `annotations`.

    Args:
        instance: what to write.
        ids: of the annotation, of its image and of its category.
        categories: of the document.
        size: (height, width) of the image.
        all_slots: write landmarks into the 294 slots of all categories, as is done
            anyway with those that were read from there.
    """
    extra, polygons = instance.extra, polygons_of(instance)
    row: dict[str, Any] = {
        "id": ids[0],
        "image_id": ids[1],
        "category_id": ids[2],
        "segmentation": _segmentation(instance, polygons, size),
        "area": extra["coco.area"] if "coco.area" in extra else area_of(instance, size),
        "bbox": _to_bbox(instance.box or bounds(polygons), extra.get("coco.bbox", ())),
        "iscrowd": extra.get("coco.iscrowd", 0),
    }
    row |= _format_keypoints(instance, all_slots)
    _add_attributes(row, instance)
    native = _parse_native_annotation(row, categories, size)
    if kept := instance_leftovers(instance, native):
        row[KEY] = kept
    return row


def _format_keypoints(instance: Instance, all_slots: bool) -> dict[str, Any]:
    if instance.landmarks is None:
        return {}
    in_slots = all_slots or "coco.filler" in instance.extra
    points = _to_slots(instance) if in_slots else instance.landmarks
    count = instance.extra.get("coco.num_keypoints", _count_labelled(points))
    return {"keypoints": list(points), "num_keypoints": count}


def _add_attributes(row: dict[str, Any], instance: Instance) -> None:
    """Add `attributes`, and those that stood beside it in the annotation itself."""
    attributes, extra = instance.attributes, instance.extra
    beside = _names(extra.get("coco.beside"))
    inner = {k: v for k, v in attributes.items() if k not in beside}
    row |= {k: v for k, v in attributes.items() if k in beside and k not in _ROW}
    if inner:
        row["attributes"] = inner
    hidden = dict(extra.get("coco.hidden", {}))
    row |= {k: v for k, v in hidden.items() if k in inner and k not in row}


def _count_labelled(landmarks: Sequence[float]) -> int:
    return sum(v > 0 for v in landmarks[2::3])


def _parse_native_annotation(
    row: Row, categories: Categories, size: tuple[int, int] | None
) -> Instance:
    """Return the instance of the fields that COCO itself has."""
    if any(isinstance(row.get(name), str) for name in _NUMERIC[1:]):
        raise DataError("expected numbers, got text")
    number = row["category_id"]
    name = categories.names.get(number)
    if name is None:
        raise DataError(f"expected a listed category_id, got {number!r}")
    inner = row.get("attributes") or {}
    if not isinstance(inner, dict):
        raise DataError(f"expected attributes to be an object, got {str(inner)[:60]}")
    beside = {k: v for k, v in row.items() if k not in _ROW and k not in inner}
    extra: dict[str, Any] = {"coco.id": row["id"]} if "id" in row else {}
    if categories.ids[name] != number:
        extra["coco.category_id"] = number
    if beside:
        extra["coco.beside"] = sorted(beside)  # other formats may reorder attributes
    if hidden := {k: v for k, v in row.items() if k not in _ROW and k in inner}:
        extra["coco.hidden"] = hidden
    outline = row.get("segmentation") or []
    rle = outline if isinstance(outline, dict) else None
    if rle:
        rle_size(rle)  # raises when it is malformed
    instance = Instance(
        name,
        () if rle else tuple(Polygon(as_numbers(r, 2, "a polygon")) for r in outline),
        rle,
        box=_from_bbox(row.get("bbox"), extra),
        landmarks=_from_slots(row, name, extra),
        attributes=beside | inner,
    )
    _keep_numbers(row, instance, size, extra)
    values = instance_values(instance)
    return to_instance(values | {f"extra.{name}": v for name, v in extra.items()})


def _keep_numbers(
    row: Row, instance: Instance, size: tuple[int, int] | None, extra: dict[str, Any]
) -> None:
    """Keep area, iscrowd and num_keypoints where `format_annotation` would differ."""
    if "area" in row and not same_value(row["area"], area_of(instance, size)):
        extra["coco.area"] = row["area"]
    if not same_value(row.get("iscrowd", 0), 0):
        extra["coco.iscrowd"] = row["iscrowd"]
    count = _count_labelled(instance.landmarks or ())
    if not same_value(row.get("num_keypoints", count), count):
        extra["coco.num_keypoints"] = row["num_keypoints"]


def _names(values: Any) -> tuple[str, ...]:
    return tuple(values) if isinstance(values, list) else ()


def _segmentation(
    instance: Instance, polygons: tuple[Polygon, ...], size: tuple[int, int]
) -> Any:
    """Return run lengths where they were given or there are holes, else polygons."""
    if instance.rle and not instance.polygons:
        return dict(instance.rle)
    if any(polygon.holes for polygon in polygons):
        return encode_mask(mask_of(instance, size))
    # Readers take a polygon of four numbers for a box.
    return [list(p.outer) for p in polygons if len(p.outer) >= 6]


def _to_bbox(box: Ring | None, given: Sequence[float] = ()) -> list[float]:
    """Return x, y, width, height: the given numbers, where they still fit the box."""
    x1, y1, x2, y2 = box or (0, 0, 0, 0)
    if len(given) == 4 and (x1 + given[2], y1 + given[3]) == (x2, y2):
        return list(given)
    return [x1, y1, x2 - x1, y2 - y1]


def _from_bbox(bbox: Any, extra: dict[str, Any]) -> Ring | None:
    """Return x1, y1, x2, y2; keep the given numbers where rounding would change them."""
    if bbox is None or bbox == []:
        return None
    x, y, width, height = as_numbers(bbox, 4, "bbox") or (0, 0, 0, 0)
    box = (x, y, x + width, y + height)
    if not all(map(same_value, _to_bbox(box), bbox)):
        extra["coco.bbox"] = bbox
    return box


def _slots_of(name: str) -> slice | None:
    """Return where a category's landmarks are among the numbers of all slots."""
    label = category_of(name)
    if not label:
        return None
    first = sum(LANDMARK_COUNTS[: label - 1])
    return slice(3 * first, 3 * (first + LANDMARK_COUNTS[label - 1]))


def _to_slots(instance: Instance) -> Ring:
    slots, points = _slots_of(instance.category), instance.landmarks or ()
    if slots is None or len(points) != slots.stop - slots.start:
        return points
    before, after = slots.start, 3 * ALL_SLOTS - slots.stop
    filler = (instance.extra.get("coco.filler", 0),)
    return filler * before + points + filler * after


def _from_slots(row: Row, name: str, extra: dict[str, Any]) -> Ring | None:
    """Return a category's own landmarks, also from among the 294 slots."""
    if row.get("keypoints") is None:
        return None
    points, slots = as_numbers(row["keypoints"], 3, "keypoints"), _slots_of(name)
    if len(points) != 3 * ALL_SLOTS or slots is None:
        return points
    rest = points[: slots.start] + points[slots.stop :]
    if any(rest) or len(set(map(type, rest))) > 1:
        return points
    extra["coco.filler"] = rest[0]
    return points[slots]
