import keras
import pytest

from cyclegan.networks import build_generator
from cyclegan.steps import TrainingStep, learning_rate


def test_networks_of_one_step_need_different_names(gan_config):
    networks = [build_generator(gan_config, "same") for _ in range(2)]
    with pytest.raises(ValueError, match="expected networks of different names"):
        TrainingStep("step", dict, {}, networks, [], keras.optimizers.Adam())


def test_learning_rate_falls_over_its_share_of_the_steps():
    assert learning_rate(0.1, 0) == 0.1
    schedule = learning_rate(0.1, 100, share=0.25)
    assert float(schedule(0)) == pytest.approx(0.1)
    assert float(schedule(25)) == pytest.approx(0.0, abs=1e-7)
