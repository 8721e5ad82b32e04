"""Dense garment coordinates: where on the garment each pixel of a garment lies.

The chart of a short-sleeve top is its two panels, laid flat: x runs from the wearer's
right cuff to the left one, y from the hem up, both 0 to 1; front and back, and the inside
of the back collar with the back. Worn or flat, two pictures of tops meet on the chart.
"""

import keras
from keras import layers, ops

from mrcnn.backbone import build_backbone, preprocess
from mrcnn.config import ChartConfig
from mrcnn.decoder import conv, decode

LEAST_SCALE = 0.003  # of the errors that the network may promise, chart units


def build_chart_network(config: ChartConfig) -> keras.Model:
    """Build the network that reads charts.

    Args:
        config: architecture; S is its `image_size`.

    Returns:
        A model from views (B, S, S, 4), RGB and the garment's mask, all 0..255, to a
        dict, all float32: `places` (B, S/4, S/4, 2, 2), x and y on the front and on the
        back panel, `back` (B, S/4, S/4) logits that the back is seen, `scales` (B, S/4,
        S/4) expected errors of the coordinates in chart units.

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
    levels = decode(stages, _with_grid(masks), config.widths)
    x = conv(config.widths[0], 3, "chart_conv")(levels[0])
    raw = conv(6, 1, "chart", None)(x)  # (B, S/4, S/4, 6)
    shape = (size // 4, size // 4, 2, 2)
    outputs = {
        "places": layers.Reshape(shape, dtype="float32", name="places")(raw[..., :4]),
        "back": raw[..., 4],
        "scales": ops.softplus(raw[..., 5]) + LEAST_SCALE,
    }
    return keras.Model(views, outputs, name="chart_network")


def _with_grid(masks):
    """Join (B, S, S, 1) masks with the places of their pixels, -1 to 1."""
    size = masks.shape[1]
    steps = (ops.arange(size, dtype=masks.dtype) + 0.5) / (size / 2) - 1
    rows, columns = ops.meshgrid(steps, steps, indexing="ij")
    grid = ops.stack([columns, rows], axis=-1)[None]
    everywhere = ops.multiply(ops.ones_like(masks), grid)
    return ops.concatenate([masks, everywhere], axis=-1)
