"""The layout of BlazePose's networks: shapes, and the order of their convolutions."""

import keras
import numpy as np
import pytest

from mrcnn.config import PersonDetectorConfig, PoseConfig
from mrcnn.pose.model import (
    _unpack,
    build_person_detector,
    build_pose_network,
    convolutions,
)


@pytest.fixture(scope="module")
def pose_network():
    return build_pose_network()


@pytest.fixture(scope="module")
def detector():
    return build_person_detector()


def test_pose_outputs_have_the_promised_shapes(pose_network):
    shapes = {name: value.shape[1:] for name, value in pose_network.output.items()}
    assert shapes == {
        "landmarks": (39, 5),
        "person": (1,),
        "masks": (256, 256),
        "heatmaps": (64, 64, 39),
    }
    assert pose_network.input_shape == (None, *PoseConfig().input_shape)


def test_detector_outputs_have_the_promised_shapes(detector):
    shapes = {name: value.shape[1:] for name, value in detector.output.items()}
    assert shapes == {"scores": (2254,), "boxes": (2254, 12)}
    assert detector.input_shape == (None, *PersonDetectorConfig().input_shape)


def test_convolutions_are_numbered_as_in_the_published_files(pose_network, detector):
    assert sorted(convolutions(detector)) == list(range(1, 74))
    numbers = sorted(convolutions(pose_network))
    missing = set(range(1, 97)) - set(numbers)
    assert missing == {95}, "landmarks in metres, which nothing needs"
    widths = {n: layer.bias.shape[0] for n, layer in convolutions(pose_network).items()}
    assert [widths[n] for n in (1, 3, 4, 12, 20, 40, 55)] == [
        24,
        16,
        64,
        144,
        192,
        528,
        864,
    ]
    assert (widths[94], widths[96]) == (39 * 5, 1)


def test_cells_are_unpacked_to_the_pixels_they_cover():
    cells = np.arange(2 * 2 * 8, dtype=np.float32).reshape(1, 2, 2, 8)
    pixels = keras.ops.convert_to_numpy(_unpack(keras.ops.convert_to_tensor(cells)))
    assert pixels.shape == (1, 4, 4, 2)
    # A cell's eight channels are two for each of its four pixels, row by row.
    assert pixels[0, 0, 0].tolist() == [0, 1]
    assert pixels[0, 0, 1].tolist() == [2, 3]
    assert pixels[0, 1, 0].tolist() == [4, 5]
    assert pixels[0, 2, 3].tolist() == [26, 27]
