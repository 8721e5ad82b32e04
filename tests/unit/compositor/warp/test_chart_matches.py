import numpy as np
import pytest

from compositor import match_chart_coordinates


def grid(step=0.02):
    x, y = np.meshgrid(np.arange(0, 1, step), np.arange(0, 1, step))
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def to_pixels(coordinates):
    return coordinates @ np.array([[200.0, 10.0], [-15.0, 300.0]]) + [30.0, 40.0]


def test_an_affine_map_is_recovered_up_to_the_edges():
    source = grid()
    target = np.array([[0.5, 0.5], [0.003, 0.5], [0.0, 0.0], [0.98, 0.013]])
    found = match_chart_coordinates(target, source, to_pixels(source))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, to_pixels(target), atol=0.05)


def test_coordinates_that_the_source_does_not_show_have_no_match():
    source = grid()
    source = source[source[:, 0] < 0.5]
    found = match_chart_coordinates(
        np.array([[0.3, 0.3], [0.7, 0.3]]), source, to_pixels(source)
    )
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def test_noise_of_the_source_is_averaged():
    rng = np.random.default_rng(0)
    source, target = grid(), rng.uniform(0.1, 0.9, (400, 2))
    noisy = to_pixels(source) + rng.normal(0, 2, source.shape)
    error = match_chart_coordinates(target, source, noisy) - to_pixels(target)
    assert np.sqrt((error**2).mean()) < 1.4


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_points_match_nothing(count):
    few = np.zeros((count, 2))
    assert np.isnan(match_chart_coordinates(np.zeros((5, 2)), few, few)).all()
    assert match_chart_coordinates(np.zeros((0, 2)), grid(), grid()).shape == (0, 2)
