"""Readers of annotated photo folders: people, shop and rendered.

The three forms, told apart by what lies in them:

- people: `<id>.jpg` with `<id>.png`, a map of clothing classes named by `labels.json`
  beside or above, and `short_sleeve.csv` (id, split, labels) that says which photos show
  a short-sleeve top.
- shop: `<id>.jpg` with `<id>.png`, a garment mask; every garment is a short-sleeve top.
- rendered: `pNNN_X.jpg` with `pNNN_X.labels.png` (2 is the tee); people 300 to 309 are
  the val split.
"""

import csv
import json
from functools import partial
from pathlib import Path

import numpy as np

from data_tools.annotations import AnnotatedPhoto

SHORT_SLEEVE_TOP = 1
# Clothing classes of the people's label maps -> DeepFashion2 labels, when the photo is
# not listed as short-sleeved. Sleeves of dresses are not told apart there.
_OTHER_GARMENTS = {
    2: ("t-shirt", "top", "blouse", "shirt", "sweater", "sweatshirt", "hoodie", "jumper"),
    4: ("jacket", "coat", "blazer", "cardigan", "cape"),
    5: ("vest",),
    10: ("dress", "romper"),
}
_MIN_SHARE = 0.004  # of the photo: smaller pieces of cloth are not taught
_RENDERED_TEE = 2
_RENDERED_VAL = range(300, 310)


def read_folder(folder: Path, split: str) -> list[AnnotatedPhoto]:
    """Read a folder of annotated photos, or a folder of such folders.

    Args:
        folder: see the module's text; a folder `train` or `val` is its own split.
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
        return _read_rendered(folder, split)
    place = folder / split if (folder / split).is_dir() else folder
    if not any(place.glob("*.png")):
        return []
    for above in (place, place.parent):
        if (above / "labels.json").exists():
            return _read_people(place, above)
    above = place.parent if place.name in ("train", "val") else place
    return _read_shop(place) + _read_other(above / "other", split)


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    images = sorted(folder.glob("*.jpg"))
    return [(i, i.with_suffix(".png")) for i in images if i.with_suffix(".png").exists()]


def _read_shop(folder: Path) -> list[AnnotatedPhoto]:
    return [AnnotatedPhoto(i, m, "shop", _whole_mask) for i, m in _pairs(folder)]


def _read_other(folder: Path, split: str) -> list[AnnotatedPhoto]:
    """Read photos of other garments; nothing is marked, every fifth is val."""
    images = sorted(folder.glob("*/*.jpg"))
    chosen = [p for i, p in enumerate(images) if (i % 5 == 0) == (split == "val")]
    return [AnnotatedPhoto(path, None, "shop-other", _whole_mask) for path in chosen]


def _read_people(folder: Path, above: Path) -> list[AnnotatedPhoto]:
    names = json.loads((above / "labels.json").read_text())
    with (above / "short_sleeve.csv").open(newline="") as file:
        short = {row["id"]: row["labels"].split() for row in csv.DictReader(file)}
    other = {
        names.index(name): label
        for label, group in _OTHER_GARMENTS.items()
        for name in group
        if name in names
    }
    photos = []
    for image, mask in _pairs(folder):
        if image.stem in short:
            wanted = {names.index(n): SHORT_SLEEVE_TOP for n in short[image.stem]}
            reader = partial(_joined_classes, wanted)
            photos.append(AnnotatedPhoto(image, mask, "people", reader))
        else:
            reader = partial(_joined_classes, other)
            photos.append(AnnotatedPhoto(image, mask, "people-other", reader))
    return photos


def _read_rendered(folder: Path, split: str) -> list[AnnotatedPhoto]:
    photos = []
    for mask in sorted(folder.glob("*.labels.png")):
        name = mask.name.removesuffix(".labels.png")
        if (int(name[1:].split("_")[0]) in _RENDERED_VAL) == (split == "val"):
            image = mask.with_name(name + ".jpg")
            photos.append(AnnotatedPhoto(image, mask, "rendered", _rendered_mask))
    return photos


def _whole_mask(label_map: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(SHORT_SLEEVE_TOP, label_map > 127)]


def _rendered_mask(label_map: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(SHORT_SLEEVE_TOP, label_map == _RENDERED_TEE)]


def _joined_classes(
    wanted: dict[int, int], label_map: np.ndarray
) -> list[tuple[int, np.ndarray]]:
    """Join the classes of each label to one mask; small pieces are dropped."""
    joined: dict[int, np.ndarray] = {}
    for value, label in wanted.items():
        mask = label_map == value
        joined[label] = joined[label] | mask if label in joined else mask
    floor = _MIN_SHARE * label_map.size
    return [(label, mask) for label, mask in joined.items() if mask.sum() > floor]
