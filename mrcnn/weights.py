"""Float16 weight files: half the size, read back into float32 variables."""

from pathlib import Path

import h5py
import keras


def save_float16(model: keras.Model, path: Path) -> None:
    """Save a model's weights as float16 `.weights.h5`, under a temporary name first.

    Args:
        model: any built model.
        path: a name that ends in `.weights.h5`.
    """
    full = path.with_name("writing-full-" + path.name)
    half = path.with_name("writing-half-" + path.name)
    model.save_weights(full)
    with h5py.File(full) as source, h5py.File(half, "w") as target:
        _copy(source, target)
    full.unlink()
    half.replace(path)


def _copy(source: h5py.Group, target: h5py.Group) -> None:
    for key, value in source.attrs.items():
        target.attrs[key] = value
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy(item, target.create_group(name))
        elif "optimizer" not in item.name:
            data = item[()]
            half = data.astype("float16") if data.dtype == "float32" else data
            target.create_dataset(name, data=half, compression="gzip" if half.ndim else None)
