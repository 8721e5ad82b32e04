"""Files that hold no weights, or other ones, end in one line."""

import h5py
import keras
import numpy as np
import pytest

from mrcnn.weights import WeightsError, load_weights, read_shapes


def build(width=4):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(width, name="one")])
    model.name = "tiny"
    return model


@pytest.fixture
def path(tmp_path):
    build().save_weights(tmp_path / "a.weights.h5")
    return tmp_path / "a.weights.h5"


def test_weights_come_back(path):
    model = build()
    load_weights(model, path)
    again = build()
    again.load_weights(path)
    assert np.array_equal(model.get_weights()[0], again.get_weights()[0])
    assert sorted(shape for _, shape in read_shapes(path)) == [(3, 4), (4,)]


def damage(path, kind):
    if kind == "text":
        path.write_text("hello")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:900])
    elif kind == "no arrays":
        h5py.File(path, "w").close()
    elif kind == "link":
        with h5py.File(path, "a") as file:
            file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    elif kind == "another network":
        build(5).save_weights(path)
    elif kind == "another layout":
        with h5py.File(path, "w") as file:
            file["a"], file["b"] = np.zeros((3, 4)), np.zeros(4)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("text", "expected an HDF5 file"),
        ("empty", "expected an HDF5 file"),
        ("cut", "expected an HDF5 file"),
        ("no arrays", "2 of its 2 arrays are not there"),
        ("link", "a link to elsewhere"),
        ("another network", "2 of its 2 arrays are not there, or of another shape"),
        ("another layout", "expected the weights of tiny"),
    ],
)
def test_other_files_are_refused_in_one_line(path, kind, said):
    damage(path, kind)
    model = build()
    before = model.get_weights()[0]
    with pytest.raises(WeightsError, match=said) as error:
        load_weights(model, path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert np.array_equal(model.get_weights()[0], before)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such weights file"):
        load_weights(build(), tmp_path / "gone.weights.h5")
