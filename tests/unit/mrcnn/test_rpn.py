import dataclasses

import numpy as np
from keras import ops

from mrcnn.anchors import make_anchors
from mrcnn.rpn import RegionProposalNetwork, propose


def test_outputs_run_as_the_anchors_do(config):
    """A cell of the second row lights the anchors that stand on it."""
    rpn = RegionProposalNetwork(config)
    rpn.build(None)
    kernel = np.zeros(rpn.conv.kernel.shape, np.float32)
    kernel[1, 1, 0, 0] = 1
    rpn.conv.kernel.assign(kernel)
    weights = np.zeros(rpn.objectness.kernel.shape, np.float32)
    weights[0, 0, 0] = np.arange(1, 7)  # the cell's six anchors
    rpn.objectness.kernel.assign(weights)
    levels = [np.zeros((1, s, s, 16), np.float32) for s in (8, 4, 2, 1)]
    levels[1][0, 1, 2, 0] = 1  # stride 16: centre (40, 24)
    logits, deltas = rpn(levels)
    anchors = make_anchors(config)
    assert logits.shape == (1, len(anchors))
    assert deltas.shape == (1, len(anchors), 4)
    lit = np.flatnonzero(ops.convert_to_numpy(logits)[0])
    centres = (anchors[lit, :2] + anchors[lit, 2:]) / 2
    np.testing.assert_allclose(centres, [[40, 24]] * 6)
    np.testing.assert_allclose(ops.convert_to_numpy(logits)[0, lit], np.arange(1, 7))


def test_proposals_are_the_best_anchors(config):
    small = dataclasses.replace(config, proposals=3, max_detections=2)
    anchors = np.array(
        [[0, 0, 10, 10], [0, 0, 10, 11], [30, 30, 50, 50], [60, 60, 80, 80]], np.float32
    )
    small = dataclasses.replace(small, pre_nms=4)
    logits = np.array([[2, 3, 1, -1]], np.float32)
    found = propose(logits, np.zeros((1, 4, 4), np.float32), anchors, small)
    expected = [[0, 0, 10, 11], [30, 30, 50, 50], [60, 60, 64, 64]]
    np.testing.assert_allclose(ops.convert_to_numpy(found)[0], expected)


def test_places_that_nothing_fills_are_zero_boxes(config):
    anchors = np.array([[0, 0, 10, 10]] * 40, np.float32)
    found = propose(
        np.zeros((1, 40), np.float32), np.zeros((1, 40, 4), np.float32), anchors, config
    )
    boxes = ops.convert_to_numpy(found)[0]
    np.testing.assert_allclose(boxes[0], [0, 0, 10, 10])
    assert not boxes[1:].any()
