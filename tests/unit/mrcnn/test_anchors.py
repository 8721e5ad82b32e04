import dataclasses

import numpy as np

from mrcnn.anchors import anchors_per_cell, make_anchors


def test_one_anchor_per_cell_octave_and_ratio(config):
    anchors = make_anchors(config)
    cells = 8 * 8 + 4 * 4 + 2 * 2 + 1
    assert anchors_per_cell(config) == 6
    assert anchors.shape == (cells * 6, 4)
    assert anchors.dtype == np.float32


def test_the_order_is_row_octave_ratio(config):
    small = dataclasses.replace(
        config,
        anchor_levels=(5,),
        anchor_scale=1.0,
        anchor_octaves=(1.0, 2.0),
        anchor_ratios=(1.0, 4.0),
    )
    anchors = make_anchors(small)  # 2 x 2 cells of 32 pixels, 4 anchors each
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    sides = anchors[:, 2:] - anchors[:, :2]
    expected = [[16, 16], [48, 16], [16, 48], [48, 48]]
    np.testing.assert_array_equal(centres[::4], expected)
    np.testing.assert_array_equal(centres[:4], [[16, 16]] * 4)
    # width, height: a ratio of 4 is four times as high as wide, of the same area
    np.testing.assert_array_equal(sides[:4], [[32, 32], [16, 64], [64, 64], [32, 128]])


def test_levels_go_from_fine_to_coarse(config):
    anchors = make_anchors(config)
    sides = np.sqrt(np.prod(anchors[:, 2:] - anchors[:, :2], axis=1))
    assert np.isclose(sides[0], 4 * 8)
    assert np.isclose(sides[-1], 4 * 64 * 1.41)
    assert (np.diff(sides[::6]) > -1e-3).all()
