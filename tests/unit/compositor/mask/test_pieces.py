"""Pieces of a shirt that its mask misses come back, and nothing else does."""

import numpy as np
import pytest

from compositor.mask.pieces import add_missed_pieces

CLOTH, SKIN, WALL = (60, 90, 140), (220, 170, 140), (200, 200, 195)


def cut_by_hands():
    """A shirt, of which the mask ends at the hands before it."""
    image = np.full((100, 80, 3), WALL, np.uint8)
    shirt = np.zeros((100, 80), bool)
    shirt[10:, 15:65] = True
    image[shirt] = CLOTH
    image[::7][:, 15:65] = (240, 240, 240)  # stripes, a seventh of the cloth
    hands = np.zeros_like(shirt)
    hands[60:72, 5:75] = True
    image[hands] = SKIN
    shirt &= ~hands
    mask = shirt.copy()
    mask[72:] = False
    noise = np.random.default_rng(0).integers(0, 4, image.shape)
    return mask, shirt, hands, image + noise.astype(np.uint8)


def test_what_hands_cut_off_comes_back():
    mask, shirt, hands, image = cut_by_hands()
    likely = shirt | hands  # the other network does not see hands
    likely[68:, 10:70] = True  # nor is its outline exact
    found = add_missed_pieces(mask, image, likely)
    assert not (mask & ~found).any()
    assert not (found & hands).any()
    assert (found & shirt).sum() > 0.97 * shirt.sum()
    assert not (found & ~shirt).any()


def test_what_nobody_sees_stays_out():
    mask, shirt, _, image = cut_by_hands()
    np.testing.assert_array_equal(add_missed_pieces(mask, image, mask), mask)
    skirt = image.copy()
    skirt[72:] = (150, 40, 40)
    np.testing.assert_array_equal(add_missed_pieces(mask, skirt, shirt), mask)


def test_outlines_and_specks_are_no_pieces():
    mask, _, _, image = cut_by_hands()
    image[:] = CLOTH  # a wall of the shirt's colour
    wider = mask.copy()
    wider[8:60, 14:67] = True
    wider[90:93, 30:33] = True
    np.testing.assert_array_equal(add_missed_pieces(mask, image, wider), mask)


def test_empty_masks_and_wrong_sizes():
    mask, shirt, _, image = cut_by_hands()
    none = np.zeros_like(mask)
    assert not add_missed_pieces(none, image, shirt).any()
    with pytest.raises(ValueError, match="likely"):
        add_missed_pieces(mask, image, shirt[:-1])
