"""Averages beside the weights, under each backend: none may share the other's memory."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
import keras
import numpy as np
from mrcnn.train import AveragedAdamW, averaged_weights

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile(AveragedAdamW(0.1, use_ema=True, ema_momentum=0.9), loss="mse")
x, y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")
for _ in range(2):
    model.fit(x, y, verbose=0, batch_size=4)
    before = [np.array(w) for w in model.get_weights()]
    with averaged_weights(model):
        model.predict_on_batch(x)
        averages = [np.array(w) for w in model.get_weights()]
    after = model.get_weights()
    model.save_weights(sys.argv[1])
    assert all(np.array_equal(a, b) for a, b in zip(before, after))
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(averages, after))
    model.optimizer.use_averages(model.trainable_variables)
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_averages_come_and_go(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "a.weights.h5")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
