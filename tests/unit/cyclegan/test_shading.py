import dataclasses

import numpy as np
import pytest

from cyclegan.config import ShadingConfig
from cyclegan.networks import build_shading_network
from cyclegan.shading import ShadingTrainer

CONFIG = ShadingConfig(image_size=32, filters=8, blocks=1, norm_groups=4, seed=3)


def shading_batch():
    """Grey squares under light that falls from left to right, one with stripes."""
    log_light = np.broadcast_to(np.linspace(0.5, -0.5, 32), (2, 32, 32))[..., None]
    cloth = np.full((2, 32, 32, 1), 0.5)
    cloth[1, ::4] = 0.2
    mask = np.zeros((2, 32, 32, 1), np.float32)
    mask[:, 4:28, 4:28] = 1
    view = np.clip(2 * cloth * np.exp(log_light / 2.2) - 1, -1, 1) * mask
    return {
        "view": np.repeat(view, 3, axis=-1).astype(np.float32),
        "mask": mask,
        "log_light": log_light.astype(np.float32),
        "known": mask,
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trainer, its logs, and its state after the first three steps."""
    trainer, folder = ShadingTrainer(CONFIG), tmp_path_factory.mktemp("third")
    logs = []
    for step in range(60):
        if step == 3:
            trainer.save(folder)
        logs.append(trainer.train_step(shading_batch()))
    return trainer, logs, folder


def test_a_known_light_comes_back(trained):
    trainer, logs, _ = trained
    assert sorted(logs[0]) == ["light", "loss", "slope"]
    assert logs[-1]["light"] < 0.3 * logs[0]["light"]
    batch = shading_batch()
    inputs = np.concatenate([batch["view"], batch["mask"]], axis=-1)
    logs = trainer.network.predict_on_batch(inputs)[:, 8:24, 8:24, 0]
    for light in logs:  # of the plain and of the striped square
        assert light[:, 0].mean() > light[:, -1].mean() + 0.2
    assert np.abs(np.diff(logs[1].mean(axis=1))).max() < 0.15, "stripes are no light"


def test_untrained_the_error_is_that_of_even_light(trained):
    _, logs, _ = trained
    inside = np.linspace(0.5, -0.5, 32)[4:28]
    error = np.abs(inside - inside.mean()).mean()
    assert logs[0]["light"] == pytest.approx(error, rel=1e-4)
    assert logs[0]["slope"] == pytest.approx(1 / 31, rel=1e-3)
    config = CONFIG
    total = config.lambda_light * error + config.lambda_slope / 31
    assert logs[0]["loss"] == pytest.approx(total, rel=1e-3)


def test_the_level_of_light_does_not_count(trained):
    _, logs, _ = trained
    batch = shading_batch()
    batch["log_light"] = batch["log_light"] + np.float32([[[[3.0]]], [[[-2.0]]]])
    first = ShadingTrainer(CONFIG).train_step(batch)
    assert first == pytest.approx(logs[0], rel=1e-4)


def test_what_is_not_known_does_not_count(trained):
    _, logs, _ = trained
    batch = shading_batch()
    batch["log_light"] = np.where(batch["known"] > 0, batch["log_light"], 9).astype("f")
    assert ShadingTrainer(CONFIG).train_step(batch) == pytest.approx(logs[0], rel=1e-4)


def test_resume_takes_the_same_next_step(trained):
    trainer, logs, folder = trained
    again = ShadingTrainer(CONFIG)
    again.load(folder)
    assert again.step == 3
    assert again.train_step(shading_batch()) == pytest.approx(logs[3], rel=1e-4)


def test_sample_sheet_shows_three_columns(trained):
    sheet = trained[0].sample_sheet(shading_batch())
    assert (sheet.shape, sheet.dtype) == ((64, 96, 3), np.uint8)
    assert (sheet[0] == 128).all(), "mid grey outside"
    assert sheet[16, 40, 0] > sheet[16, 56, 0], "the true light falls"


@pytest.mark.parametrize("key", ["view", "mask", "log_light", "known"])
def test_hostile_shapes_are_refused(trained, key):
    batch = shading_batch()
    with pytest.raises(ValueError, match=f"expected {key} of shape"):
        trained[0].train_step({**batch, key: batch[key][:, :-1]})


def test_untrained_light_is_even_and_always_bounded():
    network = build_shading_network(CONFIG)
    inputs = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 4)).astype(np.float32)
    assert (network.predict_on_batch(inputs) == 0).all()
    for weight in network.trainable_weights:
        weight.assign(np.full(weight.shape, 50.0))
    assert np.abs(network.predict_on_batch(inputs)).max() <= 2


def test_a_config_refuses_filters_beside_the_groups():
    with pytest.raises(ValueError, match="multiples of 16"):
        dataclasses.replace(ShadingConfig(), filters=24)
