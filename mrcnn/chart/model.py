"""The chart network: dense UV coordinates of a short-sleeve top.

The chart of a short-sleeve top is its two panels, front and back, laid flat: u runs from
the wearer's right cuff to the left one, v from the hem up, both 0 to 1. The inside of the
back collar belongs to the back. Worn or flat, two images of tops correspond by their
chart coordinates.
"""

import keras
from keras import layers, ops

from mrcnn.backbone import build_backbone, preprocess
from mrcnn.config import ChartConfig
from mrcnn.decoder import conv, decode

MIN_SCALE = 0.003  # lower bound of the predicted errors, chart units


def build_chart_network(config: ChartConfig) -> keras.Model:
    """Build the chart network.

    Args:
        config: architecture; S is its `image_size`.

    Returns:
        A model from views (B, S, S, 4), RGB and the garment's mask, all 0..255, to a
        dict, all float32: `places` (B, S/4, S/4, 2, 2), u and v on the front and on the
        back panel; `back` (B, S/4, S/4) logits that the back is visible; `scales` (B,
        S/4, S/4), the expected errors of the coordinates in chart units.

    References:
        Güler et al., "DensePose", CVPR 2018; Kendall and Gal, "What Uncertainties Do We
        Need in Bayesian Deep Learning for Computer Vision?", NeurIPS 2017.
    """
    # === Layers ===
    size = config.image_size
    backbone = build_backbone(config.backbone, size)
    # === Functional model ===
    views = keras.Input((size, size, 4), name="views")
    masks = views[..., 3:] / 255.0
    stages = backbone(preprocess(views[..., :3], config.backbone), training=False)
    levels = decode(stages, _join_coordinates(masks), config.widths)
    x = conv(config.widths[0], 3, "chart_conv")(levels[0])
    raw = conv(6, 1, "chart", None)(x)  # (B, S/4, S/4, 6)
    shape = (size // 4, size // 4, 2, 2)
    outputs = {
        "places": layers.Reshape(shape, dtype="float32", name="places")(raw[..., :4]),
        "back": raw[..., 4],
        "scales": ops.softplus(raw[..., 5]) + MIN_SCALE,
    }
    return keras.Model(views, outputs, name="chart_network")


def _join_coordinates(masks):
    """Join masks (B, S, S, 1) with the coordinates of their pixels, -1 to 1.

    References:
        Liu et al., "An Intriguing Failing of Convolutional Neural Networks and the
        CoordConv Solution", NeurIPS 2018.
    """
    size = masks.shape[1]
    steps = (ops.arange(size, dtype=masks.dtype) + 0.5) / (size / 2) - 1
    rows, columns = ops.meshgrid(steps, steps, indexing="ij")
    grid = ops.stack([columns, rows], axis=-1)[None]
    coordinates = ops.multiply(ops.ones_like(masks), grid)
    return ops.concatenate([masks, coordinates], axis=-1)
