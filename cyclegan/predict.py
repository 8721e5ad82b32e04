"""Build a trained generator, or the shading network, for inference."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras

from .config import Config, CycleGANConfig, UniversalConfig
from .networks import (
    build_generator,
    build_shading_network,
    build_universal_generator,
)
from .weights import load_weights


def build_network(config: Config, weights: str | Path) -> keras.Model:
    """Build a network that predicts in float32 and load its weights.

    Args:
        config: of a pattern's or the universal generator, or of the shading network.
        weights: its `.weights.h5`, float32 or float16; of a pattern, those of
            `generator_a2b`.

    Returns:
        The network, see `networks.build_generator`, `build_universal_generator` and
        `build_shading_network`.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: its arrays do not fit the config.
    """
    config = dataclasses.replace(config, precision="float32")
    if isinstance(config, CycleGANConfig):
        model = build_generator(config)
    elif isinstance(config, UniversalConfig):
        model = build_universal_generator(config)
    else:
        model = build_shading_network(config)
    load_weights(model, weights)
    return model
