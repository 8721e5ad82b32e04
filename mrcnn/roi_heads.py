"""Box head and mask head: class, refined box and mask of a proposal."""

import keras
from keras import layers, ops

from mrcnn.config import MaskRCNNConfig


def build_box_head(config: MaskRCNNConfig) -> keras.Model:
    """Build the head that classifies a region and refines its box.

    Returns:
        A model from regions (R, box_roi_size, box_roi_size, C) to class logits
        (R, num_classes + 1; 0 is background) and box deltas (R, K, 4), float32, where K
        is 1 if `class_agnostic` else num_classes.
    """
    size, width = config.box_roi_size, config.box_head_channels
    outputs = 1 if config.class_agnostic else config.num_classes
    regions = keras.Input((size, size, config.pyramid_channels), name="regions")
    x = layers.Flatten(name="flatten")(regions)
    x = layers.Dense(width, activation="relu", name="dense1")(x)  # (R, width)
    x = layers.Dense(width, activation="relu", name="dense2")(x)
    logits = layers.Dense(config.num_classes + 1, dtype="float32", name="classes")(x)
    small = keras.initializers.RandomNormal(stddev=0.001, seed=2)
    deltas = layers.Dense(
        outputs * 4, kernel_initializer=small, dtype="float32", name="deltas"
    )(x)
    deltas = layers.Reshape((outputs, 4), dtype="float32", name="per_class")(deltas)
    return keras.Model(regions, [logits, deltas], name="box_head")


def build_mask_head(config: MaskRCNNConfig) -> keras.Model:
    """Build the head that predicts a region's mask.

    Returns:
        A model from regions (R, mask_roi_size, mask_roi_size, C) to mask logits
        (R, mask_output_size, mask_output_size, K), float32, K as in the box head.
    """
    size, width = config.mask_roi_size, config.mask_head_channels
    outputs = 1 if config.class_agnostic else config.num_classes
    regions = keras.Input((size, size, config.pyramid_channels), name="regions")
    x = regions
    for index in range(config.mask_head_convs):
        x = layers.Conv2D(
            width, 3, padding="same", activation="relu", name=f"conv{index + 1}"
        )(x)
    if config.mask_output_size != size:
        x = layers.Conv2DTranspose(width, 2, strides=2, activation="relu", name="up")(x)
    logits = layers.Conv2D(outputs, 1, dtype="float32", name="masks")(x)
    return keras.Model(regions, logits, name="mask_head")


def pick_class(values, labels, class_agnostic: bool):
    """Select each region's own class from per-class predictions.

    Args:
        values: (B, N, K, ...).
        labels: int (B, N), 1-based; 0 selects the first class.
        class_agnostic: True when K is 1.

    Returns:
        (B, N, ...).
    """
    if class_agnostic:
        return ops.squeeze(values, 2)
    index = ops.maximum(labels - 1, 0)
    extra = len(values.shape) - 2
    shaped = ops.reshape(index, (-1, values.shape[1], *([1] * extra)))
    return ops.squeeze(ops.take_along_axis(values, shaped, axis=2), 2)
