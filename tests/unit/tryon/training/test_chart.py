"""The chart network's training, from drawn renders to weights with a card."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="training needs the extra 'train'")

from data_tools.paint.canonical import CANONICAL
from data_tools.paint.designs import read_chart
from mrcnn.chart.data import Charted
from mrcnn.config import ChartConfig, Stage, TrainConfig
from mrcnn.refiner.model import build_refiner
from tryon.errors import TryOnError
from tryon.training.chart import load_features, train_chart
from tryon.training.run import TrainingRun
from tryon.training.samples.chart import (
    ChartLoader,
    ChartSamplesConfig,
    chart_augmenter,
    deform_view,
    erode_unevenly,
    find_charted,
    hide_hem,
    occlude_view,
    read_charted,
    repaint,
)
from tryon.training.samples.photos import DataChoice, DataPart
from tryon.training.steps import Steps
from tryon.zoo import load_card

TINY = ChartConfig(image_size=64, widths=(4, 8, 8, 8))
SIZE = 80, 64
ARMPIT_V = 0.449  # height of the row of `draw_render`'s armpits


def draw_render(folder, name):
    """Draw a T-shaped tee: front but for its top rows, u to the right and v up."""
    mask = np.zeros(SIZE, bool)
    mask[20:42, 12:52] = mask[42:60, 20:44] = True
    cloth = mask[20:60, 12:52]
    x, y = np.meshgrid(np.linspace(0.02, 0.98, 40), np.linspace(0.9, 0.1, 40))
    u = x / 2
    u[:4] += 0.5
    chart = np.zeros((2, *SIZE), np.uint16)
    chart[:, mask] = np.rint(np.stack([u[cloth], y[cloth]]) * 4095)
    image = np.full((*SIZE, 3), 90, np.uint8)
    image[mask] = (200, 40, 40)
    labels = np.zeros(SIZE, np.uint8)
    labels[10:70, 8:56] = 1
    labels[mask] = 2
    Image.fromarray(image).save(folder / f"{name}.jpg")
    Image.fromarray(labels).save(folder / f"{name}.labels.png")
    Image.fromarray(chart.reshape(-1, SIZE[1])).save(folder / f"{name}.uv.png")
    points = np.zeros((25, 3))
    points[[1, 5]] = [25, 24, 2], [39, 24, 2]
    points[[6, 24]] = [22, 26, 2], [42, 26, 2]
    points[[11, 19]] = [20, 42, 2], [43, 42, 2]
    item = {
        "category_id": 1,
        "category_name": "short sleeve top",
        "landmarks": points.ravel().tolist(),
    }
    (folder / f"{name}.json").write_text(json.dumps({"source": "shop", "item1": item}))
    if not name.endswith("_shop"):
        Image.fromarray(np.full(SIZE, 200, np.uint8)).save(folder / f"{name}.shade.png")
        design = np.zeros((32, 64, 3), np.uint8)
        design[:, :16], design[:, 16:32], design[:, 32:] = (
            (255, 0, 0), (0, 255, 0), (0, 0, 255),
        )  # fmt: skip
        Image.fromarray(design).save(folder / f"{name}.tex.jpg", quality=95)


@pytest.fixture
def renders(tmp_path):
    folder = tmp_path / "renders"
    folder.mkdir()
    for name in ("p007_A", "p007_A_shop", "p300_A", "p301_A_shop", "p300_A_shop"):
        draw_render(folder, name)
    draw_render(folder, "p007_V")  # another cut, without a shop picture
    return folder


def test_val_people_are_kept_out(renders):
    assert [s.name for s in find_charted([renders], "train")] == ["p007_A", "p007_A_shop"]
    assert [s.name for s in find_charted([renders], "val")] == [
        "p300_A",
        "p300_A_shop",
        "p301_A_shop",
    ]
    with pytest.raises(FileNotFoundError, match="charts"):
        find_charted([renders.parent], "train")


def test_both_panels_run_from_cuff_to_cuff(renders):
    charted = read_charted(renders / "p007_A")
    front, back = charted.mask & ~charted.back, charted.mask & charted.back
    assert back.sum() == 4 * 40
    for part in (front, back):
        x = charted.chart[part][:, 0]
        assert x.min() == pytest.approx(0.02, abs=0.01)
        assert x.max() == pytest.approx(0.98, abs=0.01)
    assert charted.foreground.sum() == 60 * 48
    lowest, collar = charted.chart[59, 30, 1], charted.chart[24, 30, 1]
    assert lowest == pytest.approx(0.1 * CANONICAL.armpit / ARMPIT_V, abs=0.01)
    assert collar == pytest.approx(CANONICAL.collar, abs=0.01)


def test_a_design_is_painted_where_the_chart_says(renders, monkeypatch):
    charted = read_charted(renders / "p007_A")
    design = np.asarray(Image.open(renders / "p007_A.tex.jpg"))
    monkeypatch.setattr(
        "data_tools.paint.designs.vary_design", lambda texture, rng: texture
    )
    light = np.ones(SIZE, np.float32)
    pattern = read_chart(renders / "p007_A.uv.png")
    image = repaint(charted, pattern, light, design, np.random.default_rng(0))
    image = image.astype(int)
    assert image[22, 20:45, 2].min() > image[22, 20:45, :2].max(), "the back is blue"
    assert (image[45, 22:29, 0] > 2 * image[45, 22:29, 1]).all(), "half the front is red"
    assert (image[45, 36:42, 1] > 2 * image[45, 36:42, 0]).all(), "and half is green"
    np.testing.assert_array_equal(image[:17], charted.image[:17])


def test_looks_are_painted_or_as_rendered(renders):
    stems = find_charted([renders], "train")
    design = np.full((8, 8, 3), 255, np.uint8)
    load = ChartLoader(stems, [design])
    load.config = ChartSamplesConfig(hide_hem_probability=0)
    looks = [load(0, np.random.default_rng(seed)).image for seed in range(12)]
    same = [np.array_equal(look, read_charted(stems[0]).image) for look in looks]
    assert 0 < sum(same) < 12


@pytest.mark.parametrize("tuck_share", [0, 1])
def test_hems_are_hidden_on_worn_garments_alone(renders, tuck_share):
    stems = find_charted([renders], "train")
    design = np.full((8, 8, 3), 255, np.uint8)
    config = ChartSamplesConfig(
        hide_hem_probability=1,
        repaint_probability=0,
        tuck_share=tuck_share,
        hidden_height=(0.2, 0.45),
    )
    load = ChartLoader(stems, [design], config)
    shop = load(1, np.random.default_rng(0))
    np.testing.assert_array_equal(shop.mask, read_charted(stems[1]).mask)
    for seed in range(6):
        worn, whole = load(0, np.random.default_rng(seed)), read_charted(stems[0])
        rows = len(worn.image)
        lowest = worn.chart[worn.mask, 1].min()
        assert lowest > whole.chart[whole.mask, 1].min(), "the hem is not seen"
        np.testing.assert_array_equal(worn.chart, whole.chart[:rows])
        if tuck_share:
            trousers = whole.mask & ~worn.mask
            assert rows == SIZE[0]
            assert (whole.chart[trousers, 1] < 0.55).all()
            changed = (worn.image != whole.image).any(axis=-1)
            assert changed[trousers].mean() > 0.8
        else:
            assert worn.mask[-1].any(), "the photo ends in the garment"
            assert rows < SIZE[0]


def test_too_little_of_a_garment_is_not_left():
    config = ChartSamplesConfig(tuck_share=0, hidden_height=(0.74, 0.75), min_shown=0.5)
    before = view()
    assert hide_hem(before, np.random.default_rng(0), config) is before


def view():
    """A square whose red is its x."""
    mask = np.zeros((64, 64), bool)
    mask[16:48, 16:48] = True
    x, y = np.meshgrid(np.linspace(0, 1, 64), np.linspace(1, 0, 64))
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0] = np.rint(x * 255)
    chart = np.stack([x, y], axis=-1).astype(np.float32)
    return Charted(image, mask, chart, np.zeros_like(mask), mask)


def test_a_bend_takes_the_chart_along():
    before = view()
    after = deform_view(before, np.random.default_rng(4))
    assert not np.array_equal(after.image, before.image)
    off = np.abs(after.image[..., 0] / 255 - after.chart[..., 0])[after.mask]
    assert off.max() < 0.03
    assert 0.8 < after.mask.sum() / before.mask.sum() < 1.25


def test_what_is_hidden_is_no_garment():
    before, cut = view(), 0
    for seed in range(8):
        after = occlude_view(before, [], np.random.default_rng(seed))
        gone = before.mask & ~after.mask
        assert not (after.mask & ~before.mask).any()
        same = (after.image == before.image).all(-1)
        assert same[gone].mean() < 0.2 if gone.any() else True
        cut += gone.sum()
    assert cut > 300


def test_outlines_move_inwards_alone():
    mask = view().mask
    moved = erode_unevenly(mask, np.random.default_rng(1))
    assert not (moved & ~mask).any()
    assert 0.85 < moved.sum() / mask.sum() < 1
    whole = np.ones((64, 64), bool)
    assert erode_unevenly(whole, np.random.default_rng(1)).all(), "the frame is no edge"


def test_the_augmenter_is_seeded():
    change = chart_augmenter([])
    one, same = (change(view(), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one.image, same.image)
    np.testing.assert_array_equal(one.chart, same.chart)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")
def test_a_run_from_renders_to_card(renders, tmp_path):
    recipe = TrainConfig(stages=(Stage("heads", 2, 1e-3),), batch_size=2, ema=0.9)
    run = TrainingRun(DataChoice([DataPart(renders)]), tmp_path / "out", TINY, recipe)
    steps = Steps()
    (row,) = train_chart(run, steps=steps)
    assert np.isfinite(row["loss"])
    assert steps.done == steps.total == 2
    card = load_card(run.out_dir / "chart.json")
    assert card.values["kind"] == "chart"
    assert ChartConfig.from_dict(card.values["config"]) == TINY


def test_features_come_from_a_refiner_of_the_same_backbone(tmp_path):
    from cyclegan.weights import save_float16
    from mrcnn.chart.train import ChartTrainer
    from mrcnn.config import RefinerConfig
    from tryon.zoo import write_card

    config = RefinerConfig(image_size=64, widths=(4, 4, 8, 8, 8), class_width=8)
    refiner = build_refiner(config)
    weights = tmp_path / "refiner.weights.h5"
    save_float16(refiner, weights)
    facts = {"name": "refiner", "kind": "refiner", "licence": "Apache-2.0"}
    values = dataclasses.asdict(config)
    card = load_card(write_card(weights, {**facts, "config": values}))
    trainer = ChartTrainer(TINY)
    load_features(trainer, card)
    expected = refiner.get_layer("mobilenet_v2_backbone").get_weights()
    for copied, saved in zip(trainer.backbone.get_weights(), expected, strict=True):
        np.testing.assert_allclose(copied, saved, rtol=2e-3, atol=1e-4)
    other = {**values, "backbone": "resnet50"}
    card = load_card(write_card(weights, {**facts, "config": other}))
    with pytest.raises(TryOnError, match="resnet50"):
        load_features(trainer, card)
