"""Backbones from `keras.applications` and BlazePose, cut into the stages C2 to C5."""

from collections.abc import Iterable
from pathlib import Path

import keras

from mrcnn.config import TRAINABLE_FROM, PoseConfig
from mrcnn.pose.model import build_pose_network, convolutions
from mrcnn.weights import load_weights

# Layers whose outputs are C1, stride 2.
_C1_LAYERS = {
    "mobilenet_v2": "block_1_expand_relu",
    "resnet50": "conv1_relu",
    "resnet101": "conv1_relu",
    "blazepose": "conv004",
}
# Layers whose outputs are C2 to C5, strides 4, 8, 16 and 32.
_STAGE_ENDS = {
    "mobilenet_v2": (
        "block_3_expand_relu",
        "block_6_expand_relu",
        "block_13_expand_relu",
        "out_relu",
    ),
    "resnet50": (
        "conv2_block3_out",
        "conv3_block4_out",
        "conv4_block6_out",
        "conv5_block3_out",
    ),
    "resnet101": (
        "conv2_block3_out",
        "conv3_block4_out",
        "conv4_block23_out",
        "conv5_block3_out",
    ),
    "blazepose": ("conv012", "conv020", "conv040", "conv055"),
}
_BUILDERS = {
    "mobilenet_v2": keras.applications.MobileNetV2,
    "resnet50": keras.applications.ResNet50,
    "resnet101": keras.applications.ResNet101,
}


def build_backbone(name: str, image_size: int, include_c1: bool = False) -> keras.Model:
    """Build a backbone with random weights.

    Args:
        name: "mobilenet_v2", "resnet50", "resnet101" or "blazepose".
        image_size: height and width of the input, a multiple of 64.
        include_c1: whether C1, stride 2, is an output too.

    Returns:
        A model from images (B, S, S, 3), in the range that `preprocess` returns, to the
        features [C2, C3, C4, C5] with strides 4, 8, 16, 32, or to [C1, C2, ...].
    """
    if name not in _STAGE_ENDS:
        raise ValueError(f"expected a backbone among {sorted(_STAGE_ENDS)}, got {name!r}")
    if name == "blazepose":
        full = build_pose_network(PoseConfig(image_size))
    else:
        full = _BUILDERS[name](
            include_top=False, weights=None, input_shape=(image_size, image_size, 3)
        )
    ends = (_C1_LAYERS[name],) * include_c1 + _STAGE_ENDS[name]
    outputs = [full.get_layer(end).output for end in ends]
    return keras.Model(full.input, outputs, name=f"{name}_backbone")


def load_pretrained(backbone: keras.Model, path: str) -> None:
    """Load pretrained weights into a backbone.

    Args:
        backbone: a model of `build_backbone`.
        path: a `.weights.h5` file of the whole "notop" `keras.applications` model, or for
            BlazePose of the pose network.

    Raises:
        FileNotFoundError, WeightsError: see `load_weights`.
    """
    if backbone.name != "blazepose_backbone":
        # The backbone has the same layers in the same order as the whole model.
        load_weights(backbone, Path(path))
        return
    full = build_pose_network(PoseConfig(backbone.input_shape[1]))
    load_weights(full, Path(path))
    whole = convolutions(full)
    for number, layer in convolutions(backbone).items():
        layer.set_weights(whole[number].get_weights())


def preprocess(images, name: str):
    """Scale images in 0..255 to the range that the backbone was trained on.

    Args:
        images: float tensor (B, H, W, 3), RGB, 0 to 255.
        name: backbone name.

    Returns:
        Tensor of the same shape: in [-1, 1] for MobileNetV2, BGR minus the ImageNet mean
        for the ResNets, unchanged for BlazePose, which scales by itself.
    """
    if name == "blazepose":
        return images
    if name == "mobilenet_v2":
        return images / 127.5 - 1.0
    return keras.applications.resnet.preprocess_input(images)


def stage_of(layer_name: str, backbone: keras.Model) -> int:
    """Return the stage (1 to 5) that computes the layer's output."""
    name = backbone.name.removesuffix("_backbone")
    names = [layer.name for layer in backbone.layers]
    position = names.index(layer_name)
    ends = [names.index(end) for end in _STAGE_ENDS[name]]
    # C2's layer ends stage 2; a layer behind the end of C_k belongs to stage k + 1.
    return min(5, 2 + sum(position > end for end in ends)) if position else 1


def set_trainable(backbone: keras.Model, layers: str) -> None:
    """Freeze the stages before `layers`, and every batch normalization.

    Batch normalizations always stay frozen: their statistics are folded into the shipped
    ImageNet weights (mean 0, variance 1), and updated statistics would break those.

    Args:
        backbone: a model of `build_backbone`.
        layers: one of `TRAINABLE_FROM`.
    """
    if layers not in TRAINABLE_FROM:
        raise ValueError(f"expected layers in {sorted(TRAINABLE_FROM)}, got {layers!r}")
    first = TRAINABLE_FROM[layers]
    for layer in backbone.layers:
        layer.trainable = stage_of(layer.name, backbone) >= first
        _freeze_norm(layer)


def _freeze_norm(layer: keras.layers.Layer) -> None:
    inner: Iterable[keras.layers.Layer] = getattr(layer, "layers", ())
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.trainable = False
    for child in inner:
        _freeze_norm(child)
