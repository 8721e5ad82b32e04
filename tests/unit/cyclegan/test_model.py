import dataclasses

import numpy as np
import pytest

from cyclegan.model import CycleGAN

NETWORKS = ("generator_a2b", "generator_b2a", "discriminator_a", "discriminator_b")


def _weights(model):
    return {name: getattr(model, name).get_weights() for name in NETWORKS}


def _moved(before, after):
    return {
        name
        for name in NETWORKS
        if any(
            not np.array_equal(x, y)
            for x, y in zip(before[name], after[name], strict=True)
        )
    }


def _untrained(config, folder):
    model = CycleGAN(config)
    model.save(folder)
    return model, folder


@pytest.fixture(scope="module")
def built(gan_config, tmp_path_factory):
    """One model for all tests, as each new one is compiled anew."""
    config = dataclasses.replace(
        gan_config, lambda_paired=10.0, cycle_every=3, input_channels=4, decay_steps=99
    )
    return _untrained(config, tmp_path_factory.mktemp("untrained"))


@pytest.fixture
def model(built):
    model, folder = built
    model.load(folder)
    return model


def test_each_step_moves_its_own_networks(model, gan_batch):
    batch = model._prepare(gan_batch)
    mask = gan_batch["mask_a"]
    pair = {
        "real": gan_batch["real_a"],
        "fake": gan_batch["real_b"],
        "real_mask": mask,
        "fake_mask": mask,
    }
    for step, given, expected in (
        (model.generator_step, batch, {"generator_a2b", "generator_b2a"}),
        (model.discriminator_a_step, pair, {"discriminator_a"}),
        (model.discriminator_b_step, pair, {"discriminator_b"}),
        (model.generator_step, batch, {"generator_a2b", "generator_b2a"}),
    ):
        before = _weights(model)
        step.run(given)
        assert _moved(before, _weights(model)) == expected


def test_full_step_moves_everything_and_names_its_losses(model, gan_batch):
    before = _weights(model)
    logs = model.train_step(gan_batch)
    assert _moved(before, _weights(model)) == set(NETWORKS)
    assert model.step == 1
    assert sorted(logs) == [
        "adversarial_a",
        "adversarial_b",
        "cycle_a",
        "cycle_b",
        "discriminator_a",
        "discriminator_b",
        "identity_a",
        "identity_b",
        "loss",
        "paired_b",
    ]
    config = model.config
    total = logs["adversarial_a"] + logs["adversarial_b"]
    total += config.lambda_cycle * (logs["cycle_a"] + logs["cycle_b"])
    total += config.lambda_identity * (logs["identity_a"] + logs["identity_b"])
    total += config.lambda_paired * logs["paired_b"]
    assert logs["loss"] == pytest.approx(total, rel=1e-4)


def test_colours_outside_the_masks_do_not_matter(model, gan_batch):
    plain = model.generate(gan_batch["real_a"], gan_batch["mask_a"])
    loud = np.where(gan_batch["mask_a"] > 0, gan_batch["real_a"], 1.0)
    np.testing.assert_array_equal(plain, model.generate(loud, gan_batch["mask_a"]))
    outside = np.broadcast_to(gan_batch["mask_a"] == 0, plain.shape)
    assert (plain[outside] == model.config.background).all()


@pytest.fixture(scope="module")
def built_textured(gan_config, tmp_path_factory):
    config = dataclasses.replace(
        gan_config, lambda_paired=10.0, cycle_every=2, texture=8, pool_size=2
    )
    return _untrained(config, tmp_path_factory.mktemp("textured"))


@pytest.fixture
def textured(built_textured):
    model, folder = built_textured
    model.load(folder)
    return model


@pytest.fixture
def uv_batch(gan_batch):
    steps = (np.arange(32, dtype=np.float32) + 0.5) / 16 - 1
    uv = np.broadcast_to(np.stack(np.meshgrid(steps, steps), -1), (2, 32, 32, 2))
    return {**gan_batch, "places_a": uv, "places_b": uv[:, :, ::-1]}


def test_a_texture_is_sampled_at_its_coordinates(textured, uv_batch):
    texture = np.linspace(-0.8, 0.8, 8, dtype=np.float32)
    textured.set_texture(np.broadcast_to(texture[:, None, None], (8, 8, 3)))
    given = [uv_batch[key] for key in ("real_a", "mask_a", "places_a")]
    upright = textured.generate(*given)[0, 8:24, 16].mean(axis=-1)
    assert (np.diff(upright) > 0).all(), "it brightens downwards"
    given[2] = given[2][:, ::-1]
    turned = textured.generate(*given)[0, 8:24, 16].mean(axis=-1)
    np.testing.assert_allclose(turned, upright[::-1], atol=1e-5)


def test_each_step_moves_texture_and_light(textured, uv_batch):
    before = _weights(textured)
    textured.train_step(uv_batch)
    after = _weights(textured)
    assert _moved(before, after) == set(NETWORKS)
    texture = textured.generator_a2b.get_layer("texture").get_weights()[0]
    textured.train_step(uv_batch)  # towards the paired target alone
    assert _moved(after, _weights(textured)) == {"generator_a2b"}
    moved = textured.generator_a2b.get_layer("texture").get_weights()[0] - texture
    assert np.abs(moved).max() > 0


def test_a_texture_needs_coordinates(textured, gan_batch):
    with pytest.raises(ValueError, match="expected 'places_a' in the batch"):
        textured.generate(gan_batch["real_a"], gan_batch["mask_a"])


def test_sample_sheet_shows_four_columns(model, gan_batch):
    sheet = model.sample_sheet(gan_batch)
    assert (sheet.shape, sheet.dtype) == ((64, 128, 3), np.uint8)


def test_masks_may_be_bool_without_a_channel(model, gan_batch):
    mask = gan_batch["mask_a"]
    np.testing.assert_array_equal(
        model.generate(gan_batch["real_a"], mask),
        model.generate(gan_batch["real_a"], mask[..., 0] > 0),
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("real_a", np.zeros((2, 16, 16, 3), np.float32)),
        ("real_a", np.zeros((32, 32, 3), np.float32)),
        ("real_b", np.zeros((2, 32, 32, 4), np.float32)),
        ("real_b", np.zeros((3, 32, 32, 3), np.float32)),
        ("mask_a", np.zeros((2, 32, 32, 3), np.float32)),
        ("real_a", np.zeros((0, 32, 32, 3), np.float32)),
        ("real_b", np.full((2, 32, 32, 3), np.nan, np.float32)),
    ],
    ids=["size", "no batch", "rgba", "count", "rgb mask", "empty", "nan"],
)
def test_hostile_batches_are_refused(model, gan_batch, key, value):
    with pytest.raises(ValueError, match=f"expected .*{key}"):
        model.train_step({**gan_batch, key: value})


def test_missing_pair_is_named(model, gan_batch):
    del gan_batch["paired_b"]
    with pytest.raises(ValueError, match="expected 'paired_b' in the batch"):
        model.train_step(gan_batch)


def test_paired_steps_move_one_generator(model, gan_batch):
    model.step = 1
    before = _weights(model)
    assert list(model.train_step(gan_batch)) == ["paired_b"]
    assert _moved(before, _weights(model)) == {"generator_a2b"}


def test_paired_target_converges(model, gan_batch):
    batch = model._prepare(gan_batch)
    errors = [model._paired_step(batch)["paired_b"] for _ in range(40)]
    assert errors[-1] < 0.4 * errors[0]


@pytest.mark.slow
def test_cycle_error_falls(model, gan_batch):
    batch = model._prepare(gan_batch)
    logs = [model._full_step(batch) for _ in range(40)]
    for key in ("cycle_a", "cycle_b", "paired_b"):
        assert logs[-1][key] < 0.7 * logs[0][key]


@pytest.mark.slow
def test_classic_model_needs_no_pair(gan_config, gan_batch):
    model = CycleGAN(dataclasses.replace(gan_config, lambda_identity=0.0))
    model.step = 1
    assert "paired_b" not in model._prepare(gan_batch)
    logs = model.train_step(gan_batch)
    assert not [key for key in logs if key.startswith(("paired", "identity"))]
    assert "cycle_a" in logs


def _state(model):
    optimizers = model._optimizers().values()
    arrays = [np.asarray(v) for o in optimizers for v in o.variables]
    return [*arrays, *(w for weights in _weights(model).values() for w in weights)]


def test_resume_takes_the_same_next_step(model, gan_batch, tmp_path):
    for _ in range(3):
        model.train_step(gan_batch)
    model.save(tmp_path / "saved")
    step, saved = model.step, _state(model)
    expected = [model.train_step(gan_batch) for _ in range(2)]
    model.load(tmp_path / "saved")
    assert model.step == step
    for logs in expected:
        assert model.train_step(gan_batch) == pytest.approx(logs, rel=1e-4)
    fresh = CycleGAN.from_folder(tmp_path / "saved")
    assert (fresh.step, fresh.config) == (step, model.config)
    for x, y in zip(saved, _state(fresh), strict=True):
        np.testing.assert_array_equal(x, y)


def test_saved_folder_holds_no_pickle(model, tmp_path):
    model.save(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    weights = sorted(f"{name}.weights.h5" for name in (*NETWORKS, "optimizers"))
    assert names == sorted([*weights, "config.json"])


def test_other_trainers_folder_is_refused(universal_config, tmp_path):
    from cyclegan.universal import UniversalTrainer

    UniversalTrainer(universal_config).save(tmp_path)
    with pytest.raises(ValueError, match="expected CycleGANConfig"):
        CycleGAN.from_folder(tmp_path)
