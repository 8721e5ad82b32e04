"""The matting network: the soft edge (alpha) of a garment, from a view and a rough mask.

Colours alone cannot tell where a printed shirt ends, for a print has all colours. The
network has learned what shirts, skin, hair and straps look like.
"""

import keras
from keras import layers

from mrcnn.backbone import build_backbone, preprocess
from mrcnn.config import MattingConfig
from mrcnn.decoder import conv, decode


def build_matting_network(config: MattingConfig) -> keras.Model:
    """Build the matting network.

    Args:
        config: architecture; S is its `image_size`.

    Returns:
        A model from views (B, S, S, 4), RGB and the rough mask, all 0..255, to float32
        logits (B, S, S) of alpha.

    References:
        Yu et al., "Mask Guided Matting via Progressive Refinement Network", CVPR 2021.
    """
    size = config.image_size
    backbone = build_backbone(config.backbone, size, include_c1=True)
    views = keras.Input(config.input_shape, name="views")
    hints = views[..., 3:] / 255.0
    stages = backbone(preprocess(views[..., :3], config.backbone), training=False)
    (half, *_) = decode(stages, hints, config.widths)
    x = conv(config.detail_width, 1, "detail_lateral")(half)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="detail_up")(x)
    sharp = conv(config.detail_width, 3, "detail_pixels")(views / 127.5 - 1.0)
    x = layers.Concatenate(name="detail_join")([x, sharp])
    x = conv(config.detail_width, 3, "detail_merge")(x)
    logits = conv(1, 3, "alpha_logits", None)(x)
    outputs = layers.Reshape((size, size), dtype="float32", name="alpha")(logits)
    return keras.Model(views, outputs, name="matting_network")
