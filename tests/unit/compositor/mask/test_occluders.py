"""Fingers, sleeves and straps before a garment are told from it by their colours."""

import numpy as np
import pytest

from compositor import part_from_front

CLOTH, SKIN, STREET = (40, 90, 160), (205, 150, 120), (120, 120, 120)
GAPS = [(slice(top, top + 6), slice(96, 116)) for top in (84, 98)]
TIPS = [(slice(top, top + 8), slice(116, 124)) for top in (76, 90, 104)]


def scene(scale=1, cloth=CLOTH):
    """A shirt, and before it an arm from the right that ends in three fingers.

    The network's mask has a mitten: no cloth between the fingers, and their tips on it.
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
def test_cloth_between_fingers_comes_back_and_their_tips_go(scale):
    image, mask, truth = scene(scale)
    before = mask.copy()
    parted = part_from_front(mask, image)
    assert (mask == before).all(), "the mask itself stays"
    assert (parted != truth).sum() < 0.1 * (mask != truth).sum()
    far = np.s_[:, 130 * scale :]
    assert (parted[far] == mask[far]).all()


def test_a_hand_of_the_colour_of_the_cloth_is_let_be():
    image, mask, _ = scene(cloth=SKIN)
    assert (part_from_front(mask, image) == mask).all()


def test_background_of_the_colour_of_the_cloth_is_not_taken_for_cloth():
    image, mask, truth = scene()
    image[60:140, 20:60] = CLOTH  # a wall beside the shirt
    mask = truth.copy()
    mask[112:140, 60:80] = False  # the wall is seen between arm and shirt
    assert (part_from_front(mask, image) == mask).all()


def test_a_print_in_its_midst_is_no_arm():
    image, mask, truth = scene()
    image[truth], mask = CLOTH, np.zeros_like(mask)
    mask[15:215, 60:200] = True
    image[15:215, 60:200] = CLOTH
    image[60:100, 90:140] = SKIN
    mask[60:100, 90:120] = False
    assert (part_from_front(mask, image) == mask).all()


def test_a_striped_cloth_loses_no_stripes():
    image, mask, truth = scene()
    stripes = np.zeros_like(mask)
    stripes[20:200:12] = stripes[21:200:12] = stripes[22:200:12] = True
    image[stripes & truth] = SKIN
    mask = truth.copy()
    assert (part_from_front(mask, image) == mask).all()


@pytest.mark.parametrize("fill", [False, True])
def test_masks_of_nothing_and_of_everything_stay(fill):
    mask = np.full((40, 50), fill)
    image = np.full((40, 50, 3), 90, np.uint8)
    assert (part_from_front(mask, image) == mask).all()


def test_one_pixel_is_no_trouble():
    mask = np.zeros((9, 7), bool)
    mask[8, 6] = True
    assert (part_from_front(mask, np.zeros((9, 7, 3), np.uint8)) == mask).all()


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match="expected"):
        part_from_front(np.zeros((4, 4, 1), bool), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="expected"):
        part_from_front(np.zeros((4, 4), bool), np.zeros((4, 4), np.uint8))
