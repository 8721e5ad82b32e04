"""Figures on pictures small enough to check by eye."""

import numpy as np
import pytest

from data_tools.paint.rendered_pairs import Truth
from tryon.evaluation.metrics import (
    compare,
    coordinate_errors,
    gradient_correlation,
    light_errors,
    old_cloth,
    panel_units,
    print_errors,
    zones,
)

EVERYWHERE = np.ones((8, 8), bool)


def test_zones_share_the_picture():
    tee = np.zeros((20, 30), bool)
    tee[4:20, 10:22] = True  # cut by the picture's lower edge
    parts = zones(tee)
    assert sum(part.astype(int) for part in parts.values()).min() == 1
    assert sum(part.astype(int) for part in parts.values()).max() == 1
    row = "".join(next(n[0] for n, p in parts.items() if p[12, x]) for x in range(30))
    assert row == "o" * 7 + "r" * 6 + "i" * 6 + "r" * 6 + "o" * 5
    assert parts["inside"][19, 16], "the picture's edge is no outline"


def test_the_truth_itself_is_perfect():
    truth = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    values = compare(truth, truth, {"inside": np.ones((16, 16), bool)})
    assert values["SSIM inside"] == pytest.approx(1)
    assert values["dE inside"] == pytest.approx(0, abs=1e-6)
    assert values["gradients inside"] == pytest.approx(1)


def test_each_zone_counts_its_own_pixels():
    truth = np.full((16, 16, 3), 119, np.uint8)
    image = truth.copy()
    image[:, 8:] = 144  # L* 50 and 60: in grey, CIEDE2000 is |dL| / S_L
    left = np.zeros((16, 16), bool)
    left[:, :8] = True
    values = compare(
        image, truth, {"inside": left, "rim": ~left, "outside": left & ~left}
    )
    assert values["dE inside"] == pytest.approx(0, abs=1e-6)
    lightness = 1 + 0.015 * 5**2 / np.sqrt(20 + 5**2)  # S_L at the mean L* of 55
    assert values["dE rim"] == pytest.approx(10 / lightness, rel=0.03)
    assert values["SSIM rim"] < values["SSIM inside"]
    assert not any(name.endswith("outside") for name in values)


def ramp(step_x, step_y):
    ys, xs = np.mgrid[:8, :8].astype(float)
    return step_x * xs**2 + step_y * ys**2


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (ramp(1, 1), 1),
        (0.2 * ramp(1, 1) + 9, 1),  # darker and of less contrast, the same folds
        (-ramp(1, 1), -1),
        (ramp(1, 0), 0.5),  # knows the folds of one direction
        (ramp(1, -1), 0),
        (np.full((8, 8), 0.5), 0),  # a flat colour knows none
    ],
)
def test_gradient_correlation(image, expected):
    inner = np.zeros((8, 8), bool)
    inner[1:-1, 1:-1] = True  # beside the edge, where derivatives are halved
    found = gradient_correlation(image, ramp(1, 1), inner)
    assert found == pytest.approx(expected, abs=1e-6)


def test_gradients_of_noise_are_unlike():
    rng = np.random.default_rng(0)
    one, two = rng.random((2, 99, 99))
    assert abs(gradient_correlation(one, two, np.ones((99, 99), bool))) < 0.05


def test_u_counts_twice():
    assert panel_units(np.array([0.25, 0.5], np.float32)).tolist() == [0.5, 0.5]


def grid(height, width):
    """Chart of a front that fills the picture: u from 0 to .5, v from 1 to 0."""
    ys, xs = np.mgrid[:height, :width]
    u, v = 0.5 * (xs + 0.5) / width, 1 - (ys + 0.5) / height
    return np.stack([u, v], axis=-1).astype(np.float32)


@pytest.fixture
def truth():
    """A worn tee of 8x8 pixels, and the same tee of 16x16 in its shop picture."""
    light = np.ones((8, 8), np.float32)
    return Truth(EVERYWHERE, grid(8, 8), light, np.ones((16, 16), bool), grid(16, 16))


def shares(shift_x=0.0, shift_y=0.0):
    ys, xs = (np.mgrid[:8, :8] + 0.5) / 8
    return np.stack([xs + shift_x, ys + shift_y], axis=-1).astype(np.float32)


def test_the_right_places_have_no_error(truth):
    errors = coordinate_errors(shares(), truth)
    assert errors.shape == (8, 8)
    np.testing.assert_allclose(
        errors, np.hypot(1 / 32, 1 / 32), rtol=1e-4
    )  # half a pixel


@pytest.mark.parametrize(("shift", "axis"), [((0.25, 0), 0), ((0, 0.25), 1)])
def test_a_shift_is_told_in_panels(truth, shift, axis):
    errors = coordinate_errors(shares(*shift), truth)
    inner = np.s_[:, :6] if axis == 0 else np.s_[:6]
    assert np.median(errors[inner]) == pytest.approx(0.25, abs=1 / 16)


def test_places_beside_the_garment_count_as_its_nearest(truth):
    left = truth.shop_tee.copy()
    left[:, 8:] = False
    known = Truth(truth.tee, truth.chart, truth.light, left, truth.shop_chart)
    errors = coordinate_errors(shares(), known)
    assert errors[0, 7] == pytest.approx(2 * 0.5 * 7.5 / 16, abs=0.07)
    outside = coordinate_errors(shares(5.0, -5.0), truth)
    assert np.isfinite(outside).all()


def test_beside_the_shirt_nothing_is_measured(truth):
    half = truth.tee.copy()
    half[4:] = False
    known = Truth(half, truth.chart, truth.light, truth.shop_tee, truth.shop_chart)
    errors = coordinate_errors(shares(), known)
    assert np.isnan(errors[4:]).all()
    assert np.isfinite(errors[:4]).all()


def shirt_pictures():
    """A red shirt on grey, the same in blue, and the shirt's mask."""
    tee = np.zeros((60, 50), bool)
    tee[10:50, 10:40] = True
    user, truth = (np.full((60, 50, 3), 128, np.uint8) for _ in range(2))
    user[tee], truth[tee] = (200, 30, 30), (30, 30, 200)
    return user, truth, tee


def test_the_truth_leaves_and_spills_nothing():
    user, truth, tee = shirt_pictures()
    values = old_cloth(truth, user, truth, tee)
    assert values == {"left": 0, "spilled": 0, "dE edge": 0}


def test_pieces_of_the_old_shirt_are_found_and_crumbs_are_not():
    user, truth, tee = shirt_pictures()
    image = truth.copy()
    image[20:30, 20:25] = user[20:30, 20:25]  # 50 pixels
    image[40:45, 30:35] = user[40:45, 30:35]  # 25
    image[10:50, 10:12] = user[10:50, 10:12]  # in the margin
    values = old_cloth(image, user, truth, tee)
    assert values["left"] == pytest.approx(50 / tee.sum())
    assert values["dE edge"] > 1
    assert old_cloth(user, user, user, tee)["left"] == 0, "it should look so"


def test_changes_beside_the_shirt_are_spilled():
    user, truth, tee = shirt_pictures()
    image = truth.copy()
    image[:5, :6] = 0
    image[9, 10:40] = 0  # in the margin
    assert old_cloth(image, user, truth, tee)["spilled"] == pytest.approx(30 / tee.sum())


def test_level_and_tint_are_told_apart():
    _, truth, tee = shirt_pictures()
    truth[tee] = 119
    brighter, redder = truth.copy(), truth.copy()
    brighter[tee], redder[tee] = 144, (139, 113, 113)
    values = light_errors(brighter, truth, tee)
    assert values["level"] == values["level error"] == pytest.approx(10, abs=0.3)
    assert values["tint error"] == pytest.approx(0, abs=0.01)
    assert light_errors(truth, brighter, tee)["level"] == pytest.approx(-10, abs=0.3)
    values = light_errors(redder, truth, tee)
    assert values["tint error"] > 8
    assert values["level error"] < 3
    assert light_errors(truth, truth, np.zeros_like(tee)) == {}


def test_the_tint_of_grey_cloth_is_named():
    inside = np.ones((4, 4), bool)
    grey, red = (np.full((4, 4, 3), c, np.uint8) for c in ((120,) * 3, (180, 40, 40)))
    bluish = np.full((4, 4, 3), (120, 120, 140), np.uint8)
    errors = light_errors(bluish, grey, inside)
    assert errors["grey tint error"] == errors["tint error"] > 5
    assert "grey tint error" not in light_errors(grey, red, inside)


def large_truth():
    """A garment that fills photo and shop picture, at the same places."""
    every = np.ones((100, 100), bool)
    return Truth(every, grid(100, 100), every.astype(np.float32), every, grid(100, 100))


def shown(matrix):
    """Return the places that pixels show, moved by a matrix around the chest."""
    ys, xs = np.mgrid[:100, :100] + 0.5
    offset = np.stack([xs - 25, ys - 47], axis=-1) @ np.transpose(matrix)
    return ((offset + (25, 47)) / 100).astype(np.float32)


def test_a_print_in_shape_has_no_errors():
    errors = print_errors(shown(np.eye(2)), large_truth())
    assert errors["aspect error"] == pytest.approx(0, abs=0.02)
    assert errors["tilt error"] == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("squash", [0.5, 2.0])
def test_a_squashed_print_has_another_aspect(squash):
    errors = print_errors(shown(np.diag([1, squash])), large_truth())
    assert errors["aspect error"] == pytest.approx(np.log(2), abs=0.03)
    assert errors["tilt error"] == pytest.approx(0, abs=0.5)
    even = print_errors(shown(squash * np.eye(2)), large_truth())
    assert even["aspect error"] == pytest.approx(0, abs=0.02), "size is no shape"


@pytest.mark.parametrize("degrees", [-10, 30])
def test_a_turned_print_is_tilted(degrees):
    turn = np.deg2rad(degrees)
    matrix = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    errors = print_errors(shown(matrix), large_truth())
    assert errors["tilt error"] == pytest.approx(abs(degrees), abs=1)
    assert errors["aspect error"] == pytest.approx(0, abs=0.03)


def test_a_chest_that_is_not_seen_has_no_shape(truth):
    assert print_errors(shares(), truth) == {}
