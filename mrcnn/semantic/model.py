"""The semantic network: BlazePose's features, and a decoder that names clothes.

BlazePose was trained on far more people than there are photos with labelled clothes: its
features tell more of a person nobody has trained on than ImageNet's do.
"""

import keras
from keras import layers, ops

from mrcnn.config import PoseConfig, SemanticConfig
from mrcnn.decoder import conv
from mrcnn.pose.model import build_pose_network

_DROPOUT = 0.15  # share of the channels of BlazePose's features, in training
_KERNEL = 5  # of the decoder's depthwise convolutions
# Layers of BlazePose whose outputs are decoded: what its own decoder gets, and wider
# features before, by stride.
_SIDES = {
    4: ("conv012", "conv014"),
    8: ("conv020", "conv022"),
    16: ("conv040", "conv042"),
}
_TOP = "conv055"  # stride 32
_HEATMAPS = "conv069"  # landmarks, stride 4, made of the features that it gets


def build_semantic_network(config: SemanticConfig | None = None) -> keras.Model:
    """Build the network.

    Args:
        config: architecture; S is its `image_size`.

    Returns:
        A model from views (B, S, S, 3), RGB 0..255, to float32 logits (B, S/4, S/4, C) of
        `CLOTHES`. Its first layer, `blazepose_backbone`, has the weights of the pose
        network.

    References:
        Ronneberger et al., "U-Net", MICCAI 2015; Bazarevsky et al., "BlazePose", CVPR
        workshop 2020.
    """
    config = config or SemanticConfig()
    *widths, deepest = config.widths
    views = keras.Input(config.input_shape, name="views")
    features = _backbone(config.image_size)(views, training=False)
    heatmaps = ops.sigmoid(features["heatmaps"])
    top = layers.SpatialDropout2D(_DROPOUT, seed=32, name="drop32")(features["32"])
    x = conv(deepest, 1, "lateral32")(top)
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="whole")(x)
    x = layers.Add(name="sum32")(
        [_separable(x, deepest, "deep32"), conv(deepest, 1, "whole32")(whole)]
    )
    for stride, width in zip((16, 8, 4), reversed(widths), strict=True):
        side = layers.SpatialDropout2D(_DROPOUT, seed=stride, name=f"drop{stride}")(
            features[str(stride)]
        )
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{stride}")(x)
        parts = [x, conv(width, 1, f"lateral{stride}")(side)]
        if stride == 4:
            parts += [features["fused"], heatmaps]
        else:
            parts.append(layers.AveragePooling2D(stride // 4)(heatmaps))
        x = conv(width, 1, f"join{stride}")(
            layers.Concatenate(name=f"parts{stride}")(parts)
        )
        for letter in "ab":
            deep = _separable(x, width, f"deep{stride}{letter}")
            x = layers.Add(name=f"sum{stride}{letter}")([x, deep])
    logits = conv(config.classes, 1, "clothes", None)(x)
    return keras.Model(views, logits, name="semantic")


def _backbone(size: int) -> keras.Model:
    """Return BlazePose up to its heatmaps, with its features by their strides."""
    pose = build_pose_network(PoseConfig(size))
    outputs = {
        str(stride): layers.Concatenate(name=f"features{stride}")(
            [pose.get_layer(name).output for name in names]
        )
        for stride, names in _SIDES.items()
    }
    outputs["32"] = pose.get_layer(_TOP).output
    outputs["fused"] = pose.get_layer(_HEATMAPS).input
    outputs["heatmaps"] = pose.get_layer(_HEATMAPS).output
    return keras.Model(pose.input, outputs, name="blazepose_backbone")


def _separable(x, width: int, name: str):
    """Return a separable convolution of x."""
    deep = layers.DepthwiseConv2D(
        _KERNEL, padding="same", activation="relu", name=name + "_depthwise"
    )
    return conv(width, 1, name)(deep(x))
