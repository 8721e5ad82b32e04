import numpy as np
import pytest

from data_tools.paint.bare_arms import find_sleeves, shorten_sleeves

SKIN, CLOTH, WALL = (210, 160, 130), (20, 60, 200), (90, 90, 90)


@pytest.fixture
def person():
    """A blue shirt with long sleeves: one apart from the torso, one close to it."""
    image = np.full((120, 100, 3), WALL, np.uint8)
    shirt, skin = np.zeros((2, 120, 100), bool)
    shirt[20:90, 28:86] = True
    shirt[20:80, 10:20] = shirt[20:30, 10:28] = True
    skin[80:90, 11:19] = True
    shirt[80:90, 76:86] = False
    skin[80:90, 77:85] = True
    skin[2:20, 45:60] = True  # face and neck
    image[shirt], image[skin] = CLOTH, SKIN
    return image, shirt, skin


def test_sleeves_are_where_hands_come_out(person):
    _, shirt, skin = person
    sleeves = sorted(find_sleeves(shirt, skin), key=lambda sleeve: not sleeve.left)
    assert [sleeve.left for sleeve in sleeves] == [True, False]
    for sleeve, x in zip(sleeves, (15, 81), strict=True):
        assert sleeve.end == pytest.approx(80, abs=4)
        assert sleeve.hand[85, x]
        assert sleeve.hand.sum() == 80


@pytest.mark.parametrize("empty", ["shirt", "skin"])
def test_nothing_to_see(person, empty):
    _, shirt, skin = person
    none = np.zeros_like(shirt)
    assert find_sleeves(*((none, skin) if empty == "shirt" else (shirt, none))) == []


def test_legs_and_hands_in_the_middle_are_no_arms(person):
    _, shirt, skin = person
    skin = np.zeros_like(skin)
    skin[90:120, 30:40] = True  # a leg below the hem
    skin[60:66, 50:58] = True  # a hand on the belly
    assert find_sleeves(shirt & ~skin, skin) == []


@pytest.mark.parametrize("seed", range(4))
def test_sleeves_end_where_they_are_told_to(person, seed):
    image, shirt, skin = person
    before = image.copy()
    rng = np.random.default_rng(seed)
    out, shorter = shorten_sleeves(image, shirt, find_sleeves(shirt, skin), 0.5, rng)
    np.testing.assert_array_equal(image, before)
    assert not (shorter & ~shirt).any()
    np.testing.assert_array_equal(out[:42], image[:42])
    np.testing.assert_array_equal(shorter[:42], shirt[:42])
    assert not shorter[58:80, 12:18].any(), "the arm that is seen apart"
    assert not shorter[58:80, 78:84].any(), "the arm before the torso"
    assert shorter[58:90, 30:70].all(), "the torso stays"
    np.testing.assert_array_equal(out[58:80, 30:70], image[58:80, 30:70])
    arm = out[58:76, 13:17].reshape(-1, 3).astype(float)
    np.testing.assert_allclose(arm.mean(axis=0), SKIN, rtol=0.25)
    assert arm.std(axis=0).max() < 20


def test_stripes_of_the_sleeve_leave_no_stripes_on_the_arm(person):
    image, shirt, skin = person
    image[::4][shirt[::4]] = 240
    rng = np.random.default_rng(0)
    out, _ = shorten_sleeves(image, shirt, find_sleeves(shirt, skin), 0.5, rng)
    along = out[60:76, 15].mean(axis=1)
    assert np.abs(np.diff(along)).max() < 12
    assert np.abs(np.diff(image[60:76, 15].mean(axis=1))).max() > 100


def test_what_falls_apart_was_no_arm(person):
    image, shirt, skin = person
    shirt[20:90, 20:80] = False
    shirt[20:30, 10:86] = True  # a shrug: sleeves and no more
    image[skin] = SKIN
    shirt[86:90, 40:60] = True
    rng = np.random.default_rng(0)
    assert shorten_sleeves(image, shirt, find_sleeves(shirt, skin), 0.3, rng) is None
