"""Tells the forms of annotated photos apart by what lies in a folder."""

from pathlib import Path

from data_tools.annotations import AnnotatedPhoto
from data_tools.formats import label_maps


def read_folder(folder: Path, split: str) -> list[AnnotatedPhoto]:
    """Read a folder of annotated photos, or a folder of such folders.

    Args:
        folder: see `data_tools.formats`; a folder `train` or `val` is its own split.
        split: "train" or "val".

    Returns:
        The photos, sorted by path.

    Raises:
        FileNotFoundError: when nothing there is in a form that is known.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"expected a folder of annotated photos, got {folder}")
    photos = _read_one(folder, split)
    if not photos:
        parts = sorted(path for path in folder.iterdir() if path.is_dir())
        photos = [p for part in parts for p in _read_one(part, split)]
    if not photos:
        raise FileNotFoundError(
            f"expected annotated photos ({split}) in {folder}: <id>.jpg with <id>.png, "
            "or rendered pNNN_X.jpg with pNNN_X.labels.png"
        )
    return photos


def _read_one(folder: Path, split: str) -> list[AnnotatedPhoto]:
    if any(folder.glob("*.labels.png")):
        return label_maps.read_rendered(folder, split)
    place = folder / split if (folder / split).is_dir() else folder
    if not any(place.glob("*.png")):
        return []
    for above in (place, place.parent):
        if (above / "labels.json").exists():
            return label_maps.read_people(place, above)
    above = place.parent if place.name in ("train", "val") else place
    return label_maps.read_shop(place) + label_maps.read_other(above / "other", split)
