import numpy as np
import pytest

from cyclegan.networks import build_generator, build_universal_generator
from cyclegan.predict import build_network
from cyclegan.weights import save_float16


def test_universal_prediction(universal_config, tmp_path):
    path = tmp_path / "u.weights.h5"
    save_float16(build_universal_generator(universal_config), path)
    network = build_network(universal_config, path)
    out = network.predict_on_batch(np.zeros((2, 32, 32, 10), np.float32))
    assert (out.shape, out.dtype) == ((2, 32, 32, 6), np.float32)


def test_pattern_prediction_equals_the_network(gan_config, tmp_path):
    model = build_generator(gan_config)
    model.save_weights(tmp_path / "g.weights.h5")
    image = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype("f4")
    network = build_network(gan_config, tmp_path / "g.weights.h5")
    out = network.predict_on_batch(image)
    np.testing.assert_allclose(out, model.predict_on_batch(image), atol=1e-5)


def test_missing_weights_are_named(universal_config, tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a weights file"):
        build_network(universal_config, tmp_path / "none.weights.h5")
