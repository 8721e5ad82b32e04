"""Convert annotations between formats, image by image; compare two data sets."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from data_tools.annotations import (
    FILE_ERRORS,
    BadFile,
    Dataset,
    ImageRecord,
    Instance,
    Note,
    Polygon,
    WriteRecord,
)
from data_tools.files import whole_folder
from data_tools.filters import PhotoFilter
from data_tools.formats import coco, deepfashion2, kfashion, labelme
from data_tools.formats.coco import Categories, format_annotation
from data_tools.formats.coco_files import read_coco, write_coco
from data_tools.formats.deepfashion2 import read_deepfashion2, write_deepfashion2
from data_tools.formats.kfashion import read_kfashion, write_kfashion
from data_tools.formats.labelme import read_labelme, write_labelme
from data_tools.formats.map_files import map_leftovers, read_label_maps, write_label_maps
from data_tools.formats.shapes import landmark_polygon
from data_tools.formats.via import format_row
from data_tools.formats.via_files import read_via, write_via
from data_tools.formats.yolo_files import read_yolo, write_yolo, yolo_leftovers
from data_tools.garments import label_of, landmarks_of
from data_tools.passthrough import (
    differing,
    instance_values,
    record_values,
    stored_names,
    without_measured,
)
from data_tools.streams import DiskStore


@dataclass(frozen=True)
class Format:
    """How a format is read and written.

    Attributes:
        read: reads the records of a file or folder.
        write: opens a file, or an empty folder, and yields a function that writes one
            record.
        is_folder: whether it is a folder of files.
        serialize: turns one record into JSON values that contain, as `leftovers`, what
            the format has no field for.
        photos: folder of the photos, beside the file or in the folder; see `find_photo`.
    """

    read: Callable[[Path], Dataset]
    write: Callable[[Path, Dataset], AbstractContextManager[WriteRecord]]
    is_folder: bool
    serialize: Callable[[ImageRecord], Any]
    photos: str = ""


def _serialize_coco(record: ImageRecord, all_slots: bool = False) -> list[dict[str, Any]]:
    names = {one.category for one in record.instances}
    categories = Categories({name: name for name in names}, {n: n for n in names})
    size = record.size or (0, 0)
    rows = [
        format_annotation(one, (0, 0, one.category), categories, size, all_slots)
        for one in record.instances
    ]
    return [coco.format_image(record, 0), *rows]


FORMATS = {
    "deepfashion2": Format(
        read_deepfashion2, write_deepfashion2, True, deepfashion2.format_image, "image"
    ),
    "coco": Format(read_coco, write_coco, False, _serialize_coco, "images"),
    "coco-294": Format(
        read_coco,
        partial(write_coco, all_slots=True),
        False,
        partial(_serialize_coco, all_slots=True),
        "images",
    ),
    "via": Format(read_via, write_via, False, format_row),
    "labelme": Format(read_labelme, write_labelme, True, labelme.format_image),
    "yolo": Format(read_yolo, write_yolo, True, yolo_leftovers, "images"),
    "label-maps": Format(read_label_maps, write_label_maps, True, map_leftovers),
    "kfashion": Format(read_kfashion, write_kfashion, True, kfashion.format_image),
}


@dataclass(frozen=True)
class Selection:
    """Which records are converted, and with which outline."""

    photo_filter: PhotoFilter = field(default_factory=PhotoFilter)
    # "segmentation" as annotated, or "landmarks": the polygon through them, where they
    # are labelled.
    polygons: str = "segmentation"
    names: frozenset[str] | None = None  # file names of the images; None selects all


def select(dataset: Dataset, selection: Selection) -> Dataset:
    """Return the selected records of a dataset, read lazily."""

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for record in dataset.read_records():
            if isinstance(record, BadFile):
                yield record
                continue
            try:
                names = selection.names
                listed = names is None or record.file_name in names
                if listed and selection.photo_filter.matches_record(record):
                    from_landmarks = selection.polygons == "landmarks"
                    yield _outline_landmarks(record) if from_landmarks else record
            except FILE_ERRORS as error:
                yield BadFile.of(record.file_name, error)

    return replace(dataset, read_records=read_records)


def _outline_landmarks(record: ImageRecord) -> ImageRecord:
    return replace(record, instances=tuple(map(_outline_instance, record.instances)))


def _outline_instance(instance: Instance) -> Instance:
    """Replace the outline by the polygon through the landmarks, where there are any."""
    points = landmarks_of(instance)
    if points is None:
        return instance
    ring = tuple(landmark_polygon(points, label_of(instance) or 0))
    extra = {k: v for k, v in instance.extra.items() if k != "coco.area"}
    return replace(instance, polygons=(Polygon(ring),), rle=None, shape=None, extra=extra)


def count_unsupported(dataset: Dataset, target: Format) -> Counter[str]:
    """Count the values that a format has no field for; reads all records.

    Returns:
        Numbers of instances or images, by name as "landmarks" or "attributes.scale". The
        image's size and the `extra` of other formats are not counted.
    """
    counts: Counter[str] = Counter()
    for record in dataset.read_records():
        if isinstance(record, ImageRecord):
            try:
                counts.update(_unsupported(target.serialize(record)))
            except FILE_ERRORS:  # a bad image, which the conversion reports
                continue
    return counts


def _unsupported(document: Any) -> list[str]:
    """Return the names of the leftovers in a serialized record, without bookkeeping."""
    names = stored_names(document)
    return [name for name in names if name != "size" and not name.startswith("extra.")]


def heard(dataset: Dataset, tell: Callable[[str, Note], None]) -> Dataset:
    """Return a dataset that tells the notes on its records as they are read.

    Args:
        dataset: the annotations.
        tell: is called with the image's name and a note.
    """

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for record in dataset.read_records():
            if isinstance(record, ImageRecord):
                for note in record.all_notes():
                    tell(record.file_name, note)
            yield record

    return replace(dataset, read_records=read_records)


def convert(
    dataset: Dataset, target: Format, path: Path
) -> Iterator[BadFile | list[str]]:
    """Write a dataset; the file or folder appears when all of it is written.

    Args:
        dataset: what to write.
        target: the format.
        path: a new file or folder.

    Yields:
        For each record the names of the values that the format has no field for, see
        `count_unsupported`, instance by instance; or why it was not written.

    Raises:
        DataError: when the rest of the dataset cannot be read.
        OSError: when the file or folder cannot be written, or exists.
    """
    with ExitStack() as stack:
        new = stack.enter_context(whole_folder(path)) if target.is_folder else path
        write = stack.enter_context(target.write(new, dataset))
        for record in dataset.read_records():
            if isinstance(record, BadFile):
                yield record
                continue
            try:
                document = write(record)
            except OSError:
                raise
            except FILE_ERRORS as error:
                yield BadFile.of(record.file_name, error)
            else:
                yield _unsupported(document)


@dataclass(frozen=True)
class Difference:
    """A value that differs between two sets of annotations.

    Attributes:
        file_name: of the image.
        part: "image" or "instance 1", "instance 2" ...
        name: of the value, as "landmarks" or "attributes.scale".
    """

    file_name: str
    part: str
    name: str


def compare(one: Dataset, other: Dataset) -> Iterator[list[Difference]]:
    """Compare two sets of annotations, image by image, in any order.

    Yields:
        For each image of `one` its differences; then, for each image that only `other`
        has, the difference "added".
    """
    with DiskStore() as store:
        for record in other.read_records():
            if isinstance(record, ImageRecord):
                instances = [instance_values(each) for each in record.instances]
                store.put(record.file_name, [_stated_values(record), instances])
        for record in one.read_records():
            if isinstance(record, ImageRecord):
                taken = store.take_first(record.file_name)
                yield (
                    [Difference(record.file_name, "image", "missing")]
                    if taken is None
                    else list(_differences(record, *taken))
                )
        for name, _ in store.remaining():
            yield [Difference(name, "image", "added")]


def _stated_values(record: ImageRecord) -> dict[str, Any]:
    """Return what the annotations say of an image: no size that the photo tells."""
    return record_values(without_measured(record))


def _differences(
    record: ImageRecord, values: dict[str, Any], instances: list[dict[str, Any]]
) -> Iterator[Difference]:
    """Compare a record with the values of another and of its instances."""
    for name in differing(_stated_values(record), values):
        yield Difference(record.file_name, "image", name)
    empty: dict[str, Any] = {}
    pairs = zip_longest(
        map(instance_values, record.instances), instances, fillvalue=empty
    )
    for index, (one, other) in enumerate(pairs, 1):
        for name in differing(one, other):
            yield Difference(record.file_name, f"instance {index}", name)
