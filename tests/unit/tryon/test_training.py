"""Training, from a folder of drawn renders to weights with a card: tiny and seeded."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="training needs the extra 'train'")

from cyclegan.config import UniversalConfig
from data_tools.folders import read_folder
from mrcnn.config import MaskRCNNConfig, Stage, TrainConfig
from tryon import train_pattern, train_universal
from tryon.errors import TryOnError
from tryon.train_segmenter import SOURCE_SHARES, drawing_shares, train_segmenter
from tryon.zoo import load_card

SIZE = (96, 80)  # height, width of a drawn render


def draw_render(folder: Path, name: str, colour, worn: bool) -> None:
    """Write a drawn tee with labels, chart and, when worn, light and design."""
    mask = np.zeros(SIZE, bool)
    mask[20:84, 24:56] = True
    mask[20:40, 10:70] = True
    image = np.full((*SIZE, 3), 90, np.uint8)
    image[mask] = colour
    Image.fromarray(image).save(folder / f"{name}.jpg")
    Image.fromarray(np.where(mask, 2, 0).astype(np.uint8)).save(
        folder / f"{name}.labels.png"
    )
    ys, xs = np.mgrid[: SIZE[0], : SIZE[1]].astype(float)
    u, v = 0.5 * xs / SIZE[1], 1 - ys / SIZE[0]
    planes = np.vstack([u, v]) * 4095 * np.vstack([mask, mask])
    Image.fromarray(planes.astype(np.uint16)).save(folder / f"{name}.uv.png")
    if worn:
        light = np.where(mask, 200, 0).astype(np.uint8)
        Image.fromarray(light).save(folder / f"{name}.shade.png")
        design = np.full((128, 256, 3), colour, np.uint8)
        Image.fromarray(design).save(folder / f"{name}.tex.jpg")


@pytest.fixture
def renders(tmp_path):
    folder = tmp_path / "rendered"
    folder.mkdir()
    for number, colour in ((1, (200, 30, 30)), (2, (30, 30, 200)), (300, (9, 200, 9))):
        draw_render(folder, f"p{number:03d}_A", colour, worn=True)
        draw_render(folder, f"p{number:03d}_A_shop", colour, worn=False)
    return folder


def test_val_people_are_kept_out(renders):
    names = [stem.name for stem in train_universal.find_renders([renders], "train")]
    assert names == ["p001_A", "p002_A"]
    val = train_universal.find_renders([renders], "val")
    assert [stem.name for stem in val] == ["p300_A"]


def test_a_painted_sample_is_its_own_truth(renders):
    stem = train_universal.find_renders([renders], "train")[0]
    rng = np.random.default_rng(0)
    pair = train_universal.make_pair(stem, stem, 64, rng)
    assert pair.valid[pair.mask].mean() > 0.9, "the warp of a tee onto itself"
    red, blue = (np.full((8, 16, 3), c, np.uint8) for c in ((200, 0, 0), (0, 0, 200)))
    sample = train_universal.paint_sample(pair, red, blue, rng)
    inside = sample["mask"][..., 0] > 0
    assert sample["s2"].shape == (64, 64, 3)
    assert sample["s2"][inside, 0].mean() > sample["s2"][inside, 2].mean() + 0.5
    assert sample["truth_b"][inside, 2].mean() > sample["truth_b"][inside, 0].mean() + 0.5
    assert (sample["s2"][~inside] == 0).all()


def test_train_universal_resumes_and_ships_a_card(renders, tmp_path):
    config = UniversalConfig(image_size=32, filters=16, blocks=1)
    out = tmp_path / "out"
    for epochs in (1, 2):
        rows = list(
            train_universal.train_universal([renders], out, config, epochs, 2, 2, looks=1)
        )
        assert len(rows) == 1
        assert rows[0]["step"] == 2 * epochs
    card = load_card(out / "universal.json")
    assert card.values["kind"] == "universal"
    assert (out / "sheet-002.png").exists()


def test_train_segmenter_ships_a_card(renders, tmp_path):
    config = MaskRCNNConfig(
        image_size=64, pyramid_channels=8, pre_nms=20, proposals=8, mask_head_convs=1,
        mask_roi_size=7, mask_output_size=14, box_head_channels=8, mask_head_channels=8,
    )  # fmt: skip
    recipe = TrainConfig(stages=(Stage("heads", 2, 1e-3),), batch_size=2, roi_samples=8)
    out = tmp_path / "out"
    rows = list(train_segmenter([renders], out, config, recipe, None))
    assert np.isfinite(rows[0]["loss"])
    card = load_card(out / "segmenter.json")
    assert card.values["data"] == ["4 photos (rendered)"]
    assert MaskRCNNConfig.from_dict(card.values["config"]) == config
    assert json.loads((out / "config.json").read_text())["image_size"] == 64


def test_sources_keep_their_shares(renders):
    photos = read_folder(renders, "train")
    shares = drawing_shares(photos)
    assert sum(shares) == pytest.approx(SOURCE_SHARES["rendered"])


def test_expand_takes_pictures_alone(renders):
    (renders / "notes.txt").write_text("x")
    found = train_pattern.expand([renders])
    assert found
    assert all(path.suffix in (".jpg", ".png") for path in found)
    with pytest.raises(TryOnError, match="no pictures there"):
        (renders.parent / "empty").mkdir()
        train_pattern.expand([renders.parent / "empty"])
