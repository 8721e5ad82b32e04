import numpy as np
import pytest

from compositor import drop_strangers, fill_alike, fill_notches, fill_prints

CLOTH, SKIN = (60, 90, 140), (220, 170, 140)
NECKLINE = np.array([[20.0, 10], [30, 22], [40, 26], [50, 22], [60, 10]])


def test_holes_that_look_like_the_cloth_are_filled():
    mask = np.zeros((60, 60), bool)
    mask[5:55, 5:55] = True
    image = np.full((60, 60, 3), (20, 22, 25), np.uint8)
    mask[20:25, 20:25] = mask[40:45, 30:35] = mask[5:12, 40:44] = False
    image[40:45, 30:35] = (220, 170, 140)  # a hand
    image[mask] += np.random.default_rng(0).integers(0, 4, (mask.sum(), 3)).astype("u1")
    filled = fill_alike(mask, image)
    assert filled[20:25, 20:25].all(), "a slip"
    assert not filled[40:45, 30:35].any(), "a hand in front"
    assert not filled[5:12, 40:44].any(), "a notch is no hole"
    assert np.array_equal(filled | mask, filled)
    large = mask.copy()
    large[15:35, 10:30] = False
    assert not fill_alike(large, image)[16:34, 11:29].any(), "too large for a slip"


NO_POINTS = np.zeros((0, 2))


def parted():
    """A striped shirt, cut by an arm, and a bag behind the arm."""
    shirt, sleeve, bag = np.zeros((3, 80, 80), bool)
    shirt[10:60, 10:50] = True
    sleeve[10:30, 60:75] = True
    bag[50:70, 55:75] = True
    image = np.full((80, 80, 3), SKIN, np.uint8)
    image[shirt | sleeve] = CLOTH
    image[10:60:10][:, 10:50] = (240, 240, 240)  # stripes, a tenth of the cloth
    image[bag] = (25, 20, 20)
    noise = np.random.default_rng(0).integers(0, 4, image.shape)
    return shirt, sleeve, bag, image + noise.astype(np.uint8)


def test_a_bag_that_lies_apart_is_dropped_and_a_sleeve_stays():
    shirt, sleeve, bag, image = parted()
    kept = drop_strangers(shirt | sleeve | bag, image, NO_POINTS)
    np.testing.assert_array_equal(kept, shirt | sleeve)
    np.testing.assert_array_equal(drop_strangers(shirt | bag, image, NO_POINTS), shirt)
    np.testing.assert_array_equal(drop_strangers(shirt, image, NO_POINTS), shirt)


def test_a_part_of_a_stripes_colour_stays():
    shirt, sleeve, _, image = parted()
    image[sleeve] = (240, 240, 240)
    kept = drop_strangers(shirt | sleeve, image, NO_POINTS)
    np.testing.assert_array_equal(kept, shirt | sleeve)


def test_a_sleeve_of_another_cloth_stays_where_a_landmark_tells_of_it():
    shirt, _, bag, image = parted()
    both = shirt | bag
    beyond = [[-3.0, 20], [400, 20], [30, 400]]
    np.testing.assert_array_equal(drop_strangers(both, image, np.array(beyond)), shirt)
    seen = np.array([*beyond, [64.6, 59.8]])
    np.testing.assert_array_equal(drop_strangers(both, image, seen), both)


def test_no_mask_has_no_strangers():
    nothing = np.zeros((9, 9), bool)
    image = np.zeros((9, 9, 3), np.uint8)
    assert not drop_strangers(nothing, image, NO_POINTS).any()


def v_neck():
    """A shirt with an open neck, and the photo of its wearer."""
    ys, xs = np.mgrid[:80, :80]
    mask = (ys >= 10) & (np.abs(xs - 40) > (26 - ys) * 1.25)
    image = np.where(mask[..., None], CLOTH, SKIN).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 4, image.shape)
    return mask, image + noise.astype(np.uint8)


def test_the_slit_below_a_neck_is_filled_and_the_neck_is_not():
    mask, image = v_neck()
    slit = np.zeros_like(mask)
    slit[22:36, 38:43] = mask[22:36, 38:43]
    filled = fill_notches(mask & ~slit, image, NECKLINE)
    assert np.array_equal(filled, mask)


@pytest.mark.parametrize(
    "colour", [SKIN, (20, 18, 16), (230, 200, 60)], ids=["skin", "hair", "a pendant"]
)
def test_what_lies_before_the_cloth_stays(colour):
    mask, image = v_neck()
    mask[22:36, 38:43] = False
    image[22:36, 38:43] = colour
    assert np.array_equal(fill_notches(mask, image, NECKLINE), mask)


def test_a_notch_like_few_of_a_prints_colours_stays():
    mask, image = v_neck()
    image[20:60:10][mask[20:60:10]] = (20, 18, 16)  # thin dark lines
    mask[22:36, 38:43] = False
    image[22:36, 38:43] = (20, 18, 16)  # sunglasses
    assert not (fill_notches(mask, image, NECKLINE) & ~mask)[24:, 39:42].any()


def test_notches_far_from_the_neck_stay():
    mask, image = v_neck()
    mask[60:, 38:43] = False
    assert np.array_equal(fill_notches(mask, image, NECKLINE), mask)


@pytest.mark.parametrize("move", [(-200, -200), (200, 0), (-45, -20)])
def test_a_neckline_beyond_the_photo_is_no_error(move):
    mask, image = v_neck()
    filled = fill_notches(mask, image, NECKLINE + move)
    assert np.array_equal(filled | mask, filled)


@pytest.mark.parametrize(
    "mask",
    [np.zeros((6, 7), bool), np.ones((6, 7), bool), np.arange(42).reshape(6, 7) == 10],
    ids=["empty", "full", "one pixel"],
)
def test_hostile_masks_pass_through(mask):
    image = np.full((6, 7, 3), 90, np.uint8)
    assert np.array_equal(fill_alike(mask, image), mask)
    assert np.array_equal(fill_notches(mask, image, np.zeros((5, 2))), mask)


@pytest.mark.parametrize(
    ("colour", "rows", "expected"),
    [
        ((230, 60, 20), np.s_[40:52], True),
        (SKIN, np.s_[40:52], False),
        ((230, 60, 20), np.s_[40:44], False),
        ((230, 60, 20), np.s_[60:80], False),
    ],
    ids=["a print", "a hand", "a pendant", "comes in from below"],
)
def test_a_bold_print_in_the_midst_is_garment(colour, rows, expected):
    mask, image = v_neck()
    mask[rows, 32:46] = False
    image[rows, 32:46] = colour
    filled = fill_prints(mask, image, NECKLINE)
    assert filled[rows, 32:46].all() == expected
    if not expected:
        assert np.array_equal(filled, mask)


def test_a_neck_out_of_the_frame_tells_no_skin():
    mask, image = np.ones((80, 80), bool), v_neck()[1]
    mask[40:60, 30:50] = False
    assert np.array_equal(fill_prints(mask, image, NECKLINE - [0, 40]), mask)
