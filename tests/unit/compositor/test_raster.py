import numpy as np
import pytest

from compositor import sample_raster

RAMP = np.arange(12, dtype=np.float32).reshape(3, 4, 1)


def test_at_the_pixel_centres_it_is_the_raster():
    read = sample_raster(RAMP, (0, 0, 3, 2), np.arange(3), np.arange(4))
    assert np.array_equal(read, RAMP)


def test_between_pixels_it_is_linear():
    read = sample_raster(RAMP, (10, 20, 13, 22), np.array([20.5]), np.array([11.25]))
    assert read[0, 0, 0] == pytest.approx(0.5 * 4 + 1.25)


def test_beyond_the_corners_the_edge_is_repeated():
    read = sample_raster(RAMP, (0, 0, 3, 2), np.array([-9, 9]), np.array([-9, 9]))
    assert read[..., 0].tolist() == [[0, 3], [8, 11]]


def test_one_pixel_fills_everything():
    read = sample_raster(
        np.full((1, 1, 2), 7.0), (0, 0, 0, 0), np.arange(5), np.arange(4)
    )
    assert read.shape == (5, 4, 2)
    assert (read == 7).all()


def test_wrong_axes():
    with pytest.raises(ValueError, match=r"expected values \(rows, columns, C\)"):
        sample_raster(np.zeros((3, 3)), (0, 0, 2, 2), np.arange(3), np.arange(3))
