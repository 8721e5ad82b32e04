"""What training makes of records: labels, facts and masks of the photo's size."""

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

_NAMED = 3  # bad images that are named
_log = logging.getLogger(__name__)
Opener = Callable[[], IO[bytes]] | None


def label_of(instance: Instance) -> int | None:
    """Return DeepFashion2's category id of an instance; None for other categories."""
    number = instance.extra.get("deepfashion2.category_id")
    return category_of(instance.category) if number is None else int(number)


def photo_labels(record: ImageRecord) -> PhotoLabels:
    """Return what a record says of garments of DeepFashion2's categories."""
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
        record: what the annotation says.
        size: (height, width) of the photo.
        polygons: "segmentation" as drawn, or "landmarks", the polygon through them where
            they are marked.

    Raises:
        ValueError: when an outline or a number is not as expected.
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
    place: Callable[[str], Path],
    opener: Callable[[str], Opener] = lambda name: None,
) -> list[AnnotatedPhoto]:
    """Return records as photos to train on.

    Args:
        records: what the annotations say.
        source: of photos that name none.
        polygons: see `garments_of`.
        place: gives the path of a `file_name`.
        opener: gives what opens the photo of a `file_name`; None where its path does.

    Returns:
        The photos in the records' order; garments of categories that are not
        DeepFashion2's and bad images are left out, and their number is logged.
    """
    photos, unknown, bad = [], Counter[str](), []
    for record in records:
        if isinstance(record, BadFile):
            bad.append(f"{record.name}: {record.reason}")
            continue
        path, opened = place(record.file_name), opener(record.file_name)
        unknown.update(one.category for one in record.instances if label_of(one) is None)
        photos.append(
            AnnotatedPhoto(
                path,
                str(record.attributes.get("source", source)),
                partial(_read_garments, record, path, opened, polygons),
                _foreground_reader(record, path, opened),
                open_image=opened,
                read_labels=partial(photo_labels, record),
            )
        )
    if unknown:
        _log.warning("left out garments of unknown categories: %s", dict(unknown))
    if bad:
        _log.warning("left out %d bad images, as %s", len(bad), "; ".join(bad[:_NAMED]))
    return photos


def _foreground_reader(
    record: ImageRecord, path: Path, opened: Opener
) -> Callable[[], NDArray[np.bool_]] | None:
    """Return what reads the run lengths of what stays before another background."""
    rle = record.attributes.get("foreground")
    return rle and (lambda: decode_rle(rle, opened_size(path, opened)))


def with_size(record: ImageRecord, folder: Path) -> ImageRecord:
    """Add the size that the photo's header tells, where none is known.

    Args:
        record: what an annotation says.
        folder: of the annotation; see `find_photo`.
    """
    if record.size is not None:
        return record
    path = find_photo(folder, record.file_name)
    return replace(record, size=photo_size(path)) if path.is_file() else record


def opened_size(path: Path, opened: Opener) -> tuple[int, int]:
    """Return (height, width) of a photo that its opener or its path gives."""
    if opened is None:
        return photo_size(path)
    with opened() as file:
        return photo_size(file)


def _read_garments(
    record: ImageRecord, path: Path, opened: Opener, polygons: str
) -> list[Garment]:
    return garments_of(record, opened_size(path, opened), polygons)


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
    """Return landmarks (K, 3) of x, y in pixels and v; None where nobody marked them."""
    if instance.landmarks is None:
        return None
    return np.asarray(instance.landmarks, np.float32).reshape(-1, 3)


def _attributes(instance: Instance) -> dict[str, int]:
    values: dict[str, Any] = dict(instance.attributes)
    return {name: int(values[name]) for name in ATTRIBUTES if name in values}
