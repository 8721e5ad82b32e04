"""Weights and training state in files: `.weights.h5` and JSON, no pickle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import h5py
import keras
import numpy as np

from .config import Config, from_dict, to_dict

C = TypeVar("C", bound=Config)
_STATE_FILE = "config.json"
_OPTIMIZER_FILE = "optimizers.weights.h5"


def save_float16(model: keras.Model, path: str | Path) -> None:
    """Write a model's weights in float16.

    Args:
        model: a built model.
        path: ends in `.weights.h5`; replaced atomically.

    Raises:
        ValueError: wrong ending, or a weight is not finite or exceeds float16.
    """
    path = _weights_path(path)
    temporary = path.with_name(f".{path.name.removesuffix('.weights.h5')}")
    full = temporary.with_name(f"{temporary.name}.full.weights.h5")
    half = temporary.with_name(f"{temporary.name}.half.weights.h5")
    try:
        model.save_weights(full)
        with h5py.File(full, "r") as source, h5py.File(half, "w") as target:
            _copy_as_float16(source, target)
        half.replace(path)
    finally:
        full.unlink(missing_ok=True)
        half.unlink(missing_ok=True)


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Load float16 or float32 weights into a model.

    Args:
        model: a built model of the same architecture.
        path: a `.weights.h5` file.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is damaged or belongs to another architecture.
    """
    path = _weights_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected a weights file, got no file at {path}")
    try:
        with h5py.File(path, "r") as file:
            stored = _array_shapes(file)
    except OSError as error:
        raise ValueError(f"expected readable weights in {path}, got {error}") from error
    # Keras only warns about layers that a file lacks, and leaves their initial weights.
    expected = sorted(tuple(weight.shape) for weight in model.weights)
    if stored != expected:
        raise ValueError(
            f"expected {len(expected)} arrays that fit {model.name} in {path}, "
            f"got {len(stored)} of other shapes"
        )
    model.load_weights(path)


def save_state(
    folder: str | Path,
    config: Config,
    step: int,
    networks: Mapping[str, keras.Model],
    optimizers: Mapping[str, keras.Optimizer],
) -> None:
    """Write weights, optimizer states, step count and config to a folder.

    Args:
        folder: created if absent.
        config: of the trainer.
        step: steps taken.
        networks: by file stem.
        optimizers: by name.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in networks.items():
        network.save_weights(folder / f"{name}.weights.h5")
    with h5py.File(folder / _OPTIMIZER_FILE, "w") as file:
        for name, optimizer in optimizers.items():
            optimizer.save_own_variables(_ArrayGroup(file.create_group(name)))
    state = {"step": step, "config": to_dict(config)}
    (folder / _STATE_FILE).write_text(json.dumps(state, indent=2) + "\n")


def load_state(
    folder: str | Path,
    networks: Mapping[str, keras.Model],
    optimizers: Mapping[str, keras.Optimizer],
) -> int:
    """Load what `save_state` wrote.

    Args:
        folder: written by `save_state`.
        networks: by file stem, built.
        optimizers: by name, built.

    Returns:
        Steps taken.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file does not fit the networks or optimizers.
    """
    folder = Path(folder)
    step, _ = read_state(folder)
    for name, network in networks.items():
        load_weights(network, folder / f"{name}.weights.h5")
    with h5py.File(folder / _OPTIMIZER_FILE, "r") as file:
        for name, optimizer in optimizers.items():
            _load_optimizer(optimizer, name, file)
    return step


def read_state(folder: str | Path) -> tuple[int, Config]:
    """Read the step count and the config of a saved trainer.

    Args:
        folder: written by `save_state`.

    Returns:
        Steps taken, and the config.

    Raises:
        FileNotFoundError: the folder has no state.
    """
    path = Path(folder) / _STATE_FILE
    if not path.is_file():
        raise FileNotFoundError(f"expected a saved model, got no file at {path}")
    state = json.loads(path.read_text())
    return int(state["step"]), from_dict(state["config"])


def read_config(folder: str | Path, kind: type[C]) -> C:
    """Read the config of a saved trainer of a given kind.

    Args:
        folder: written by `save_state`.
        kind: the expected class.

    Raises:
        FileNotFoundError: the folder has no state.
        ValueError: the config is of another class.
    """
    _, config = read_state(folder)
    if not isinstance(config, kind):
        raise ValueError(f"expected {kind.__name__}, got {type(config).__name__}")
    return config


def replace_folder(new: Path, old: Path) -> None:
    """Replace a folder by a new one.

    If this is interrupted, the old one is left as `<old>.previous`.

    Args:
        new: folder to move; must exist.
        old: its final name; may exist.
    """
    previous = old.with_name(f"{old.name}.previous")
    if old.exists():
        shutil.rmtree(previous, ignore_errors=True)
        old.rename(previous)
    new.rename(old)
    shutil.rmtree(previous, ignore_errors=True)


class _ArrayGroup:
    """An HDF5 group that stores variables of any backend as arrays."""

    def __init__(self, group: h5py.Group) -> None:
        self._group = group

    def __setitem__(self, key: str, value: Any) -> None:
        self._group[key] = np.asarray(value)


def _load_optimizer(optimizer: keras.Optimizer, name: str, file: h5py.File) -> None:
    if name not in file:
        raise ValueError(f"expected optimizer {name!r}, got {sorted(file)}")
    values = {key: file[name][key][()] for key in file[name]}
    if len(values) != len(optimizer.variables):
        raise ValueError(
            f"expected {len(optimizer.variables)} variables of {name}, got {len(values)}"
        )
    optimizer.load_own_variables(values)


def _array_shapes(file: h5py.File) -> list[tuple[int, ...]]:
    """Return the shapes of all arrays, sorted.

    Raises:
        ValueError: there is a link, or an array with values in another file.
    """
    shapes: list[tuple[int, ...]] = []

    def check(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group):
            links = (item.get(key, getlink=True) for key in item)
            is_local = all(isinstance(link, h5py.HardLink) for link in links)
        else:
            is_local = item.external is None and not item.is_virtual
            shapes.append(tuple(item.shape))
        if not is_local:
            raise ValueError(f"expected only arrays, got a link to elsewhere at {name}")

    check("/", file)
    file.visititems(check)
    return sorted(shapes)


def _weights_path(path: str | Path) -> Path:
    if not str(path).endswith(".weights.h5"):
        raise ValueError(f"expected a name ending in .weights.h5, got {path}")
    return Path(path)


def _copy_as_float16(source: h5py.Group, target: h5py.Group) -> None:
    """Copy a tree of groups with attributes, float arrays converted to float16."""
    for key, value in source.attrs.items():
        target.attrs[key] = value
    for key, item in source.items():
        if isinstance(item, h5py.Group):
            _copy_as_float16(item, target.create_group(key))
            continue
        array = item[()]
        if np.issubdtype(np.asarray(array).dtype, np.floating):
            if not np.all(np.abs(array) <= np.finfo(np.float16).max):
                raise ValueError(f"expected weights within float16, got {item.name}")
            array = np.asarray(array, np.float16)
        target.create_dataset(key, data=array)
        for name, value in item.attrs.items():
            target[key].attrs[name] = value
