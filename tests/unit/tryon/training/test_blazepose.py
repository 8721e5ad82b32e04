"""Conversion of published pose networks, shown on a small file of their form."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow", reason="TensorFlow Lite files need TensorFlow")

from tryon.errors import TryOnError  # noqa: E402
from tryon.training.blazepose import (  # noqa: E402
    NETWORKS,
    convert,
    read_convolutions,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:[\\s\\S]*tf.lite.Interpreter is deprecated"
)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """A file with a convolution and a depthwise one, constants in float16."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only the TensorFlow backend writes such files")
    inputs = keras.Input((8, 8, 3), batch_size=1)
    x = keras.layers.Conv2D(4, 3, name="first")(inputs)
    model = keras.Model(inputs, keras.layers.DepthwiseConv2D(3, name="second")(x))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    path = tmp_path_factory.mktemp("lite") / "small.tflite"
    path.write_bytes(converter.convert())
    return path, model


def test_kernels_come_in_keras_layout_and_in_order(small_file):
    path, model = small_file
    found = read_convolutions(path)
    for (kernel, bias), name in zip(found, ("first", "second"), strict=True):
        expected, expected_bias = model.get_layer(name).get_weights()
        np.testing.assert_allclose(kernel, expected, atol=1e-3)
        np.testing.assert_allclose(bias, expected_bias, atol=1e-3)


def test_another_network_is_refused(small_file, tmp_path):
    name = NETWORKS["pose"].file
    (tmp_path / name).write_bytes(small_file[0].read_bytes())
    with pytest.raises(TryOnError, match="convolution 1 differs"):
        convert(tmp_path, "pose", tmp_path)


def test_a_missing_file_is_named_with_its_source(tmp_path):
    with pytest.raises(TryOnError, match="@mediapipe/pose"):
        convert(tmp_path, "pose", tmp_path)
