"""Garments of another class, made of those of a photo."""

import numpy as np
import pytest

from data_tools.annotations import Garment
from tryon.training.samples.class_swaps import (
    EditableGarment,
    dress_to_top,
    lengthen_top_sleeves,
    shorten_top_sleeves,
    swap_class,
)

RED, BROWN, GREEN = (220, 20, 20), (200, 150, 120), (20, 160, 20)


def person(bottom=60, arms=("left", "right")):
    """A red garment from row 20 to a bottom, and bare arms beside it."""
    image = np.full((130, 120, 3), 90, np.uint8)
    mask, skin = np.zeros((2, 130, 120), bool)
    mask[20:bottom, 30:70] = True
    mask[20:32, 20:80] = True  # sleeves
    for side, left in (("left", 20), ("right", 73)):
        if side in arms:
            skin[32:76, left : left + 7] = True
    image[mask], image[skin] = RED, BROWN
    return EditableGarment(image, mask, mask | skin, lambda: skin)


def draws(count, make):
    return [make(np.random.default_rng(seed)) for seed in range(count)]


def test_longer_sleeves_tell_the_class():
    worn = person()
    found = draws(40, lambda rng: lengthen_top_sleeves(worn, rng))
    long = [region for region in found if region.label == 2]
    short = [region for region in found if region.label == 1]
    assert len(long) > 15
    assert len(short) > 8
    ends = [np.flatnonzero(r.mask[:, 20:27].any(axis=1)).max() for r in (*long, *short)]
    assert min(ends[: len(long)]) >= max(ends[len(long) :]) + 8
    for region in found:
        assert region.hint is None
        assert region.landmarks is None
        assert region.foreground[region.mask | worn.foreground].all()


def test_one_bare_arm_gets_no_long_sleeve():
    worn = person(arms=("left",))
    found = draws(20, lambda rng: lengthen_top_sleeves(worn, rng))
    assert {None if region is None else region.label for region in found} == {None, 1}


def in_long_sleeves(hands=("left", "right")):
    """A red garment with sleeves that hang beside it, and hands below them."""
    image = np.full((130, 120, 3), 90, np.uint8)
    mask, skin = np.zeros((2, 130, 120), bool)
    mask[20:90, 40:80] = mask[20:30, 20:100] = True
    mask[20:80, 20:30] = mask[20:80, 90:100] = True
    for side, left in (("left", 21), ("right", 91)):
        if side in hands:
            skin[80:90, left : left + 8] = True
    image[mask], image[skin] = RED, BROWN
    return EditableGarment(image, mask, mask | skin, lambda: skin)


@pytest.mark.parametrize(("label", "first", "last"), [(1, 35, 60), (2, 60, 75)])
def test_long_sleeves_become_shorter(label, first, last):
    worn = in_long_sleeves()
    for region in draws(12, lambda rng: shorten_top_sleeves(worn, [], label, rng)):
        assert (region.label, region.landmarks, region.hint) == (label, None, None)
        for left in (22, 92):
            end = np.flatnonzero(region.mask[:, left : left + 6].any(axis=1)).max()
            assert first <= end <= last
            below = region.image[end + 3 : 80, left : left + 6].reshape(-1, 3)
            np.testing.assert_allclose(below.mean(axis=0), BROWN, rtol=0.3)


def test_sleeves_stay_under_coats_and_where_a_hand_is_hidden():
    rng = np.random.default_rng(0)
    coat = Garment(4, np.ones((130, 120), bool))
    assert shorten_top_sleeves(in_long_sleeves(), [coat], 1, rng) is None
    assert shorten_top_sleeves(in_long_sleeves(hands=("left",)), [], 1, rng) is None


def test_some_long_sleeves_are_rolled_up_and_stay_long():
    worn = in_long_sleeves()
    found = draws(60, lambda rng: swap_class(worn, [], 2, rng))
    rolled = [region for region in found if region is not None]
    assert 5 < len(rolled) < 30
    assert {region.label for region in rolled} == {2}


def test_what_is_not_known_is_not_altered():
    worn = person()
    unknown = EditableGarment(worn.image, worn.mask, None, lambda: None)
    assert lengthen_top_sleeves(unknown, np.random.default_rng(0)) is None
    assert dress_to_top(unknown, 10, np.random.default_rng(0)) is None
    assert shorten_top_sleeves(unknown, [], 1, np.random.default_rng(0)) is None
    region = dress_to_top(unknown, 12, np.random.default_rng(0))
    assert (region.label, region.foreground) == (5, None), "no sleeves, no arms needed"


def test_the_upper_half_of_a_dress_is_a_top():
    worn = person(bottom=110)
    for region in draws(10, lambda rng: dress_to_top(worn, 10, rng)):
        assert region.label == 1
        rows = np.flatnonzero(region.mask.any(axis=1))
        assert rows[0] == 20
        assert 40 < rows[-1] < 90
        skirt = worn.mask & ~region.mask
        assert np.abs(region.image[skirt].mean(axis=0) - RED).max() > 30
        kept = region.mask.copy()
        kept[rows[-1] - 10 :] = False
        assert (region.image[kept] == RED).all()


@pytest.mark.parametrize("arms", [(), ("left",)])
def test_sleeves_of_a_dress_must_be_seen(arms):
    region = dress_to_top(person(110, arms), 10, np.random.default_rng(0))
    assert (region is not None) is bool(arms)


def test_hands_below_a_coat_are_no_short_sleeves():
    worn = person(bottom=125)
    low = np.zeros_like(worn.mask)
    low[70:115, 70:78] = True
    coat = EditableGarment(worn.image, worn.mask, worn.foreground, lambda: low)
    assert dress_to_top(coat, 10, np.random.default_rng(0)) is None


def test_a_top_in_the_cloth_of_its_skirt_is_a_dress():
    worn = person()
    skirt = np.zeros_like(worn.mask)
    skirt[62:110, 28:72] = True
    worn.image[skirt] = GREEN
    garments = Garment(1, worn.mask), Garment(9, skirt)
    found = draws(60, lambda rng: swap_class(worn, garments, 1, rng))
    labels = [None if region is None else region.label for region in found]
    assert set(labels) == {None, 1, 2, 10}
    assert 12 < labels.count(10) < 36
    dress = found[labels.index(10)]
    np.testing.assert_array_equal(dress.mask, worn.mask | skirt)
    assert np.abs(dress.image[80, 50].astype(int) - RED).max() < 10


def test_other_classes_stay():
    worn = person()
    garments = [Garment(4, worn.mask)]
    assert draws(20, lambda rng: swap_class(worn, garments, 4, rng)) == [None] * 20
