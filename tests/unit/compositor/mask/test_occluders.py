"""Occluders in front of a garment are separated from it by colour."""

import numpy as np
import pytest

from compositor import separate_occluders

CLOTH, SKIN, STREET = (40, 90, 160), (205, 150, 120), (120, 120, 120)
GAPS = [(slice(top, top + 6), slice(96, 116)) for top in (84, 98)]
TIPS = [(slice(top, top + 8), slice(116, 124)) for top in (76, 90, 104)]


def scene(scale=1, cloth=CLOTH):
    """A shirt, and in front of it an arm that ends in three fingers.

    The network's mask has a mitten: it leaves out the cloth between the fingers, and
    includes their tips.
    """
    image = np.full((220, 220, 3), STREET, np.uint8)
    truth = np.zeros((220, 220), bool)
    truth[15:215, 60:200] = True
    image[truth] = cloth
    hand = np.zeros_like(truth)
    hand[76:112, 20:96] = True
    for top in (76, 90, 104):
        hand[top : top + 8, 96:124] = True
    image[hand] = SKIN
    mask = truth & ~hand
    for gap in GAPS:
        mask[gap] = False
    for tip in TIPS:
        mask[tip] = True
    rng = np.random.default_rng(0)
    noisy = np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
    planes = (noisy, mask, truth & ~hand)
    return tuple(plane.repeat(scale, 0).repeat(scale, 1) for plane in planes)


@pytest.mark.parametrize("scale", [1, 4])
def test_cloth_between_fingers_is_added_and_their_tips_removed(scale):
    image, mask, truth = scene(scale)
    before = mask.copy()
    corrected = separate_occluders(mask, image)
    assert (mask == before).all(), "the argument is not changed"
    assert (corrected != truth).sum() < 0.1 * (mask != truth).sum()
    far = np.s_[:, 130 * scale :]
    assert (corrected[far] == mask[far]).all()


def test_a_hand_of_the_cloths_colour_changes_nothing():
    image, mask, _ = scene(cloth=SKIN)
    assert (separate_occluders(mask, image) == mask).all()


def test_background_of_the_cloths_colour_is_not_added():
    image, mask, truth = scene()
    image[60:140, 20:60] = CLOTH  # a wall beside the shirt
    mask = truth.copy()
    mask[112:140, 60:80] = False  # the wall is seen between arm and shirt
    assert (separate_occluders(mask, image) == mask).all()


def test_an_enclosed_print_is_no_occluder():
    image, mask, truth = scene()
    image[truth], mask = CLOTH, np.zeros_like(mask)
    mask[15:215, 60:200] = True
    image[15:215, 60:200] = CLOTH
    image[60:100, 90:140] = SKIN
    mask[60:100, 90:120] = False
    assert (separate_occluders(mask, image) == mask).all()


def test_a_striped_garment_keeps_its_stripes():
    image, mask, truth = scene()
    stripes = np.zeros_like(mask)
    stripes[20:200:12] = stripes[21:200:12] = stripes[22:200:12] = True
    image[stripes & truth] = SKIN
    mask = truth.copy()
    assert (separate_occluders(mask, image) == mask).all()


@pytest.mark.parametrize("fill", [False, True])
def test_empty_and_full_masks_stay(fill):
    mask = np.full((40, 50), fill)
    image = np.full((40, 50, 3), 90, np.uint8)
    assert (separate_occluders(mask, image) == mask).all()


def test_one_pixel_stays():
    mask = np.zeros((9, 7), bool)
    mask[8, 6] = True
    assert (separate_occluders(mask, np.zeros((9, 7, 3), np.uint8)) == mask).all()


def test_wrong_shapes():
    with pytest.raises(ValueError, match="expected"):
        separate_occluders(np.zeros((4, 4, 1), bool), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="expected"):
        separate_occluders(np.zeros((4, 4), bool), np.zeros((4, 4), np.uint8))
