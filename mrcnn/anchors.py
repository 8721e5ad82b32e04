"""Anchor boxes: the fixed reference boxes that the RPN scores and regresses."""

import numpy as np

from mrcnn.config import MaskRCNNConfig


def make_anchors(config: MaskRCNNConfig) -> np.ndarray:
    """Return the anchors of all levels, finest first.

    Returns:
        float32 (A, 4), xyxy in pixels of the network's input; ordered by row, column,
        octave and ratio within a level, as the RPN's outputs are.
    """
    levels = [_level_anchors(config, 2**level) for level in config.anchor_levels]
    return np.concatenate(levels).astype(np.float32)


def anchors_per_cell(config: MaskRCNNConfig) -> int:
    """Return the number of anchors at each cell of a level."""
    return len(config.anchor_octaves) * len(config.anchor_ratios)


def _level_anchors(config: MaskRCNNConfig, stride: int) -> np.ndarray:
    shapes = []
    for octave in config.anchor_octaves:
        side = config.anchor_scale * stride * octave
        for ratio in config.anchor_ratios:
            shapes.append((side / ratio**0.5, side * ratio**0.5))
    half = np.array(shapes) / 2  # (k, 2) half width, half height
    centres = (np.arange(config.image_size // stride) + 0.5) * stride
    cy, cx = np.meshgrid(centres, centres, indexing="ij")
    centre = np.stack([cx, cy], -1)[:, :, None]  # (h, w, 1, 2)
    return np.concatenate([centre - half, centre + half], -1).reshape(-1, 4)
