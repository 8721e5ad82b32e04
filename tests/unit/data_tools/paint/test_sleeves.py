import numpy as np
import pytest

from data_tools.paint.cloth import sample_cloth
from data_tools.paint.sleeves import find_arms, lengthen_sleeves

SKIN, CLOTH, WALL = (210, 160, 130), (20, 60, 200), (90, 90, 90)


@pytest.fixture
def person():
    """A blue shirt, two arms that hang, a face above it and a hand on the belly."""
    image = np.full((120, 100, 3), WALL, np.uint8)
    shirt, skin = np.zeros((2, 120, 100), bool)
    shirt[30:80, 30:70] = True
    shirt[30:45, 18:82] = True  # sleeves
    skin[45:105, 18:26] = skin[45:105, 74:82] = True  # arms
    skin[5:30, 42:58] = True  # face and neck
    skin[55:60, 45:55] = True
    shirt &= ~skin
    image[shirt], image[skin] = CLOTH, SKIN
    return image, shirt, skin


def test_arms_are_told_from_face_and_hand(person):
    _, shirt, skin = person
    arms = find_arms(shirt, skin)
    found = np.zeros_like(skin)
    for arm in arms:
        found[arm.box] |= arm.mask
    expected = np.zeros_like(skin)
    expected[45:105, 18:26] = expected[45:105, 74:82] = True
    assert len(arms) == 2
    np.testing.assert_array_equal(found, expected)
    for arm in arms:
        assert arm.to_fingertips[0].min() == pytest.approx(arm.to_fingertips.max(), abs=8)
        assert arm.to_fingertips[-1].min() < 2, "the tips of the fingers"


def test_an_arm_at_the_face_is_left_out(person):
    _, shirt, skin = person
    skin[5:10, 20:50] = skin[5:50, 18:22] = True
    shirt = shirt & ~skin
    assert len(find_arms(shirt, skin)) == 1


@pytest.mark.parametrize("empty", ["shirt", "skin"])
def test_nothing_to_see(person, empty):
    _, shirt, skin = person
    none = np.zeros_like(shirt)
    assert find_arms(*((none, skin) if empty == "shirt" else (shirt, none))) == []


@pytest.mark.parametrize("seed", range(4))
def test_sleeves_end_where_they_are_told_to(person, seed):
    image, shirt, skin = person
    before = image.copy()
    rng = np.random.default_rng(seed)
    out, longer = lengthen_sleeves(image, shirt, find_arms(shirt, skin), 20.0, rng)
    np.testing.assert_array_equal(image, before)
    assert longer[shirt].all()
    assert longer[50:84, 19:25].all()
    assert longer[50:84, 75:81].all()
    assert not (longer & skin)[86:].any(), "hands stay bare"
    np.testing.assert_allclose(out[50:80, 20:24], np.full((30, 4, 3), CLOTH), atol=1)
    np.testing.assert_array_equal(out[92:], image[92:])
    np.testing.assert_array_equal(out[:28], image[:28])
    assert not longer[:, 45:55][55:60].any(), "the hand before the shirt stays bare"


def test_light_on_the_arm_falls_on_its_sleeve(person):
    image, shirt, skin = person
    image[:, :22][skin[:, :22]] = np.array(SKIN) // 2  # half of an arm in shadow
    rng = np.random.default_rng(0)
    out, _ = lengthen_sleeves(image, shirt, find_arms(shirt, skin), 20.0, rng)
    assert out[50:80, 19:21].mean() < 0.8 * out[50:80, 23:25].mean()


def test_an_arm_that_is_all_hand_stays(person):
    image, shirt, skin = person
    rng = np.random.default_rng(0)
    out, longer = lengthen_sleeves(image, shirt, find_arms(shirt, skin), 500.0, rng)
    np.testing.assert_array_equal(out, image)
    np.testing.assert_array_equal(longer, shirt)


def test_cloth_is_taken_from_within_the_shirt(person):
    image, shirt, _ = person
    cloth = sample_cloth(image, shirt)
    assert min(cloth.shape[:2]) >= 10
    assert (cloth == CLOTH).all()
