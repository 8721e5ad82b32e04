"""Generators, discriminator and shading network; how predictions are applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from .config import (
    CycleGANConfig,
    ShadingConfig,
    UNetConfig,
    UniversalConfig,
)
from .data import GAMMA
from .layers import (
    Texture,
    build_settings,
    conv,
    instance_norm,
    padded_conv,
    relu,
    resize_conv,
)

MAX_LOG_GAIN = 2.0  # bound of predicted log gains, natural log of linear light


@dataclass(frozen=True)
class LightMeterConfig:
    """Architecture of `_light_meter`, the same in all universal generators."""

    maps: int = 16  # attention maps
    units: int = 64  # of the hidden layer
    floor: float = 0.02  # fraction of white added to colours before the log


LIGHT_METER = LightMeterConfig()


def build_generator(config: CycleGANConfig, name: str = "generator") -> keras.Model:
    """Build a ResNet generator.

    With a texture, the pattern's print is an image that is learned with the weights: from
    S2 alone a network cannot know which square of a check is where, and would predict
    their mean. The ResNet's inputs are then S2 and the print on it, its outputs log gain
    and residual; its heads are initialized to zero, so that an untrained generator
    returns the texture unchanged.

    Args:
        config: sizes; 4 input channels mean rgb and mask.
        name: model name.

    Returns:
        (B, *config.input_shape) in [-1, 1] -> (B, S, S, 3) float32 in [-1, 1]. With a
        texture, the input's last two channels are chart coordinates (x, y), and the
        output is (B, S, S, 9): print rgb [-1, 1], log gain [-2, 2], residual [-1, 1];
        see `relight_texture`.

    References:
        Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent
        Adversarial Networks, ICCV 2017; Thies et al., Deferred Neural Rendering: Image
        Synthesis using Neural Textures, SIGGRAPH 2019.
    """
    inputs = keras.Input(config.input_shape, name="image")
    with build_settings(name, config.precision, config.seed):
        if config.texture:
            outputs = _textured(inputs, config)
        else:
            x = padded_conv(_resnet(inputs, config), 3, 7, "rgb")  # (B, S, S, 3)
            outputs = keras.layers.Activation("tanh", dtype="float32", name="tanh")(x)
    return keras.Model(inputs, outputs, name=name)


def _textured(inputs: Any, config: CycleGANConfig) -> Any:
    """Return print, log gain and residual (B, S, S, 9), see `build_generator`."""
    channels = config.input_channels
    layer = Texture(config.texture, name="texture", dtype="float32")
    print_ = layer(inputs[..., channels:])
    join = keras.layers.Concatenate(name="s2_and_print")
    x = _resnet(join([inputs[..., :channels], print_]), config)
    heads = [_head(x, "log_gain", 3, MAX_LOG_GAIN), _head(x, "residual", 3, 1.0)]
    return keras.layers.Concatenate(dtype="float32", name="prediction")([print_, *heads])


def _resnet(inputs: Any, config: CycleGANConfig) -> Any:
    """Return the ResNet's features (B, S, S, F)."""
    filters = config.filters
    x = padded_conv(inputs, filters, 7, "stem")  # (B, S, S, F)
    x = relu(instance_norm(x, "stem_norm"), "stem_relu")
    for i in (1, 2):  # (B, S/2, S/2, 2F), (B, S/4, S/4, 4F)
        x = conv(x, filters * 2**i, 3, f"down{i}", strides=2)
        x = relu(instance_norm(x, f"down{i}_norm"), f"down{i}_relu")
    for i in range(config.blocks):
        x = _instance_block(x, filters * 4, f"block{i + 1}")
    for i in (1, 2):  # (B, S/2, S/2, 2F), (B, S, S, F)
        x = resize_conv(x, filters * 4 // 2**i, f"up{i}")
        x = relu(instance_norm(x, f"up{i}_norm"), f"up{i}_relu")
    return x


def build_discriminator(
    config: CycleGANConfig | UniversalConfig, name: str = "discriminator"
) -> keras.Model:
    """Build a PatchGAN whose scores are of overlapping 70 x 70 pixel patches.

    Args:
        config: sizes.
        name: model name.

    Returns:
        (B, S, S, 3) in [-1, 1] -> (B, S/8, S/8, 1) float32 scores, 1 for real.

    References:
        Isola et al., Image-to-Image Translation with Conditional Adversarial
        Networks, CVPR 2017.
    """
    size, filters = config.image_size, config.discriminator_filters
    inputs = keras.Input((size, size, 3), name="image")
    with build_settings(name, config.precision, config.seed):
        x = inputs
        for i, strides in enumerate((2, 2, 2, 1)):
            x = conv(x, filters * min(2**i, 4), 4, f"conv{i + 1}", strides=strides)
            if i:
                x = instance_norm(x, f"conv{i + 1}_norm")
            x = keras.layers.LeakyReLU(0.2, name=f"conv{i + 1}_leaky")(x)
        x = conv(x, 1, 4, "score")
        outputs = keras.layers.Activation("linear", dtype="float32", name="scores")(x)
    return keras.Model(inputs, outputs, name=name)


def build_universal_generator(
    config: UniversalConfig, name: str = "universal"
) -> keras.Model:
    """Build the generator that relights a warped S1 and corrects its errors.

    A U-Net with residual blocks at an eighth of the size and global context. Its group
    normalization removes the overall brightness of an image, so that is measured on the
    input itself (`_light_meter`). The heads are initialized to zero: an untrained network
    returns the warped S1 unchanged.

    Args:
        config: sizes.
        name: model name.

    Returns:
        (B, S, S, 10) -> (B, S, S, 6) float32. In: the user's photo around S2 rgb
        [-1, 1] (black outside it; skin and background show the light of the room),
        mask {0, 1}, warped S1 rgb [-1, 1], validity {0, 1}, its coordinates in S1's
        photo [-1, 1] (x, y). Out: log gain [-2, 2] of linear light (3), residual
        [-1, 1] (3). See `apply_prediction`.

    References:
        Ronneberger et al., U-Net, MICCAI 2015.
    """
    inputs = keras.Input(config.input_shape, name="view_and_exemplar")
    with build_settings(name, config.precision, config.seed):
        deep, skips = _encode(inputs, config)
        x = _decode(deep, skips, config)  # (B, S, S, F/2)
        heads = [
            _head(x, "log_gain", 3, MAX_LOG_GAIN, _light_meter(inputs, deep)),
            _head(x, "residual", 3, 1.0),
        ]
        join = keras.layers.Concatenate(dtype="float32", name="prediction")
        return keras.Model(inputs, join(heads), name=name)


def build_shading_network(config: ShadingConfig, name: str = "shading") -> keras.Model:
    """Build the network that separates a garment's shading from its print.

    The U-Net of the universal generator, with one head. An untrained network predicts
    constant shading.

    Args:
        config: sizes.
        name: model name.

    Returns:
        (B, S, S, 4) -> (B, S, S, 1) float32. In: the garment's photo rgb [-1, 1], 0
        outside it; its mask {0, 1}. Out: log of its shading in linear light, [-2, 2], up
        to a constant; arbitrary outside the mask.
    """
    inputs = keras.Input(config.input_shape, name="garment")
    with build_settings(name, config.precision, config.seed):
        x = _decode(*_encode(inputs, config), config)  # (B, S, S, F/2)
        return keras.Model(inputs, _head(x, "log_light", 1, MAX_LOG_GAIN), name=name)


def relight(warped: Any, prediction: Any) -> Any:
    """Apply gain and residual without clipping, so that gradients do not vanish.

    A factor exp(g) on linear light v ** 2.2 is exactly a factor exp(g / 2.2) on v: no
    power with an infinite slope at black is needed.

    Args:
        warped: (B, H, W, 3) warped S1, [-1, 1].
        prediction: (B, H, W, 6) of the universal generator.

    Returns:
        (B, H, W, 3), may leave [-1, 1].
    """
    log_gain, residual = prediction[..., :3], prediction[..., 3:]
    return (warped + 1.0) * ops.exp(log_gain / GAMMA) - 1.0 + residual


def relight_texture(prediction: Any) -> Any:
    """Apply a generator's gain and residual to its print.

    Args:
        prediction: (B, H, W, 9) of a generator with a texture, see `build_generator`.

    Returns:
        (B, H, W, 3), may leave [-1, 1].
    """
    return relight(prediction[..., :3], prediction[..., 3:])


def apply_prediction(warped: Any, prediction: Any) -> Any:
    """Apply the universal generator's prediction to the warped S1.

    Args:
        warped: (B, H, W, 3) warped S1, [-1, 1].
        prediction: (B, H, W, 6): log gain of linear light, residual in sRGB.

    Returns:
        (B, H, W, 3) out1 in [-1, 1].
    """
    return ops.clip(relight(warped, prediction), -1.0, 1.0)


def _instance_block(inputs: Any, filters: int, name: str) -> Any:
    x = padded_conv(inputs, filters, 3, f"{name}_conv1")
    x = relu(instance_norm(x, f"{name}_norm1"), f"{name}_relu")
    x = padded_conv(x, filters, 3, f"{name}_conv2")
    x = instance_norm(x, f"{name}_norm2")
    return keras.layers.Add(name=f"{name}_add")([inputs, x])


def _conv_norm(
    inputs: Any, filters: int, config: UNetConfig, name: str, strides: int = 1
) -> Any:
    x = keras.layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding="same",
        kernel_initializer="he_normal",
        use_bias=False,
        name=name,
    )(inputs)
    norm = keras.layers.GroupNormalization(config.norm_groups, name=f"{name}_norm")
    return norm(x)


def _encode(inputs: Any, config: UNetConfig) -> tuple[Any, list[Any]]:
    """Return features (B, S/8, S/8, 4F) with global context, and the skip connections.

    The latter have a half and a quarter of the size.
    """
    skips = []
    x = inputs
    for i in range(3):
        x = _conv_norm(x, config.filters * 2**i, config, f"down{i + 1}", strides=2)
        x = relu(x, f"down{i + 1}_relu")
        skips.append(x)
    for i in range(config.blocks):
        x = _group_block(x, config, f"block{i + 1}")
        if i == config.blocks // 2:
            x = _add_context(x)
    return x, skips[:-1]


def _group_block(inputs: Any, config: UNetConfig, name: str) -> Any:
    filters = config.filters * 4
    x = relu(_conv_norm(inputs, filters, config, f"{name}_conv1"), f"{name}_relu")
    x = _conv_norm(x, filters, config, f"{name}_conv2")
    return keras.layers.Add(name=f"{name}_add")([inputs, x])


def _add_context(inputs: Any) -> Any:
    """Add global context, features of the whole image, to every cell."""
    channels = inputs.shape[-1]
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="context_pool")(inputs)
    x = keras.layers.Dense(channels, activation="relu", name="context_hidden")(x)
    x = keras.layers.Dense(channels, name="context")(x)  # (B, 1, 1, C)
    return keras.layers.Add(name="context_add")([inputs, x])


def _light_meter(inputs: Any, features: Any) -> Any:
    """Estimate the level and the tint of the light from the input's colours.

    Like spot metering: each of several attention maps, predicted from the features,
    weights the cells of the image, and the inputs are averaged under it.

    Args:
        inputs: (B, S, S, C), the network's input.
        features: (B, S/8, S/8, D), of the same image.

    Returns:
        (B, 1, 1, 3), to be added to the log gain; 0 of an untrained network.
    """
    config = LIGHT_METER
    cells, channels = features.shape[1] * features.shape[2], inputs.shape[-1]
    maps = keras.layers.Conv2D(config.maps, 1, name="meter_spots")(features)
    maps = keras.layers.Reshape((cells, config.maps), name="meter_cells")(maps)
    weights = keras.layers.Softmax(axis=1, dtype="float32", name="meter_shares")(maps)
    pooled = keras.layers.AveragePooling2D(8, dtype="float32", name="meter_pool")(inputs)
    in_cells = keras.layers.Reshape((cells, channels), dtype="float32", name="meter_seen")
    dot = keras.layers.Dot(1, dtype="float32", name="meter_read")
    flat = keras.layers.Flatten(dtype="float32", name="meter_flat")
    means = flat(dot([weights, in_cells(pooled)]))  # (B, maps * C)
    # Light is a factor of colours: logs make it a summand. Channels are in [-1, 1].
    logs = ops.log(means / 2 + (0.5 + config.floor))
    x = keras.layers.Concatenate(dtype="float32", name="meter_join")([means, logs])
    x = keras.layers.Dense(config.units, "relu", dtype="float32", name="meter_hidden")(x)
    level = keras.layers.Dense(
        3, kernel_initializer="zeros", dtype="float32", name="meter_level"
    )
    return keras.layers.Reshape((1, 1, 3), dtype="float32", name="meter")(level(x))


def _decode(inputs: Any, skips: list[Any], config: UNetConfig) -> Any:
    """Upsample to the full size, joining the encoder's features."""
    x = inputs
    for i, skip in enumerate(reversed(skips)):
        name = f"up{i + 1}"
        channels = skip.shape[-1]
        x = keras.layers.Conv2D(channels, 1, name=f"{name}_narrow")(x)
        x = _double(x, name)
        x = keras.layers.Concatenate(name=f"{name}_join")([x, skip])
        x = relu(_conv_norm(x, channels, config, name), f"{name}_relu")
    x = keras.layers.Conv2D(config.filters // 2, 1, name="full_narrow")(x)
    return _double(x, "full")


def _double(inputs: Any, name: str) -> Any:
    layer = keras.layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_resize")
    return layer(inputs)


def _head(
    features: Any, name: str, channels: int, scale: float, level: Any = None
) -> Any:
    """Predict values in [-scale, scale], zero before training.

    Args:
        features: (B, S, S, F).
        name: of the head.
        channels: of the values.
        scale: their bound.
        level: (B, 1, 1, channels), added to all pixels before the bound; None adds none.
    """
    x = keras.layers.Conv2D(
        channels, 3, padding="same", kernel_initializer="zeros", name=f"{name}_conv"
    )(features)
    if level is not None:
        x = keras.layers.Add(dtype="float32", name=f"{name}_level")([x, level])
    x = keras.layers.Activation("tanh", dtype="float32", name=f"{name}_tanh")(x)
    return keras.layers.Rescaling(scale, dtype="float32", name=name)(x)
