"""The networks of cards, in the runtime that suits the machine or the user's wish."""

import os
from typing import cast, get_args

from mrcnn.config import ChartConfig, MaskRCNNConfig, NetworkConfig, RefinerConfig
from mrcnn.predictor import Predictor, Runtime, load_predictor
from tryon.errors import MissingModel, TryOnError
from tryon.zoo import ModelCard, user_cache

_CONFIGS: dict[str, type[NetworkConfig]] = {
    "segmenter": MaskRCNNConfig,
    "refiner": RefinerConfig,
    "chart": ChartConfig,
}


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
        raise TryOnError(
            f"OpenVINO cannot be used ({error}); install tryon's extra 'fast', or leave "
            "TRYON_RUNTIME out"
        ) from error


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
