"""Feature pyramid network (Lin et al. 2017): features of equal width at all strides."""

import keras


def build_feature_pyramid(stages: list, channels: int) -> keras.Model:
    """Build the top-down pathway over the backbone's stages.

    Args:
        stages: symbolic outputs [C2, C3, C4, C5] of the backbone.
        channels: of every level.

    Returns:
        A model from [C2..C5] to [P2..P6], strides 4 to 64.

    References:
        Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017.
    """
    inputs = [keras.Input(c.shape[1:], name=f"c{i}") for i, c in enumerate(stages, 2)]
    laterals = [_conv(channels, 1, f"lateral{i}")(c) for i, c in enumerate(inputs, 2)]
    merged = [laterals[-1]]
    for level in (4, 3, 2):
        finer = keras.layers.UpSampling2D(2, name=f"up{level}")(merged[0])
        total = keras.layers.Add(name=f"merge{level}")([laterals[level - 2], finer])
        merged.insert(0, total)
    outputs = [_conv(channels, 3, f"p{i}")(m) for i, m in enumerate(merged, 2)]
    outputs.append(keras.layers.MaxPooling2D(1, strides=2, name="p6")(outputs[-1]))
    return keras.Model(inputs, outputs, name="feature_pyramid")


def _conv(channels: int, size: int, name: str) -> keras.layers.Layer:
    return keras.layers.Conv2D(channels, size, padding="same", name=name)
