"""The three forms of annotated folders, drawn in a temporary folder."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import UNKNOWN, AnnotatedPhoto
from data_tools.folders import read_folder
from data_tools.formats import label_maps

LABELS = [
    "null",
    "skin",
    "t-shirt",
    "jacket",
    "dress",
    "shirt",
    "bag",
    "sweater",
    "skirt",
]
SIZE = 20, 30


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE[::-1], "gray").save(path)


def label_map(path, *parts, mode="L"):
    """Write a map of rectangles: (value, top, bottom, left, right)."""
    values = np.zeros(SIZE, np.uint8)
    for value, top, bottom, left, right in parts:
        values[top:bottom, left:right] = value
    picture = Image.fromarray(values)
    if mode == "P":
        picture.putpalette([c for i in range(256) for c in (255 - i, i, 0)])
    picture.convert(mode).save(path)


def pair(folder, name, *parts, mode="L"):
    photo(folder / f"{name}.jpg")
    label_map(folder / f"{name}.png", *parts, mode=mode)


@pytest.fixture
def people(tmp_path):
    folder = tmp_path / "people"
    shirt, jacket = (2, 5, 15, 5, 20), (3, 5, 15, 20, 28)
    pair(folder / "train", "0001", shirt, mode="P")
    pair(folder / "train", "0002", shirt, (5, 15, 20, 5, 20))
    pair(folder / "train", "0003", (5, 0, 9, 0, 30), jacket)
    pair(folder / "train", "0004", (2, 0, 1, 0, 2), (4, 5, 19, 5, 25))
    pair(folder / "val", "0005", shirt)
    photo(folder / "train" / "0006.jpg")  # without a map
    (folder / "labels.json").write_text(json.dumps(LABELS))
    with (folder / "short_sleeve.csv").open("w", newline="") as file:
        rows = [("id", "split", "sure", "labels"), ("0001", "train", 1, "t-shirt")]
        rows += [("0002", "train", 0, "t-shirt shirt"), ("0005", "val", 1, "t-shirt")]
        csv.writer(file).writerows(rows)
    return folder


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    pair(folder / "train", "a", (255, 5, 15, 5, 20))
    pair(folder / "train", "b", (255, 5, 15, 5, 20), mode="1")
    pair(folder / "val", "c", (255, 0, 20, 0, 30))
    for index in range(7):
        photo(folder / "other" / ("pants", "hat")[index % 2] / f"{index}.jpg")
    return folder


@pytest.fixture
def rendered(tmp_path):
    folder = tmp_path / "rendered"
    for name in ("p007_A", "p007_A_shop", "p299_B", "p300_A", "p309_A", "p310_A"):
        photo(folder / f"{name}.jpg")
        label_map(
            folder / f"{name}.labels.png",
            (1, 0, 5, 0, 30),
            (2, 5, 15, 5, 20),
            (3, 15, 20, 0, 9),
        )
        photo(folder / f"{name}.tex.jpg")
    item = {"category_id": 1, "category_name": "short sleeve top", "style": 0}
    item |= {"landmarks": [1, 2, 2] * 25, "viewpoint": 2, "occlusion": 1}
    (folder / "p007_A.json").write_text(json.dumps({"source": "user", "item1": item}))
    return folder


def names(photos):
    return [photo.image_path.stem for photo in photos]


def area(photo):
    return {garment.label: int(garment.mask.sum()) for garment in photo.garments()}


def test_people_are_split_by_folder(people):
    assert names(read_folder(people, "train")) == ["0001", "0002", "0003", "0004"]
    assert names(read_folder(people, "val")) == ["0005"]


def test_short_sleeves_are_class_one(people):
    first, second, *_ = read_folder(people, "train")
    assert first.source == second.source == "people"
    assert area(first) == {1: 150}  # a palette keeps its indices
    assert area(second) == {1: 225}  # two classes, one garment
    assert first.garments()[0].mask.dtype == bool


def test_other_people_teach_other_classes(people):
    *_, third, fourth = read_folder(people, "train")
    assert third.source == fourth.source == "people-other"
    assert area(third) == {2: 238, 4: 80}  # the jacket lies over the shirt
    assert area(fourth) == {10: 280}  # a speck of cloth is not taught


def test_bags_are_accessories_and_skirts_garments(people):
    folder = people / "train"
    pair(folder, "0007", (2, 5, 9, 5, 20), (6, 9, 14, 5, 20), (8, 9, 14, 20, 28))
    pair(folder, "0008", (6, 0, 1, 0, 2), (2, 9, 14, 5, 20))
    photos = {p.image_path.stem: p for p in read_folder(people, "train")}
    assert area(photos["0007"]) == {2: 60, 9: 40}
    (bag,) = photos["0007"].accessories()
    assert bag.sum() == 75
    assert photos["0008"].accessories() == [], "specks are left out"
    assert photos["0001"].accessories() == []
    assert AnnotatedPhoto(folder / "0001.jpg", "user").accessories() == []


def test_skin_is_read_where_a_map_names_it(people, rendered, shop):
    folder = people / "train"
    pair(folder, "0009", (2, 5, 9, 5, 20), (1, 9, 14, 5, 8))
    photos = {p.image_path.stem: p for p in read_folder(people, "train")}
    assert photos["0009"].skin().sum() == 15
    assert not photos["0001"].skin().any()
    body = read_folder(rendered, "train")[0].skin()
    assert body[0].all()
    assert not body[6, 6], "the tee"
    assert read_folder(shop, "train")[0].skin() is None
    (people / "labels.json").write_text(json.dumps(["null", "body", *LABELS[2:]]))
    assert read_folder(people, "train")[0].skin() is None


def test_sleeves_seen_by_eye_go_before_the_map(people):
    folder = people / "train"
    pair(folder, "0133", (7, 5, 15, 5, 20))  # a tee called sweater
    pair(folder, "0080", (5, 5, 15, 5, 20))  # sleeves rolled up a little
    pair(folder, "0028", (5, 5, 15, 5, 20))  # rolled up to the elbow
    pair(folder, "0213", (5, 5, 15, 5, 20))  # a map without its shirt
    photos = {p.image_path.stem: p for p in read_folder(people, "train")}
    assert "0213" not in photos
    assert area(photos["0080"]) == {UNKNOWN: 150}
    assert area(photos["0028"]) == area(photos["0133"]) == {1: 150}
    assert photos["0133"].source == "people", "it shows a short-sleeve top"


def test_sleeves_seen_by_eye_go_before_the_list_of_short_ones(people):
    pair(people / "train", "0036", (2, 5, 15, 5, 20))
    pair(people / "train", "0489", (2, 5, 15, 5, 20))
    with (people / "short_sleeve.csv").open("a", newline="") as file:
        rows = [("0036", "train", 0, "t-shirt"), ("0489", "train", 0, "t-shirt")]
        csv.writer(file).writerows(rows)
    photos = {p.image_path.stem: p for p in read_folder(people, "train")}
    assert area(photos["0036"]) == {2: 150}, "its sleeves cover the elbow"
    assert photos["0036"].source == "people-other"
    assert area(photos["0489"]) == {1: 150}


def test_labels_seen_by_eye_name_photos_once_and_known_categories():
    path = Path(label_maps.__file__).with_name("clothing_co_parsing.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = [(row["id"], name) for row in rows for name in row["labels"].split()]
    assert len(pairs) == len(set(pairs))
    assert {int(r["category"]) for r in rows if r["labels"]} <= set(range(14))


def test_a_split_folder_of_people_can_be_named_itself(people):
    assert names(read_folder(people / "val", "val")) == ["0005"]


def test_shop_photos_and_their_others(shop):
    photos = read_folder(shop, "train")
    assert names(photos)[:2] == ["a", "b"]
    assert [p.source for p in photos] == ["shop"] * 2 + ["shop-other"] * 5
    assert [area(p) for p in photos] == [{1: 150}] * 2 + [{}] * 5
    assert photos[0].image().shape == (*SIZE, 3)
    assert photos[0].image().dtype == np.uint8


def test_shirts_are_neither_one_nor_the_other(shop):
    photo(shop / "other" / "shirt" / "1.jpg")
    names = {p.image_path.parent.name for p in read_folder(shop, "train")}
    assert "shirt" not in names
    assert "pants" in names


def test_every_other_photo_is_in_one_split(shop):
    train, val = (
        {p.image_path for p in read_folder(shop, split) if p.source == "shop-other"}
        for split in ("train", "val")
    )
    assert len(train) == 5
    assert len(val) == 2
    assert not train & val


def test_a_flat_folder_is_read_without_its_neighbours(tmp_path):
    pair(tmp_path / "mine", "a", (255, 5, 15, 5, 20))
    photo(tmp_path / "other" / "pants" / "0.jpg")
    photo(tmp_path / "other" / "pants" / "1.jpg")
    assert names(read_folder(tmp_path / "mine", "train")) == ["a"]


def test_a_flat_folder_has_its_own_others(tmp_path):
    pair(tmp_path / "mine", "a", (255, 5, 15, 5, 20))
    photo(tmp_path / "mine" / "other" / "pants" / "0.jpg")
    assert names(read_folder(tmp_path / "mine", "val")) == ["a", "0"]


def test_rendered_people_are_split_by_number(rendered):
    train, val = read_folder(rendered, "train"), read_folder(rendered, "val")
    assert names(train) == ["p007_A", "p007_A_shop", "p299_B", "p310_A"]
    assert names(val) == ["p300_A", "p309_A"]
    assert {p.source for p in train} == {"rendered"}
    assert area(train[0]) == {1: 150}


def test_renders_have_landmarks_and_a_foreground(rendered):
    worn, shop, *_ = read_folder(rendered, "train")
    (tee,) = worn.garments()
    assert tee.landmarks.shape == (25, 3)
    assert tee.attributes == {"viewpoint": 2, "occlusion": 1}
    assert worn.foreground().sum() == 5 * 30 + 150 + 5 * 9  # body, tee, trousers
    assert shop.garments()[0].landmarks is None


def test_foregrounds_of_photos(people, shop):
    assert read_folder(people, "train")[2].foreground().sum() == 270 + 80 - 4 * 8
    tee, *_, other = read_folder(shop, "train")
    assert tee.foreground().sum() == 150
    assert other.foreground() is None


def test_a_folder_of_folders_is_all_of_them(people, shop, rendered):
    photos = read_folder(people.parent, "train")
    sources = {photo.source for photo in photos}
    assert sources == {"people", "people-other", "shop", "shop-other", "rendered"}
    assert len(photos) == 4 + 7 + 4


@pytest.mark.parametrize("content", ["nothing", "photos", "missing"])
def test_what_is_no_such_folder_is_refused(tmp_path, content):
    folder = tmp_path / "data"
    if content != "missing":
        folder.mkdir()
    if content == "photos":
        photo(folder / "a.jpg")
    with pytest.raises(FileNotFoundError, match="expected .*data"):
        read_folder(folder, "train")


def test_polygons_have_two_sources(shop):
    with pytest.raises(ValueError, match="expected polygons in .* got 'boxes'"):
        read_folder(shop, "train", "boxes")


@pytest.mark.parametrize("other", ["val", "valid", "validation"])
def test_a_split_alone(tmp_path, other):
    for split in ("train", other, "test"):
        pair(tmp_path / split, f"{split}1", (255, 2, 9, 2, 9))
    both = read_folder(tmp_path, "val")
    assert names(both) == [f"{other}1"]
    assert names(read_folder(tmp_path, "val", alone=True)) == [f"{other}1"]
    assert names(read_folder(tmp_path, "train", alone=True)) == ["train1"]


def test_a_folder_of_the_other_split_alone(tmp_path):
    pair(tmp_path / "train", "a", (255, 2, 9, 2, 9))
    assert names(read_folder(tmp_path, "val")) == ["a"], "as evaluation reads it"
    with pytest.raises(FileNotFoundError, match=r"expected annotated photos \(val\)"):
        read_folder(tmp_path, "val", alone=True)
    assert names(read_folder(tmp_path / "train", "val", alone=True)) == ["a"]
