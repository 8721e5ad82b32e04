"""A script under a Keras backend of one's choice, in a process of its own."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BACKENDS = ("tensorflow", "jax", "torch")
ROOT = Path(__file__).resolve().parents[2]
# Comes before every script.
PRELUDE = """
import json, sys
from pathlib import Path
import keras
import numpy as np

class Repeated(keras.utils.PyDataset):
    def __init__(self, batch, steps):
        super().__init__()
        self.batch, self.steps = batch, steps

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        return (self.batch,)

def write(model, inputs, folder):
    found = model.predict_on_batch(inputs)
    model.save_weights(folder / "model.weights.h5")
    np.savez(folder / "written.npz", **found)
    return found

def read_errors(model, inputs, folders, select=lambda written: ...):
    errors = []
    for folder in folders:
        model.load_weights(folder / "model.weights.h5")
        written = np.load(folder / "written.npz")
        found = model.predict_on_batch(inputs)
        rows = select(written)
        errors.append({
            name: float(np.abs(np.asarray(found[name]) - written[name])[rows].max())
            for name in found})
    return errors
"""


@pytest.fixture(scope="session")
def run_script():
    """Run a script: f(backend, script, *arguments) -> what its last line holds as JSON.

    Skips when the backend is not installed.
    """

    def run(backend, script, *arguments):
        if importlib.util.find_spec(backend) is None:
            pytest.skip(f"{backend} is not installed")
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": str(ROOT),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "OMP_NUM_THREADS": "1",  # tiny models lose by threads
            "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compiles sooner
        }
        done = subprocess.run(
            [sys.executable, "-c", PRELUDE + script, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout else None

    return run


@pytest.fixture(scope="module")
def written(request, run_script, tmp_path_factory):
    """Run the module's SCRIPT as "write FOLDER", once under each backend asked for.

    f(backend) -> (folder, report)
    """
    made = {}

    def get(backend):
        if backend not in made:
            folder = tmp_path_factory.mktemp(backend)
            script = request.module.SCRIPT
            made[backend] = folder, run_script(backend, script, "write", folder)
        return made[backend]

    return get


@pytest.fixture(scope="module")
def folders(written):
    """Return the folders that every installed backend wrote: f() -> list."""
    return lambda: [
        written(name)[0] for name in BACKENDS if importlib.util.find_spec(name)
    ]
