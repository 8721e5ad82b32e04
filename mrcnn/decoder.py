"""What the networks that read a garment from close by share: a backbone, decoded."""

from collections.abc import Sequence

from keras import layers


def decode(stages: Sequence, hints, widths: Sequence[int]) -> list:
    """Merge stages from coarse to fine, with what is known of each place.

    Args:
        stages: features with strides s, 2 s, ... 32.
        hints: (B, S, S, H), planes at the view's own size that every level sees.
        widths: channels by level, one for each stage.

    Returns:
        Levels with strides s, 2 s, ... 16.
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
    """Return a convolution; one without an activation gives float32."""
    dtype = None if activation else "float32"
    return layers.Conv2D(
        width, size, padding="same", activation=activation, dtype=dtype, name=name
    )
