"""OpenVINO gives the numbers of Keras; its cache recovers from damage."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn import runtime
from mrcnn.model import MaskRCNN
from mrcnn.predictor import build_network
from mrcnn.refiner.model import build_refiner
from mrcnn.runtime import (
    KerasPredictor,
    OpenVinoPredictor,
    check_batch,
    fingerprint,
    load_predictor,
    open_network,
)

ROOT = Path(__file__).parents[3]
SHAPE = (8, 8, 4)

needs_openvino = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="networks are converted under the backend tensorflow",
)


@pytest.fixture(autouse=True)
def openvino():
    return pytest.importorskip("openvino", reason="needs the extra 'fast'")


class Builder:
    """Builds a network of four channels in and two pictures out; counts its calls."""

    def __init__(self, scale=1.0):
        self.calls, self.scale = 0, scale

    def __call__(self):
        self.calls += 1
        x = keras.Input(SHAPE, name="picture")
        mean = keras.layers.AveragePooling2D(2)(x)
        twice = keras.layers.Rescaling(2 * self.scale)(x)
        return keras.Model(x, {"mean": mean, "twice": twice})


@pytest.fixture
def pictures():
    return np.random.default_rng(0).uniform(0, 255, (3, *SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def weights(config, tmp_path_factory):
    """Random weights, whose class scores differ enough to be ranked."""
    keras.utils.set_random_seed(0)
    model = MaskRCNN(config)
    spread = {"objectness/kernel": 0.3, "classes/kernel": 0.01}
    for weight in model.trainable_weights:
        std = spread.get("/".join(weight.path.split("/")[-2:]))
        if std is not None:
            weight.assign(np.random.default_rng(4).normal(0, std, weight.shape))
    path = tmp_path_factory.mktemp("weights") / "m.weights.h5"
    model.save_weights(path)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache that tests share, so that the Mask R-CNN is converted once."""
    return tmp_path_factory.mktemp("cache")


def in_openvino(config, weights, cache):
    build = partial(build_network, config, weights)
    return OpenVinoPredictor(config, build, fingerprint(weights), cache)


def load(config, weights, cache, runtime="auto"):
    build = partial(build_network, config, weights)
    return load_predictor(config, build, fingerprint(weights), cache, runtime)


def entries(folder):
    return sorted(p for p in folder.iterdir() if p.is_dir())


def compiled_in(folder):
    """Return the one file that holds a compiled network."""
    (path,) = folder.glob("network-*/compiled-*")
    return path


class Compilations:
    """Counts the networks that OpenVINO compiles."""

    def __init__(self, core):
        self.calls, self._compile = 0, core.compile_model

    def __call__(self, *arguments):
        self.calls += 1
        return self._compile(*arguments)


@pytest.fixture
def compilations(openvino, monkeypatch):
    counter = Compilations(openvino.Core)
    method = lambda *arguments: counter(*arguments)  # noqa: E731 (binds to an instance)
    monkeypatch.setattr(openvino.Core, "compile_model", method)
    return counter


@needs_openvino
@pytest.mark.parametrize("views", [1, 2])
def test_both_runtimes_agree(config, weights, cache, views):
    rng = np.random.default_rng(2)
    images = rng.uniform(0, 255, (views, 64, 64, 3)).astype(np.float32)
    expected = KerasPredictor(config, partial(build_network, config, weights))(images)
    ranked = expected["scores"]
    assert np.diff(-ranked[:, (ranked > 0).all(axis=0)]).min() > 5e-3, "no ties"
    predictor = in_openvino(config, weights, cache)
    found = predictor(images)
    assert predictor.image_size == 64
    assert set(found) == set(expected)
    for name, value in found.items():
        assert value.shape == expected[name].shape
        np.testing.assert_allclose(value, expected[name], atol=1e-3, err_msg=name)
    assert (found["scores"] > 0).any()


@needs_openvino
def test_threads_may_share_a_network(pictures, tmp_path):
    network = open_network(Builder(), SHAPE, "shared", tmp_path)
    expected = network(pictures)["mean"]
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(network, [pictures] * 40):
            assert np.array_equal(found["mean"], expected)


@needs_openvino
def test_both_runtimes_agree_on_a_refiner(refiner_config, tmp_path, cache):
    keras.utils.set_random_seed(0)
    path = tmp_path / "r.weights.h5"
    build_refiner(refiner_config).save_weights(path)
    views = np.random.default_rng(2).uniform(0, 255, (2, 64, 64, 7)).astype(np.float32)
    build = partial(build_network, refiner_config, path)
    expected = KerasPredictor(refiner_config, build)(views)
    found = in_openvino(refiner_config, path, cache)(views)
    assert set(found) == set(expected)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-3, err_msg=name)


@needs_openvino
def test_any_network_runs_and_is_converted_once(tmp_path, pictures):
    build = Builder()
    for _ in range(2):
        found = open_network(build, SHAPE, "two", tmp_path)(pictures)
        np.testing.assert_allclose(found["twice"], pictures * 2, rtol=1e-6)
        mean = pictures.reshape(3, 4, 2, 4, 2, 4).mean(axis=(2, 4))
        np.testing.assert_allclose(found["mean"], mean, rtol=1e-5)
    assert build.calls == 1
    (entry,) = entries(tmp_path)
    names = {"network.xml", "network.bin", "sums.json", compiled_in(tmp_path).name}
    assert {path.name for path in entry.iterdir()} == names


@needs_openvino
@pytest.mark.parametrize(("rows", "count"), [(1, 4), (1, 40), (3, 5)])
def test_gathers_within_rows_are_flattened(rows, count):
    """Of 4 indices, the Gather with `batch_dims` itself ends the process."""
    import openvino
    from openvino import opset13 as ops

    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, 50)).astype(np.float32)
    index = rng.integers(0, 50, (rows, count), dtype=np.int32)
    inputs = ops.parameter(values.shape, np.float32), ops.parameter(index.shape, np.int32)
    gather = ops.gather(*inputs, ops.constant(1), 1)
    network = openvino.Model([gather], list(inputs))
    runtime.flatten_gathers(network)
    found = openvino.Core().compile_model(network, "CPU")([values, index])[0]
    np.testing.assert_array_equal(found, np.take_along_axis(values, index, axis=1))


def test_other_gathers_within_rows_are_refused():
    import openvino
    from openvino import opset13 as ops

    inputs = ops.parameter([2, 3, 4], np.float32), ops.parameter([2, 3, 5], np.int32)
    gather = ops.gather(*inputs, ops.constant(2), 2)
    with pytest.raises(RuntimeError, match=r"got shapes \[2, 3, 4\]"):
        runtime.flatten_gathers(openvino.Model([gather], list(inputs)))


@needs_openvino
def test_another_key_is_another_network(tmp_path, pictures):
    for scale in (1.0, 3.0):
        found = open_network(Builder(scale), SHAPE, str(scale), tmp_path)(pictures)
        np.testing.assert_allclose(found["twice"], pictures * 2 * scale, rtol=1e-6)
    assert len(entries(tmp_path)) == 2


@needs_openvino
@pytest.mark.parametrize("name", ["network.xml", "network.bin", "sums.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_a_damaged_entry_is_made_again(tmp_path, pictures, name, damage):
    build = Builder()
    open_network(build, SHAPE, "two", tmp_path)
    path = entries(tmp_path)[0] / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"[1]")
    found = open_network(build, SHAPE, "two", tmp_path)(pictures)
    np.testing.assert_allclose(found["twice"], pictures * 2, rtol=1e-6)
    assert build.calls == 2
    assert len(entries(tmp_path)) == 1, "nothing is left behind"
    open_network(build, SHAPE, "two", tmp_path)
    assert build.calls == 2, "whole again"


@needs_openvino
def test_a_network_is_compiled_once(tmp_path, pictures, compilations):
    for _ in range(3):
        found = open_network(Builder(), SHAPE, "two", tmp_path)(pictures)
        np.testing.assert_allclose(found["twice"], pictures * 2, rtol=1e-6)
    assert compilations.calls == 1


@needs_openvino
@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b"", lambda b: b + b"x"])
def test_a_damaged_compilation_is_made_again(tmp_path, pictures, compilations, damage):
    build = Builder()
    open_network(build, SHAPE, "two", tmp_path)
    path = compiled_in(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    for _ in range(2):
        found = open_network(build, SHAPE, "two", tmp_path)(pictures)
        np.testing.assert_allclose(found["twice"], pictures * 2, rtol=1e-6)
    assert (build.calls, compilations.calls) == (1, 2)
    assert len(entries(tmp_path)) == 1, "nothing is left behind"


@needs_openvino
def test_a_network_openvino_cannot_import_is_compiled_again(
    tmp_path, pictures, compilations
):
    """A file that is whole, but of something else."""
    open_network(Builder(), SHAPE, "two", tmp_path)
    other = hashlib.sha256(b"?").digest() + b"?"
    compiled_in(tmp_path).write_bytes(other)
    found = open_network(Builder(), SHAPE, "two", tmp_path)(pictures)
    np.testing.assert_allclose(found["twice"], pictures * 2, rtol=1e-6)
    assert compilations.calls == 2
    assert compiled_in(tmp_path).read_bytes() != other


@needs_openvino
def test_another_processor_compiles_for_itself(
    tmp_path, pictures, compilations, monkeypatch
):
    for processor in ("this", "that", "this"):
        monkeypatch.setattr(runtime, "_processor", lambda _, name=processor: name)
        open_network(Builder(), SHAPE, "two", tmp_path)(pictures)
    assert compilations.calls == 2
    assert len(list(tmp_path.glob("network-*/compiled-*"))) == 2


@needs_openvino
@pytest.mark.parametrize("error", [PermissionError("read-only"), RuntimeError("none")])
def test_a_network_that_cannot_be_cached_is_compiled_every_time(
    tmp_path, pictures, compilations, openvino, monkeypatch, error
):
    """The cache may only be read, or the processor's networks cannot be exported."""

    def refuse(_):
        raise error

    monkeypatch.setattr(openvino.CompiledModel, "export_model", refuse)
    for _ in range(2):
        found = open_network(Builder(), SHAPE, "two", tmp_path)(pictures)
        np.testing.assert_allclose(found["twice"], pictures * 2, rtol=1e-6)
    assert compilations.calls == 2
    assert list(tmp_path.glob("network-*/compiled-*")) == []
    assert len(entries(tmp_path)) == 1, "nothing is left behind"


@needs_openvino
def test_a_failed_conversion_leaves_nothing(tmp_path):
    def build():
        raise RuntimeError("no such network")

    with pytest.raises(RuntimeError, match="no such network"):
        open_network(build, SHAPE, "none", tmp_path)
    assert entries(tmp_path) == []


@needs_openvino
def test_a_network_is_converted_by_one_while_another_waits(tmp_path, monkeypatch):
    """The second asks after the first has begun, and before it is done."""
    begun, made = threading.Event(), []

    def slow(*_):
        begun.set()
        time.sleep(0.3)
        entry = tmp_path / "entry"
        entry.mkdir()
        made.append(entry)

    monkeypatch.setattr(runtime, "_is_intact", lambda _: bool(made))
    monkeypatch.setattr(runtime, "_add_entry", slow)
    monkeypatch.setattr(runtime, "OpenVinoNetwork", lambda _: "opened")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(open_network, Builder(), SHAPE, "k", tmp_path)
        assert begun.wait(30)
        second = pool.submit(open_network, Builder(), SHAPE, "k", tmp_path)
        assert (first.result(), second.result()) == ("opened", "opened")
    assert len(made) == 1


@needs_openvino
def test_the_least_recently_used_networks_are_evicted(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_MAX_NETWORKS", 2)
    (tmp_path / "other").mkdir()
    for age, name in ((1, "network-old"), (2, "network-older")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    open_network(Builder(), SHAPE, "two", tmp_path)
    left = {path.name for path in entries(tmp_path)}
    assert {"other", "network-old"} < left
    assert len(left) == 3


@needs_openvino
def test_a_recently_used_network_is_not_evicted(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_MAX_NETWORKS", 2)
    for name in ("used", "idle"):
        open_network(Builder(), SHAPE, name, tmp_path)
    for entry in entries(tmp_path):
        os.utime(entry, (1e9, 1e9))
    open_network(Builder(), SHAPE, "used", tmp_path)
    open_network(Builder(), SHAPE, "new", tmp_path)
    build = Builder()
    open_network(build, SHAPE, "used", tmp_path)
    assert build.calls == 0


@needs_openvino
def test_a_second_start_needs_no_keras(config, weights, cache):
    in_openvino(config, weights, cache)
    config.save(cache / "config.json")
    code = (
        "import json, sys, pathlib\n"
        "import mrcnn.refiner.inference\n"
        "from mrcnn.config import MaskRCNNConfig\n"
        "from mrcnn.runtime import fingerprint, load_predictor\n"
        "weights, folder = map(pathlib.Path, sys.argv[1:])\n"
        "values = json.loads((folder / 'config.json').read_text())\n"
        "config = MaskRCNNConfig.from_dict(values)\n"
        "load_predictor(config, None, fingerprint(weights), folder, 'openvino')\n"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(weights), str(cache)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr


@needs_openvino
def test_auto_takes_openvino(config, weights, cache):
    predictor = load(config, weights, cache)
    assert isinstance(predictor, OpenVinoPredictor)
    assert predictor.runtime == "openvino"


@needs_openvino
def test_a_conversion_is_told_once(config, weights, tmp_path, monkeypatch):
    told = []

    def open_it():
        build = partial(build_network, config, weights)
        return load_predictor(
            config,
            build,
            fingerprint(weights),
            tmp_path,
            on_convert=lambda: told.append(1),
        )

    with monkeypatch.context() as patch:
        patch.setattr(keras.backend, "backend", lambda: "jax")
        open_it()
    assert told == [], "this backend cannot convert"
    open_it()
    open_it()
    assert told == [1]


def test_keras_by_name(config, weights, tmp_path):
    predictor = load(config, weights, tmp_path, "keras")
    assert isinstance(predictor, KerasPredictor)
    assert predictor.runtime == "keras"
    assert entries(tmp_path) == []


def test_auto_falls_back_with_one_line(config, weights, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "openvino", None)  # as if it were not installed
    with caplog.at_level("INFO", logger="mrcnn"):
        predictor = load(config, weights, tmp_path)
    assert isinstance(predictor, KerasPredictor)
    assert len(caplog.records) == 1
    assert "OpenVINO" in caplog.text
    with pytest.raises(ImportError):
        load(config, weights, tmp_path, "openvino")


def test_a_cache_that_cannot_be_written(config, weights, tmp_path):
    place = tmp_path / "file"
    place.write_text("no folder")
    assert isinstance(load(config, weights, place), KerasPredictor)
    with pytest.raises(OSError, match="file"):
        load(config, weights, place, "openvino")


def test_other_backends_cannot_convert(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="tensorflow, not jax"):
        open_network(Builder(), SHAPE, "two", tmp_path)


def test_fingerprints_tell_contents_apart(tmp_path):
    path = tmp_path / "a"
    path.write_text("one")
    first = fingerprint(path, "x")
    assert first == fingerprint(path, "x")
    assert len({first, fingerprint(path, "y"), fingerprint("x", path)}) == 3
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    path.write_text("two")
    assert fingerprint(path, "x") != first


@pytest.mark.parametrize(
    ("shape", "dtype", "error"),
    [
        ((1, 32, 32, 3), np.float32, ValueError),
        ((1, 64, 64, 10), np.float32, ValueError),
        ((32, 32, 10), np.float32, ValueError),
        ((0, 32, 32, 10), np.float32, ValueError),
        ((1, 32, 32, 10), np.uint8, TypeError),
    ],
    ids=["channels", "size", "no batch", "empty", "uint8"],
)
def test_hostile_batches_are_refused(shape, dtype, error):
    with pytest.raises(error, match="expected"):
        check_batch(np.zeros(shape, dtype), (32, 32, 10))
    check_batch(np.zeros((2, 32, 32, 10), np.float32), (32, 32, 10))
