"""The semantic network's training, from drawn people to weights with a card."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="training needs the extra 'train'")

from data_tools.annotations import UNKNOWN, AnnotatedPhoto, Garment
from mrcnn.config import CLOTHES, SemanticConfig, Stage, TrainConfig
from mrcnn.refiner.data import NO_PART, Region
from mrcnn.semantic.data import Scene
from mrcnn.semantic.model import build_semantic_network
from tryon.training.run import TrainingRun
from tryon.training.samples.photos import DataChoice, DataPart
from tryon.training.samples.semantic import (
    OTHER,
    SceneLoader,
    SemanticSamplesConfig,
    balance_classes,
    read_clothes,
    replace_garment,
    scene_augmenter,
    stand_in_body,
)
from tryon.training.semantic import BODIES, read_bodies, train_semantic
from tryon.training.steps import Steps
from tryon.zoo import load_card

NAMES = tuple(CLOTHES)
SIZE = 120, 90
TINY = SemanticConfig(widths=(4, 4, 4, 8))


def see_nobody():
    """Stands for `PoseReader.from_pretrained`."""
    return lambda image: []


def rectangle(*box):
    mask = np.zeros(SIZE, bool)
    mask[slice(*box[:2]), slice(*box[2:])] = True
    return mask


@pytest.fixture
def photo(tmp_path):
    """A top over trousers, a bag before the top, skin above."""
    image = np.full((*SIZE, 3), 90, np.uint8)
    top, trousers = rectangle(30, 70, 30, 60), rectangle(70, 110, 32, 58)
    skin, bag = rectangle(10, 30, 38, 52), rectangle(50, 70, 50, 64)
    for mask, colour in ((top, 200), (trousers, 40), (skin, 160), (bag, 20)):
        image[mask] = colour
    Image.fromarray(image).save(tmp_path / "one.png")
    return AnnotatedPhoto(
        tmp_path / "one.png",
        "people",
        lambda: [Garment(1, top), Garment(8, trousers)],
        lambda: top | trousers | skin | bag,
        lambda: [bag],
        lambda: skin,
    )


def named(clothes, name):
    return clothes == NAMES.index(name)


def test_each_pixel_gets_its_class(photo):
    clothes = read_clothes(photo, photo.garments(), photo.foreground())
    assert named(clothes, "short sleeve top")[35, 40]
    assert named(clothes, "trousers")[90, 40]
    assert named(clothes, "skin")[15, 45]
    assert named(clothes, "other")[60, 55], "the bag lies before the top"
    assert named(clothes, "background")[5, 5]
    unknown = [Garment(UNKNOWN, rectangle(30, 70, 30, 60))]
    assert read_clothes(photo, unknown, photo.foreground())[35, 40] == NO_PART


def test_a_scene_has_the_wearers_body_or_one_that_stands_in(photo):
    body = np.zeros((1, 33, 3), np.float32)
    body[0, [11, 12, 23, 24], :2] = (58, 32), (32, 32), (55, 68), (35, 68)
    load = SceneLoader([photo, photo], [body, body[:0]])
    assert np.array_equal(load(0).points, body[0, :, :2])
    left, right, hip, _ = load(1).points[[11, 12, 23, 24]]
    assert 45 < left[0] < 60
    assert 30 < right[0] < 45
    assert left[1] < hip[1] < 110


def test_a_body_that_stands_in_lies_inside_the_garments():
    points = stand_in_body(rectangle(20, 100, 10, 80))
    assert points[[11, 12, 23, 24]].min() > 10
    assert points[11, 0] > points[12, 0], "the person's left is on the right"


def test_a_photo_that_shows_no_garment_is_all_background(photo):
    bare = dataclasses.replace(photo, read_garments=list, read_foreground=None)
    scene = SceneLoader([bare], [np.zeros((0, 33, 3), np.float32)])(0)
    assert not scene.foreground.any()
    assert not (scene.clothes > OTHER).any()


def test_garments_are_altered_at_times(photo):
    skin = rectangle(30, 100, 24, 30) | rectangle(30, 100, 60, 66)
    photo = dataclasses.replace(photo, read_skin=lambda: skin, read_accessories=list)
    load = SceneLoader([photo], [np.zeros((0, 33, 3), np.float32)])
    maps = [load(0, np.random.default_rng(seed)).clothes for seed in range(60)]
    long = [named(clothes, "long sleeve top") for clothes in maps]
    altered = [mask for mask in long if mask.any()]
    assert 1 < len(altered) < 40
    assert all((mask & skin).any() for mask in altered)


def test_rare_classes_are_drawn_more_often(photo):
    rare = dataclasses.replace(
        photo, read_garments=lambda: [Garment(9, rectangle(0, 9, 0, 9))]
    )
    bare = dataclasses.replace(photo, read_garments=list)
    other = dataclasses.replace(photo, source="shop")
    photos = [photo, photo, photo, rare, bare, other]
    shares = balance_classes(photos, [1, 1, 1, 1, 1, 2])
    assert shares[3] > 1.5 * shares[0]
    assert shares[4] == pytest.approx(shares[0])
    assert sum(shares[:5]) == pytest.approx(5), "of its source"
    assert shares[5] == pytest.approx(2)


def test_what_an_altered_garment_uncovers_is_known_or_unknown():
    before, after = rectangle(30, 70, 30, 60), rectangle(30, 50, 30, 60)
    clothes = np.where(before, np.uint8(NAMES.index("dress")), np.uint8(0))
    image = np.zeros((*SIZE, 3), np.uint8)
    scene = Scene(image, clothes, before, np.zeros((33, 2), np.float32))
    expected = {1: "skin", 4: "skirt"}  # part label: class
    for part, name in expected.items():
        parts = np.full(SIZE, part, np.uint8)
        altered = Region(image + 7, after, None, 1, parts=parts)
        changed = replace_garment(scene, before, altered)
        assert named(changed.clothes, "short sleeve top")[40, 40]
        assert named(changed.clothes, name)[60, 40]
        assert (changed.image == 7).all()
        assert named(scene.clothes, "dress")[40, 40], "the scene stays as it was"
    parts = np.full(SIZE, NO_PART, np.uint8)
    altered = Region(image, after, None, 2, parts=parts)
    assert replace_garment(scene, before, altered).clothes[60, 40] == NO_PART


def test_the_augmentation_keeps_the_person(photo):
    config = SemanticSamplesConfig(background_probability=1.0, backdrops=4)
    change = scene_augmenter([photo], 0, config)
    view = np.s_[20:110]  # square, as all views are
    solid = photo.foreground()[view]
    scene = Scene(photo.image()[view], solid * np.uint8(3), solid, np.zeros((33, 2)))
    views = [change(scene, np.random.default_rng(seed)) for seed in range(8)]
    assert all(view.clothes is scene.clothes for view in views)
    assert len({view.image[0, 0].tobytes() for view in views}) > 4


def test_bodies_are_read_once(photo, tmp_path):
    seen, path = [], tmp_path / "run" / BODIES
    path.parent.mkdir()
    for _ in range(2):
        bodies = read_bodies(path, see_nobody, [photo], seen.append)
        assert [body.shape for body in bodies] == [(0, 33, 3)]
    assert seen == ["one.png"]
    other = dataclasses.replace(photo, image_path=tmp_path / "two.png")
    Image.new("RGB", SIZE[::-1]).save(other.image_path)
    read_bodies(path, see_nobody, [other], seen.append)
    assert seen == ["one.png", "two.png"]


def draw_people(root, count):
    """Write street photos with label maps as `read_folder` takes them."""
    labels = ["null", "t-shirt", "skin", "pants"]
    (root / "labels.json").write_text(json.dumps(labels))
    rows = ["id,split,labels,sure"]
    for name in ("train", "val"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rows.append(f"{number:04d},train,t-shirt,1")
        label_map = np.zeros((160, 120), np.uint8)
        label_map[30:80, 40:80], label_map[12:30, 52:68] = 1, 2
        label_map[80:140, 42:78] = 3
        image = np.full((160, 120, 3), 90, np.uint8)
        image[label_map == 1] = (200, 30, 30)
        image[label_map == 2] = (210, 170, 140)
        Image.fromarray(image).save(root / "train" / f"{number:04d}.jpg")
        Image.fromarray(label_map).save(root / "train" / f"{number:04d}.png")
    (root / "short_sleeve.csv").write_text("\n".join(rows) + "\n")


def test_training_writes_weights_a_card_and_a_sheet(tmp_path):
    data = tmp_path / "people"
    data.mkdir()
    draw_people(data, 21)
    run = TrainingRun(
        DataChoice([DataPart(data)]),
        tmp_path / "out",
        TINY,
        TrainConfig(stages=(Stage("heads", 2, 1e-3),), batch_size=2),
    )
    steps = Steps()
    (row,) = train_semantic(run, see_nobody, steps=steps)
    assert steps.done == steps.total == 2
    assert 0 <= row["held_out_iou"] <= 1
    assert (tmp_path / "out" / "worst" / "epoch-001.jpg").exists()
    card = load_card(tmp_path / "out" / "semantic.json")
    assert card.values["kind"] == "semantic"
    build_semantic_network(TINY).load_weights(tmp_path / "out" / "semantic.weights.h5")
