"""From one format of annotations to another, image by image."""

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
from data_tools.formats.map_files import map_form, read_label_maps, write_label_maps
from data_tools.formats.shapes import landmark_polygon
from data_tools.formats.via import format_row
from data_tools.formats.via_files import read_via, write_via
from data_tools.formats.yolo import read_yolo, write_yolo, yolo_form
from data_tools.garments import label_of, landmarks_of
from data_tools.passthrough import (
    differing,
    instance_values,
    record_values,
    stored_names,
)
from data_tools.streams import Shelf


@dataclass(frozen=True)
class Format:
    """How a format is read and written.

    Attributes:
        read: gives the records of a file or folder.
        write: yields what writes one record into a file, or into an empty folder.
        is_folder: whether it is a folder of files.
        form: turns one record into JSON values that hold, as `leftovers`, what the format
            has no place of its own for.
        photos: folder of the photos, beside the file or in the folder; see `find_photo`.
    """

    read: Callable[[Path], Dataset]
    write: Callable[[Path, Dataset], AbstractContextManager[WriteRecord]]
    is_folder: bool
    form: Callable[[ImageRecord], Any]
    photos: str = ""


def _coco_form(record: ImageRecord, all_slots: bool = False) -> list[dict[str, Any]]:
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
    "coco": Format(read_coco, write_coco, False, _coco_form, "images"),
    "coco-294": Format(
        read_coco,
        partial(write_coco, all_slots=True),
        False,
        partial(_coco_form, all_slots=True),
        "images",
    ),
    "via": Format(read_via, write_via, False, format_row),
    "labelme": Format(read_labelme, write_labelme, True, labelme.format_image),
    "yolo": Format(read_yolo, write_yolo, True, yolo_form, "images"),
    "label-maps": Format(read_label_maps, write_label_maps, True, map_form),
    "kfashion": Format(read_kfashion, write_kfashion, True, kfashion.format_image),
}


@dataclass(frozen=True)
class Choice:
    """Which records are converted, and with which outline.

    Attributes:
        wanted: which images.
        polygons: "segmentation" as drawn, or "landmarks": the polygon through them,
            where they are marked.
        names: of the images that are taken; None takes all.
    """

    wanted: PhotoFilter = field(default_factory=PhotoFilter)
    polygons: str = "segmentation"
    names: frozenset[str] | None = None


def choose(dataset: Dataset, choice: Choice) -> Dataset:
    """Return the part of a dataset that is chosen."""

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for record in dataset.read_records():
            if isinstance(record, BadFile):
                yield record
                continue
            try:
                listed = choice.names is None or record.file_name in choice.names
                if listed and choice.wanted.takes_record(record):
                    through = choice.polygons == "landmarks"
                    yield _through_landmarks(record) if through else record
            except FILE_ERRORS as error:
                yield BadFile.of(record.file_name, error)

    return replace(dataset, read_records=read_records)


def _through_landmarks(record: ImageRecord) -> ImageRecord:
    return replace(record, instances=tuple(map(_outlined, record.instances)))


def _outlined(instance: Instance) -> Instance:
    points = landmarks_of(instance)
    if points is None:
        return instance
    ring = tuple(landmark_polygon(points, label_of(instance) or 0))
    extra = {k: v for k, v in instance.extra.items() if k != "coco.area"}
    return replace(instance, polygons=(Polygon(ring),), rle=None, shape=None, extra=extra)


def count_homeless(dataset: Dataset, target: Format) -> Counter[str]:
    """Count what a format has no place of its own for; reads all records.

    Returns:
        How many instances or images, by name as "landmarks" or "attributes.scale". The
        image's size and what other formats alone have places for are not counted.
    """
    found: Counter[str] = Counter()
    for record in dataset.read_records():
        if isinstance(record, ImageRecord):
            try:
                found.update(_homeless(target.form(record)))
            except FILE_ERRORS:  # a bad image, which the conversion names
                continue
    return found


def _homeless(form: Any) -> list[str]:
    """Return the names of what a format's own form has no place for, short of ids."""
    names = stored_names(form)
    return [name for name in names if name != "size" and not name.startswith("extra.")]


def convert(
    dataset: Dataset, target: Format, path: Path
) -> Iterator[BadFile | list[str]]:
    """Write a dataset; the file or folder appears when all of it is written.

    Args:
        dataset: what to write.
        target: the format.
        path: a new file or folder.

    Yields:
        For each record what the format has no place of its own for, as `count_homeless`
        names it, instance by instance; or why it was not written.

    Raises:
        DataError: when the dataset is damaged past the image where that was noticed.
        OSError: when the disk says no, or something is there already.
    """
    with ExitStack() as stack:
        place = stack.enter_context(whole_folder(path)) if target.is_folder else path
        put = stack.enter_context(target.write(place, dataset))
        for record in dataset.read_records():
            if isinstance(record, BadFile):
                yield record
                continue
            try:
                form = put(record)
            except OSError:
                raise
            except FILE_ERRORS as error:
                yield BadFile.of(record.file_name, error)
            else:
                yield _homeless(form)


@dataclass(frozen=True)
class Difference:
    """What two sets of annotations do not say alike.

    Attributes:
        file_name: of the image.
        place: "image" or "instance 1", "instance 2" ...
        name: of what differs, as "landmarks" or "attributes.scale".
    """

    file_name: str
    place: str
    name: str


def compare(one: Dataset, other: Dataset) -> Iterator[list[Difference]]:
    """Compare two sets of annotations, image by image, whatever their order.

    Yields:
        For each image of `one` what differs; then, for each image that `other` has
        besides, that it does.
    """
    with Shelf() as shelf:
        for record in other.read_records():
            if isinstance(record, ImageRecord):
                found = [instance_values(each) for each in record.instances]
                shelf.put(record.file_name, [record_values(record), found])
        for record in one.read_records():
            if isinstance(record, ImageRecord):
                taken = shelf.take_first(record.file_name)
                yield (
                    [Difference(record.file_name, "image", "missing")]
                    if taken is None
                    else list(_differences(record, *taken))
                )
        for name, _ in shelf.rest():
            yield [Difference(name, "image", "added")]


def _differences(
    record: ImageRecord, own: dict[str, Any], instances: list[dict[str, Any]]
) -> Iterator[Difference]:
    for name in differing(record_values(record), own):
        yield Difference(record.file_name, "image", name)
    mine = map(instance_values, record.instances)
    empty: dict[str, Any] = {}
    pairs = zip_longest(mine, instances, fillvalue=empty)
    for index, (one, other) in enumerate(pairs, 1):
        for name in differing(one, other):
            yield Difference(record.file_name, f"instance {index}", name)
