"""Region proposal network: objectness and box deltas of anchors."""

import keras
from keras import ops

from mrcnn import boxes as box_ops
from mrcnn.anchors import anchors_per_cell, make_anchors
from mrcnn.config import MaskRCNNConfig


class RegionProposalNetwork(keras.layers.Layer):
    """Head shared by all pyramid levels (Ren et al. 2015).

    Args:
        config: channels, anchors.

    Call arguments:
        levels: list of features (B, H, W, C), one for each of `anchor_levels`.

    Returns:
        Objectness logits (B, A) and box deltas (B, A, 4), float32, anchors in the order
        of `make_anchors`.

    References:
        Ren et al., "Faster R-CNN", NeurIPS 2015.
    """

    def __init__(self, config: MaskRCNNConfig, **kwargs):
        super().__init__(name="rpn", **kwargs)
        self.config = config
        per_cell = anchors_per_cell(config)
        self.channels = config.rpn_channels or config.pyramid_channels
        self.conv = keras.layers.Conv2D(
            self.channels, 3, padding="same", activation="relu", name="conv"
        )
        small = keras.initializers.RandomNormal(stddev=0.01, seed=1)
        self.objectness = keras.layers.Conv2D(
            per_cell, 1, kernel_initializer=small, name="objectness"
        )
        self.deltas = keras.layers.Conv2D(
            per_cell * 4, 1, kernel_initializer=small, name="deltas"
        )

    def build(self, input_shape):
        self.conv.build((None, None, None, self.config.pyramid_channels))
        for layer in (self.objectness, self.deltas):
            layer.build((None, None, None, self.channels))
        self.built = True

    def call(self, levels):
        logits, deltas = [], []
        for level in levels:
            shared = self.conv(level)
            cells = level.shape[1] * level.shape[2] * anchors_per_cell(self.config)
            logits.append(ops.reshape(self.objectness(shared), (-1, cells)))
            deltas.append(ops.reshape(self.deltas(shared), (-1, cells, 4)))
        return (
            ops.cast(ops.concatenate(logits, axis=1), "float32"),
            ops.cast(ops.concatenate(deltas, axis=1), "float32"),
        )

    def compute_output_spec(self, levels):
        count = len(make_anchors(self.config))
        batch = levels[0].shape[0]
        return (
            keras.KerasTensor((batch, count), "float32"),
            keras.KerasTensor((batch, count, 4), "float32"),
        )


def propose(logits, deltas, anchors, config: MaskRCNNConfig):
    """Decode RPN outputs to proposals and suppress duplicates.

    Args:
        logits: (B, A).
        deltas: (B, A, 4).
        anchors: (A, 4).
        config: counts and thresholds.

    Returns:
        Proposal boxes (B, proposals, 4) without gradient, padded with zero boxes.
    """
    logits, deltas = ops.stop_gradient(logits), ops.stop_gradient(deltas)
    scores, index = ops.top_k(ops.sigmoid(logits), config.pre_nms)
    chosen = ops.take(anchors, index, axis=0)
    boxes = box_ops.decode(
        chosen, box_ops.take(deltas, index), box_ops.RPN_VARIANCE, config.image_size
    )
    kept, kept_scores = box_ops.non_max_suppression(
        boxes, scores, config.rpn_nms_threshold, config.proposals
    )
    valid = ops.cast(kept_scores > 0, "float32")
    return ops.stop_gradient(box_ops.take(boxes, kept) * ops.expand_dims(valid, -1))
