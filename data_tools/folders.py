"""Tells the forms of annotated photos apart by what lies in a folder or file."""

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
_SPLITS = {"train": ("train",), "val": ("val", "validation")}  # names of their folders
_FORMS = (
    "<id>.jpg with <id>.png, rendered pNNN_X.jpg with pNNN_X.labels.png, DeepFashion2's "
    "image/ with annos/, a COCO or VIA .json, or a .zip of `tryon data pack`"
)


def read_folder(
    folder: Path,
    split: str,
    polygons: str = "segmentation",
    wanted: PhotoFilter | None = None,
) -> list[AnnotatedPhoto]:
    """Read a folder of annotated photos, a folder of such folders, or one file.

    Args:
        folder: see `data_tools.formats`. A folder `train` or `val`, a .json and a .zip
            are their own split.
        split: "train" or "val".
        polygons: where the form knows both: "segmentation" as drawn, or "landmarks",
            the polygon through them.
        wanted: which photos are taken; None takes all, and then opens no annotation of
            DeepFashion2 before it is used.

    Returns:
        The photos, sorted by path.

    Raises:
        FileNotFoundError: when nothing there is in a form that is known, or passes.
        DataError: when a file is not as expected.
        ValueError: when `polygons` is not as expected.
    """
    if polygons not in POLYGONS:
        raise ValueError(f"expected polygons in {POLYGONS}, got {polygons!r}")
    if folder.is_file():
        photos = _read_file(folder, polygons)
    elif folder.is_dir():
        photos = _read_one(folder, split, polygons)
        if not photos:
            parts = sorted(path for path in folder.iterdir() if path.is_dir())
            photos = [p for part in parts for p in _read_one(part, split, polygons)]
    else:
        raise FileNotFoundError(f"expected annotated photos, got {folder}")
    if not photos:
        raise FileNotFoundError(
            f"expected annotated photos ({split}) in {folder}: {_FORMS}"
        )
    kept = filter_photos(photos, wanted or PhotoFilter())
    if not kept:
        raise FileNotFoundError(
            f"expected photos that pass the filter in {folder}, got none of {len(photos)}"
        )
    return kept


def _read_one(folder: Path, split: str, polygons: str) -> list[AnnotatedPhoto]:
    """Read one folder; an empty list when its form is not known."""
    places = [folder / name for name in _SPLITS[split]]
    place = next((path for path in places if path.is_dir()), folder)
    if (place / "annos").is_dir() and (place / "image").is_dir():
        return deepfashion2_photos(place, polygons)
    if any(folder.glob("*.labels.png")):
        return label_maps.read_rendered(folder, split)
    if any(place.glob("*.png")) and any(place.glob("*.jpg")):
        return _read_label_maps(place, split)
    files = list(place.glob("*.json"))
    return _read_json(files[0], polygons) if len(files) == 1 else []


def _read_label_maps(place: Path, split: str) -> list[AnnotatedPhoto]:
    for above in (place, place.parent):
        if (above / "labels.json").exists():
            return label_maps.read_people(place, above)
    above = place.parent if place.name in ("train", "val") else place
    return label_maps.read_shop(place) + label_maps.read_other(above / "other", split)


def _read_file(path: Path, polygons: str) -> list[AnnotatedPhoto]:
    if path.suffix.lower() == ".zip":
        return pack.read_packed(path, polygons)
    return _read_json(path, polygons)


def _read_json(path: Path, polygons: str) -> list[AnnotatedPhoto]:
    """Read COCO's or VIA's JSON.

    Raises:
        DataError: when the file holds neither.
    """
    place = partial(find_photo, path.parent)
    try:
        is_coco = any(name in PARTS for name in top_names(path))
        dataset = read_coco(path) if is_coco else read_via(path)
        source = "coco" if is_coco else "via"
        photos = photos_of(dataset.read_records(), source, polygons, place)
    except ValueError as error:
        raise DataError(
            f"{path}: expected COCO's or VIA's JSON, with photos beside it ({error})"
        ) from error
    if not photos:
        raise DataError(f"{path}: expected COCO's or VIA's JSON, got no photo in it")
    return photos
