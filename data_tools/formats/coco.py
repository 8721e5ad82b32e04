"""COCO instances: polygons or run lengths, with keypoints where they are marked.

A photo's own `source` and a garment's `attributes`, which COCO does not know, are read
where they stand; `data_tools.pack` writes them.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import (
    ATTRIBUTES,
    LANDMARKS,
    SHORT_SLEEVE_TOP,
    AnnotatedPhoto,
    Facts,
    Garment,
)
from data_tools.formats.names import category_of
from data_tools.formats.shapes import (
    decode_rle,
    fill_polygons,
    landmark_polygon,
    photo_size,
)

_ALL_SLOTS = 294  # DeepFashion2's landmarks of all categories; 0 to 24 are a short top's
_log = logging.getLogger(__name__)
Opener = Callable[[str], Callable[[], IO[bytes]] | None]


def read_coco(
    values: Mapping[str, Any], place: Callable[[str], Path], polygons: str, opener: Opener
) -> list[AnnotatedPhoto]:
    """Read COCO's JSON.

    Args:
        values: the parsed JSON.
        place: gives the path of a `file_name`.
        polygons: "segmentation", or "landmarks": the polygon through them.
        opener: gives what opens the photo of a `file_name`; None where its path does.

    Returns:
        The photos in the JSON's order; garments of categories that are not
        DeepFashion2's are left out, and their number is logged.
    """
    labels = {row["id"]: category_of(str(row["name"])) for row in values["categories"]}
    names = {row["id"]: str(row["name"]) for row in values["categories"]}
    rows: dict[Any, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
    unknown: Counter[str] = Counter()
    for row in values["annotations"]:
        label = labels.get(row["category_id"])
        if label is None:
            unknown[names.get(row["category_id"], "?")] += 1
        else:
            rows[row["image_id"]].append((label, row))
    if unknown:
        _log.warning("left out garments of unknown categories: %s", dict(unknown))
    return [
        _photo(image, rows[image["id"]], place, polygons, opener)
        for image in values["images"]
    ]


def _photo(
    image: Mapping[str, Any],
    rows: list[tuple[int, Mapping[str, Any]]],
    place: Callable[[str], Path],
    polygons: str,
    opener: Opener,
) -> AnnotatedPhoto:
    path, opened = place(image["file_name"]), opener(image["file_name"])
    facts = Facts(
        str(image.get("source", "")), [(k, _attributes(row)) for k, row in rows]
    )
    foreground = image.get("foreground")  # run lengths
    return AnnotatedPhoto(
        path,
        str(image.get("source", "coco")),
        partial(_garments, rows, path, opened, polygons),
        foreground and partial(_mask, foreground, path, opened),
        opened,
        lambda: facts,
    )


def _size(path: Path, opened: Callable[[], IO[bytes]] | None) -> tuple[int, int]:
    if opened is None:
        return photo_size(path)
    with opened() as file:
        return photo_size(file)


def _mask(
    rle: Mapping[str, Any], path: Path, opened: Callable[[], IO[bytes]] | None
) -> NDArray[np.bool_]:
    return decode_rle(rle, _size(path, opened))


def _garments(
    rows: list[tuple[int, Mapping[str, Any]]],
    path: Path,
    opened: Callable[[], IO[bytes]] | None,
    polygons: str,
) -> list[Garment]:
    size = _size(path, opened)
    return [_garment(label, row, size, polygons) for label, row in rows]


def _garment(
    label: int, row: Mapping[str, Any], size: tuple[int, int], polygons: str
) -> Garment:
    landmarks, outline = _landmarks(label, row), row["segmentation"]
    if polygons == "landmarks" and landmarks is not None:
        outline = [landmark_polygon(landmarks, label)]
    rle = isinstance(outline, Mapping)
    mask = decode_rle(outline, size) if rle else fill_polygons(outline, size)
    return Garment(label, mask, landmarks, _attributes(row))


def _landmarks(label: int, row: Mapping[str, Any]) -> NDArray[np.float32] | None:
    """Return a short sleeve top's 25; those of other garments are not told apart."""
    points = np.asarray(row.get("keypoints") or (), np.float32).reshape(-1, 3)
    if label != SHORT_SLEEVE_TOP or len(points) not in (LANDMARKS, _ALL_SLOTS):
        return None
    return points[:LANDMARKS]


def _attributes(row: Mapping[str, Any]) -> dict[str, int]:
    values = {**row, **row.get("attributes", {})}
    return {name: int(values[name]) for name in ATTRIBUTES if name in values}
