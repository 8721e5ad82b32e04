"""The matting network's training, from drawn garments to weights with a card."""

import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="training needs the extra 'train'")

from data_tools.annotations import AnnotatedPhoto, Garment
from mrcnn.config import MattingConfig, Stage, TrainConfig
from mrcnn.matting.data import MatteScene
from mrcnn.matting.model import build_matting_network
from tryon.training.matting import make_loader, train_matting
from tryon.training.run import TrainingRun
from tryon.training.samples.matting import (
    LitRender,
    MattingSamplesConfig,
    PaintConfig,
    RoughConfig,
    has_garment,
    paint_scene,
    photo_loader,
    render_loader,
    roughen,
    view_changer,
)
from tryon.training.samples.photos import DataChoice, DataPart
from tryon.training.steps import Steps
from tryon.zoo import load_card

TINY = MattingConfig(image_size=64, widths=(4, 4, 4, 4, 8), detail_width=4)
SIZE = 120, 96
TEE = np.s_[30:90, 24:72]


def draw_render(root, name="p100_A"):
    """Write a worn tee on grey, lit from the left, as the renderer does."""
    labels = np.zeros(SIZE, np.uint8)
    labels[10:90, 40:56], labels[TEE] = 1, 2
    image = np.full((*SIZE, 3), 120, np.uint8)
    image[labels == 1], image[labels == 2] = (200, 160, 140), (10, 200, 10)
    shade = np.tile(np.linspace(200, 100, SIZE[1]), (SIZE[0], 1)).astype(np.uint8)
    u, v = np.meshgrid(np.linspace(0, 2000, SIZE[1]), np.linspace(4000, 0, SIZE[0]))
    Image.fromarray(image).save(root / f"{name}.jpg", quality=95)
    Image.fromarray(labels).save(root / f"{name}.labels.png")
    Image.fromarray(shade).save(root / f"{name}.shade.png")
    Image.fromarray(np.vstack([u, v]).astype(np.uint16)).save(root / f"{name}.uv.png")
    texture = np.zeros((64, 128, 3), np.uint8)
    texture[:, ::8] = 255
    Image.fromarray(texture).save(root / f"{name}.tex.jpg")
    return root / name


@pytest.fixture
def stem(tmp_path):
    return draw_render(tmp_path)


def sharp(**changes):
    """Settings without blur, whose paint always changes."""
    paint = PaintConfig(unchanged_probability=0, blur_probability=0, **changes)
    return MattingSamplesConfig(paint=paint)


def test_nothing_of_the_old_cloth_is_left(stem):
    load = render_loader(stem, [], sharp())
    for seed in range(6):
        scene = load(np.random.default_rng(seed))
        red, green, blue = (scene.image[..., c].astype(int) for c in range(3))
        beside = scene.alpha < 8
        assert (green - np.maximum(red, blue))[beside].max() < 60, "JPEG alone"
        assert scene.alpha[TEE][3:-3, 3:-3].min() > 247
        assert scene.known.min() == 255


def test_alpha_is_exact_by_construction():
    mask = np.zeros(SIZE, bool)
    mask[TEE] = True
    flat = np.full((*SIZE, 3), 40, np.uint8)
    chart = np.full((*SIZE, 2), 0.5, np.float32)
    worn = LitRender(
        flat, flat, mask, np.zeros(SIZE, np.uint8), chart, np.ones(SIZE, np.float16)
    )
    white = np.full((4, 8, 3), 255, np.uint8)
    config = sharp(exposure=(1.0, 1.0), tint=(1.0, 1.0))
    scene = paint_scene(worn, white, np.random.default_rng(0), config)
    expected = 40 + (255 - 40) * (scene.alpha[..., None] / 255)
    assert np.abs(scene.image - expected).max() < 2
    soft = (scene.alpha > 10) & (scene.alpha < 245)
    assert 100 < soft.sum() < 900, "about two pixels along the outline"


def test_an_unchanged_render_has_no_exact_edge(stem):
    config = MattingSamplesConfig(paint=PaintConfig(unchanged_probability=1))
    scene = render_loader(stem, [], config)(np.random.default_rng(0))
    assert scene.known[30, 50] == 0
    assert scene.known[60, 50] == 255
    assert set(np.unique(scene.alpha)) == {0, 255}


def photo_of(tmp_path, label=1):
    mask = np.zeros(SIZE, bool)
    mask[TEE] = True
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "one.png")
    return AnnotatedPhoto(tmp_path / "one.png", "people", lambda: [Garment(label, mask)])


def test_a_photo_teaches_all_but_the_edge(tmp_path):
    scene = photo_loader(photo_of(tmp_path))(np.random.default_rng(0))
    assert scene.known[60, 24] == 0
    assert scene.known[60, 50] == scene.known[5, 5] == 255
    assert np.array_equal(scene.foreground, scene.alpha)
    assert has_garment(photo_of(tmp_path))
    assert not has_garment(photo_of(tmp_path, label=8)), "trousers"


def test_renders_are_painted_and_photos_are_not(tmp_path, stem):
    photo = photo_of(tmp_path)
    rng = np.random.default_rng(0)
    assert make_loader(photo, [])(rng).known.min() == 0
    render = AnnotatedPhoto(tmp_path / "p100_A.jpg", "rendered", photo.read_garments)
    assert any((make_loader(render, [])(rng).known == 255).all() for _ in range(5))


def test_rough_masks_have_faults_of_every_kind():
    mask = np.zeros((96, 96), bool)
    mask[20:80, 20:76] = True
    image = np.where(mask[..., None], np.uint8(200), np.uint8(60)).repeat(3, axis=-1)
    image[20:80:12] = 20  # stripes
    masks = [roughen(image, mask, np.random.default_rng(seed)) for seed in range(60)]
    assert all(set(np.unique(rough)) <= {0, 255} for rough in masks)
    solid = np.array([rough > 127 for rough in masks])
    overlaps = (solid & mask).sum(axis=(1, 2)) / (solid | mask).sum(axis=(1, 2))
    assert overlaps.min() > 0.4
    assert 0.02 < (overlaps < 0.85).mean() < 0.7
    assert (solid & ~mask).any(axis=(1, 2)).mean() > 0.3
    assert (~solid & mask)[:, 30:70, 30:66].any(axis=(1, 2)).mean() > 0.1, "holes"
    exact = RoughConfig(exact_probability=1)
    assert np.array_equal(roughen(image, mask, np.random.default_rng(0), exact) > 0, mask)


def test_an_empty_mask_can_be_roughened():
    image, nothing = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), bool)
    for seed in range(20):
        assert roughen(image, nothing, np.random.default_rng(seed)).mean() < 128


def test_views_get_a_hint_and_keep_their_truth(stem):
    alpha = np.zeros((64, 64), np.uint8)
    alpha[16:48, 16:48] = 255
    image = alpha[..., None].repeat(3, axis=-1)
    scene = MatteScene(image, alpha, np.full((64, 64), 255, np.uint8), alpha)
    change = view_changer([np.full((64, 64, 3), 99, np.uint8)])
    views = [change(scene, np.random.default_rng(seed)) for seed in range(8)]
    assert all(view.rough is not None and view.alpha is alpha for view in views)
    assert len({view.image.tobytes() for view in views}) > 4


def test_training_writes_weights_a_card_and_a_sheet(tmp_path):
    data = tmp_path / "renders"
    data.mkdir()
    for number in range(100, 122):
        stem = draw_render(data, f"p{number}_A")
        facts = {"source": "user", "item1": {"category_id": 1}, "split": "train"}
        stem.with_suffix(".json").write_text(json.dumps(facts))
    run = TrainingRun(
        DataChoice([DataPart(data)]),
        tmp_path / "out",
        TINY,
        TrainConfig(stages=(Stage("heads", 2, 1e-3),), batch_size=2),
    )
    steps = Steps()
    (row,) = train_matting(run, steps)
    assert steps.done == steps.total == 2
    assert 0 <= row["held_out_iou"] <= 1
    assert (tmp_path / "out" / "worst" / "epoch-001.jpg").exists()
    card = load_card(tmp_path / "out" / "matting.json")
    assert card.values["kind"] == "matting"
    build_matting_network(TINY).load_weights(tmp_path / "out" / "matting.weights.h5")
