"""Read annotated photos to train on; their format is detected from the files."""

from functools import partial
from pathlib import Path

from data_tools import pack
from data_tools.annotations import AnnotatedPhoto, DataError
from data_tools.files import find_photo
from data_tools.filters import PhotoFilter, filter_photos
from data_tools.formats import label_maps
from data_tools.formats.coco_files import PARTS, read_coco
from data_tools.formats.deepfashion2 import deepfashion2_photos
from data_tools.formats.via_files import read_via
from data_tools.garments import photos_of
from data_tools.streams import top_names

POLYGONS = ("segmentation", "landmarks")
# Names of the folders of each split.
_SPLITS = {"train": ("train",), "val": ("val", "validation", "valid")}
_EXPECTED = (
    "<id>.jpg with <id>.png, rendered pNNN_X.jpg with pNNN_X.labels.png, DeepFashion2's "
    "image/ with annos/, a COCO or VIA .json, or a .zip of `tryon data pack`"
)


def read_folder(
    folder: Path,
    split: str,
    polygons: str = "segmentation",
    photo_filter: PhotoFilter | None = None,
    alone: bool = False,
) -> list[AnnotatedPhoto]:
    """Read a folder of annotated photos, a folder of such folders, or one file.

    Args:
        folder: see docs/training.md. A folder `train` or `val`, a .json and a .zip are
            one split.
        split: "train" or "val".
        polygons: where a format has both: "segmentation" as annotated, or "landmarks",
            the polygon through them.
        photo_filter: which photos; None takes all, and DeepFashion2's annotations are
            read lazily then.
        alone: leave out folders of the other split, also where there is none of this one.

    Returns:
        The photos, sorted by path.

    Raises:
        FileNotFoundError: when no format is recognized, or no photo matches the filter.
        DataError: when a file is malformed.
        ValueError: when `polygons` is neither of its values.
    """
    if polygons not in POLYGONS:
        raise ValueError(f"expected polygons in {POLYGONS}, got {polygons!r}")
    if folder.is_file():
        photos = _read_file(folder, polygons)
    elif folder.is_dir():
        photos = _read_one(folder, split, polygons)
        if not photos:
            parts = sorted(path for path in folder.iterdir() if path.is_dir())
            parts = [part for part in parts if not (alone and _is_other(part, split))]
            photos = [p for part in parts for p in _read_one(part, split, polygons)]
    else:
        raise FileNotFoundError(f"expected annotated photos, got {folder}")
    if not photos:
        raise FileNotFoundError(
            f"expected annotated photos ({split}) in {folder}: {_EXPECTED}"
        )
    kept = filter_photos(photos, photo_filter or PhotoFilter())
    if not kept:
        raise FileNotFoundError(
            f"none of the {len(photos)} photos in {folder} passes the filter; loosen it"
        )
    return kept


def _is_other(folder: Path, split: str) -> bool:
    """Say whether a folder's name is that of another split."""
    names = {name for other, names in _SPLITS.items() if other != split for name in names}
    return folder.name in names | {"test"}


def _read_one(folder: Path, split: str, polygons: str) -> list[AnnotatedPhoto]:
    """Read one folder; an empty list when its format is not recognized."""
    subfolders = [folder / name for name in _SPLITS[split]]
    part = next((path for path in subfolders if path.is_dir()), folder)
    if (part / "annos").is_dir() and (part / "image").is_dir():
        return deepfashion2_photos(part, polygons)
    if any(folder.glob("*.labels.png")):
        return label_maps.read_rendered(folder, split)
    if any(part.glob("*.png")) and any(part.glob("*.jpg")):
        return _read_label_maps(part, split)
    files = list(part.glob("*.json"))
    return _read_json(files[0], polygons) if len(files) == 1 else []


def _read_label_maps(folder: Path, split: str) -> list[AnnotatedPhoto]:
    for root in (folder, folder.parent):
        if (root / "labels.json").exists():
            return label_maps.read_people(folder, root)
    root = folder.parent if folder.name in ("train", "val") else folder
    return label_maps.read_shop(folder) + label_maps.read_other(root / "other", split)


def _read_file(path: Path, polygons: str) -> list[AnnotatedPhoto]:
    if path.suffix.lower() == ".zip":
        return pack.read_packed(path, polygons)
    return _read_json(path, polygons)


def _read_json(path: Path, polygons: str) -> list[AnnotatedPhoto]:
    """Read COCO's or VIA's JSON.

    Raises:
        DataError: when the file holds neither.
    """
    photo_path = partial(find_photo, path.parent)
    try:
        is_coco = any(name in PARTS for name in top_names(path))
        dataset = read_coco(path) if is_coco else read_via(path)
        source = "coco" if is_coco else "via"
        photos = photos_of(dataset.read_records(), source, polygons, photo_path)
    except ValueError as error:
        raise DataError(
            f"{path}: expected COCO's or VIA's JSON, with photos beside it ({error})"
        ) from error
    if not photos:
        raise DataError(f"{path}: expected COCO's or VIA's JSON with photos, got none")
    return photos
