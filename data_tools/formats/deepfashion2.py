"""DeepFashion2's annotation files, as released: `image/*.jpg` with `annos/*.json`.

References:
    Ge et al., "DeepFashion2: A Versatile Benchmark for Detection, Pose Estimation,
    Segmentation and Re-Identification of Clothing Images", CVPR 2019.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from data_tools.annotations import (
    CATEGORIES,
    LANDMARK_COUNTS,
    UNKNOWN,
    AnnotatedPhoto,
    DataError,
    Dataset,
    Garment,
    ImageRecord,
    Instance,
    PhotoLabels,
    Polygon,
    WriteRecord,
    as_numbers,
)
from data_tools.files import read_json
from data_tools.formats.folder_files import (
    image_name,
    implied_name,
    json_writer,
    read_json_folder,
    write_header,
)
from data_tools.formats.names import CATEGORY_IDS, category_of
from data_tools.formats.shapes import photo_size
from data_tools.garments import garments_of, photo_labels
from data_tools.outlines import bounds, joined_ring, polygons_of
from data_tools.passthrough import (
    KEY,
    PHOTO_KEY,
    image_leftovers,
    instance_leftovers,
    restore_instance,
    restore_record,
    without_measured,
)

_TOP = ("source", "pair_id")  # keys of the photo
_ITEM = re.compile(r"item([1-9]\d{0,5})")
_FIELDS = ("category_id", "category_name", "segmentation", "bounding_box", "landmarks")
_NAME = "deepfashion2"
_NUMERIC = ("category_id", "segmentation", "bounding_box", "landmarks")
_RESERVED = (*_FIELDS, KEY, PHOTO_KEY)


def parse_image(values: Mapping[str, Any], file_name: str) -> ImageRecord:
    """Turn the JSON of one photo into a record, without a size.

    Raises:
        DataError: when it is not in DeepFashion2's form.
    """
    names = sorted((int(m[1]), m[0]) for m in map(_ITEM.fullmatch, values) if m)
    items = [_checked_item(values[name], name) for _, name in names]
    native = _parse_native(values, file_name, [name for _, name in names])
    stored = items[0].get(PHOTO_KEY) if items else values.get(KEY)
    instances = tuple(map(parse_item, items))
    return restore_record(native, stored, instances)


def format_image(record: ImageRecord) -> dict[str, Any]:
    """Turn a record into the JSON of one photo; the inverse of `parse_image`."""
    record = without_measured(record, _NAME)
    names = _item_names(record)
    top = (*_TOP, *record.extra.get("deepfashion2.top", ()))
    values = {name: record.attributes[name] for name in top if name in record.attributes}
    values |= dict(zip(names, map(format_item, record.instances), strict=True))
    native = _parse_native(values, implied_name(record.file_name), names)
    if kept := image_leftovers(record, native):
        if names:
            values[names[0]][PHOTO_KEY] = kept
        else:
            values[KEY] = kept
    return values


def _item_names(record: ImageRecord) -> list[str]:
    """Return the keys that the garments had, where they still fit, or item1, item2."""
    names = record.extra.get("deepfashion2.items", ())
    valid = set(filter(_ITEM.fullmatch, names))
    if len(valid) == len(names) == len(record.instances) > 0:
        return list(names)
    return [f"item{i}" for i in range(1, len(record.instances) + 1)]


def _parse_native(
    values: Mapping[str, Any], file_name: str, names: list[str]
) -> ImageRecord:
    """Return the record of the fields that DeepFashion2 itself has."""
    attributes = {
        name: value for name, value in values.items() if name not in (*names, KEY)
    }
    extra: dict[str, Any] = {}
    if other := [name for name in attributes if name not in _TOP]:
        extra["deepfashion2.top"] = other
    if names != [f"item{i}" for i in range(1, len(names) + 1)]:
        extra["deepfashion2.items"] = names
    return ImageRecord(file_name, None, (), attributes, extra)


def _checked_item(item: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise DataError(f"expected an object in {name}, got {type(item).__name__}")
    return item


def parse_item(item: Mapping[str, Any]) -> Instance:
    """Turn one garment of the JSON into an instance.

    Raises:
        DataError: when it is not in DeepFashion2's form.
    """
    return restore_instance(_parse_native_item(item), item.get(KEY))


def format_item(instance: Instance) -> dict[str, Any]:
    """Turn an instance into one garment of the JSON."""
    polygons = polygons_of(instance)
    label = category_of(instance.category) or UNKNOWN
    points = instance.landmarks
    if points is None:  # other readers expect them: none is labelled
        points = (0,) * (3 * LANDMARK_COUNTS[label - 1] if label else 0)
    box = bounds(polygons) if instance.box is None else instance.box
    item = {
        **{k: v for k, v in instance.attributes.items() if k not in _RESERVED},
        "category_id": instance.extra.get("deepfashion2.category_id", label),
        "category_name": instance.category,
        "segmentation": [
            list(joined_ring([p]) if p.holes else p.outer) for p in polygons
        ],
        "bounding_box": list(box or (0, 0, 0, 0)),
        "landmarks": list(points),
    }
    native = _parse_native_item(item)
    if kept := instance_leftovers(instance, native):
        item[KEY] = kept
    return item


def _parse_native_item(item: Mapping[str, Any]) -> Instance:
    label, name = item.get("category_id"), item.get("category_name")
    if type(label) is not int:
        raise DataError(f"expected an integer as category_id, got {label!r}")
    extra: dict[str, Any] = {}
    if name is None:
        known = 1 <= label <= len(CATEGORIES)
        name, extra["deepfashion2.unnamed"] = CATEGORIES[label - 1] if known else "", True
    if label != (category_of(str(name)) or UNKNOWN):
        extra["deepfashion2.category_id"] = label
    rings = item.get("segmentation", [])
    if not isinstance(rings, list):
        raise DataError(f"expected lists in segmentation, got {str(rings)[:60]}")
    box, points = item.get("bounding_box"), item.get("landmarks")
    return Instance(
        name,
        tuple(Polygon(as_numbers(ring, 2, "a polygon")) for ring in rings),
        box=None if box is None else as_numbers(box, 4, "bounding_box"),
        landmarks=None if points is None else as_numbers(points, 3, "landmarks"),
        attributes={key: value for key, value in item.items() if key not in _RESERVED},
        extra=extra,
    )


def read_deepfashion2(folder: Path) -> Dataset:
    """Return the annotations of a split's folder, or of its folder `annos`.

    Raises:
        DataError: when the folder holds several splits.
    """
    files = folder / "annos" if (folder / "annos").is_dir() else folder
    if files == folder and (splits := sorted(folder.glob("*/annos"))):
        raise DataError(f"{folder}: expected one split, as {splits[0].parent}")
    return read_json_folder(folder, files, parse_image, CATEGORY_IDS, _NUMERIC, _NAME)


def read_record(path: Path, folder: Path) -> ImageRecord:
    """Read the annotation of one photo.

    Args:
        path: the .json.
        folder: the photo's name is relative to it.
    """
    return parse_image(read_json(path), image_name(path, folder))


@contextmanager
def write_deepfashion2(folder: Path, dataset: Dataset) -> Iterator[WriteRecord]:
    """Write records into `annos` in an empty folder; yields a function for one record."""
    (folder / "annos").mkdir()
    yield json_writer(folder / "annos", format_image)
    write_header(folder, dataset, CATEGORY_IDS)


def deepfashion2_photos(folder: Path, polygons: str) -> list[AnnotatedPhoto]:
    """Return the photos of a split to train on; annotations are read lazily.

    Args:
        folder: holds `image` and `annos`.
        polygons: outlines, see `garments_of`.
    """
    photos = []
    for path in sorted((folder / "annos").glob("*.json")):
        image = folder / "image" / f"{path.stem}.jpg"
        reader = partial(_read_garments, path, image, polygons)
        labels = partial(_read_labels, path)
        photos.append(AnnotatedPhoto(image, "deepfashion2", reader, read_labels=labels))
    return photos


def _read_labels(path: Path) -> PhotoLabels:
    return photo_labels(read_record(path, path.parent))


def _read_garments(path: Path, image: Path, polygons: str) -> list[Garment]:
    return garments_of(read_record(path, path.parent), photo_size(image), polygons)
