"""The networks, and how a prediction becomes a picture."""

from __future__ import annotations

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

MAX_LOG_GAIN = 2.0  # natural log of the brightness factor in linear light
SPOTS, METER_UNITS = 16, 64  # of the light meter
METER_FLOOR = 0.02  # share of white that is added to colours before their log


def build_generator(config: CycleGANConfig, name: str = "generator") -> keras.Model:
    """Build a ResNet generator.

    With a texture the pattern's print is a picture of its own, learned with the rest:
    no network of S2 alone can know which square of a check lies where, and draws their
    mean. The ResNet then sees S2 and the print on it, and tells light and residual; its
    heads start at zero, so that an untrained one gives the texture as it is.

    Args:
        config: sizes; 4 input channels mean rgb and mask.
        name: model name.

    Returns:
        (B, *config.input_shape) in [-1, 1] -> (B, S, S, 3) float32 in [-1, 1]. With a
        texture the input's last two channels are where on the garment a pixel lies (x,
        y), and the output is (B, S, S, 9): print rgb [-1, 1], log gain [-2, 2],
        residual [-1, 1]; see `relit`.

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
    """Return print, log gain and residual, (B, S, S, 9)."""
    channels = config.input_channels
    layer = Texture(config.texture, name="texture", dtype="float32")
    print_ = layer(inputs[..., channels:])
    join = keras.layers.Concatenate(name="s2_and_print")
    x = _resnet(join([inputs[..., :channels], print_]), config)
    heads = [_head(x, "log_gain", 3, MAX_LOG_GAIN), _head(x, "residual", 3, 1.0)]
    return keras.layers.Concatenate(dtype="float32", name="prediction")([print_, *heads])


def _resnet(inputs: Any, config: CycleGANConfig) -> Any:
    """Return features (B, S, S, F)."""
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
    """Build a PatchGAN that judges overlapping 70 x 70 pixel patches.

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
    """Build the generator that relights and mends a warped S1.

    A U-Net with residual blocks at an eighth of the size and one summary of the whole
    picture. Its group normalisation hides how bright a picture is as a whole, so a light
    meter reads colours past it (`_light_meter`). The heads start at zero: an untrained
    network returns the warped S1 as it is.

    Args:
        config: sizes.
        name: model name.

    Returns:
        (B, S, S, 10) -> (B, S, S, 6) float32. In: the user's photo around S2 rgb
        [-1, 1] (black outside it; skin and background tell the light of the room),
        mask {0, 1}, warped S1 rgb [-1, 1], validity {0, 1}, where in S1's picture it is
        taken from [-1, 1] (x, y). Out: log gain [-2, 2] of linear light (3), residual
        [-1, 1] (3). See `apply_prediction`.
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
    """Build the network that tells the light on a garment from its print.

    The U-Net of the universal generator, with one head. An untrained network predicts
    even light.

    Args:
        config: sizes.
        name: model name.

    Returns:
        (B, S, S, 4) -> (B, S, S, 1) float32. In: the garment's photo rgb [-1, 1], 0
        outside it; its mask {0, 1}. Out: log of the linear light on it, [-2, 2]; inside
        the mask right up to a constant, outside it of no meaning.
    """
    inputs = keras.Input(config.input_shape, name="garment")
    with build_settings(name, config.precision, config.seed):
        x = _decode(*_encode(inputs, config), config)  # (B, S, S, F/2)
        return keras.Model(inputs, _head(x, "log_light", 1, MAX_LOG_GAIN), name=name)


def relight(warped: Any, prediction: Any) -> Any:
    """Apply gain and residual without clipping, so that gradients stay alive.

    A factor exp(g) on linear light v ** 2.2 is exactly a factor exp(g / 2.2) on v,
    hence no power with an infinite slope at black.

    Args:
        warped: (B, H, W, 3) warped S1, [-1, 1].
        prediction: (B, H, W, 6) of the universal generator.

    Returns:
        (B, H, W, 3), may leave [-1, 1].
    """
    log_gain, residual = prediction[..., :3], prediction[..., 3:]
    return (warped + 1.0) * ops.exp(log_gain / GAMMA) - 1.0 + residual


def relit(made: Any) -> Any:
    """Lay a generator's light on its print.

    Args:
        made: (B, H, W, 9) of a generator with a texture, see `build_generator`.

    Returns:
        (B, H, W, 3), may leave [-1, 1].
    """
    return relight(made[..., :3], made[..., 3:])


def apply_prediction(warped: Any, prediction: Any) -> Any:
    """Turn the universal generator's prediction into out1.

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
    """Return features (B, S/8, S/8, 4F) that saw the whole picture, and those before.

    The latter are at a half and a quarter of the size.
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
    """Add a summary of the whole picture to every place."""
    channels = inputs.shape[-1]
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name="context_pool")(inputs)
    x = keras.layers.Dense(channels, activation="relu", name="context_hidden")(x)
    x = keras.layers.Dense(channels, name="context")(x)  # (B, 1, 1, C)
    return keras.layers.Add(name="context_add")([inputs, x])


def _light_meter(inputs: Any, features: Any) -> Any:
    """Tell the level and the tint of the light from colours as the camera gave them.

    As a photographer does, it measures spots: each of `SPOTS` maps, drawn from the
    features, says how much every place of the picture counts.

    Args:
        inputs: (B, S, S, C), the network's own.
        features: (B, S/8, S/8, D), of the same picture.

    Returns:
        (B, 1, 1, 3), to be added to the log gain; 0 of an untrained network.
    """
    cells, channels = features.shape[1] * features.shape[2], inputs.shape[-1]
    maps = keras.layers.Conv2D(SPOTS, 1, name="meter_spots")(features)
    maps = keras.layers.Reshape((cells, SPOTS), name="meter_cells")(maps)
    shares = keras.layers.Softmax(axis=1, dtype="float32", name="meter_shares")(maps)
    seen = keras.layers.AveragePooling2D(8, dtype="float32", name="meter_pool")(inputs)
    in_cells = keras.layers.Reshape((cells, channels), dtype="float32", name="meter_seen")
    read = keras.layers.Dot(1, dtype="float32", name="meter_read")
    flat = keras.layers.Flatten(dtype="float32", name="meter_flat")
    means = flat(read([shares, in_cells(seen)]))  # (B, SPOTS * C)
    # Light is a ratio of colours: logs make it a difference. Channels are in [-1, 1].
    logs = ops.log(means / 2 + (0.5 + METER_FLOOR))
    x = keras.layers.Concatenate(dtype="float32", name="meter_join")([means, logs])
    x = keras.layers.Dense(METER_UNITS, "relu", dtype="float32", name="meter_hidden")(x)
    level = keras.layers.Dense(
        3, kernel_initializer="zeros", dtype="float32", name="meter_level"
    )
    return keras.layers.Reshape((1, 1, 3), dtype="float32", name="meter")(level(x))


def _decode(inputs: Any, skips: list[Any], config: UNetConfig) -> Any:
    """Return to the full size, meeting the encoder's features on the way."""
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
    """Predict values in [-scale, scale]; they start at zero.

    Args:
        features: (B, S, S, F).
        name: of the head.
        channels: of the values.
        scale: their bound.
        level: (B, 1, 1, channels), added everywhere; None adds nothing.
    """
    x = keras.layers.Conv2D(
        channels, 3, padding="same", kernel_initializer="zeros", name=f"{name}_conv"
    )(features)
    if level is not None:
        x = keras.layers.Add(dtype="float32", name=f"{name}_level")([x, level])
    x = keras.layers.Activation("tanh", dtype="float32", name=f"{name}_tanh")(x)
    return keras.layers.Rescaling(scale, dtype="float32", name=name)(x)
