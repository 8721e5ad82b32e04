import numpy as np
import pytest

from cyclegan.networks import build_generator, build_universal_generator
from cyclegan.predict import Predictor
from cyclegan.weights import save_float16


@pytest.fixture(scope="module")
def predictor(universal_config, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "u.weights.h5"
    save_float16(build_universal_generator(universal_config), path)
    return Predictor(universal_config, path)


def test_universal_prediction(predictor):
    out = predictor(np.zeros((2, 32, 32, 10), np.float32))
    assert (out.shape, out.dtype) == ((2, 32, 32, 6), np.float32)


def test_pattern_prediction_equals_the_network(gan_config, tmp_path):
    model = build_generator(gan_config)
    model.save_weights(tmp_path / "g.weights.h5")
    image = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype("f4")
    out = Predictor(gan_config, tmp_path / "g.weights.h5")(image)
    np.testing.assert_allclose(out, model.predict_on_batch(image), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "dtype", "error"),
    [
        ((1, 32, 32, 3), np.float32, ValueError),
        ((1, 64, 64, 10), np.float32, ValueError),
        ((32, 32, 10), np.float32, ValueError),
        ((0, 32, 32, 10), np.float32, ValueError),
        ((1, 32, 32, 10), np.uint8, TypeError),
    ],
    ids=["channels", "size", "no batch", "empty", "uint8"],
)
def test_hostile_batches_are_refused(predictor, shape, dtype, error):
    with pytest.raises(error, match="expected"):
        predictor(np.zeros(shape, dtype))


def test_missing_weights_are_named(universal_config, tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a weights file"):
        Predictor(universal_config, tmp_path / "none.weights.h5")
