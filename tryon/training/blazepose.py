"""Convert BlazePose's published model files to the pose networks' weights and cards.

    python -m tryon.training.blazepose FOLDER OUT

FOLDER holds `pose_detection.tflite` and `pose_landmark_full.tflite`. Both are part of the
npm package `@mediapipe/pose` 0.5.1675469404 (Apache-2.0), the former inside of its
`pose_solution_packed_assets.data`. OUT gets `person_detector` and `pose`.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import numpy as np

from cyclegan.weights import save_float16
from mrcnn.config import NetworkConfig, PersonDetectorConfig, PoseConfig
from mrcnn.pose.model import build_person_detector, build_pose_network, convolutions
from tryon.errors import TryOnError
from tryon.zoo import sha256_of, write_card

if TYPE_CHECKING:
    import keras

SOURCE = "BlazePose GHUM, npm package @mediapipe/pose 0.5.1675469404 (Apache-2.0)"


class _Network(NamedTuple):
    """A published network and ours."""

    file: str
    config: NetworkConfig
    build: "Callable[[], keras.Model]"


NETWORKS = {
    "person_detector": _Network(
        "pose_detection.tflite", PersonDetectorConfig(), build_person_detector
    ),
    "pose": _Network("pose_landmark_full.tflite", PoseConfig(), build_pose_network),
}


def convert(source: Path, name: str, out_dir: Path) -> Path:
    """Convert one network.

    Args:
        source: folder of the published files.
        name: one of `NETWORKS`.
        out_dir: gets weights (float16, as in the published file) and card.

    Returns:
        The path of the weights.

    Raises:
        TryOnError: the file is missing, or is another network.
    """
    network = NETWORKS[name]
    path = source / network.file
    if not path.is_file():
        raise TryOnError(f"{path}: not found; take it from {SOURCE}")
    model = network.build()
    arrays = read_convolutions(path)
    for number, layer in convolutions(model).items():
        try:
            layer.set_weights(arrays[number - 1])
        except (IndexError, ValueError) as error:
            raise TryOnError(
                f"{path}: not the expected network; convolution {number} differs"
            ) from error
    weights = out_dir / f"{name}.weights.h5"
    save_float16(model, weights)
    card = {
        "name": name,
        "kind": name,
        "licence": "Apache-2.0",
        "config": dataclasses.asdict(network.config),
        "data": [SOURCE],
        "source": {"file": network.file, "sha256": sha256_of(path)},
        "command": "python -m tryon.training.blazepose FOLDER OUT",
    }
    write_card(weights, card)
    return weights


def read_convolutions(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the convolutions of a TensorFlow Lite file.

    Returns:
        Kernel (h, w, in, out), of a depthwise one (h, w, in, 1), and bias (out,) of each,
        float32, in the order of execution.
    """
    import tensorflow as tf
    from tensorflow.lite.python import schema_py_generated as schema

    content = path.read_bytes()
    # The interpreter unpacks float16 and sparse constants while it runs.
    interpreter = tf.lite.Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=(
            tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        ),
    )
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    interpreter.set_tensor(given["index"], np.zeros(given["shape"], np.float32))
    interpreter.invoke()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    kinds = {schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D}
    found = []
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        if max(code.builtinCode, code.deprecatedBuiltinCode) in kinds:
            kernel, bias = (interpreter.get_tensor(int(i)) for i in operator.inputs[1:3])
            found.append((kernel.transpose(1, 2, 3, 0), bias))
    return found


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out_dir", type=click.Path(path_type=Path, file_okay=False))
def main(source: Path, out_dir: Path) -> None:
    """Convert both networks in SOURCE and write them to OUT_DIR."""
    out_dir.mkdir(parents=True, exist_ok=True)
    for name in NETWORKS:
        try:
            weights = convert(source, name, out_dir)
        except TryOnError as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{weights}: {weights.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
