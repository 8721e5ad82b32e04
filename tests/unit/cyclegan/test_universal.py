import dataclasses

import numpy as np
import pytest

from cyclegan.universal import UniversalTrainer


@pytest.fixture(scope="module")
def built(universal_config, tmp_path_factory):
    """One trainer for all tests, as each new one is compiled anew."""
    trainer = UniversalTrainer(universal_config)
    folder = tmp_path_factory.mktemp("untrained")
    trainer.save(folder)
    return trainer, folder


@pytest.fixture
def trainer(built):
    trainer, folder = built
    trainer.load(folder)
    return trainer


def _same(first, second):
    return all(np.array_equal(x, y) for x, y in zip(first, second, strict=True))


def test_steps_move_their_own_networks(trainer, universal_batch):
    generator, discriminator = trainer.generator, trainer.discriminator
    for expected in (True, False, True):  # every second step is a full one
        before = generator.get_weights(), discriminator.get_weights()
        logs = trainer.train_step(universal_batch)
        assert not _same(before[0], generator.get_weights())
        assert _same(before[1], discriminator.get_weights()) is not expected
        assert ("discriminator" in logs) is ("cycle" in logs) is expected
    before = discriminator.get_weights()
    trainer.full_step.run(trainer._prepare(universal_batch))
    assert _same(before, discriminator.get_weights())


def test_plain_terms_fall_by_gain_rather_than_residual(universal_config, universal_batch):
    config = dataclasses.replace(
        universal_config, lambda_adversarial=0.0, lambda_cycle=0.0, lambda_identity=0.0
    )
    del universal_batch["warped_a"]
    trainer = UniversalTrainer(config)
    assert trainer.discriminator is None
    logs = [trainer.train_step(universal_batch) for _ in range(60)]
    assert sorted(logs[0]) == ["loss", "residual", "slope", "truth", "variation"]
    # Untrained, the error is that of the warp.
    error = np.abs(universal_batch["warped_b"] - universal_batch["truth_b"])
    inside = np.broadcast_to(universal_batch["mask"] > 0, error.shape)
    assert logs[0]["truth"] == pytest.approx(error[inside].mean(), rel=1e-4)
    assert logs[0]["residual"] == logs[0]["variation"] == 0
    assert logs[-1]["truth"] < 0.4 * logs[0]["truth"]
    assert logs[-1]["residual"] < 0.2


def test_sample_sheet_shows_four_columns(trainer, universal_batch):
    sheet = trainer.sample_sheet(universal_batch)
    assert (sheet.shape, sheet.dtype) == ((64, 128, 3), np.uint8)


def test_missing_own_texture_is_named(trainer, universal_batch):
    del universal_batch["warped_a"]
    with pytest.raises(ValueError, match="expected 'warped_a' in the batch"):
        trainer.train_step(universal_batch)


@pytest.mark.parametrize("key", ["view", "mask", "valid_b", "places_b", "truth_b"])
def test_hostile_shapes_are_refused(trainer, universal_batch, key):
    wrong = universal_batch[key][:, :-1]
    with pytest.raises(ValueError, match=f"expected {key} of shape"):
        trainer.train_step({**universal_batch, key: wrong})


def test_resume_takes_the_same_next_step(trainer, universal_batch, tmp_path):
    for _ in range(3):
        trainer.train_step(universal_batch)
    trainer.save(tmp_path)
    step, saved = trainer.step, trainer.generator.get_weights()
    expected = [trainer.train_step(universal_batch) for _ in range(2)]
    trainer.load(tmp_path)
    assert trainer.step == step
    for logs in expected:
        assert trainer.train_step(universal_batch) == pytest.approx(logs, rel=1e-4)
    fresh = UniversalTrainer.from_folder(tmp_path)
    assert (fresh.step, fresh.config) == (step, trainer.config)
    assert _same(saved, fresh.generator.get_weights())
    assert int(fresh.full_step.optimizer.iterations) == 3


def test_other_models_folder_is_refused(gan_config, tmp_path):
    from cyclegan.model import CycleGAN

    CycleGAN(gan_config).save(tmp_path)
    with pytest.raises(ValueError, match="expected UniversalConfig"):
        UniversalTrainer.from_folder(tmp_path)
