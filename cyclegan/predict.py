"""The seam of inference: a faster runtime can stand behind the same object."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import keras
import numpy as np

from .config import Config, CycleGANConfig, UniversalConfig
from .networks import (
    build_generator,
    build_shading_network,
    build_universal_generator,
)
from .steps import JIT
from .weights import load_weights


class Predictor:
    """Run a trained generator, or the shading network, on batches.

    Args:
        config: of the pattern's or the universal generator, or of the shading network.
        weights: its `.weights.h5`, float32 or float16; for a pattern
            `generator_a2b.weights.h5`. Prediction is in float32 always.

    Example:
        >>> run = Predictor(UniversalConfig(), "u.weights.h5")  # doctest: +SKIP
        >>> run(batch).shape  # doctest: +SKIP
        (1, 256, 256, 6)
    """

    def __init__(self, config: Config, weights: str | Path) -> None:
        """Build the network and read its weights."""
        self.config = config
        self._model = load_generator(config, weights)
        self._model.compile(optimizer=None, jit_compile=JIT)
        self._turn = threading.Lock()  # the first call traces, which no two may

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict.

        Args:
            batch: float32 (B, S, S, C) as the generator takes; each new B compiles
                once.

        Returns:
            float32 (B, S, S, 3) of a pattern, (B, S, S, 6) of the universal one,
            (B, S, S, 1) of the shading network.

        Raises:
            TypeError: not float32.
            ValueError: another size or number of channels, or an empty batch.
        """
        if getattr(batch, "dtype", None) != np.float32:
            kind = getattr(batch, "dtype", type(batch).__name__)
            raise TypeError(f"expected a float32 array, got {kind}")
        want = self.config.input_shape
        if batch.ndim != 4 or batch.shape[1:] != want or not len(batch):
            raise ValueError(f"expected shape (B, *{want}), got {batch.shape}")
        with self._turn:
            return np.asarray(self._model.predict_on_batch(batch), np.float32)


def load_generator(config: Config, weights: str | Path) -> keras.Model:
    """Build a network that predicts in float32 and read its weights.

    Args:
        config: of the pattern's or the universal generator, or of the shading network.
        weights: its `.weights.h5`, float32 or float16.

    Returns:
        The network, see `networks.build_generator`, `build_universal_generator` and
        `build_shading_network`.

    Raises:
        FileNotFoundError: there is no such file.
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
