"""VGG Image Annotator 2: a project file, or its annotations alone.

References:
    Dutta and Zisserman, "The VIA Annotation Software for Images, Audio and Video",
    ACM Multimedia 2019.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data_tools.annotations import SHORT_SLEEVE_TOP, AnnotatedPhoto, Facts, Garment
from data_tools.formats.names import category_of
from data_tools.formats.shapes import fill_polygons, photo_size

_NAMING = ("category", "class", "label", "name", "type")  # region attributes
_ELLIPSE_POINTS = 90
_log = logging.getLogger(__name__)


def read_via(
    values: Mapping[str, Any], place: Callable[[str], Path]
) -> list[AnnotatedPhoto]:
    """Read VIA's JSON.

    Args:
        values: the parsed JSON.
        place: gives the path of a `filename`.

    Returns:
        The photos in the JSON's order. A region that names no category is a short sleeve
        top; regions of unknown categories are left out, and their number is logged.
    """
    photos, unknown = [], Counter[str]()
    for row in values.get("_via_img_metadata", values).values():
        found = row["regions"]
        shapes = []
        for region in found.values() if isinstance(found, Mapping) else found:
            name = _class_name(region.get("region_attributes", {}))
            label = category_of(name) if name else SHORT_SLEEVE_TOP
            if label is None:
                unknown[name] += 1
            else:
                shapes.append((label, region["shape_attributes"]))
        photos.append(_photo(place(row["filename"]), shapes))
    if unknown:
        _log.warning("left out regions of unknown categories: %s", dict(unknown))
    return photos


def _photo(path: Path, shapes: list[tuple[int, Mapping[str, Any]]]) -> AnnotatedPhoto:
    facts = Facts("", [(label, {}) for label, _ in shapes])
    reader = partial(_garments, shapes, path)
    return AnnotatedPhoto(path, "via", reader, read_facts=lambda: facts)


def _class_name(attributes: Mapping[str, Any]) -> str:
    """Return the text that names a region's class; "" where there is none."""
    for key, value in attributes.items():
        if key.lower() in _NAMING:
            if isinstance(value, Mapping):  # check boxes: {name: ticked}
                value = next((name for name, ticked in value.items() if ticked), "")
            return str(value).strip()
    return ""


def _garments(shapes: list[tuple[int, Mapping[str, Any]]], path: Path) -> list[Garment]:
    size = photo_size(path)
    return [
        Garment(label, fill_polygons([outline(shape)], size)) for label, shape in shapes
    ]


def outline(shape: Mapping[str, Any]) -> list[float]:
    """Return the flat polygon x, y, x, y ... of a shape's attributes.

    Raises:
        ValueError: when the shape has no area, as a point, or is not known.
    """
    kind = shape["name"]
    if kind in ("polygon", "polyline"):
        points = np.column_stack([shape["all_points_x"], shape["all_points_y"]])
    elif kind == "rect":
        x, y, width, height = (shape[key] for key in ("x", "y", "width", "height"))
        points = np.array([[0, 0], [width, 0], [width, height], [0, height]]) + (x, y)
    elif kind in ("circle", "ellipse"):
        points = _ellipse(shape)
    else:
        raise ValueError(f"expected polygon, rect, circle or ellipse, got {kind!r}")
    return points.astype(float).ravel().tolist()


def _ellipse(shape: Mapping[str, Any]) -> np.ndarray:
    radii = shape.get("rx", shape.get("r")), shape.get("ry", shape.get("r"))
    around = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)
    circle = np.column_stack([np.cos(around), np.sin(around)]) * radii
    cos, sin = np.cos(shape.get("theta", 0)), np.sin(shape.get("theta", 0))
    return circle @ [[cos, sin], [-sin, cos]] + (shape["cx"], shape["cy"])
