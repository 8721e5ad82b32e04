"""LabelMe: one JSON file beside each image, one shape for each instance."""

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
    Note,
    Polygon,
    WriteRecord,
    as_numbers,
)
from data_tools.formats.folder_files import (
    json_writer,
    read_json_folder,
    write_header,
)
from data_tools.outlines import check_pixels, encode_mask, joined_ring, polygons_of
from data_tools.passthrough import (
    KEY,
    image_leftovers,
    instance_leftovers,
    restore_instance,
    restore_record,
    without_measured,
)

_VERSION = "5.5.0"
_FILE = ("imagePath", "imageHeight", "imageWidth", "shapes", KEY)
# What LabelMe writes by default.
_FILE_DEFAULTS: Mapping[str, Any] = {"version": _VERSION, "flags": {}, "imageData": None}
_SHAPE_DEFAULTS: Mapping[str, Any] = {
    "group_id": None,
    "description": "",
    "flags": {},
    "mask": None,
}
_SHAPE = ("label", "points", "shape_type", KEY)
# VIA's names of LabelMe's open shapes.
_OPEN = {"linestrip": "polyline", "line": "polyline"}
# Shapes whose four points are a polygon: X-AnyLabeling writes rectangles so.
_CORNERED = ("rectangle", "rotation", "quadrilateral")
_POINTS = ("point", "points")  # shapes without outline
_MASK = "labelme.mask"  # key of an instance's extra: the PNG as given
Size = tuple[int, int] | None


def parse_image(values: Mapping[str, Any], file_name: str) -> ImageRecord:
    """Turn the JSON of one image into a record.

    Args:
        values: the parsed JSON.
        file_name: of the image, relative to the folder of annotations; its last part is
            replaced by that of `imagePath`.

    Raises:
        DataError: when it is not in LabelMe's form.
    """
    shapes = values.get("shapes")
    if not isinstance(shapes, list):
        raise DataError(f"expected LabelMe's shapes, got {str(shapes)[:60]}")
    native = _parse_native_image(values, file_name)
    record = restore_record(native, values.get(KEY))
    instances = tuple(parse_shape(shape, record.size) for shape in shapes)
    return replace(record, instances=instances)


def format_image(record: ImageRecord) -> dict[str, Any]:
    """Turn a record into the JSON of one image; the inverse of `parse_image`."""
    shapes = [format_shape(one, record.size) for one in record.instances]
    record = without_measured(record, "labelme")
    height, width = record.size or (None, None)
    values = {
        **_defaults(record.extra, _FILE_DEFAULTS),
        **{k: v for k, v in record.attributes.items() if k not in _FILE},
        "shapes": shapes,
        "imagePath": record.extra.get(
            "labelme.imagePath", PurePosixPath(record.file_name).name
        ),
        "imageHeight": height,
        "imageWidth": width,
    }
    native = _parse_native_image(values, record.file_name)
    if kept := image_leftovers(record, native):
        values[KEY] = kept
    return values


def _parse_native_image(values: Mapping[str, Any], file_name: str) -> ImageRecord:
    """Return the record of the fields that LabelMe itself has."""
    sides: Any = values.get("imageHeight"), values.get("imageWidth")
    path, name = values.get("imagePath"), PurePosixPath(file_name)
    if isinstance(path, str) and (last := PurePosixPath(path.replace("\\", "/")).name):
        name = name.with_name(last)  # its folder is that of the annotator's machine
    extra: dict[str, Any] = {} if path == name.name else {"labelme.imagePath": path}
    attributes = _without_defaults(values, _FILE, _FILE_DEFAULTS, extra)
    size = None if sides == (None, None) else sides
    return ImageRecord(name.as_posix(), size, (), attributes, extra)


def parse_shape(shape: Mapping[str, Any], size: Size) -> Instance:
    """Turn one shape into an instance.

    Args:
        shape: one of `shapes`.
        size: (height, width) of the image; masks need it.

    Raises:
        DataError: when it is not in LabelMe's form.
    """
    if not isinstance(shape, dict):
        raise DataError(f"expected shapes to be objects, got {str(shape)[:60]}")
    return restore_instance(_parse_native_shape(shape, size), shape.get(KEY))


def format_shape(instance: Instance, size: Size) -> dict[str, Any]:
    """Turn an instance into one shape; its parts are joined into one polygon.

    Args:
        instance: what to write.
        size: (height, width) of the image.
    """
    kind, points = _outline(instance, size)
    shape = {
        **_defaults(instance.extra, _SHAPE_DEFAULTS),
        **{k: v for k, v in instance.attributes.items() if k not in _SHAPE},
        "label": instance.category,
        "points": points,
        "shape_type": kind,
    }
    if kind == "mask":
        shape["mask"] = instance.extra.get(_MASK)
    native = _parse_native_shape(shape, size)
    if kept := instance_leftovers(instance, native):
        shape[KEY] = kept
    return shape


def _outline(instance: Instance, size: Size) -> tuple[str, list[list[float]]]:
    """Return LabelMe's kind of shape and its points."""
    given = instance.extra.get("labelme.shape")
    if isinstance(given, list) and len(given) == 2:
        kind, points = given
        if _is_unchanged(instance, kind, points, size):
            return kind, points
    ring = joined_ring(polygons_of(instance))
    if not ring and instance.box:
        x1, y1, x2, y2 = instance.box
        return "rectangle", [[x1, y1], [x2, y2]]
    return "polygon", [[x, y] for x, y in zip(ring[0::2], ring[1::2], strict=True)]


def _is_unchanged(instance: Instance, kind: str, points: Any, size: Size) -> bool:
    """Say whether the shape that an instance was read from is still its outline."""
    if instance.polygons != _polygons(kind, points):
        return False
    if kind != "mask":
        same = instance.shape is None or instance.shape == _via_shape(kind, points)
        return same and not instance.rle
    try:
        return _decode_mask(instance.extra.get(_MASK), points, size) == instance.rle
    except FILE_ERRORS:  # written by another program
        return False


def _decode_mask(text: Any, points: list[list[float]], size: Size) -> dict[str, Any]:
    """Return the run lengths of a `mask`: a PNG of its bounding box, in base64.

    Args:
        text: the PNG in base64; values above 0 are the garment.
        points: the first and the last pixel of the box, x and y.
        size: (height, width) of the image.

    Raises:
        DataError: when the PNG does not fill its box, or leaves the image.
        OSError: when it is not a PNG.
    """
    if size is None or not isinstance(text, str) or len(points) != 2:
        raise DataError("expected a mask in base64 with two points and the image's size")
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


def _parse_native_shape(shape: Mapping[str, Any], size: Size) -> Instance:
    """Return the instance of the fields that LabelMe itself has."""
    kind, points = shape.get("shape_type", "polygon"), shape.get("points")
    if not isinstance(points, list):
        raise DataError(f"expected a list of points, got {str(points)[:60]}")
    if not all(isinstance(p, list) and len(as_numbers(p, 2, "a point")) for p in points):
        raise DataError(f"expected points of two numbers, got {str(points)[:60]}")
    extra: dict[str, Any] = {}
    attributes = _without_defaults(shape, _SHAPE, _SHAPE_DEFAULTS, extra)
    outline: dict[str, Any] = {}
    outline["polygons"] = _polygons(kind, points)
    if kind != "polygon":
        extra["labelme.shape"] = [kind, points]
        outline["shape"] = _via_shape(kind, points)
    if kind == "mask":
        extra[_MASK] = attributes.pop("mask", None)
        outline["rle"] = _decode_mask(extra[_MASK], points, size)
    if kind not in _POINTS and not any(outline.values()):
        detail = f"{str(kind)[:40]!r} of {len(points)} points"
        outline["notes"] = (Note("a shape that cannot be read has no outline", detail),)
    label = shape.get("label", "")
    return Instance(label, **outline, attributes=attributes, extra=extra)


def _polygons(kind: Any, points: list[list[float]]) -> tuple[Polygon, ...]:
    """Return the polygon of a shape that has one."""
    if kind == "polygon" or (kind in _CORNERED and len(points) == 4):
        return (Polygon(tuple(v for point in points for v in point)),)
    return ()


def _via_shape(kind: str, points: list[list[float]]) -> dict[str, Any] | None:
    """Return a shape in VIA's form; None for those that VIA does not have."""
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


def _without_defaults(
    values: Mapping[str, Any],
    fields: tuple[str, ...],
    defaults: Mapping[str, Any],
    extra: dict[str, Any],
) -> dict[str, Any]:
    """Return values that are neither fields nor defaults; note missing defaults."""
    if absent := [name for name in defaults if name not in values]:
        extra["labelme.absent"] = absent
    text = {name: json.dumps(value) for name, value in defaults.items()}
    return {
        name: value
        for name, value in values.items()
        if name not in fields and json.dumps(value) != text.get(name)
    }


def _defaults(extra: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    absent = extra.get("labelme.absent", ())
    return {name: value for name, value in defaults.items() if name not in absent}


def read_labelme(folder: Path) -> Dataset:
    """Return the annotations of a folder; images are beside them."""
    numeric = ("points", "imageHeight", "imageWidth")
    return read_json_folder(folder, folder, parse_image, {}, numeric, "labelme")


@contextmanager
def write_labelme(folder: Path, dataset: Dataset) -> Iterator[WriteRecord]:
    """Write records into an empty folder; yields a function that writes one."""
    yield json_writer(folder, format_image)
    write_header(folder, dataset, {})
