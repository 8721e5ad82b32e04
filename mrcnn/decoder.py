"""Decoder of the refiner and the chart network: backbone features, upsampled."""

from collections.abc import Sequence

from keras import layers


def decode(stages: Sequence, hints, widths: Sequence[int]) -> list:
    """Merge backbone features from coarse to fine, as a U-Net does.

    Args:
        stages: features with strides s, 2 s, ... 32.
        hints: (B, S, S, H), planes at the input's size that are joined to every level.
        widths: channels of each level, one for each stage.

    Returns:
        Features with strides s, 2 s, ... 16.

    References:
        Ronneberger et al., "U-Net", MICCAI 2015.
    """
    x = conv(widths[-1], 1, "lateral5")(stages[-1])
    levels: list = []
    finest = 6 - len(stages)  # log2 of s
    for index in range(4, finest - 1, -1):
        stage, width = stages[index - finest], widths[index - finest]
        hint = layers.AveragePooling2D(2**index, name=f"hint{index}")(hints)
        lateral = conv(width, 1, f"lateral{index}")(stage)
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{index}")(x)
        x = layers.Concatenate(name=f"join{index}")([x, lateral, hint])
        x = conv(width, 3, f"merge{index}a")(x)
        x = layers.Add(name=f"sum{index}")([x, conv(width, 3, f"merge{index}b")(x)])
        levels.insert(0, x)
    return levels


def conv(width: int, size: int, name: str, activation: str | None = "relu"):
    """Return a convolution; one without activation has float32 outputs."""
    dtype = None if activation else "float32"
    return layers.Conv2D(
        width, size, padding="same", activation=activation, dtype=dtype, name=name
    )
