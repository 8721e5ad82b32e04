"""Load weights from files that may hold anything, or end in one line."""

from collections import Counter
from pathlib import Path

import h5py
import keras

# What h5py and Keras raise about files that are damaged, or of another layout.
_UNUSABLE = (OSError, ValueError, TypeError, KeyError, RuntimeError, AttributeError)


class WeightsError(ValueError):
    """A file holds no weights, or those of another network; the message says so."""


def load_weights(model: keras.Model, path: Path) -> None:
    """Load the weights of a model.

    Keras itself leaves layers that a file lacks as they are, with a warning at most, so
    the shapes are compared first.

    Args:
        model: a built model.
        path: a `.weights.h5` file of a model of the same architecture.

    Raises:
        FileNotFoundError: there is no such file.
        WeightsError: the file is no such file, or of another architecture.
    """
    stored = Counter(shape for _, shape in read_shapes(path))
    wanted = Counter(tuple(weight.shape) for weight in model.weights)
    missing = (wanted - stored).total()
    if missing:
        raise WeightsError(
            f"{path}: expected the weights of {model.name}, but {missing} of its "
            f"{wanted.total()} arrays are not there, or of another shape"
        )
    try:
        model.load_weights(path)
    except _UNUSABLE as error:
        raise WeightsError(
            f"{path}: expected the weights of {model.name} ({first_line(error)})"
        ) from error


def read_shapes(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Return names and shapes of all arrays in an HDF5 file; no values are read.

    Raises:
        FileNotFoundError: there is no such file.
        WeightsError: it is not HDF5, is damaged, or links to other files.
    """
    found: list[tuple[str, tuple[int, ...]]] = []

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group):
            links = (item.get(key, getlink=True) for key in item)
            is_local = all(isinstance(link, h5py.HardLink) for link in links)
        else:
            is_local = item.external is None and not item.is_virtual
            found.append((name, tuple(item.shape or ())))
        if not is_local:
            raise ValueError(f"a link to elsewhere at {name}")

    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such weights file")
    try:
        with h5py.File(path, "r") as file:
            visit("/", file)
            file.visititems(visit)
    except _UNUSABLE as error:
        raise WeightsError(
            f"{path}: expected an HDF5 file with weights ({first_line(error)})"
        ) from error
    return found


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
