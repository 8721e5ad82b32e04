"""Read and write YOLO's folders: label files, the list of classes, and splits.

`labels/<id>.txt` belongs to `images/<id>.jpg`, and `train/labels/<id>.txt` to
`train/images/<id>.jpg`. What lines cannot hold is kept in sidecar files in `tryon/`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from data_tools.annotations import (
    FILE_ERRORS,
    BadFile,
    DataError,
    Dataset,
    ImageRecord,
    WriteRecord,
)
from data_tools.encodings import decode_text
from data_tools.files import find_photo, posix_name, read_limited, safe_path
from data_tools.formats.folder_files import (
    Sidecars,
    find_files,
    implied_name,
    read_header,
    record_leftovers,
    unique_paths,
    write_header,
)
from data_tools.formats.names import CATEGORY_IDS
from data_tools.formats.shapes import photo_size
from data_tools.formats.yolo import (
    CLIPPED,
    KeypointShape,
    format_lines,
    is_clipped,
    parse_lines,
)
from data_tools.passthrough import KEY

_YAML, _CLASSES = "data.yaml", "classes.txt"
_IMAGES, _LABELS = "images", "labels"
_MAX_TEXT = 1 << 26  # bytes of a .txt
_MAX_YAML = 1 << 20  # bytes
_MAX_BRACKETS = 100  # in the YAML: the parser's time grows with their number squared
_MAX_KEYPOINTS = 1000
_PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".JPG", ".JPEG", ".PNG")
SPLIT = "split"  # attribute of an image: one of YOLO's parts
PARTS = ("train", "val", "test")
_PART_OF = {part: part for part in PARTS} | {"valid": "val", "validation": "val"}
_SETTINGS = "yolo.settings"  # key of a dataset's extra: other settings of data.yaml
_OWN = ("path", "names", *PARTS)  # settings that are written anew
Folder = tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """What `data.yaml` says.

    Attributes:
        names: of the classes, by number.
        parts: the part of each folder of images.
        keypoints: of each line; None where there are none.
        rest: its other settings: a value, a list or an object of values by name.
    """

    names: Mapping[int, str]
    parts: Mapping[Folder, str] = field(default_factory=dict)
    keypoints: KeypointShape | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)


def read_yolo(folder: Path) -> Dataset:
    """Return the annotations of a folder with `data.yaml`, or of one of its splits.

    Label files are in `labels` or in `train/labels`, `valid/labels` ...; the folder of a
    split may be given alone, with `data.yaml` above it.

    Raises:
        DataError: when `data.yaml` is not as expected, or there are no label files.
    """
    base = _base_of(folder)
    settings = _read_settings(base)
    found = [find_files(labels, ".txt") for labels in _label_folders(folder)]
    if not found:
        raise DataError(f"{folder}: expected {_LABELS}, or {_LABELS} in train, valid ...")
    within = () if base == folder else (folder.name,)
    reader = _Reader(
        folder, within, settings, Sidecars(base, *within, *within and (_IMAGES,))
    )

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for path in chain.from_iterable(find() for _, find in found):
            try:
                yield reader.read(path)
            except FILE_ERRORS as error:
                yield BadFile.of(path, error)

    header = read_header(base)
    rest = {_SETTINGS: dict(settings.rest)} if settings.rest else {}
    count = sum(count for count, _ in found)
    numbers = {name: number for number, name in settings.names.items()}
    extra = {**rest, **header.extra}
    known = header.categories or numbers
    return Dataset(read_records, known, extra, count, by_name=True)


def is_yolo(folder: Path) -> bool:
    """Say whether a folder has a list of classes and label files."""
    return bool(_settings_file(_base_of(folder)) and _label_folders(folder))


def _base_of(folder: Path) -> Path:
    """Return the folder with the list of classes: of a split it is the one above."""
    above = [folder.parent] if (folder / _LABELS).is_dir() else []
    return next((one for one in (folder, *above) if _settings_file(one)), folder)


def _settings_file(folder: Path) -> Path | None:
    """Return data.yaml, or the only other .yaml, or Label Studio's classes.txt."""
    others = sorted(p for p in folder.glob("*.y*ml") if p.suffix in (".yaml", ".yml"))
    named = [folder / _YAML, *(others if len(others) == 1 else []), folder / _CLASSES]
    return next((path for path in named if path.is_file()), None)


def _label_folders(folder: Path) -> list[Path]:
    folders = (folder / _LABELS, *sorted(folder.glob(f"*/{_LABELS}")))
    return [path for path in folders if path.is_dir()]


@dataclass(frozen=True)
class _Reader:
    """Reads label files of one folder, which lies `within` that of the settings."""

    folder: Path
    within: Folder
    settings: Settings
    sidecars: Sidecars

    def read(self, path: Path) -> ImageRecord:
        parts = path.relative_to(self.folder).parts
        at = parts.index(_LABELS)
        images = (*parts[:at], _IMAGES, *parts[at + 1 :])
        name = implied_name("/".join(images if at else images[1:]))
        part = _part_of((*self.within, *images[:-1]), self.settings.parts)
        native = ImageRecord(name, None, (), {SPLIT: part} if part else {})
        known = self.sidecars.complete(native)
        size = known.size
        if size is None:
            photo = self._photo(path, known.file_name)
            size = photo_size(photo)
            native = replace(native, file_name=_with_ending(name, photo))
        text, notes = decode_text(read_limited(path, _MAX_TEXT))
        settings = self.settings
        parsed = parse_lines(text, name, size, settings.names, settings.keypoints)
        record = self.sidecars.complete(replace(native, instances=parsed.instances))
        return replace(record, size=record.size or size, notes=notes)

    def _photo(self, path: Path, name: str) -> Path:
        """Find the photo of a label file, whatever its ending."""
        for ending in _PHOTOS:
            for photo in (
                find_photo(self.folder, _with_ending(name, Path(f"x{ending}"))),
                path.with_suffix(ending),
            ):
                if photo.is_file():
                    return photo
        raise DataError(f"expected the photo of {name} in images, to read its size")


def _with_ending(name: str, photo: Path) -> str:
    return PurePosixPath(name).with_suffix(photo.suffix).as_posix()


def _part_of(images: Folder, parts: Mapping[Folder, str]) -> str | None:
    """Return the part of a folder of images: as data.yaml says, else by its name."""
    for end in range(len(images), 0, -1):
        if part := parts.get(images[:end]):
            return part
    return next((_PART_OF[name] for name in images if name in _PART_OF), None)


def _read_settings(folder: Path) -> Settings:
    """Read the list of classes, and what else there is.

    Raises:
        DataError: when there is none, or it is not as expected.
    """
    path = _settings_file(folder)
    if path is None:
        raise DataError(f"{folder / _YAML}: expected YOLO's list of class names")
    with path.open("rb") as file:
        data = file.read(_MAX_YAML + 1)
    try:
        if len(data) > _MAX_YAML or data.count(b"[") + data.count(b"{") > _MAX_BRACKETS:
            raise DataError("a short list")
        text, _ = decode_text(data)
        if path.name == _CLASSES:
            names = enumerate(line.strip() for line in text.splitlines())
            return Settings({number: name for number, name in names if name})
        return _parse_settings(yaml.safe_load(text))
    except (*FILE_ERRORS, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected names of classes ({reason})") from error


def _parse_settings(values: Any) -> Settings:
    names = values["names"]
    pairs = list(names.items() if isinstance(names, dict) else enumerate(names))
    if any(isinstance(name, list | dict) for _, name in pairs):
        raise DataError("texts")  # YAML aliases can expand a short list to a huge one
    rest = {str(k): v for k, v in values.items() if k not in _OWN and _is_plain(v)}
    return Settings(
        {int(number): str(name) for number, name in pairs},
        _parse_parts(values),
        _keypoint_shape(values.get("kpt_shape")),
        rest,
    )


def _keypoint_shape(value: Any) -> KeypointShape | None:
    if value is None:
        return None
    count, numbers = value
    if type(count) is not int or not 0 < count <= _MAX_KEYPOINTS or numbers not in (2, 3):
        raise DataError(f"kpt_shape of a count and 2 or 3, got {str(value)[:60]}")
    return KeypointShape(count, numbers)


def _parse_parts(values: Mapping[str, Any]) -> dict[Folder, str]:
    """Return the parts of folders of images; a folder of several parts has none."""
    found: dict[Folder, set[str]] = defaultdict(set)
    for part in PARTS:
        folders = values.get(part)
        for name in folders if isinstance(folders, list) else [folders]:
            if isinstance(name, str):
                found[_folder(values.get("path"), name)].add(part)
    return {folder: min(parts) for folder, parts in found.items() if len(parts) == 1}


def _folder(path: Any, name: str) -> Folder:
    """Return a folder below that of data.yaml, where most files say ../train/images."""
    parts = [one for one in posix_name(name).split("/") if one not in ("", ".", "..")]
    above = posix_name(path) if isinstance(path, str) else ""
    is_below = not above.startswith("/") and ".." not in above and ":" not in above
    before = [one for one in above.split("/") if one not in ("", ".")] if is_below else []
    return (*before, *parts)


def _is_plain(value: Any) -> bool:
    """Say whether a setting is a value, or some of them: YAML's aliases can explode."""
    scalar = str | int | float | bool | None
    values = value.values() if isinstance(value, dict) else value
    inner = values if isinstance(value, list | dict) else [value]
    return len(inner) <= _MAX_KEYPOINTS and all(isinstance(one, scalar) for one in inner)


@contextmanager
def write_yolo(folder: Path, dataset: Dataset) -> Iterator[WriteRecord]:
    """Write records into an empty folder; yields a function that writes one."""
    categories = dataset.categories or CATEGORY_IDS
    numbers = {name: number for number, name in enumerate(categories)}
    if sorted(categories.values()) == list(range(len(categories))):
        numbers = dict(categories)
    extra = dict(dataset.extra)
    rest = extra.pop(_SETTINGS, None)
    rest = dict(rest) if isinstance(rest, Mapping) else {}
    writer = _Writer(
        unique_paths(folder, ".txt"),
        Sidecars(folder),
        numbers,
        _keypoint_shape(rest.get("kpt_shape")),
    )
    yield writer.write
    if "nc" in rest:
        rest["nc"] = len(numbers)
    names = {number: name for name, number in numbers.items()}
    values = {"path": ".", **writer.part_folders(), "names": names, **rest}
    text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    (folder / _YAML).write_bytes(text.encode())
    if not _label_folders(folder):
        (folder / _LABELS).mkdir()
    write_header(folder, replace(dataset, extra=extra), numbers)


@dataclass(frozen=True)
class _Writer:
    new_path: Callable[[str], Path]
    sidecars: Sidecars
    numbers: dict[str, int]
    keypoints: KeypointShape | None
    # Parts of the images of each folder of images.
    parts: dict[Folder, set[Any]] = field(default_factory=lambda: defaultdict(set))

    def write(self, record: ImageRecord) -> dict[str, Any]:
        for instance in record.instances:
            self.numbers.setdefault(instance.category, len(self.numbers))
        images = _images_path(record.file_name)
        at = images.index(_IMAGES)
        labels = "/".join((*images[:at], _LABELS, *images[at + 1 :]))
        text = format_lines(record, self.numbers, self.keypoints)
        self.new_path(labels).write_bytes(text.encode())
        split = record.attributes.get(SPLIT)
        self.parts[images[:-1]].add(split if split in PARTS else None)
        native = _parse_native(text, record, self.numbers, self.keypoints)
        return _with_clipped(self.sidecars.write(record, native), record)

    def part_folders(self) -> dict[str, Any]:
        """Return the folders of images of each part; without parts it is `images`."""
        found: dict[str, list[str]] = defaultdict(list)
        for folder, parts in sorted(self.parts.items()):
            part = min(parts, key=str)
            if part and len(parts) == 1:
                found[part].append("/".join(folder))
        folders = {k: v[0] if len(v) == 1 else v for k, v in found.items()}
        train = folders.get("train") or next(iter(folders.values()), _IMAGES)
        return {"train": train, "val": train, **folders}


def _images_path(file_name: str) -> Folder:
    """Return where a photo lies below the folder: images/NAME, or train/images/NAME."""
    parts = safe_path(file_name).parts
    is_split = len(parts) > 2 and parts[1] == _IMAGES != parts[0]
    return parts if is_split else (_IMAGES, *parts)


def _parse_native(
    text: str,
    record: ImageRecord,
    numbers: Mapping[str, int],
    keypoints: KeypointShape | None = None,
) -> ImageRecord:
    """Return the record that lines are parsed as, without the size that they lack."""
    names = {number: name for name, number in numbers.items()}
    name = implied_name(record.file_name)
    parsed = parse_lines(text, name, record.size or (0, 0), names, keypoints)
    part = _part_of(_images_path(record.file_name)[:-1], {})
    return replace(parsed, size=None, attributes={SPLIT: part} if part else {})


def yolo_leftovers(record: ImageRecord) -> dict[str, Any]:
    """Return what lines cannot hold of a record, see `record_leftovers`."""
    numbers = {one.category: i for i, one in enumerate(record.instances)}
    text = format_lines(record, numbers)
    document = record_leftovers(record, _parse_native(text, record, numbers))
    return _with_clipped(document, record)


def _with_clipped(document: dict[str, Any], record: ImageRecord) -> dict[str, Any]:
    """Add to the leftovers which outlines were clipped."""
    for kept, one in zip(document["instances"], record.instances, strict=True):
        if is_clipped(one, record.known_size()):
            kept[KEY] = kept[KEY] | {CLIPPED: [0, True]}
    return document
