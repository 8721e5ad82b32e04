"""DeepFashion2's annotation files, as released: `image/*.jpg` with `annos/*.json`.

References:
    Ge et al., "DeepFashion2: A Versatile Benchmark for Detection, Pose Estimation,
    Segmentation and Re-Identification of Clothing Images", CVPR 2019.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import ATTRIBUTES, AnnotatedPhoto, Facts, Garment
from data_tools.formats.shapes import fill_polygons, landmark_polygon, photo_size


def read_deepfashion2(folder: Path, polygons: str) -> list[AnnotatedPhoto]:
    """Read a split of DeepFashion2; no annotation is opened yet.

    Args:
        folder: holds `image` and `annos`.
        polygons: "segmentation", or "landmarks": the polygon through them.
    """
    photos = []
    for path in sorted((folder / "annos").glob("*.json")):
        image = folder / "image" / f"{path.stem}.jpg"
        reader = partial(_read_garments, path, image, polygons)
        facts = partial(_read_facts, path)
        photos.append(AnnotatedPhoto(image, "deepfashion2", reader, read_facts=facts))
    return photos


def read_item_facts(
    item: Mapping[str, Any],
) -> tuple[NDArray[np.float32], dict[str, int]]:
    """Return landmarks (K, 3) and attributes of one garment of an annotation."""
    landmarks = np.asarray(item["landmarks"], np.float32).reshape(-1, 3)
    return landmarks, {name: int(item[name]) for name in ATTRIBUTES if name in item}


def _items(annotation: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield item1, item2 ... of an annotation."""
    for name in sorted(annotation):
        if name.startswith("item"):
            yield annotation[name]


def _read_facts(path: Path) -> Facts:
    annotation = json.loads(path.read_text(encoding="utf-8"))
    items = [
        (int(item["category_id"]), read_item_facts(item)[1])
        for item in _items(annotation)
    ]
    return Facts(str(annotation.get("source", "")), items)


def _read_garments(path: Path, image: Path, polygons: str) -> list[Garment]:
    annotation = json.loads(path.read_text(encoding="utf-8"))
    size = photo_size(image)
    return [_garment(item, size, polygons) for item in _items(annotation)]


def _garment(item: Mapping[str, Any], size: tuple[int, int], polygons: str) -> Garment:
    label = int(item["category_id"])
    landmarks, attributes = read_item_facts(item)
    outlines = item["segmentation"]
    if polygons == "landmarks":
        outlines = [landmark_polygon(landmarks, label)]
    return Garment(label, fill_polygons(outlines, size), landmarks, attributes)
