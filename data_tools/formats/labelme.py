"""LabelMe: one JSON beside each image, a shape for each instance."""

import base64
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from data_tools.annotations import (
    FILE_ERRORS,
    DataError,
    Dataset,
    ImageRecord,
    Instance,
    Polygon,
    WriteRecord,
    as_numbers,
)
from data_tools.formats.folder_files import (
    image_name,
    read_header,
    read_json_files,
    write_header,
    write_json_files,
)
from data_tools.garments import with_size
from data_tools.outlines import check_pixels, encode_mask, joined_ring, polygons_of
from data_tools.passthrough import (
    KEY,
    instance_values,
    leftovers,
    record_values,
    restore,
    to_instance,
    to_record,
)

_VERSION = "5.5.0"
_FILE = ("imagePath", "imageHeight", "imageWidth", "shapes", KEY)
# What LabelMe writes where nobody said anything.
_FILE_BLANK: Mapping[str, Any] = {"version": _VERSION, "flags": {}, "imageData": None}
_SHAPE_BLANK: Mapping[str, Any] = {
    "group_id": None,
    "description": "",
    "flags": {},
    "mask": None,
}
_SHAPE = ("label", "points", "shape_type", KEY)
# LabelMe's shapes that are not VIA's keep their points under their own names.
_OPEN = {"linestrip": "polyline", "line": "polyline"}
_MASK = "labelme.mask"  # of an instance's extra: the PNG as it was given
Size = tuple[int, int] | None


def parse_image(values: Mapping[str, Any], file_name: str) -> ImageRecord:
    """Turn the JSON of one image into a record.

    Args:
        values: the parsed JSON.
        file_name: of the image, relative to the folder of annotations; the JSON may
            give it another last part.

    Raises:
        DataError: when it is not in LabelMe's form.
    """
    shapes = values.get("shapes")
    if not isinstance(shapes, list):
        raise DataError(f"expected LabelMe's shapes, got {str(shapes)[:60]}")
    own = record_values(_parse_own_image(values, file_name))
    record = to_record(restore(own, values.get(KEY)))
    found = tuple(parse_shape(shape, record.size) for shape in shapes)
    return replace(record, instances=found)


def format_image(record: ImageRecord) -> dict[str, Any]:
    """Turn a record into the JSON of one image; `parse_image` gives the record again."""
    height, width = record.size or (None, None)
    blanks = _blanks(record.extra, _FILE_BLANK)
    values = {
        **blanks,
        **{k: v for k, v in record.attributes.items() if k not in _FILE},
        "shapes": [format_shape(one, record.size) for one in record.instances],
        "imagePath": record.extra.get(
            "labelme.imagePath", PurePosixPath(record.file_name).name
        ),
        "imageHeight": height,
        "imageWidth": width,
    }
    again = record_values(_parse_own_image(values, record.file_name))
    if kept := leftovers(record_values(record), again):
        values[KEY] = kept
    return values


def _parse_own_image(values: Mapping[str, Any], file_name: str) -> ImageRecord:
    """Return the record of what LabelMe itself has places for."""
    sides: Any = values.get("imageHeight"), values.get("imageWidth")
    path, name = values.get("imagePath"), PurePosixPath(file_name)
    if isinstance(path, str) and (own := PurePosixPath(path.replace("\\", "/")).name):
        name = name.with_name(own)  # wherever the image lay when it was annotated
    extra: dict[str, Any] = {} if path == name.name else {"labelme.imagePath": path}
    attributes = _without_blanks(values, _FILE, _FILE_BLANK, extra)
    size = None if sides == (None, None) else sides
    return ImageRecord(name.as_posix(), size, (), attributes, extra)


def parse_shape(shape: Mapping[str, Any], size: Size) -> Instance:
    """Turn one shape into an instance.

    Args:
        shape: one of `shapes`.
        size: (height, width) of the image, without which a mask has no place.

    Raises:
        DataError: when it is not in LabelMe's form.
    """
    if not isinstance(shape, dict):
        raise DataError(f"expected shapes to be objects, got {str(shape)[:60]}")
    own = instance_values(_parse_own_shape(shape, size))
    return to_instance(restore(own, shape.get(KEY)))


def format_shape(instance: Instance, size: Size) -> dict[str, Any]:
    """Turn an instance into one shape; its parts are joined to one polygon.

    Args:
        instance: what to write.
        size: (height, width) of the image.
    """
    kind, points = _outline(instance, size)
    shape = {
        **_blanks(instance.extra, _SHAPE_BLANK),
        **{k: v for k, v in instance.attributes.items() if k not in _SHAPE},
        "label": instance.category,
        "points": points,
        "shape_type": kind,
    }
    if kind == "mask":
        shape["mask"] = instance.extra.get(_MASK)
    again = instance_values(_parse_own_shape(shape, size))
    if kept := leftovers(instance_values(instance), again):
        shape[KEY] = kept
    return shape


def _outline(instance: Instance, size: Size) -> tuple[str, list[list[float]]]:
    """Return LabelMe's kind of shape and its points."""
    had = instance.extra.get("labelme.shape")
    if isinstance(had, list) and len(had) == 2:
        kind, points = had
        if _is_drawn(instance, kind, points, size):
            return kind, points
    ring = joined_ring(polygons_of(instance))
    if not ring and instance.box:
        x1, y1, x2, y2 = instance.box
        return "rectangle", [[x1, y1], [x2, y2]]
    return "polygon", [[x, y] for x, y in zip(ring[0::2], ring[1::2], strict=True)]


def _is_drawn(instance: Instance, kind: str, points: Any, size: Size) -> bool:
    """Say whether the shape that an instance was read from still is its outline."""
    if instance.polygons:
        return False
    if kind != "mask":
        drawn = instance.shape is None or instance.shape == _via_shape(kind, points)
        return drawn and not instance.rle
    try:
        return _decode_mask(instance.extra.get(_MASK), points, size) == instance.rle
    except FILE_ERRORS:  # somebody else wrote it
        return False


def _decode_mask(text: Any, points: list[list[float]], size: Size) -> dict[str, Any]:
    """Return the run lengths of a `mask`: a PNG of what its box holds, in base64.

    Args:
        text: the PNG in base64; what is above 0 is the garment.
        points: the first and the last pixel of the box.
        size: (height, width) of the image.

    Raises:
        DataError: when the PNG does not fill its box, or leaves the image.
        OSError: when it is no PNG.
    """
    if size is None or not isinstance(text, str) or len(points) != 2:
        raise DataError("expected a mask as base64 with two points and the image's size")
    check_pixels(size)
    (x1, y1), (x2, y2) = (map(int, point) for point in points)
    whole = np.zeros(size, bool)
    data = io.BytesIO(base64.b64decode(text))
    with Image.open(data, formats=["PNG"]) as picture:
        box = x2 + 1 - x1, y2 + 1 - y1
        if picture.size != box or not (
            0 <= x1 <= x2 < size[1] and 0 <= y1 <= y2 < size[0]
        ):
            raise DataError(f"expected a mask of {box} pixels, got {picture.size}")
        part = np.asarray(picture)
    if part.ndim != 2:
        raise DataError(f"expected a mask without colours, got {picture.mode}")
    whole[y1 : y2 + 1, x1 : x2 + 1] = part
    return encode_mask(whole)


def _parse_own_shape(shape: Mapping[str, Any], size: Size) -> Instance:
    """Return the instance of what LabelMe itself has places for."""
    kind, points = shape.get("shape_type", "polygon"), shape.get("points")
    if not isinstance(points, list):
        raise DataError(f"expected a list of points, got {str(points)[:60]}")
    if not all(isinstance(p, list) and len(as_numbers(p, 2, "a point")) for p in points):
        raise DataError(f"expected points of two numbers, got {str(points)[:60]}")
    extra: dict[str, Any] = {}
    attributes = _without_blanks(shape, _SHAPE, _SHAPE_BLANK, extra)
    outline: dict[str, Any] = {}
    if kind == "polygon":
        outline["polygons"] = (Polygon(tuple(v for point in points for v in point)),)
    else:
        extra["labelme.shape"] = [kind, points]
        outline["shape"] = _via_shape(kind, points)
    if kind == "mask":
        extra[_MASK] = attributes.pop("mask", None)
        outline["rle"] = _decode_mask(extra[_MASK], points, size)
    label = shape.get("label", "")
    return Instance(label, **outline, attributes=attributes, extra=extra)


def _via_shape(kind: str, points: list[list[float]]) -> dict[str, Any] | None:
    """Return a shape in VIA's terms; None for those that VIA does not have."""
    if kind in _OPEN:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return {"name": _OPEN[kind], "all_points_x": xs, "all_points_y": ys}
    if kind == "point" and len(points) == 1:
        return {"name": "point", "cx": points[0][0], "cy": points[0][1]}
    if len(points) != 2:
        return None
    (x1, y1), (x2, y2) = points
    if kind == "rectangle":
        corner = {"x": min(x1, x2), "y": min(y1, y2)}
        return {"name": "rect", **corner, "width": abs(x2 - x1), "height": abs(y2 - y1)}
    if kind == "circle":
        radius = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        return {"name": "circle", "cx": x1, "cy": y1, "r": radius}
    return None


def _without_blanks(
    values: Mapping[str, Any],
    fields: tuple[str, ...],
    blank: Mapping[str, Any],
    extra: dict[str, Any],
) -> dict[str, Any]:
    """Return what is no field and says something; note the blanks that are not there."""
    if absent := [name for name in blank if name not in values]:
        extra["labelme.absent"] = absent
    text = {name: json.dumps(value) for name, value in blank.items()}
    return {
        name: value
        for name, value in values.items()
        if name not in fields and json.dumps(value) != text.get(name)
    }


def _blanks(extra: Mapping[str, Any], blank: Mapping[str, Any]) -> dict[str, Any]:
    absent = extra.get("labelme.absent", ())
    return {name: value for name, value in blank.items() if name not in absent}


def read_labelme(folder: Path) -> Dataset:
    """Return the annotations of a folder; images lie beside them."""
    count, read_records = read_json_files(
        folder,
        lambda path, values: with_size(
            parse_image(values, image_name(path, folder)), folder
        ),
    )
    header = read_header(folder)
    return Dataset(read_records, header.categories, header.extra, count)


@contextmanager
def write_labelme(folder: Path, dataset: Dataset) -> Iterator[WriteRecord]:
    """Write records into an empty folder; yields what writes one."""
    yield write_json_files(folder, format_image)
    write_header(folder, dataset, {})
