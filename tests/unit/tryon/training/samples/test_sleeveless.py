"""Drawn tees lose their sleeves and nothing else."""

import numpy as np
import pytest

from mrcnn.refiner.data import random_region
from tryon.training.samples.sleeveless import VEST, make_sleeveless


def tee(size=256):
    """A tee that lies flat: body from 80 to 176, sleeves to 30 and 226."""
    mask = np.zeros((size, size), bool)
    mask[50:220, 80:176] = True
    for row in range(50, 110):
        reach = 50 - abs(row - 80) // 3
        mask[row, 80 - reach : 176 + reach] = True
    mask[50:62, 112:144] = False  # the neckline
    return np.full((size, size, 3), 120, np.uint8), mask


@pytest.mark.parametrize("seed", range(6))
def test_the_sleeves_are_cut_off(seed):
    image, mask = tee()
    region = make_sleeveless(image, mask, np.random.default_rng(seed))
    assert region.label == VEST
    assert not (region.mask & ~mask).any()
    assert not region.mask[70:90, :50].any()
    assert not region.mask[70:90, 206:].any()
    assert region.mask[180:210, 90:166].all(), "the body stays"
    np.testing.assert_array_equal(region.mask, region.foreground)
    assert region.cut


def test_what_has_no_sleeves_cannot_lose_them():
    image = np.full((256, 256, 3), 120, np.uint8)
    mask = np.zeros((256, 256), bool)
    mask[40:220, 80:176] = True
    assert make_sleeveless(image, mask, np.random.default_rng(0)) is None


def test_a_view_of_it_still_needs_another_background():
    region = make_sleeveless(*tee(), np.random.default_rng(0))
    assert random_region(region, 64, np.random.default_rng(0)).cut
