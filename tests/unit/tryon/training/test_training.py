"""Training, from a folder of drawn renders to weights with a card: tiny and seeded."""

import dataclasses
import importlib.util
import json
from functools import partial

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

pytest.importorskip("cv2", reason="training needs the extra 'train'")

from cyclegan.config import ShadingConfig, UniversalConfig
from data_tools.annotations import BadPhotoError
from data_tools.folders import read_folder
from mrcnn.config import MaskRCNNConfig, Stage, TrainConfig
from mrcnn.model import MaskRCNN
from tryon.cli import main
from tryon.errors import TryOnError
from tryon.networks import load_network
from tryon.training import shading as train_shading
from tryon.training import universal as train_universal
from tryon.training.run import TrainingRun
from tryon.training.samples.photos import (
    DEFAULT,
    DataChoice,
    DataPart,
    ExampleLoader,
    PhotosConfig,
    gather_photos,
    held_out_indices,
    sampling_shares,
)
from tryon.training.segmenter import train_segmenter
from tryon.training.steps import Steps
from tryon.training.worst_cases import Case, draw_cases
from tryon.zoo import load_card


def test_train_universal_resumes_and_ships_a_card(renders, tmp_path):
    config = UniversalConfig(image_size=32, filters=16, blocks=1)
    out, told = tmp_path / "out", []
    for epochs in (1, 2):
        rows = list(
            train_universal.train_universal(
                [renders], out, config, epochs, 2, 2, views=1, steps=Steps(told.append)
            )
        )
        assert len(rows) == 1
        assert rows[0]["step"] == 2 * epochs
    assert told == [
        "training 2 steps", "step 2 of 2, about 0:00 left",
        "resumed after step 2 of 4", "step 4 of 4, about 0:00 left",
    ]  # fmt: skip
    card = load_card(out / "universal.json")
    assert card.values["kind"] == "universal"
    assert (out / "sheet-002.png").exists()


def test_train_shading_resumes_and_ships_a_card(renders, tmp_path):
    config = ShadingConfig(image_size=32, blocks=1)
    out, told = tmp_path / "out", []
    for epochs in (1, 2):
        steps = Steps(told.append)
        rows = list(
            train_shading.train_shading([renders], out, config, epochs, 2, 2, steps=steps)
        )
        assert len(rows) == 1
        assert rows[0]["step"] == 2 * epochs
    assert told[2] == "resumed after step 2 of 4"
    card = load_card(out / "shading.json")
    assert card.values["kind"] == "shading"
    assert card.values["data"][0].startswith("2 rendered tees")
    assert (out / "sheet-002.png").exists()
    assert load_network(card, card.values["kind"]).config == config


@pytest.mark.slow
def test_the_command_trains_the_shading_network(renders, tmp_path):
    out = tmp_path / "out"
    args = ["train", "shading", str(renders), "-o", str(out), "--epochs", "1"]
    done = CliRunner().invoke(main, [*args, "--steps", "1", "--batch-size", "1"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(out / "shading.json")
    assert load_card(out / "shading.json").values["steps"] == 1


TINY = MaskRCNNConfig(
    image_size=64, pyramid_channels=8, pre_nms=20, proposals=8, mask_head_convs=1,
    mask_roi_size=7, mask_output_size=14, box_head_channels=8, mask_head_channels=8,
)  # fmt: skip


def segmenter_run(renders, out, **options):
    recipe = TrainConfig(stages=(Stage("heads", 2, 1e-3),), batch_size=2, roi_samples=8)
    choice = DataChoice([DataPart(renders)])
    return dataclasses.replace(TrainingRun(choice, out, TINY, recipe), **options)


def test_a_segmenter_run_from_photos_to_card(renders, tmp_path, monkeypatch):
    """One run, for a run takes seconds: card, averages, worst cases, log, resume."""
    monkeypatch.setattr(
        "tryon.training.segmenter.gather_photos",
        partial(gather_photos, config=PhotosConfig(held_out_every=2)),
    )
    recipe = TrainConfig(
        stages=(Stage("heads", 2, 1e-2),), batch_size=2, roi_samples=8, ema=0.9
    )
    told = []
    run, steps = (
        segmenter_run(renders, tmp_path / "out", recipe=recipe),
        Steps(told.append),
    )
    (row,) = train_segmenter(run, steps)
    assert np.isfinite(row["loss"])
    assert 0 <= row["held_out_iou"] <= 1
    assert steps.done == steps.total == 2
    assert told == ["training 2 steps", "step 2 of 2, about 0:00 left"]
    with Image.open(run.out_dir / "worst" / "epoch-001.jpg") as sheet:
        assert sheet.height > 200
    has_board = importlib.util.find_spec("tensorboard") is not None
    assert any((run.out_dir / "tensorboard").rglob("events*")) == has_board

    card = load_card(run.out_dir / "segmenter.json")
    assert card.values["data"] == ["2 photos (rendered)"]
    assert MaskRCNNConfig.from_dict(card.values["config"]) == TINY
    assert json.loads((run.out_dir / "config.json").read_text())["image_size"] == 64

    shipped, last, again = MaskRCNN(TINY), MaskRCNN(TINY), MaskRCNN(TINY)
    shipped.load_weights(run.out_dir / "segmenter.weights.h5")
    last.load_weights(run.out_dir / "model.weights.h5")
    assert largest_difference(shipped, last) > 1e-3, "the average is not the last step"
    assert not list(train_segmenter(dataclasses.replace(run, resume=True), steps))
    assert told[2:] == ["all 2 steps were done before"]
    again.load_weights(run.out_dir / "segmenter.weights.h5")
    assert largest_difference(shipped, again) == 0

    with pytest.raises(TryOnError, match="resume it"):
        list(train_segmenter(run))
    other = DataChoice([DataPart(renders)], limit=1)
    with pytest.raises(TryOnError, match="got other: data"):
        list(train_segmenter(dataclasses.replace(run, data=other, resume=True)))


def largest_difference(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def test_held_out_places():
    assert held_out_indices(19) == set()
    assert held_out_indices(40) == {19, 39}
    assert len(held_out_indices(200_000)) == 40


def test_sources_keep_their_shares(renders):
    photos = read_folder(renders, "train")
    shares = sampling_shares([photos], [None])
    assert sum(shares) == pytest.approx(DEFAULT.source_shares["rendered"])


def test_weights_of_parts(renders):
    photos = read_folder(renders, "train")
    shares = sampling_shares([photos[:1], photos[1:]], [0.5, None])
    assert shares == pytest.approx([0.5, 1 / 3, 1 / 3, 1 / 3])


def test_a_limit_is_chosen_by_the_seed(renders):
    choice = DataChoice([DataPart(renders)], limit=2)
    first, same, *others = (
        [photo.image_path for photo in gather_photos(choice, seed).photos]
        for seed in (0, 0, 1, 2, 3)
    )
    assert first == same
    assert len(first) == 2
    assert any(first != other for other in others)


def test_bad_photos_are_left_out(renders, caplog):
    photos = read_folder(renders, "train")
    (renders / "p001_A.jpg").write_bytes(b"no jpeg")
    load = ExampleLoader(photos)
    np.testing.assert_array_equal(load(0).image, load(1).image)
    assert len(caplog.records) == 1, "once, not at every draw"
    assert "p001_A.jpg" in caplog.text
    for path in renders.glob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(BadPhotoError, match="no photo could be read"):
        load(0)


def test_a_case_without_ground_truth():
    blank = np.zeros((8, 8, 3), np.uint8)
    nothing = np.zeros((8, 8), bool)
    sheet = draw_cases([Case(blank, nothing, ~nothing, 0.0)])
    assert sheet.shape == (206, 3 * 206, 3)
    assert sheet[100, 300].tolist() == [0, 0, 0]  # truth: empty
    assert sheet[100, 500, 1] > 90  # prediction: everything
