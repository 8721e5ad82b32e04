"""A Keras network on OpenVINO: converted once, kept on disk, run without Keras.

Nothing here knows what the network is for: `open_network` takes a function that builds a
`keras.Model` of one input, and gives a callable from arrays to a dict of arrays. The
function is called on the first start alone; a later one needs neither Keras nor its
backend, which saves their import.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock

if TYPE_CHECKING:
    import keras
    import openvino

_FILES = ("network.xml", "network.bin")
_SUMS = "sums.json"
_COMPILED = "compiled-"  # and for what processor: starts with the digest of the rest
_DIGEST = hashlib.sha256().digest_size
_LOCK = "convert.lock"  # held while a network is made
_PREFIX = "network-"  # of everything this module writes into a cache folder
_KEPT = 12  # networks in a cache folder; a trained segmenter takes 38 MB
# One thread at a time: two in one network are an error to OpenVINO, and two in two get
# into each other's way, since each takes all cores (a small pair took a fifth longer).
_TURN = threading.Lock()
# float32 is asked for: left to itself, OpenVINO computes in bfloat16 where the processor
# can, which moves outlines, and on some such processors ends the process (SIGFPE) while
# it compiles a Mask R-CNN for several threads.
_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}


class OpenVinoNetwork:
    """A converted network on the processor.

    Args:
        folder: what `convert` wrote.
    """

    def __init__(self, folder: Path):
        self._compiled = _compile(folder)
        self._names = [output.any_name for output in self._compiled.outputs]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run the network.

        Args:
            images: float32 (B, H, W, C), B at least 1.

        Returns:
            By the names of the Keras model's outputs, arrays of B rows.
        """
        # One by one: a batch of two gains little on a CPU, and would have to be compiled
        # beside the single image; a free batch size is slower than both.
        with _TURN:
            rows = [self._compiled(image[None]) for image in images]
        return {
            name: np.concatenate([row[i] for row in rows])
            for i, name in enumerate(self._names)
        }


def _compile(folder: Path) -> "openvino.CompiledModel":
    """Compile a network, or take what was compiled on a processor like this one.

    Compiling is most of a start: to read what it gave takes a third of the time.
    """
    import openvino

    core = openvino.Core()
    path = folder / f"{_COMPILED}{_processor(core)}"
    with contextlib.suppress(OSError, RuntimeError):  # none yet, or a damaged one
        kept = path.read_bytes()
        digest, made = kept[:_DIGEST], kept[_DIGEST:]
        if digest == hashlib.sha256(made).digest():
            data = openvino.Tensor(np.frombuffer(made, np.uint8))
            return core.import_model(data, "CPU", _SETTINGS)
    compiled = core.compile_model(core.read_model(folder / _FILES[0]), "CPU", _SETTINGS)
    with (
        # A cache that may only be read, or a processor whose networks cannot be exported.
        contextlib.suppress(OSError, RuntimeError),
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=_PREFIX) as scratch,
    ):
        made = compiled.export_model().getvalue()
        whole = Path(scratch) / path.name
        whole.write_bytes(hashlib.sha256(made).digest() + made)
        whole.replace(path)
    return compiled


def _processor(core: "openvino.Core") -> str:
    """Return a short fingerprint of what OpenVINO and numpy know of the processor."""
    names = ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
    known = [str(core.get_property("CPU", name)) for name in names]
    numpys = np.show_config(mode="dicts") or {}
    return fingerprint(*known, str(numpys.get("SIMD Extensions")))[:16]


def open_network(
    build: "Callable[[], keras.Model]",
    input_shape: tuple[int, int, int],
    key: str,
    cache_dir: Path,
) -> OpenVinoNetwork:
    """Open a network from the cache; it is converted first where it is not there.

    Args:
        build: makes the Keras model, weights loaded.
        input_shape: (H, W, C) of one input image.
        key: names the network in the cache: `fingerprint` of all that it depends on.
        cache_dir: is made where needed; the networks that were opened least lately make
            room for new ones.

    Raises:
        ImportError: openvino is not installed.
        OSError: the cache cannot be written.
        RuntimeError: the network cannot be converted (see `convert`) or compiled.
    """
    import openvino

    entry = cache_dir / f"{_PREFIX}{fingerprint(key, openvino.__version__)}"
    if not _is_whole(entry):
        cache_dir.mkdir(parents=True, exist_ok=True)
        # Processes that start together convert once: it takes a minute and 1.4 GB.
        with FileLock(cache_dir / _LOCK):
            if not _is_whole(entry):
                _fill(entry, build, input_shape)
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(entry)
    return OpenVinoNetwork(entry)


def _fill(
    entry: Path, build: "Callable[[], keras.Model]", input_shape: tuple[int, int, int]
) -> None:
    """Convert a network into a cache's entry, which appears when it is whole."""
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix=_PREFIX) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        convert(build(), input_shape, made)
        _move_in(made, entry)
    _drop_old(entry.parent)


def convert(
    model: "keras.Model", input_shape: tuple[int, int, int], folder: Path
) -> None:
    """Write a Keras model in OpenVINO's form, for one image at a time.

    Args:
        model: maps float32 (B, *input_shape) to a dict of tensors (B, ...).
        input_shape: (H, W, C).
        folder: exists and is empty.

    Raises:
        RuntimeError: under another backend than TensorFlow, or for an operation that
            OpenVINO does not know.
    """
    import keras
    import openvino

    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            "a network is converted for OpenVINO under the backend tensorflow, not "
            f"{keras.backend.backend()}"
        )
    signature = [keras.InputSpec(shape=(1, *input_shape), dtype="float32")]
    saved = folder / "saved"
    model.export(saved, format="tf_saved_model", verbose=False, input_signature=signature)
    # `openvino.convert_model` would do it in one step, and tell its makers over the
    # network that it did.
    network = openvino.Core().read_model(saved)
    flatten_gathers(network)
    openvino.save_model(network, folder / _FILES[0], compress_to_fp16=False)
    shutil.rmtree(saved)
    sums = {name: fingerprint(folder / name) for name in _FILES}
    (folder / _SUMS).write_text(json.dumps(sums))


def flatten_gathers(network: "openvino.Model") -> None:
    """Replace each Gather within rows by one Gather from all rows, in place.

    OpenVINO (tried: 2026.2.1 and 2026.4.1) reads beyond the indices of a Gather with
    `batch_dims` when there are fewer than 16: at best unnoticed, else the process ends.

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
        place = ops.add(ops.convert(index, "i64"), ops.constant(start))
        flat = ops.reshape(values, ops.constant([-1], np.int64), special_zero=False)
        found = ops.gather(flat, place, ops.constant(0, np.int64))
        node.output(0).replace(found.output(0))


def fingerprint(*parts: str | Path) -> str:
    """Return a SHA-256 in hex of texts, and of files by what they hold."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        else:
            total.update(hashlib.sha256(part.encode()).digest())
    return total.hexdigest()


def _is_whole(entry: Path) -> bool:
    """Tell whether an entry is there, with the very bytes that were written."""
    try:
        sums = json.loads((entry / _SUMS).read_text())
        return all(sums[name] == fingerprint(entry / name) for name in _FILES)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _move_in(made: Path, entry: Path) -> None:
    """Put a new entry in its place, all at once."""
    if entry.exists():  # damaged: its place is needed, and scratch is swept anyway
        entry.rename(made.with_name("damaged"))
    try:
        made.rename(entry)
    except OSError:
        if not _is_whole(entry):  # else another process was faster
            raise


def _drop_old(cache_dir: Path) -> None:
    entries = sorted(cache_dir.glob(f"{_PREFIX}*"), key=lambda path: path.stat().st_mtime)
    for entry in entries[:-_KEPT]:
        shutil.rmtree(entry, ignore_errors=True)
