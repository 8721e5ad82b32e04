import numpy as np
import pytest
from scipy import ndimage

from compositor.light.repetition import measure_repetition

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
def test_checks_repeat(period):
    assert measure_repetition(check(period), MASK, 6, 25) > 0.9
    assert measure_repetition(check(period) + 0.4 * folds(0), MASK, 6, 25) > 0.5


@pytest.mark.parametrize("seed", range(6))
def test_folds_do_not(seed):
    assert measure_repetition(folds(seed), MASK, 6, 25) < 0.35


def test_repeats_longer_than_the_shifts_do_not_count():
    assert measure_repetition(check(60), MASK, 6, 25) < 0.35


def test_large_pictures_are_downsampled():
    large = check(20).repeat(4, 0).repeat(4, 1)
    mask = MASK.repeat(4, 0).repeat(4, 1)
    assert measure_repetition(large, mask, 30, 100) > 0.8


def test_empty_masks_and_planes_have_no_repeats():
    assert measure_repetition(check(10), np.zeros(SIZE, bool), 6, 25) == 0
    assert measure_repetition(np.zeros(SIZE), MASK, 6, 25) == 0
    with pytest.raises(ValueError, match="expected mask of size"):
        measure_repetition(check(10), MASK[:9], 6, 25)
