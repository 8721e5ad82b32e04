"""Which runtime a card's network gets, and what is said when it cannot."""

import pytest

from mrcnn.config import RefinerConfig
from tryon import networks
from tryon.errors import MissingModel, TryOnError
from tryon.networks import load_network, wanted_runtime
from tryon.zoo import ModelCard


@pytest.fixture
def card(tmp_path):
    values = {"kind": "refiner", "config": {"image_size": 64, "widths": [4, 8, 8, 8, 8]}}
    return ModelCard(tmp_path / "refiner.weights.h5", values)


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


def test_without_a_wish_the_machine_decides(monkeypatch):
    assert wanted_runtime() == "auto"
    monkeypatch.setenv("TRYON_RUNTIME", "")
    assert wanted_runtime() == "auto"


def test_a_wish_is_passed_on(monkeypatch, tmp_path, card, asked):
    monkeypatch.setenv("TRYON_RUNTIME", "keras")
    monkeypatch.setenv("TRYON_CACHE", str(tmp_path / "cache"))
    assert load_network(card, "refiner") is asked
    config, weights, cache, runtime = asked.args
    assert config == RefinerConfig(image_size=64, widths=(4, 8, 8, 8, 8))
    assert (weights, cache, runtime) == (card.path, tmp_path / "cache", "keras")


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
    with pytest.raises(MissingModel, match="config is not ours"):
        load_network(card, "refiner")
