"""Turn records into what training uses: labels, landmarks and masks of the photo."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
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
    BadFile,
    Garment,
    ImageRecord,
    Instance,
    PhotoLabels,
)
from data_tools.files import find_photo
from data_tools.formats.names import category_of
from data_tools.formats.shapes import (
    decode_rle,
    fill_polygons,
    landmark_polygon,
    photo_size,
)
from data_tools.outlines import mask_of
from data_tools.passthrough import MEASURED

_MAX_LISTED = 3  # bad images that a warning names
_log = logging.getLogger(__name__)
OpenPhoto = Callable[[], IO[bytes]] | None


def label_of(instance: Instance) -> int | None:
    """Return DeepFashion2's category id of an instance; None for other categories."""
    number = instance.extra.get("deepfashion2.category_id")
    return category_of(instance.category) if number is None else int(number)


def photo_labels(record: ImageRecord) -> PhotoLabels:
    """Return the labels of a record, of garments of DeepFashion2's categories."""
    labelled = [(label_of(instance), instance) for instance in record.instances]
    return PhotoLabels(
        str(record.attributes.get("source", "")),
        [(label, _attributes(one)) for label, one in labelled if label is not None],
    )


def garments_of(
    record: ImageRecord, size: tuple[int, int], polygons: str = "segmentation"
) -> list[Garment]:
    """Return the garments of DeepFashion2's categories, with masks.

    Args:
        record: the annotation.
        size: (height, width) of the photo.
        polygons: "segmentation" as annotated, or "landmarks", the polygon through them
            where they are labelled.

    Raises:
        ValueError: when an outline or a number is malformed.
    """
    labelled = [(label_of(instance), instance) for instance in record.instances]
    return [
        _garment(label, instance, size, polygons)
        for label, instance in labelled
        if label is not None
    ]


def photos_of(
    records: Iterable[ImageRecord | BadFile],
    source: str,
    polygons: str,
    path_of: Callable[[str], Path],
    opener_of: Callable[[str], OpenPhoto] = lambda name: None,
) -> list[AnnotatedPhoto]:
    """Return records as photos to train on.

    Args:
        records: the annotations.
        source: of photos whose record has none.
        polygons: see `garments_of`.
        path_of: returns the path of a `file_name`.
        opener_of: returns a function that opens the photo of a `file_name`; None opens
            its path.

    Returns:
        The photos in the records' order; garments of categories that are not
        DeepFashion2's and bad images are left out, and their number is logged.
    """
    photos, unknown, bad = [], Counter[str](), []
    for record in records:
        if isinstance(record, BadFile):
            bad.append(f"{record.name}: {record.reason}")
            continue
        path, opener = path_of(record.file_name), opener_of(record.file_name)
        unknown.update(one.category for one in record.instances if label_of(one) is None)
        photos.append(
            AnnotatedPhoto(
                path,
                str(record.attributes.get("source", source)),
                partial(_read_garments, record, path, opener, polygons),
                _foreground_reader(record, path, opener),
                open_image=opener,
                read_labels=partial(photo_labels, record),
            )
        )
    if unknown:
        _log.warning("left out garments of unknown categories: %s", dict(unknown))
    if bad:
        _log.warning(
            "left out %d bad images, such as %s", len(bad), "; ".join(bad[:_MAX_LISTED])
        )
    return photos


def _foreground_reader(
    record: ImageRecord, path: Path, opener: OpenPhoto
) -> Callable[[], NDArray[np.bool_]] | None:
    """Return a function that decodes the foreground; None where there is none."""
    rle = record.attributes.get("foreground")
    return rle and (lambda: decode_rle(rle, opened_size(path, opener)))


def with_size(record: ImageRecord, folder: Path, source: str) -> ImageRecord:
    """Read a missing size from the photo's header, where the photo is found.

    Args:
        record: an annotation.
        folder: of the annotation; see `find_photo`.
        source: its format, which does not say the size: see `without_measured`.
    """
    if record.size is not None:
        return record
    path = find_photo(folder, record.file_name)
    if not path.is_file():
        return record
    extra = {**record.extra, MEASURED: source}
    return replace(record, size=photo_size(path), extra=extra)


def opened_size(path: Path, opener: OpenPhoto) -> tuple[int, int]:
    """Return (height, width) of a photo, opened by a function or by its path."""
    if opener is None:
        return photo_size(path)
    with opener() as file:
        return photo_size(file)


def _read_garments(
    record: ImageRecord, path: Path, opener: OpenPhoto, polygons: str
) -> list[Garment]:
    return garments_of(record, opened_size(path, opener), polygons)


def _garment(
    label: int, instance: Instance, size: tuple[int, int], polygons: str
) -> Garment:
    landmarks = landmarks_of(instance)
    if label == SHORT_SLEEVE_TOP and landmarks is not None:
        landmarks = landmarks if len(landmarks) == LANDMARKS else None
    if polygons == "landmarks" and landmarks is not None:
        mask = fill_polygons([landmark_polygon(landmarks, label)], size)
    else:
        mask = mask_of(instance, size)
    return Garment(label, mask, landmarks, _attributes(instance))


def landmarks_of(instance: Instance) -> NDArray[np.float32] | None:
    """Return landmarks, float32 (K, 3) of x, y in pixels and v; None without any."""
    if instance.landmarks is None:
        return None
    return np.asarray(instance.landmarks, np.float32).reshape(-1, 3)


def _attributes(instance: Instance) -> dict[str, int]:
    values: dict[str, Any] = dict(instance.attributes)
    return {name: int(values[name]) for name in ATTRIBUTES if name in values}
