import numpy as np
import pytest
from scipy import ndimage

from compositor.light.repetition import repetition

SIZE = 180, 150
MASK = np.zeros(SIZE, bool)
MASK[10:170, 15:135] = True


def check(period):
    ys, xs = np.indices(SIZE)
    return np.sin(2 * np.pi * ys / period) * np.sin(2 * np.pi * xs / period)


def folds(seed):
    """Creases without a repeat."""
    noise = np.random.default_rng(seed).normal(0, 1, SIZE)
    plane = ndimage.gaussian_filter(noise, (6, 2))
    return plane / plane.std()


@pytest.mark.parametrize("period", [10, 17])
def test_checks_repeat_themselves(period):
    assert repetition(check(period), MASK, 6, 25) > 0.9
    assert repetition(check(period) + 0.4 * folds(0), MASK, 6, 25) > 0.5


@pytest.mark.parametrize("seed", range(6))
def test_folds_do_not(seed):
    assert repetition(folds(seed), MASK, 6, 25) < 0.35


def test_repeats_outside_of_the_reach_do_not_count():
    assert repetition(check(60), MASK, 6, 25) < 0.35


def test_large_pictures_are_looked_at_coarsely():
    large = check(20).repeat(4, 0).repeat(4, 1)
    mask = MASK.repeat(4, 0).repeat(4, 1)
    assert repetition(large, mask, 30, 100) > 0.8


def test_nothing_has_no_repeats():
    assert repetition(check(10), np.zeros(SIZE, bool), 6, 25) == 0
    assert repetition(np.zeros(SIZE), MASK, 6, 25) == 0
    with pytest.raises(ValueError, match="expected mask of size"):
        repetition(check(10), MASK[:9], 6, 25)
