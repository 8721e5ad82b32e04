"""Layers of the networks: padding, learned texture, normalization, upsampling."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="cyclegan")
class ReflectionPad2D(keras.layers.Layer):
    """Reflection padding: mirrors the image at its edges without repeating edge pixels.

    Args:
        padding: pixels added on each side.
        name: layer name.
        dtype: dtype or policy; None is the global policy.
    """

    def __init__(self, padding: int, name: str | None = None, dtype: Any = None) -> None:
        """Check and store the padding."""
        super().__init__(name=name, dtype=dtype, trainable=False)
        if padding < 1:
            raise ValueError(f"expected padding >= 1, got {padding}")
        self.padding = padding

    def call(self, inputs: Any) -> Any:
        """Pad (B, H, W, C) to (B, H + 2p, W + 2p, C)."""
        both = (self.padding, self.padding)
        return ops.pad(inputs, ((0, 0), both, both, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Add the padding to height and width."""
        batch, height, width, channels = input_shape
        more = 2 * self.padding
        return (
            batch,
            None if height is None else height + more,
            None if width is None else width + more,
            channels,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        config.pop("trainable", None)
        return {**config, "padding": self.padding}


@keras.saving.register_keras_serializable(package="cyclegan")
class Texture(keras.layers.Layer):
    """A learned texture, sampled bilinearly at texture coordinates.

    Args:
        size: side of the square texture, texels.
        name: layer name.
        dtype: dtype or policy; None is the global policy.

    References:
        Thies et al., Deferred Neural Rendering: Image Synthesis using Neural Textures,
        SIGGRAPH 2019.
    """

    def __init__(self, size: int, name: str | None = None, dtype: Any = None) -> None:
        """Check and store the size."""
        super().__init__(name=name, dtype=dtype)
        if size < 2:
            raise ValueError(f"expected size >= 2, got {size}")
        self.size = size

    def build(self, input_shape: tuple) -> None:
        """Create a mid-grey texture."""
        del input_shape
        self.texels = self.add_weight(
            shape=(self.size, self.size, 3), initializer="zeros", name="texels"
        )

    def call(self, uv: Any) -> Any:
        """Sample at (B, H, W, 2), x and y, [-1, 1] from edge to edge: (B, H, W, 3)."""
        last = self.size - 1.0
        points = ops.clip((uv + 1.0) * (self.size / 2) - 0.5, 0.0, last)  # texels
        first = ops.minimum(ops.floor(points), last - 1.0)
        across, down = ops.split(points - first, 2, axis=-1)
        column, row = (ops.cast(first[..., i], "int32") for i in (0, 1))
        flat = ops.reshape(self.texels, (self.size * self.size, 3))
        corner = row * self.size + column
        upper = self._interpolate(flat, corner, across)
        lower = self._interpolate(flat, corner + self.size, across)
        return upper * (1.0 - down) + lower * down

    def _interpolate(self, flat: Any, index: Any, across: Any) -> Any:
        left, right = ops.take(flat, index, axis=0), ops.take(flat, index + 1, axis=0)
        return left * (1.0 - across) + right * across

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Replace the coordinates by the channels of a colour."""
        return (*input_shape[:-1], 3)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        config.pop("trainable", None)
        return {**config, "size": self.size}


def instance_norm(inputs: Any, name: str) -> Any:
    """Apply instance normalization."""
    return keras.layers.GroupNormalization(groups=-1, epsilon=1e-5, name=name)(inputs)


def relu(inputs: Any, name: str) -> Any:
    """Apply a ReLU."""
    return keras.layers.Activation("relu", name=name)(inputs)


def padded_conv(inputs: Any, filters: int, kernel_size: int, name: str) -> Any:
    """Apply a convolution of stride 1 with reflection padding; keeps the size.

    Args:
        inputs: (B, H, W, C).
        filters: output channels.
        kernel_size: odd, pixels.
        name: prefix of the layer names.

    Returns:
        (B, H, W, filters).
    """
    x = ReflectionPad2D(kernel_size // 2, name=f"{name}_pad")(inputs)
    return conv(x, filters, kernel_size, name, padding="valid")


def conv(
    inputs: Any,
    filters: int,
    kernel_size: int,
    name: str,
    strides: int = 1,
    padding: str = "same",
) -> Any:
    """Apply a convolution with CycleGAN's initial weights, normal of deviation .02."""
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
        name=name,
    )(inputs)


def resize_conv(inputs: Any, filters: int, name: str) -> Any:
    """Double the size by nearest neighbours, then convolve.

    Avoids the checkerboard artifacts of transposed convolutions.

    Args:
        inputs: (B, H, W, C).
        filters: output channels.
        name: prefix of the layer names.

    Returns:
        (B, 2H, 2W, filters).

    References:
        Odena et al., Deconvolution and Checkerboard Artifacts, Distill 2016.
    """
    x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_resize")(
        inputs
    )
    return padded_conv(x, filters, 3, name)


@contextlib.contextmanager
def build_settings(name: str, precision: str, seed: int) -> Iterator[None]:
    """Set precision and seed for building a network; restores the policy.

    Args:
        name: of the network; prefix of its variables' paths. Networks of one training
            step must not share paths: the torch backend identifies parameters by
            them, and would not clear all gradients.
        precision: name of a Keras dtype policy.
        seed: of the whole trainer; together with the name, of the initial weights.

    Yields:
        Nothing.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed((seed * 1_000_003 + sum(map(ord, name))) % 2**31)
    try:
        with keras.name_scope(name):
            yield
    finally:
        keras.config.set_dtype_policy(before)
