import numpy as np
import pytest
from scipy import ndimage

from compositor.blur import block_mean, box_mean, gaussian_blur_dct

chance = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(60, 48), (31, 5), (1, 7)])
def test_a_wide_blur_is_the_usual_one(size):
    plane = chance.random(size).astype(np.float32)
    blurred = gaussian_blur_dct(plane, 6.3)
    assert blurred.dtype == np.float32
    usual = ndimage.gaussian_filter(plane, 6.3)
    np.testing.assert_allclose(blurred, usual, atol=2e-6)


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(12, 24), (13, 10), (17, 15, 3), (5, 4)])
def test_blocks_are_boxes_side_by_side(size, step):
    plane = chance.random(size).astype(np.float32)
    boxes = box_mean(plane, step)[step // 2 :: step, step // 2 :: step]
    blocks = block_mean(plane, step)
    assert blocks.dtype == np.float32
    np.testing.assert_allclose(blocks, boxes, rtol=1e-6)


def test_a_picture_smaller_than_a_block_is_one_block():
    assert block_mean(np.full((1, 2), 3, np.float32), 5).tolist() == [[3]]
