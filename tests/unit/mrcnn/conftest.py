"""A network so small that it builds and trains in seconds, and drawn shirts."""

import keras
import numpy as np
import pytest

from mrcnn import backbone
from mrcnn.config import MaskRCNNConfig, RefinerConfig, Stage, TrainConfig
from mrcnn.data import Example


def build_tiny(include_top, weights, input_shape):
    """Five strided convolutions, named like a `keras.applications` model."""
    del include_top, weights
    x = inputs = keras.Input(input_shape, name="input")
    for stage, width in enumerate((8, 16, 24, 32, 32), 1):
        x = keras.layers.Conv2D(width, 3, 2, padding="same", name=f"conv{stage}")(x)
        x = keras.layers.BatchNormalization(name=f"norm{stage}")(x)
        x = keras.layers.ReLU(name=f"out{stage}")(x)
    return keras.Model(inputs, x, name="tiny")


@pytest.fixture(scope="session", autouse=True)
def tiny_backbone():
    """Register the backbone "tiny"."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backbone._BUILDERS, "tiny", build_tiny)
        patch.setitem(backbone._C1_LAYERS, "tiny", "out1")
        patch.setitem(backbone._STAGE_ENDS, "tiny", ("out2", "out3", "out4", "out5"))
        yield


@pytest.fixture(scope="session")
def config():
    return MaskRCNNConfig(
        backbone="tiny",
        image_size=64,
        num_classes=3,
        pyramid_channels=16,
        pre_nms=40,
        proposals=10,
        max_detections=4,
        box_roi_size=5,
        mask_roi_size=7,
        mask_output_size=14,
        canonical_size=32.0,
        box_head_channels=32,
        mask_head_channels=16,
        mask_head_convs=1,
    )


@pytest.fixture(scope="session")
def refiner_config():
    return RefinerConfig(
        backbone="tiny",
        image_size=64,
        num_classes=3,
        widths=(4, 8, 8, 8, 8),
        class_width=8,
    )


@pytest.fixture(scope="session")
def train_config():
    return TrainConfig(
        stages=(Stage("heads", 2, 1e-3), Stage("all", 2, 1e-3)),
        batch_size=2,
        warmup_steps=1,
        max_instances=2,
        rpn_samples=16,
        roi_samples=6,
        roi_positives=2,
    )


def draw_shirt(size, left, top, width, colour, label=1):
    """A body with two sleeves before a quiet background."""
    rng = np.random.default_rng(left * 100 + top)
    mask = np.zeros((size, size), bool)
    quarter = width // 4
    mask[top : top + width, left + quarter : left + width - quarter] = True
    mask[top : top + width // 3, left : left + width] = True
    image = rng.integers(90, 130, (size, size, 3)).astype(np.uint8)
    image[mask] = colour
    return Example(image, mask[None], np.array([label]))


@pytest.fixture(scope="session")
def shirts():
    """Four drawn photos, 64 x 64, one shirt each, two of each label."""
    return [
        draw_shirt(64, 8, 10, 40, (220, 30, 30), 1),
        draw_shirt(64, 20, 16, 36, (30, 200, 40), 2),
        draw_shirt(64, 12, 22, 32, (230, 60, 20), 1),
        draw_shirt(64, 4, 4, 48, (20, 180, 80), 2),
    ]


@pytest.fixture(autouse=True)
def eager():
    """Trace no graphs: a few steps of a tiny model are over before a trace is.

    `tests/backends` runs the compiled steps.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
