"""The camera of the renders, and the light that reached it."""

import numpy as np
import pytest

from data_tools.paint import camera


def scene(dyes, level, seed=0):
    """Cloth of some dyes in folds, and its photo in light of a level per channel."""
    rng = np.random.default_rng(seed)
    dye = np.array(dyes, np.float64)[rng.integers(len(dyes), size=4000)]
    light = rng.uniform(0.3, 1.0, 4000)
    photo = camera.develop(dye * light[:, None] * np.array(level)) / 255
    return camera.LitPixels(dye, light, photo)


COLOURS = [(0.7, 0.2, 0.1), (0.1, 0.3, 0.6), (0.5, 0.5, 0.5)]
BLACK = [(0.006, 0.006, 0.007)]


def test_grey_stays_grey_and_more_light_is_brighter():
    greys = np.geomspace(1e-4, 8, 30)[:, None] * np.ones(3)
    colours = camera.develop(greys)
    assert colours.dtype == np.float32
    assert np.ptp(colours, axis=1).max() < 0.1
    assert (np.diff(colours[:, 0]) > 0).all()
    assert colours.min() >= 0 and colours.max() <= 255


@pytest.mark.parametrize(
    ("light", "colour"), [(0.18, 118), (1.0, 208)], ids=["middle grey", "white"]
)
def test_greys_are_those_of_the_renders(light, colour):
    assert camera.develop(np.full(3, light)).mean() == pytest.approx(colour, abs=5)


def test_bright_dyes_pale():
    """A gain on colours would keep the ratio of the channels."""
    dim, bright = camera.develop(np.array([[0.1, 0.02, 0.02], [5.0, 1.0, 1.0]]))
    assert dim[0] / dim[1] > 1.5 * bright[0] / bright[1]


def test_no_light_and_negative_light_are_black():
    assert camera.develop(np.array([[0.0, 0.0, 0.0], [-1.0, -1.0, -1.0]])).max() < 1


def test_reflectance_is_that_of_srgb():
    colours = np.array([0, 10, 128, 255], np.uint8)
    expected = [0, 0.003035, 0.215861, 1]
    np.testing.assert_allclose(camera.reflectance(colours), expected, rtol=1e-3)


def test_the_level_and_the_tint_of_light_are_found():
    level = np.array([1.1, 0.9, 0.7])
    (found,) = camera.fit_levels([scene(COLOURS, level)])
    np.testing.assert_allclose(found, level, rtol=0.08)


def test_black_cloth_learns_the_tint_from_the_other_picture():
    level = np.array([1.2, 0.9, 0.6])
    coloured, black = scene(COLOURS, level), scene(BLACK, level, 1)
    _, found = camera.fit_levels([coloured, black])
    np.testing.assert_allclose(found / found.mean(), level / level.mean(), rtol=0.1)


def test_a_stain_is_passed_over():
    level = np.array([0.9, 0.9, 0.9])
    look = scene(COLOURS, level)
    photo = look.photo.copy()
    photo[::8] = 0
    (found,) = camera.fit_levels([look._replace(photo=photo)])
    np.testing.assert_allclose(found, level, rtol=0.1)


def test_nothing_seen_is_white_light():
    empty = camera.LitPixels(np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3)))
    (found,) = camera.fit_levels([empty])
    np.testing.assert_allclose(found, 1)
