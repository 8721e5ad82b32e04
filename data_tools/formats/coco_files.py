"""Read and write COCO files of any size, image by image."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from data_tools.annotations import (
    FILE_ERRORS,
    LANDMARK_COUNTS,
    BadFile,
    DataError,
    Dataset,
    ImageRecord,
    Instance,
    Note,
    WriteRecord,
)
from data_tools.formats.coco import (
    ALL_SLOTS,
    Categories,
    format_annotation,
    format_image,
    parse_image,
    plain_id,
)
from data_tools.formats.mending import shown
from data_tools.formats.names import CATEGORY_IDS, category_of
from data_tools.passthrough import KEY, same_value
from data_tools.streams import (
    DiskStore,
    file_notes,
    read_array,
    read_top,
    write_document,
)

PARTS = ("images", "annotations", "categories")
_ID = int | float | str  # what may be an id
_MAX_NAMED = 5  # images or ids in a message


def read_coco(path: Path) -> Dataset:
    """Return the records of a COCO document, one for each of its images.

    The file is read four times: for its top level, for the ids of its images, for its
    annotations, which are kept on disk, and for its images.

    Raises:
        DataError: when it is not a COCO file.
        OSError: when it cannot be read.
    """
    top = read_top(path, ("images", "annotations"))
    rows = top.get("categories")
    if not set(PARTS) <= set(top) or not isinstance(rows, list):
        raise DataError(f"{path}: expected COCO's {', '.join(PARTS)}")
    categories = _parse_categories(path, rows)
    ids = dict(categories.ids)
    kept = top.pop(KEY, None)
    extra = {f"coco.{name}": top[name] for name in top if name not in PARTS}
    extra |= kept if isinstance(kept, dict) else {}
    if rows != [category_row(name, number) for name, number in ids.items()]:
        extra["coco.categories"] = rows
    return Dataset(
        lambda: _read_records(path, categories, top["images"]),
        ids,
        extra,
        top["images"],
        file_notes(path),
    )


def _parse_categories(path: Path, rows: list[Any]) -> Categories:
    try:
        names = {row["id"]: str(row["name"]) for row in rows}
    except FILE_ERRORS as error:
        raise DataError(f"{path}: expected categories with id and name") from error
    ids: dict[str, Any] = {}
    for number, name in names.items():
        ids.setdefault(name, number)
    return Categories(names, ids)


def _read_records(
    path: Path, categories: Categories, count: int
) -> Iterator[ImageRecord | BadFile]:
    def read_images() -> Iterator[Any]:
        # What comes behind the last image is not read again.
        return islice(read_array(path, "images"), count)

    ids, row_ids = _ImageIds(read_images()), _RepeatedIds()
    with DiskStore() as store:
        for row in read_array(path, "annotations"):
            try:
                store.put(ids.key_of(row["image_id"]), row)
                row_ids.add(row.get("id"), row["image_id"])
            except FILE_ERRORS as error:
                yield BadFile.of(f"{path}: annotation {shown(row)}", error)
        for image in read_images():
            try:
                ids.check(image["id"])
                rows = store.take(image["id"])
                record = parse_image(image, rows, categories)
                notes = (*ids.notes(image["id"], rows), *row_ids.notes(rows))
                yield replace(record, notes=record.notes + notes) if notes else record
            except FILE_ERRORS as error:
                yield BadFile.of(f"{path}: image {_name_of(image)}", error)
        for image_id, row in store.remaining():
            if not ids.is_shared(image_id):  # else the images are named
                reason = f"expected image_id of a listed image, got {shown(image_id)}"
                yield BadFile(f"{path}: annotation {row.get('id')}", reason)


class _ImageIds:
    """Ids of images: which are shared, and which differ in their type only."""

    def __init__(self, images: Iterator[Any]):
        self._first: dict[str, Any] = {}  # the first id by plain id
        self._names: dict[str, list[str]] = {}  # of images that share an id, by its JSON
        self._types: dict[str, list[Any]] = {}  # ids that differ in type, by plain id
        first_names: dict[str, str] = {}
        for image in images:
            if not isinstance(image, dict) or not isinstance(image.get("id"), _ID):
                continue  # is named as a bad one, later
            number, plain = image["id"], plain_id(image["id"])
            if plain not in self._first:
                self._first[plain], first_names[plain] = number, _name_of(image)
            elif same_value(number, self._first[plain]):
                names = self._names.setdefault(plain, [first_names[plain]])
                names.append(_name_of(image))
            else:
                self._types.setdefault(plain, [self._first[plain]]).append(number)

    def key_of(self, image_id: Any) -> Any:
        """Return the id of the image that is meant: that of another type, if need be."""
        plain = plain_id(image_id)
        return image_id if plain in self._types else self._first.get(plain, image_id)

    def is_shared(self, image_id: Any) -> bool:
        """Say whether several images have an id."""
        return plain_id(image_id) in self._names

    def check(self, image_id: Any) -> None:
        """Refuse an id that several images have: whose annotations are they?

        Raises:
            DataError: naming the images.
        """
        if self.is_shared(image_id):
            names = ", ".join(self._names[plain_id(image_id)][:_MAX_NAMED])
            number = shown(image_id)
            raise DataError(f"expected an id of its own, got {number}, the id of {names}")

    def notes(self, image_id: Any, rows: list[Any]) -> Iterator[Note]:
        """Note that ids differ in their type only."""
        if others := self._types.get(plain_id(image_id)):
            yield Note("ids of images differ in their type only", _listed(others))
        for row in rows:
            if not same_value(row["image_id"], image_id):
                detail = (
                    f"{shown(row['image_id'])}, where the image has {shown(image_id)}"
                )
                yield Note("an image_id of another type", detail)


class _RepeatedIds:
    """Ids of annotations that are given more than once."""

    def __init__(self) -> None:
        self._seen: set[Any] = set()
        self._images: dict[Any, list[Any]] = {}

    def add(self, number: Any, image_id: Any) -> None:
        """Add the id of an annotation, and that of its image."""
        if not isinstance(number, _ID):
            return
        if number in self._seen:
            self._images.setdefault(number, []).append(image_id)
        self._seen.add(number)

    def notes(self, rows: list[Any]) -> Iterator[Note]:
        """Note the ids of annotations of an image that others have, too."""
        for row in rows if self._images else ():
            if (images := self._images.get(_hashable(row.get("id")))) is not None:
                detail = f"id {shown(row['id'])}, again in image {_listed(images)}"
                yield Note("an annotation id that is given more than once", detail)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, _ID) else None


def _listed(values: list[Any]) -> str:
    return " and ".join(map(shown, values[:_MAX_NAMED]))


def _name_of(image: Any) -> str:
    name = image.get("file_name") if isinstance(image, dict) else None
    return str(name or image)[:200]


@contextmanager
def write_coco(
    path: Path, dataset: Dataset, all_slots: bool = False
) -> Iterator[WriteRecord]:
    """Write records into a COCO file; yields a function that writes one.

    Args:
        path: the .json; it appears when the block ends without an error.
        dataset: the records' categories and extra.
        all_slots: see `format_annotation`.
    """
    ids = dict(dataset.categories or CATEGORY_IDS)
    given = dataset.extra.get("coco.categories", [])
    names = {number: name for name, number in ids.items()}
    names |= {row["id"]: row["name"] for row in given}
    categories = Categories(names, ids)
    image_ids, row_ids = _Ids(), _Ids()
    top = {k.removeprefix("coco."): v for k, v in dataset.extra.items() if _is_top(k)}
    if kept := {k: v for k, v in dataset.extra.items() if not k.startswith("coco.")}:
        top[KEY] = kept
    top |= dict.fromkeys(PARTS)
    order_of = _id_of if dataset.by_name else _no_order
    with write_document(path, {"images": "[]", "annotations": "[]"}, top) as parts:

        def write(record: ImageRecord) -> list[dict[str, Any]]:
            image = format_image(record, image_ids.take(record.extra.get("coco.id")))
            size, rows = record.size or (0, 0), []
            for one in record.instances:
                number = _category_id(one, ids, names)
                row_id = row_ids.take(one.extra.get("coco.id"))
                new_ids = row_id, image["id"], number
                rows.append(format_annotation(one, new_ids, categories, size, all_slots))
            parts["images"].append(image, order_of(image))
            keys = [key for row in rows if (key := order_of(row)) is not None]
            if keys != sorted(keys):
                parts["annotations"].keep_order()  # of the instances of this image
            for row in rows:
                parts["annotations"].append(row, order_of(row))
            return [image, *rows]

        yield write
        listed = {row["id"] for row in given}
        top["categories"] = given + [
            category_row(name, number, all_slots)
            for number, name in names.items()
            if number not in listed
        ]


def _id_of(row: Mapping[str, Any]) -> int | None:
    """Return a whole number as id of 64 bits, by which the list was sorted."""
    number = row["id"]
    return number if type(number) is int and abs(number) < 1 << 63 else None


def _no_order(row: Mapping[str, Any]) -> None:
    return None


def _category_id(instance: Instance, ids: dict[str, Any], names: dict[Any, str]) -> Any:
    """Return the id of an instance's category; a new category is added to both."""
    number = ids.get(instance.category)
    if number is None:
        number = 1 + max((n for n in names if type(n) is int), default=0)
        ids[instance.category], names[number] = number, instance.category
    given = instance.extra.get("coco.category_id", number)
    return given if names.get(given) == instance.category else number


def _is_top(name: str) -> bool:
    return name.startswith("coco.") and name not in [f"coco.{part}" for part in PARTS]


def category_row(name: str, number: Any, all_slots: bool = False) -> dict[str, Any]:
    """Return one of `categories`; keypoints are named by their numbers from 1."""
    row = {"id": number, "name": name, "supercategory": "clothes"}
    label = category_of(name)
    if not label:
        return row
    count = ALL_SLOTS if all_slots else LANDMARK_COUNTS[label - 1]
    return row | {"keypoints": [str(i + 1) for i in range(count)], "skeleton": []}


class _Ids:
    """Assigns ids: the wanted one if it is free, else the next free integer."""

    def __init__(self) -> None:
        self._used: set[Any] = set()
        self._next = 1

    def take(self, wanted: Any) -> Any:
        if not isinstance(wanted, int | str) or wanted in self._used:
            while self._next in self._used:
                self._next += 1
            wanted = self._next
        self._used.add(wanted)
        return wanted
