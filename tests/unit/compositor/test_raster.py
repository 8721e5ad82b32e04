import numpy as np
import pytest

from compositor import sample_raster
from compositor.raster import lerp, resize, sample_points

RAMP = np.arange(12, dtype=np.float32).reshape(3, 4, 1)


def test_pixel_centres_give_the_raster():
    read = sample_raster(RAMP, (0, 0, 3, 2), np.arange(3), np.arange(4))
    assert np.array_equal(read, RAMP)


def test_between_pixels_values_are_interpolated():
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


def test_scattered_points():
    ys, xs = np.array([[0.5, 9.0]]), np.array([[1.25, -3.0]])
    read = sample_points(RAMP[..., 0], ys, xs)
    assert read.dtype == np.float32
    assert read.tolist() == [[0.5 * 4 + 1.25, 8]]


def test_lerp_leaves_its_arguments():
    first, second = np.zeros(3, np.float32), np.full(3, 8, np.float32)
    weight = np.array([0, 0.25, 1], np.float32)
    assert lerp(first, second, weight).tolist() == [0, 2, 8]
    assert not first.any()
    assert (second == 8).all()


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3)])
def test_resize_keeps_the_mean_and_the_axes(shape):
    plane = np.random.default_rng(0).random(shape).astype(np.float32)
    small = resize(plane, (2, 3))
    assert small.shape == (2, 3, *shape[2:])
    assert small.dtype == np.float32
    assert small.mean() == pytest.approx(plane.mean(), abs=0.05)
    assert resize(plane, (4, 6)) is plane
