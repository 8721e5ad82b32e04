import numpy as np
import pytest

from compositor import (
    drop_unrelated_components,
    fill_notches,
    fill_print_holes,
    fill_similar_holes,
)

CLOTH, SKIN = (60, 90, 140), (220, 170, 140)
NECKLINE = np.array([[20.0, 10], [30, 22], [40, 26], [50, 22], [60, 10]])


def test_holes_of_the_cloths_colour_are_filled():
    mask = np.zeros((60, 60), bool)
    mask[5:55, 5:55] = True
    image = np.full((60, 60, 3), (20, 22, 25), np.uint8)
    mask[20:25, 20:25] = mask[40:45, 30:35] = mask[5:12, 40:44] = False
    image[40:45, 30:35] = (220, 170, 140)  # a hand
    image[mask] += np.random.default_rng(0).integers(0, 4, (mask.sum(), 3)).astype("u1")
    filled = fill_similar_holes(mask, image)
    assert filled[20:25, 20:25].all(), "a hole of the cloth's colour"
    assert not filled[40:45, 30:35].any(), "a hand in front"
    assert not filled[5:12, 40:44].any(), "a notch is no hole"
    assert np.array_equal(filled | mask, filled)
    large = mask.copy()
    large[15:35, 10:30] = False
    assert not fill_similar_holes(large, image)[16:34, 11:29].any(), "too large"


NO_POINTS = np.zeros((0, 2))


def components():
    """A striped shirt, cut in two by an arm, and a bag behind the arm."""
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


def test_a_bag_is_dropped_and_a_sleeve_stays():
    shirt, sleeve, bag, image = components()
    kept = drop_unrelated_components(shirt | sleeve | bag, image, NO_POINTS)
    np.testing.assert_array_equal(kept, shirt | sleeve)
    np.testing.assert_array_equal(
        drop_unrelated_components(shirt | bag, image, NO_POINTS), shirt
    )
    np.testing.assert_array_equal(
        drop_unrelated_components(shirt, image, NO_POINTS), shirt
    )


def test_a_component_of_a_stripes_colour_stays():
    shirt, sleeve, _, image = components()
    image[sleeve] = (240, 240, 240)
    kept = drop_unrelated_components(shirt | sleeve, image, NO_POINTS)
    np.testing.assert_array_equal(kept, shirt | sleeve)


def test_a_sleeve_of_another_colour_stays_where_a_landmark_lies_on_it():
    shirt, _, bag, image = components()
    both = shirt | bag
    beyond = [[-3.0, 20], [400, 20], [30, 400]]
    np.testing.assert_array_equal(
        drop_unrelated_components(both, image, np.array(beyond)), shirt
    )
    seen = np.array([*beyond, [64.6, 59.8]])
    np.testing.assert_array_equal(drop_unrelated_components(both, image, seen), both)


def test_an_empty_mask_stays_empty():
    nothing = np.zeros((9, 9), bool)
    image = np.zeros((9, 9, 3), np.uint8)
    assert not drop_unrelated_components(nothing, image, NO_POINTS).any()


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
def test_occluders_in_front_of_the_cloth_stay_out(colour):
    mask, image = v_neck()
    mask[22:36, 38:43] = False
    image[22:36, 38:43] = colour
    assert np.array_equal(fill_notches(mask, image, NECKLINE), mask)


def test_a_notch_of_a_prints_rare_colour_stays():
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
def test_a_neckline_outside_the_photo_is_no_error(move):
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
    assert np.array_equal(fill_similar_holes(mask, image), mask)
    assert np.array_equal(fill_notches(mask, image, np.zeros((5, 2))), mask)


@pytest.mark.parametrize(
    ("colour", "rows", "expected"),
    [
        ((230, 60, 20), np.s_[40:52], True),
        (SKIN, np.s_[40:52], False),
        ((230, 60, 20), np.s_[40:44], False),
        ((230, 60, 20), np.s_[60:80], False),
    ],
    ids=["a print", "a hand", "a pendant", "not enclosed"],
)
def test_an_enclosed_bold_print_is_filled(colour, rows, expected):
    mask, image = v_neck()
    mask[rows, 32:46] = False
    image[rows, 32:46] = colour
    filled = fill_print_holes(mask, image, NECKLINE)
    assert filled[rows, 32:46].all() == expected
    if not expected:
        assert np.array_equal(filled, mask)


def test_without_skin_in_the_frame_no_print_is_filled():
    mask, image = np.ones((80, 80), bool), v_neck()[1]
    mask[40:60, 30:50] = False
    assert np.array_equal(fill_print_holes(mask, image, NECKLINE - [0, 40]), mask)
