"""Run a Keras network: in OpenVINO where it is available, else in Keras.

This works for any network: `load_predictor` takes its config, which has the input's
shape, and a function that builds the `keras.Model`. With OpenVINO that function is only
called on the first start: the network is converted once and cached on disk, and later
starts need neither Keras nor its backend, which saves their import.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from filelock import FileLock

if TYPE_CHECKING:
    import keras
    import openvino

_FILES = ("network.xml", "network.bin")
_SUMS = "sums.json"
_COMPILED = "compiled-"  # + processor; the file starts with the digest of its rest
_DIGEST = hashlib.sha256().digest_size
_LOCK_FILE = "convert.lock"  # held while a network is converted
_PREFIX = "network-"  # of everything this module writes into a cache folder
_MAX_NETWORKS = 16  # networks in a cache folder; a segmenter takes 38 MB
# One thread at a time: OpenVINO rejects two threads in one network, and two networks at
# once slow each other down, since each uses all cores (a small pair takes 1/5 longer).
_LOCK = threading.Lock()
# float32, because by default OpenVINO computes in bfloat16 where the processor supports
# it, which moves outlines, and on some such processors crashes (SIGFPE) while it compiles
# a Mask R-CNN for several threads.
_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
Runtime = Literal["auto", "keras", "openvino"]
Build = Callable[[], "keras.Model"]
_log = logging.getLogger(__name__)


class Config(Protocol):
    """The part of a network's config that a predictor uses."""

    @property
    def image_size(self) -> int:
        """Height and width of the input."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one input image."""


class Predictor(Protocol):
    """A loaded network: arrays in, arrays out.

    Attributes:
        config: of the network.
        image_size: height and width of its input.
        runtime: "keras" or "openvino".
    """

    config: Any
    image_size: int
    runtime: Runtime

    def __call__(self, images: np.ndarray) -> Any:
        """Run the network on a batch.

        Args:
            images: float32 (B, *config.input_shape), B at least 1.

        Returns:
            An array of B rows, or for several outputs a dict of them by name, as
            documented where the network is built.

        Raises:
            TypeError: the batch is not float32.
            ValueError: it has another shape, or is empty.
        """


class KerasPredictor:
    """A network run by Keras.

    Args:
        config: of the network.
        build: returns the Keras model with its weights.
    """

    runtime: Runtime = "keras"

    def __init__(self, config: Config, build: Build):
        import keras

        self.config, self.image_size = config, config.image_size
        self._model = build()
        # On a CPU, XLA is slower than TensorFlow's plain graph; JAX needs it.
        self._model.compile(jit_compile=keras.backend.backend() == "jax")
        self._lock = threading.Lock()  # the first call traces: one thread at a time

    def __call__(self, images: np.ndarray) -> Any:
        """Run the network, see `Predictor`."""
        check_batch(images, self.config.input_shape)
        with self._lock:
            return self._model.predict_on_batch(images)


class OpenVinoPredictor:
    """A network run by OpenVINO.

    Args:
        config: of the network.
        build: returns the Keras model with its weights.
        key: of the network in the cache, see `open_network`.
        cache_dir: of converted networks.

    Raises:
        ImportError, OSError, RuntimeError: see `open_network`.
    """

    runtime: Runtime = "openvino"

    def __init__(self, config: Config, build: Build, key: str, cache_dir: Path):
        self.config, self.image_size = config, config.image_size
        self._network = open_network(build, config.input_shape, key, cache_dir)

    def __call__(self, images: np.ndarray) -> Any:
        """Run the network, see `Predictor`."""
        check_batch(images, self.config.input_shape)
        outputs = self._network(images)
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))


def load_predictor(
    config: Config,
    build: Build,
    key: str,
    cache_dir: Path,
    runtime: Runtime = "auto",
    on_convert: Callable[[], None] = lambda: None,
) -> Predictor:
    """Load a network into the fastest available runtime, or into a given one.

    Args:
        config: of the network.
        build: returns the Keras model with its weights.
        key: of the network in the cache: `fingerprint` of all that it depends on.
        cache_dir: of converted networks.
        runtime: "auto" is OpenVINO, or Keras when OpenVINO is unavailable: it is not
            installed, the cache cannot be written, or the backend cannot convert.
        on_convert: called before the network is converted, which takes a while.

    Raises:
        ImportError, OSError, RuntimeError: OpenVINO is unavailable, with "openvino".
        OSError, ValueError: the weights cannot be read, or do not fit the config.
    """
    if runtime == "keras":
        return KerasPredictor(config, build)

    def build_to_convert() -> "keras.Model":
        check_backend()
        on_convert()
        return build()

    try:
        return OpenVinoPredictor(config, build_to_convert, key, cache_dir)
    except (ImportError, OSError, RuntimeError) as error:
        if runtime == "openvino":
            raise
        _log.info("the network runs in Keras, OpenVINO cannot be used: %s", error)
        return KerasPredictor(config, build)


def check_batch(images: np.ndarray, input_shape: tuple[int, int, int]) -> None:
    """Check a network's input.

    Raises:
        TypeError: it is not a float32 array.
        ValueError: it has another shape, or is empty.
    """
    if getattr(images, "dtype", None) != np.float32:
        kind = getattr(images, "dtype", type(images).__name__)
        raise TypeError(f"expected a float32 array, got {kind}")
    if images.ndim != 4 or images.shape[1:] != input_shape or not len(images):
        raise ValueError(f"expected shape (B, *{input_shape}), got {images.shape}")


class OpenVinoNetwork:
    """A converted network, compiled for this processor.

    Args:
        folder: written by `convert`.
    """

    def __init__(self, folder: Path):
        self._compiled = _compile(folder)
        self._names = [output.any_name for output in self._compiled.outputs]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run the network.

        Args:
            images: float32 (B, H, W, C), B at least 1.

        Returns:
            Arrays of B rows, by the names of the Keras model's outputs.
        """
        # One image at a time: a batch of two gains little on a CPU and needs a compiled
        # network of its own; a dynamic batch size is slower than both.
        with _LOCK:
            rows = [self._compiled(image[None]) for image in images]
        return {
            name: np.concatenate([row[i] for row in rows])
            for i, name in enumerate(self._names)
        }


def _compile(folder: Path) -> "openvino.CompiledModel":
    """Load the network compiled for this kind of processor, or compile it.

    Compilation takes most of a start; loading its result takes a third of the time.
    """
    import openvino

    core = openvino.Core()
    path = folder / f"{_COMPILED}{_processor(core)}"
    with contextlib.suppress(OSError, RuntimeError):  # missing or damaged
        content = path.read_bytes()
        digest, exported = content[:_DIGEST], content[_DIGEST:]
        if digest == hashlib.sha256(exported).digest():
            data = openvino.Tensor(np.frombuffer(exported, np.uint8))
            return core.import_model(data, "CPU", _SETTINGS)
    compiled = core.compile_model(core.read_model(folder / _FILES[0]), "CPU", _SETTINGS)
    with (
        # The cache may be read-only, or the processor's networks cannot be exported.
        contextlib.suppress(OSError, RuntimeError),
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=_PREFIX) as scratch,
    ):
        exported = compiled.export_model().getvalue()
        temporary = Path(scratch) / path.name
        temporary.write_bytes(hashlib.sha256(exported).digest() + exported)
        temporary.replace(path)
    return compiled


def _processor(core: "openvino.Core") -> str:
    """Return a short fingerprint of the processor's name and capabilities."""
    names = ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
    known = [str(core.get_property("CPU", name)) for name in names]
    numpys = np.show_config(mode="dicts") or {}
    return fingerprint(*known, str(numpys.get("SIMD Extensions")))[:16]


def open_network(
    build: Build,
    input_shape: tuple[int, int, int],
    key: str,
    cache_dir: Path,
) -> OpenVinoNetwork:
    """Open a network from the cache, after converting it if it is not cached.

    Args:
        build: returns the Keras model with its weights.
        input_shape: (H, W, C) of one input image.
        key: of the network in the cache: `fingerprint` of all that it depends on.
        cache_dir: created if absent; the least recently used networks are evicted.

    Raises:
        ImportError: openvino is not installed.
        OSError: the cache cannot be written.
        RuntimeError: the network cannot be converted (see `convert`) or compiled.
    """
    import openvino

    entry = cache_dir / f"{_PREFIX}{fingerprint(key, openvino.__version__)}"
    if not _is_intact(entry):
        cache_dir.mkdir(parents=True, exist_ok=True)
        # Of concurrent processes only one converts: it takes a minute and 1.4 GB.
        with FileLock(cache_dir / _LOCK_FILE):
            if not _is_intact(entry):
                _add_entry(entry, build, input_shape)
    with contextlib.suppress(OSError):  # a read-only cache
        os.utime(entry)
    return OpenVinoNetwork(entry)


def _add_entry(entry: Path, build: Build, input_shape: tuple[int, int, int]) -> None:
    """Convert a network into a new cache entry, atomically."""
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix=_PREFIX) as scratch:
        converted = Path(scratch) / "made"
        converted.mkdir()
        convert(build(), input_shape, converted)
        _move_into_place(converted, entry)
    _evict_old(entry.parent)


def convert(
    model: "keras.Model", input_shape: tuple[int, int, int], folder: Path
) -> None:
    """Convert a Keras model to OpenVINO's format, with a batch size of one.

    Args:
        model: maps float32 (B, *input_shape) to a dict of tensors (B, ...).
        input_shape: (H, W, C).
        folder: exists and is empty.

    Raises:
        RuntimeError: under another backend than TensorFlow, or for an operation that
            OpenVINO does not support.
    """
    import keras
    import openvino

    check_backend()
    signature = [keras.InputSpec(shape=(1, *input_shape), dtype="float32")]
    saved = folder / "saved"
    model.export(saved, format="tf_saved_model", verbose=False, input_signature=signature)
    # `openvino.convert_model` would do it in one step, but sends telemetry.
    network = openvino.Core().read_model(saved)
    flatten_gathers(network)
    openvino.save_model(network, folder / _FILES[0], compress_to_fp16=False)
    shutil.rmtree(saved)
    sums = {name: fingerprint(folder / name) for name in _FILES}
    (folder / _SUMS).write_text(json.dumps(sums))


def check_backend() -> None:
    """Check that Keras' backend can convert.

    Raises:
        RuntimeError: it cannot.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            "a network is converted for OpenVINO under the backend tensorflow, not "
            f"{keras.backend.backend()}"
        )


def flatten_gathers(network: "openvino.Model") -> None:
    """Replace each Gather with `batch_dims` by a Gather from flat values, in place.

    OpenVINO (tested: 2026.2.1 and 2026.4.1) reads beyond the indices of a Gather with
    `batch_dims` when there are fewer than 16, which may crash the process.

    Raises:
        RuntimeError: for a Gather with `batch_dims` on other than matrices.
    """
    from openvino import opset13 as ops

    for node in network.get_ops():
        if node.get_type_name() != "Gather" or not node.get_attributes()["batch_dims"]:
            continue
        values, index, _ = node.input_values()
        if not len(values.shape) == len(index.shape) == 2:
            raise RuntimeError(
                "expected a Gather from a matrix by a matrix, got shapes "
                f"{list(values.shape)} and {list(index.shape)}"
            )
        rows, columns = values.shape
        start = np.arange(rows, dtype=np.int64)[:, None] * columns
        position = ops.add(ops.convert(index, "i64"), ops.constant(start))
        flat = ops.reshape(values, ops.constant([-1], np.int64), special_zero=False)
        gathered = ops.gather(flat, position, ops.constant(0, np.int64))
        node.output(0).replace(gathered.output(0))


def fingerprint(*parts: str | Path) -> str:
    """Return the SHA-256, in hex, of texts and of files' contents."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        else:
            total.update(hashlib.sha256(part.encode()).digest())
    return total.hexdigest()


def _is_intact(entry: Path) -> bool:
    """Tell whether a cache entry exists and matches its checksums."""
    try:
        sums = json.loads((entry / _SUMS).read_text())
        return all(sums[name] == fingerprint(entry / name) for name in _FILES)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _move_into_place(converted: Path, entry: Path) -> None:
    """Rename a converted network to its cache entry, atomically."""
    if entry.exists():  # damaged: moved to the temporary folder, which is deleted
        entry.rename(converted.with_name("damaged"))
    try:
        converted.rename(entry)
    except OSError:
        if not _is_intact(entry):  # else another process was faster
            raise


def _evict_old(cache_dir: Path) -> None:
    entries = sorted(cache_dir.glob(f"{_PREFIX}*"), key=lambda path: path.stat().st_mtime)
    for entry in entries[:-_MAX_NETWORKS]:
        shutil.rmtree(entry, ignore_errors=True)
