"""Photos with label maps beside them: people, shop and rendered.

- people: `<id>.jpg` with `<id>.png`, a map of clothing classes named by `labels.json`
  beside or above, and `short_sleeve.csv` (id, split, labels) that says which photos show
  a short-sleeve top. `clothing_co_parsing.csv` tells the sleeves of more of these photos.
- shop: `<id>.jpg` with `<id>.png`, a garment mask; every garment is a short-sleeve top.
- rendered: `pNNN_X.jpg` with `pNNN_X.labels.png` (2 is the tee), and `pNNN_X.json` in
  DeepFashion2's form for landmarks and attributes; people 300 to 309, 1023
  and 9019 are the val split.
"""

import csv
import json
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_tools.annotations import SHORT_SLEEVE_TOP, AnnotatedPhoto, Garment
from data_tools.formats.deepfashion2 import read_record
from data_tools.garments import landmarks_of, photo_labels

_LOWER = {7: ("shorts",), 8: ("pants", "jeans", "leggings"), 9: ("skirt",)}
# What hides a part of a garment, or is taken for one.
_THINGS = ("bag", "purse", "wallet", "belt", "scarf", "hair", "accessories", "hat")
# Clothing classes of the people's label maps -> DeepFashion2 labels, when the photo is
# not listed as short-sleeved. Sleeves of dresses are not told apart there.
_OTHER_GARMENTS = {
    2: (
        "t-shirt",
        "top",
        "blouse",
        "shirt",
        "sweater",
        "sweatshirt",
        "hoodie",
        "jumper",
        "bodysuit",
    ),
    4: ("jacket", "coat", "blazer", "cardigan", "cape", "suit"),
    5: ("vest",),
    **_LOWER,
    10: ("dress", "romper"),
}
# Photo, classes of its map and DeepFashion2's label of what they show, seen by eye: the
# maps name a skirt "dress" and a tee "sweater", and short_sleeve.csv lists, as not sure,
# sleeves that cover the elbow; those that end at it count as short. Label 0 is what
# nobody can name for sure: sleeves to just below the elbow, tops under others. No
# classes: the map is wrong.
_SEEN = Path(__file__).with_name("clothing_co_parsing.csv")
_MIN_SHARE = 0.004  # of the photo: smaller pieces of cloth are not taught
_EITHER = "shirt"  # folder of garments that may be short-sleeve tops or not
_RENDERED_BODY, _RENDERED_TEE = 1, 2
_SKIN = "skin"
RENDERED_VAL = (*range(300, 310), 1023, 9019)  # people whom no training sees


def read_map(path: Path) -> NDArray[np.uint8]:
    """Read a label map (H, W); one bit becomes 0 and 255, a palette its indices."""
    with Image.open(path) as picture:
        plain = picture.convert("L") if picture.mode == "1" else picture
        return np.asarray(plain)


def read_shop(folder: Path) -> list[AnnotatedPhoto]:
    """Read photos with garment masks."""
    return [
        AnnotatedPhoto(image, "shop", partial(_shop_garments, mask), partial(_lit, mask))
        for image, mask in _pairs(folder)
    ]


def read_other(folder: Path, split: str) -> list[AnnotatedPhoto]:
    """Read photos of other garments; nothing is marked, every fifth is val.

    Shirts are left out: some have short sleeves, and nothing says which.
    """
    images = sorted(p for p in folder.glob("*/*.jpg") if p.parent.name != _EITHER)
    chosen = [p for i, p in enumerate(images) if (i % 5 == 0) == (split == "val")]
    return [AnnotatedPhoto(path, "shop-other") for path in chosen]


def read_people(folder: Path, above: Path) -> list[AnnotatedPhoto]:
    """Read street photos; `labels.json` and `short_sleeve.csv` lie in `above`."""
    names = json.loads((above / "labels.json").read_text(encoding="utf-8"))
    with (above / "short_sleeve.csv").open(encoding="utf-8", newline="") as file:
        short = {row["id"]: row["labels"].split() for row in csv.DictReader(file)}
    other, lower = (_by_value(names, groups) for groups in (_OTHER_GARMENTS, _LOWER))
    things = [names.index(name) for name in _THINGS if name in names]
    seen, wrong = _labels_by_eye(names)
    photos = []
    for image, mask in _pairs(folder):
        if image.stem in wrong:
            continue
        worn = short.get(image.stem)
        wanted = other
        if worn is not None:
            wanted = lower | dict.fromkeys(map(names.index, worn), SHORT_SLEEVE_TOP)
        wanted = wanted | seen[image.stem]
        is_top = SHORT_SLEEVE_TOP in wanted.values()
        source = "people" if is_top else "people-other"
        reader = partial(_joined_classes, wanted, mask)
        marked, parts = partial(_marked, mask), partial(_masks_of, things, mask)
        skin = partial(_is, names.index(_SKIN), mask) if _SKIN in names else None
        photos.append(AnnotatedPhoto(image, source, reader, marked, parts, skin))
    return photos


def _by_value(names: list[str], groups: dict[int, tuple[str, ...]]) -> dict[int, int]:
    """Return the label of each value of a map."""
    return {
        names.index(name): label
        for label, group in groups.items()
        for name in group
        if name in names
    }


def _labels_by_eye(names: list[str]) -> tuple[dict[str, dict[int, int]], set[str]]:
    """Return by photo the labels that differ from `_OTHER_GARMENTS`, and wrong maps."""
    seen: dict[str, dict[int, int]] = defaultdict(dict)
    wrong = set()
    with _SEEN.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if not row["labels"]:
                wrong.add(row["id"])
                continue
            values = [
                names.index(name) for name in row["labels"].split() if name in names
            ]
            seen[row["id"]] |= dict.fromkeys(values, int(row["category"]))
    return seen, wrong


def read_rendered(folder: Path, split: str) -> list[AnnotatedPhoto]:
    """Read rendered people and shop pictures."""
    photos = []
    for mask in sorted(folder.glob("*.labels.png")):
        name = mask.name.removesuffix(".labels.png")
        if (int(name[1:].split("_")[0]) in RENDERED_VAL) == (split == "val"):
            image = mask.with_name(name + ".jpg")
            reader = partial(_rendered_garments, mask, mask.with_name(name + ".json"))
            marked, skin = partial(_marked, mask), partial(_is, _RENDERED_BODY, mask)
            photos.append(
                AnnotatedPhoto(image, "rendered", reader, marked, read_skin=skin)
            )
    return photos


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    images = sorted(folder.glob("*.jpg"))
    return [(i, i.with_suffix(".png")) for i in images if i.with_suffix(".png").exists()]


def _lit(path: Path) -> NDArray[np.bool_]:
    return read_map(path) > 127


def _marked(path: Path) -> NDArray[np.bool_]:
    return read_map(path) > 0


def _is(value: int, path: Path) -> NDArray[np.bool_]:
    return read_map(path) == value


def _shop_garments(path: Path) -> list[Garment]:
    return [Garment(SHORT_SLEEVE_TOP, _lit(path))]


def _rendered_garments(path: Path, json_path: Path) -> list[Garment]:
    mask = read_map(path) == _RENDERED_TEE
    if not json_path.exists():
        return [Garment(SHORT_SLEEVE_TOP, mask)]
    record = read_record(json_path, json_path.parent)
    ((label, attributes),) = photo_labels(record).garments
    return [Garment(label, mask, landmarks_of(record.instances[0]), attributes)]


def _joined_classes(wanted: dict[int, int], path: Path) -> list[Garment]:
    """Join the classes of each label to one mask; small pieces are dropped."""
    label_map = read_map(path)
    joined: dict[int, NDArray[np.bool_]] = {}
    for value, label in wanted.items():
        mask = label_map == value
        joined[label] = joined[label] | mask if label in joined else mask
    floor = _MIN_SHARE * label_map.size
    return [Garment(label, mask) for label, mask in joined.items() if mask.sum() > floor]


def _masks_of(values: list[int], path: Path) -> list[NDArray[np.bool_]]:
    """Return the mask of each class of a map; small ones are dropped."""
    label_map = read_map(path)
    masks = [label_map == value for value in values]
    return [mask for mask in masks if mask.mean() > _MIN_SHARE]
