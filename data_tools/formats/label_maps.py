"""Read photos with label maps beside them: people, shop pictures and renders.

- people: `<id>.jpg` with `<id>.png`, a map of clothing classes named by `labels.json`
  beside or above, and `short_sleeve.csv` (id, split, labels) that lists the photos of
  short-sleeve tops. `clothing_co_parsing.csv` has the sleeves of more of these photos.
- shop: `<id>.jpg` with `<id>.png`, a garment mask; every garment is a short-sleeve top.
- rendered: `pNNN_X.jpg` with `pNNN_X.labels.png` (2 is the tee), and `pNNN_X.json` in
  DeepFashion2's form for class, landmarks and attributes. People 300 to 309, 1023 and
  9019 are the val split, and of those seen from close by, 2000 to 2999, three of twenty.
"""

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import SHORT_SLEEVE_TOP, AnnotatedPhoto, Garment
from data_tools.formats.deepfashion2 import read_record
from data_tools.garments import landmarks_of, photo_labels
from data_tools.pictures import open_picture

_LOWER_GARMENTS = {7: ("shorts",), 8: ("pants", "jeans", "leggings"), 9: ("skirt",)}
# Classes that may occlude a garment, or look like one.
_ACCESSORIES = ("bag", "purse", "wallet", "belt", "scarf", "hair", "accessories", "hat")
# DeepFashion2 label: clothing classes of the people's label maps, when the photo is not
# listed as short-sleeved. They do not distinguish the sleeves of dresses.
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
    **_LOWER_GARMENTS,
    10: ("dress", "romper"),
}
# Corrections by eye: photo, classes of its map and DeepFashion2's label of what they
# show. The maps call a skirt "dress" and a tee "sweater", and short_sleeve.csv lists, as
# uncertain, sleeves that cover the elbow; those that end at it count as short. Label 0 is
# uncertain: sleeves to just below the elbow, tops under others. No classes: the map is
# wrong, and the photo is left out.
_CORRECTIONS = Path(__file__).with_name("clothing_co_parsing.csv")
_AMBIGUOUS = "shirt"  # folder of garments that may be short-sleeve tops or not
# Values of a rendered label map.
_RENDERED_BODY, _RENDERED_TEE, _RENDERED_TROUSERS = 1, 2, 3
_RENDERED_ACCESSORIES = [4, 6]  # hair, and things that are held or worn
_TROUSERS = 8  # DeepFashion2's category id
_SKIN = "skin"
NEAR = range(2000, 3000)  # rendered people seen from close by
RENDERED_VAL = (
    *(*range(300, 310), 1023, 9019),
    *(person for person in NEAR if person % 20 in (3, 9, 16)),
)  # people of the val split


@dataclass(frozen=True)
class LabelMapConfig:
    """Which regions of a label map are used."""

    min_area: float = 0.004  # share of the photo: smaller ones are left out


DEFAULT = LabelMapConfig()


def read_map(path: Path) -> NDArray[np.uint8]:
    """Read a label map, uint8 (H, W): of a palette the indices, of one bit 0 and 255."""
    with open_picture(path) as picture:
        plain = picture.convert("L") if picture.mode == "1" else picture
        return np.asarray(plain)


def read_shop(folder: Path) -> list[AnnotatedPhoto]:
    """Read photos with garment masks."""
    return [
        AnnotatedPhoto(
            image, "shop", partial(_shop_garments, mask), partial(_is_white, mask)
        )
        for image, mask in _pairs(folder)
    ]


def read_other(folder: Path, split: str) -> list[AnnotatedPhoto]:
    """Read photos of other garments, as photos without any; every fifth is val.

    Shirts are left out: some have short sleeves, and which is not known.
    """
    images = sorted(p for p in folder.glob("*/*.jpg") if p.parent.name != _AMBIGUOUS)
    chosen = [p for i, p in enumerate(images) if (i % 5 == 0) == (split == "val")]
    return [AnnotatedPhoto(path, "shop-other") for path in chosen]


def read_people(folder: Path, root: Path) -> list[AnnotatedPhoto]:
    """Read street photos; `labels.json` and `short_sleeve.csv` are in `root`."""
    names = json.loads((root / "labels.json").read_text(encoding="utf-8"))
    with (root / "short_sleeve.csv").open(encoding="utf-8", newline="") as file:
        short = {row["id"]: row["labels"].split() for row in csv.DictReader(file)}
    other, lower = (
        _by_value(names, groups) for groups in (_OTHER_GARMENTS, _LOWER_GARMENTS)
    )
    accessories = [names.index(name) for name in _ACCESSORIES if name in names]
    corrections, wrong = _read_corrections(names)
    photos = []
    for image, mask in _pairs(folder):
        if image.stem in wrong:
            continue
        worn = short.get(image.stem)
        wanted = other
        if worn is not None:
            wanted = lower | dict.fromkeys(map(names.index, worn), SHORT_SLEEVE_TOP)
        wanted = wanted | corrections[image.stem]
        is_top = SHORT_SLEEVE_TOP in wanted.values()
        source = "people" if is_top else "people-other"
        reader = partial(_joined_classes, wanted, mask)
        foreground, parts = (
            partial(_is_foreground, mask),
            partial(_masks_of, accessories, mask),
        )
        skin = partial(_has_value, names.index(_SKIN), mask) if _SKIN in names else None
        photos.append(AnnotatedPhoto(image, source, reader, foreground, parts, skin))
    return photos


def _by_value(names: list[str], groups: dict[int, tuple[str, ...]]) -> dict[int, int]:
    """Return the label of each value of a map, by value."""
    return {
        names.index(name): label
        for label, group in groups.items()
        for name in group
        if name in names
    }


def _read_corrections(names: list[str]) -> tuple[dict[str, dict[int, int]], set[str]]:
    """Return the labels that differ from `_OTHER_GARMENTS` by photo, and wrong maps."""
    corrections: dict[str, dict[int, int]] = defaultdict(dict)
    wrong = set()
    with _CORRECTIONS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if not row["labels"]:
                wrong.add(row["id"])
                continue
            values = [
                names.index(name) for name in row["labels"].split() if name in names
            ]
            corrections[row["id"]] |= dict.fromkeys(values, int(row["category"]))
    return corrections, wrong


def read_rendered(folder: Path, split: str) -> list[AnnotatedPhoto]:
    """Read rendered people and shop pictures."""
    photos = []
    for mask in sorted(folder.glob("*.labels.png")):
        name = mask.name.removesuffix(".labels.png")
        person = int(name[1:].split("_")[0])
        if (person in RENDERED_VAL) == (split == "val"):
            photos.append(
                AnnotatedPhoto(
                    mask.with_name(name + ".jpg"),
                    "rendered-near" if person in NEAR else "rendered",
                    partial(_rendered_garments, mask, mask.with_name(name + ".json")),
                    partial(_is_foreground, mask),
                    partial(_masks_of, _RENDERED_ACCESSORIES, mask),
                    partial(_has_value, _RENDERED_BODY, mask),
                )
            )
    return photos


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    images = sorted(folder.glob("*.jpg"))
    return [(i, i.with_suffix(".png")) for i in images if i.with_suffix(".png").exists()]


def _is_white(path: Path) -> NDArray[np.bool_]:
    return read_map(path) > 127


def _is_foreground(path: Path) -> NDArray[np.bool_]:
    return read_map(path) > 0


def _has_value(value: int, path: Path) -> NDArray[np.bool_]:
    return read_map(path) == value


def _shop_garments(path: Path) -> list[Garment]:
    return [Garment(SHORT_SLEEVE_TOP, _is_white(path))]


def _rendered_garments(path: Path, json_path: Path) -> list[Garment]:
    label_map = read_map(path)
    mask = label_map == _RENDERED_TEE
    if not json_path.exists():
        return [Garment(SHORT_SLEEVE_TOP, mask)]
    record = read_record(json_path, json_path.parent)
    ((label, attributes),) = photo_labels(record).garments
    top = Garment(label, mask, landmarks_of(record.instances[0]), attributes)
    trousers = Garment(_TROUSERS, label_map == _RENDERED_TROUSERS)
    is_near = int(path.name[1:].split("_")[0]) in NEAR
    return [top, trousers] if is_near else [top]


def _joined_classes(
    wanted: dict[int, int], path: Path, config: LabelMapConfig = DEFAULT
) -> list[Garment]:
    """Join the classes of each label into one mask; small ones are left out."""
    label_map = read_map(path)
    joined: dict[int, NDArray[np.bool_]] = {}
    for value, label in wanted.items():
        mask = label_map == value
        joined[label] = joined[label] | mask if label in joined else mask
    least = config.min_area * label_map.size
    return [Garment(label, mask) for label, mask in joined.items() if mask.sum() > least]


def _masks_of(
    values: list[int], path: Path, config: LabelMapConfig = DEFAULT
) -> list[NDArray[np.bool_]]:
    """Return the mask of each class of a map; small ones are left out."""
    label_map = read_map(path)
    masks = [label_map == value for value in values]
    return [mask for mask in masks if mask.mean() > config.min_area]
