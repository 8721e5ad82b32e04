"""Load the network of a model card, in the runtime that suits the machine."""

import dataclasses
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import cyclegan
import mrcnn
from cyclegan.config import from_dict
from mrcnn.config import (
    ChartConfig,
    MaskRCNNConfig,
    MattingConfig,
    NetworkConfig,
    PersonDetectorConfig,
    PoseConfig,
    RefinerConfig,
    SemanticConfig,
)
from mrcnn.runtime import Predictor, Runtime, fingerprint, load_predictor
from tryon.errors import MissingModel, TryOnError
from tryon.zoo import ModelCard, user_cache

if TYPE_CHECKING:
    import keras

_log = logging.getLogger(__name__)
_DETECTION_CONFIGS: dict[str, type[NetworkConfig]] = {
    "segmenter": MaskRCNNConfig,
    "refiner": RefinerConfig,
    "chart": ChartConfig,
    "person_detector": PersonDetectorConfig,
    "pose": PoseConfig,
    "semantic": SemanticConfig,
    "matting": MattingConfig,
}
# The code that a generator depends on; that of its training does not count.
_GENERATOR_CODE = ("config.py", "layers.py", "networks.py", "predict.py")


def load_network(card: ModelCard, kind: str) -> Predictor:
    """Load the network of a card.

    Args:
        card: of any network.
        kind: which is expected: "segmenter", "refiner", "chart",
            "person_detector", "pose", "semantic", "shading", "universal" or "pattern".

    Raises:
        MissingModel: the card is of another kind, its config is not supported, or its
            weights cannot be read or do not fit.
        TryOnError: OpenVINO was asked for, and cannot be had.
    """
    if card.values["kind"] != kind:
        raise MissingModel(f"{card.path}: expected a {kind}, got a {card.values['kind']}")
    runtime, config = wanted_runtime(), network_config(card, kind)
    key = fingerprint(
        card.path, json.dumps(dataclasses.asdict(config)), *network_code(kind)
    )
    build = _builder(kind, config, card.path)
    try:
        return load_predictor(
            config, build, key, user_cache(), runtime, lambda: _tell_conversion(card)
        )
    except (ImportError, OSError, RuntimeError) as error:
        if runtime != "openvino":
            raise
        raise TryOnError(
            f"OpenVINO cannot be used ({error}); install tryon's extra 'fast', or leave "
            "TRYON_RUNTIME out"
        ) from error


def _tell_conversion(card: ModelCard) -> None:
    _log.warning(
        "first start: converting the network %r for this computer, once; the shipped "
        "ones take a minute or two together",
        card.path.name.removesuffix(".weights.h5"),
    )


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


def network_config(card: ModelCard, kind: str) -> Any:
    """Return the config of a card.

    Returns:
        One of mrcnn's `NetworkConfig`, or else cyclegan's `Config`.

    Raises:
        MissingModel: the card holds none, or one of another kind or version.
    """
    values = card.values["config"]
    try:
        if not isinstance(values, dict):
            raise TypeError(f"expected an object, got {type(values).__name__}")
        if kind in _DETECTION_CONFIGS:
            return _DETECTION_CONFIGS[kind].from_dict(values)
        return from_dict(values)
    except (TypeError, ValueError) as error:
        raise MissingModel(
            f"{card.path}: its card has an unsupported config ({error})"
        ) from error


def network_code(kind: str) -> list[Path]:
    """Return the source files that a network of a kind is built by.

    They are part of what a converted network depends on: after a change of theirs it is
    converted anew.
    """
    if kind in _DETECTION_CONFIGS:
        return sorted(Path(str(mrcnn.__file__)).parent.rglob("*.py"))
    room = Path(str(cyclegan.__file__)).parent
    return [room / name for name in _GENERATOR_CODE]


def _builder(kind: str, config: Any, weights: Path) -> "Callable[[], keras.Model]":
    """Return a function that builds the network; it imports Keras when it is called."""

    def build() -> "keras.Model":
        if kind in _DETECTION_CONFIGS:
            from mrcnn.predictor import build_network as build_detection_network

            return build_detection_network(config, weights)
        from cyclegan.predict import build_network

        return build_network(config, weights)

    def build_or_tell() -> "keras.Model":
        try:
            return build()
        except (OSError, ValueError) as error:
            raise MissingModel(
                f"{weights.name}: cannot be used as a {kind} ({error}); train it again"
            ) from error

    return build_or_tell
