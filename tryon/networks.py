"""The networks of cards, in the runtime that suits the machine or the user's wish."""

import dataclasses
import json
import logging
import os
from pathlib import Path
from typing import Protocol, cast, get_args

import numpy as np

import cyclegan
from cyclegan.config import Config, from_dict
from mrcnn.config import ChartConfig, MaskRCNNConfig, NetworkConfig, RefinerConfig
from mrcnn.predictor import Predictor, Runtime, load_predictor
from mrcnn.runtime import fingerprint, open_network
from tryon.errors import MissingModel, TryOnError
from tryon.zoo import ModelCard, user_cache

_CONFIGS: dict[str, type[NetworkConfig]] = {
    "segmenter": MaskRCNNConfig,
    "refiner": RefinerConfig,
    "chart": ChartConfig,
}
# What a generator is, and nothing of how it is trained.
_GENERATOR_CODE = ("config.py", "layers.py", "networks.py", "predict.py")
_log = logging.getLogger(__name__)


class Generator(Protocol):
    """Whatever gives the transfer its pictures: the room cyclegan behind its seam."""

    config: Config

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Map float32 (B, *config.input_shape) to float32 (B, S, S, C).

        C is 3 of a pattern and 6 of the universal generator; what they hold is told
        where they are built: `build_generator`, `build_universal_generator`.
        """


class OpenVinoGenerator:
    """A generator run by OpenVINO.

    Args:
        config: of the pattern's or of the universal generator.
        weights: its `.weights.h5`, float16 or float32.
        cache_dir: where the converted network is kept.

    Raises:
        ImportError, OSError, RuntimeError: see `mrcnn.runtime.open_network`.
        ValueError: its arrays do not fit the config.
    """

    def __init__(self, config: Config, weights: Path, cache_dir: Path):
        self.config = config
        room = Path(str(cyclegan.__file__)).parent
        code = [room / name for name in _GENERATOR_CODE]
        key = fingerprint(weights, json.dumps(dataclasses.asdict(config)), *code)

        def build():  # type: ignore[no-untyped-def]
            from cyclegan.predict import load_generator

            return load_generator(config, weights)

        self._network = open_network(build, config.input_shape, key, cache_dir)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Run the generator on a batch (B, *config.input_shape)."""
        (prediction,) = self._network(batch).values()
        return prediction


def wanted_runtime() -> Runtime:
    """Return what the environment variable TRYON_RUNTIME asks for; "auto" without it.

    Raises:
        TryOnError: it names no runtime.
    """
    name = os.environ.get("TRYON_RUNTIME") or "auto"
    if name not in get_args(Runtime):
        raise TryOnError(
            f"TRYON_RUNTIME={name}: expected one of {', '.join(get_args(Runtime))}"
        )
    return cast(Runtime, name)


def load_network(card: ModelCard, kind: str) -> Predictor:
    """Load the network of a card.

    Args:
        card: of a network of the room mrcnn.
        kind: which is expected, "segmenter", "refiner" or "chart".

    Raises:
        MissingModel: the card is of another kind, or of another version.
        TryOnError: OpenVINO was asked for, and cannot be had.
    """
    if card.values["kind"] != kind:
        raise MissingModel(f"{card.path}: expected a {kind}, got a {card.values['kind']}")
    runtime, config = wanted_runtime(), network_config(card, kind)
    try:
        return load_predictor(config, card.path, user_cache(), runtime)
    except (ImportError, OSError, RuntimeError) as error:
        if runtime != "openvino":
            raise
        raise _no_openvino(error) from error


def load_generator(card: ModelCard) -> Generator:
    """Load the generator of a card, a pattern's or the universal one.

    Raises:
        MissingModel: the card holds no config of a generator.
        OSError, ValueError: its arrays do not fit the config.
        TryOnError: OpenVINO was asked for, and cannot be had.
    """
    runtime, config = wanted_runtime(), generator_config(card)
    if runtime != "keras":
        try:
            return OpenVinoGenerator(config, card.path, user_cache())
        except (ImportError, OSError, RuntimeError) as error:
            if runtime == "openvino":
                raise _no_openvino(error) from error
            _log.info("the generator runs in Keras, OpenVINO cannot be used: %s", error)
    from cyclegan.predict import Predictor

    return Predictor(config, card.path)


def generator_config(card: ModelCard) -> Config:
    """Return the config of a generator's card.

    Raises:
        MissingModel: it is none.
    """
    try:
        return from_dict(card.values["config"])
    except (TypeError, ValueError) as error:
        raise MissingModel(f"{card.path}: its card holds no config ({error})") from error


def network_config(card: ModelCard, kind: str) -> NetworkConfig:
    """Return the config of a card.

    Raises:
        MissingModel: it is not one of that kind, or of another version.
    """
    try:
        config = card.values["config"]
        if not isinstance(config, dict):
            raise TypeError("expected an object")
        return _CONFIGS[kind].from_dict(config)
    except (TypeError, ValueError) as error:
        raise MissingModel(
            f"{card.path}: its card's config is not ours ({error})"
        ) from error


def _no_openvino(error: Exception) -> TryOnError:
    return TryOnError(
        f"OpenVINO cannot be used ({error}); install tryon's extra 'fast', or leave "
        "TRYON_RUNTIME out"
    )
