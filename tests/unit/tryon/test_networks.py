"""Which runtime a card's network gets, and what is said when it cannot."""

import keras
import numpy as np
import pytest

from cyclegan.config import CycleGANConfig, ShadingConfig, UniversalConfig, to_dict
from cyclegan.networks import (
    build_generator,
    build_shading_network,
    build_universal_generator,
)
from mrcnn import runtime
from mrcnn.config import RefinerConfig
from tryon import networks
from tryon.errors import MissingModel, TryOnError
from tryon.networks import load_network, wanted_runtime
from tryon.zoo import ModelCard


@pytest.fixture
def card(tmp_path):
    values = {"kind": "refiner", "config": {"image_size": 64, "widths": [4, 8, 8, 8, 8]}}
    path = tmp_path / "refiner.weights.h5"
    path.write_bytes(b"weights")
    return ModelCard(path, values)


@pytest.fixture
def asked(monkeypatch):
    """Record what is asked of `load_predictor`; its answer is an error, if one is set."""

    class Asked:
        error = None

        def __call__(self, *args):
            self.args = args
            if self.error:
                raise self.error
            return self

    fake = Asked()
    monkeypatch.setattr(networks, "load_predictor", fake)
    return fake


def load(card):
    return load_network(card, card.values["kind"])


def test_without_a_wish_the_machine_decides(monkeypatch):
    assert wanted_runtime() == "auto"
    monkeypatch.setenv("TRYON_RUNTIME", "")
    assert wanted_runtime() == "auto"


def test_a_wish_is_passed_on(monkeypatch, tmp_path, card, asked):
    monkeypatch.setenv("TRYON_RUNTIME", "keras")
    monkeypatch.setenv("TRYON_CACHE", str(tmp_path / "cache"))
    assert load_network(card, "refiner") is asked
    config, _, _, cache, wanted, _ = asked.args
    assert config == RefinerConfig(image_size=64, widths=(4, 8, 8, 8, 8), body_planes=0)
    assert (cache, wanted) == (tmp_path / "cache", "keras")


def test_a_conversion_is_told_with_the_networks_name(card, asked, caplog):
    load_network(card, "refiner")
    asked.args[-1]()
    (record,) = caplog.records
    assert record.levelname == "WARNING", "shown unless --quiet"
    stem = card.path.name.removesuffix(".weights.h5")
    assert f"converting the network {stem!r}" in record.getMessage()
    assert "a minute or two" in record.getMessage()


def test_an_unknown_runtime_is_told(monkeypatch):
    monkeypatch.setenv("TRYON_RUNTIME", "onnx")
    with pytest.raises(TryOnError, match="onnx: expected one of auto, keras, openvino"):
        wanted_runtime()


def test_openvino_that_cannot_be_had_names_the_remedy(monkeypatch, card, asked):
    asked.error = ImportError("No module named 'openvino'")
    monkeypatch.setenv("TRYON_RUNTIME", "openvino")
    with pytest.raises(TryOnError, match="install tryon's extra 'fast'"):
        load_network(card, "refiner")
    monkeypatch.setenv("TRYON_RUNTIME", "auto")
    with pytest.raises(ImportError):  # Keras itself is missing: the command line tells
        load_network(card, "refiner")


def test_a_card_of_another_kind(card):
    with pytest.raises(MissingModel, match="expected a segmenter, got a refiner"):
        load_network(card, "segmenter")


@pytest.mark.parametrize("config", [{"depth": 3}, {"image_size": 64, "x": 1}, None])
def test_a_config_of_another_version(card, config):
    card.values["config"] = config
    with pytest.raises(MissingModel, match="unsupported config"):
        load_network(card, "refiner")


GENERATORS = {
    "pattern": (CycleGANConfig(image_size=32, filters=8, blocks=1), build_generator),
    "pattern with a texture": (
        CycleGANConfig(image_size=32, filters=8, blocks=1, texture=16),
        build_generator,
    ),
    "universal": (
        UniversalConfig(image_size=32, filters=16, blocks=1, precision="mixed_bfloat16"),
        build_universal_generator,
    ),
    "shading": (
        ShadingConfig(image_size=32, filters=16, blocks=1, precision="mixed_bfloat16"),
        build_shading_network,
    ),
}


@pytest.fixture(params=GENERATORS)
def generator_card(request, tmp_path):
    """A generator of random weights."""
    config, build = GENERATORS[request.param]
    keras.utils.set_random_seed(0)
    model = build(config)
    for weight in model.trainable_weights:  # its heads would start at zero
        rng = np.random.default_rng(len(weight.shape))
        weight.assign(rng.normal(0, 0.2, weight.shape))
    path = tmp_path / "g.weights.h5"
    model.save_weights(path)
    kind = request.param.split()[0]
    return ModelCard(path, {"kind": kind, "config": to_dict(config)})


def test_a_generator_gives_the_same_in_both_runtimes(generator_card, monkeypatch):
    pytest.importorskip("openvino", reason="needs the extra 'fast'")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("networks are converted under the backend tensorflow")
    fast = load(generator_card)
    assert fast.runtime == "openvino"
    monkeypatch.setenv("TRYON_RUNTIME", "keras")
    plain = load(generator_card)
    assert plain.runtime == "keras"
    assert fast.config == plain.config
    batch = np.random.default_rng(1).uniform(-1, 1, (2, *fast.config.input_shape))
    batch = batch.astype(np.float32)
    expected = plain(batch)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(fast(batch), expected, atol=1e-4)


def test_arrays_of_another_network_are_refused(generator_card, monkeypatch):
    monkeypatch.setenv("TRYON_RUNTIME", "keras")
    other = CycleGANConfig(image_size=32, filters=16, blocks=2)
    card = ModelCard(generator_card.path, {"kind": "pattern", "config": to_dict(other)})
    with pytest.raises(
        MissingModel, match="cannot be used as a pattern .*arrays that fit"
    ):
        load(card)


@pytest.mark.parametrize("runtime_name", ["keras", "auto"])
@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_files_that_are_no_weights_are_refused_in_one_line(
    card, monkeypatch, content, runtime_name
):
    monkeypatch.setenv("TRYON_RUNTIME", runtime_name)
    card.path.write_bytes(content)
    with pytest.raises(MissingModel, match="cannot be used as a refiner") as error:
        load(card)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("error", [ImportError("no openvino"), OSError(28, "disk full")])
def test_a_generator_falls_back_to_keras(generator_card, monkeypatch, error):
    def fail(*args):
        raise error

    monkeypatch.setattr(runtime, "open_network", fail)
    assert load(generator_card).runtime == "keras"
    monkeypatch.setenv("TRYON_RUNTIME", "openvino")
    with pytest.raises(TryOnError, match="install tryon's extra 'fast'"):
        load(generator_card)


@pytest.mark.parametrize(
    "config", [None, {"kind": "x"}, {"kind": "UniversalConfig", "z": 1}]
)
def test_a_card_of_no_generator(card, config):
    card.values.update(kind="universal", config=config)
    with pytest.raises(MissingModel, match="unsupported config"):
        load(card)
