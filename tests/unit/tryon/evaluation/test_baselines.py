"""Baselines on a drawn tee whose shop picture is a copy of it, moved aside."""

import numpy as np
import pytest

from data_tools.paint.rendered_pairs import Truth
from tryon.evaluation import baselines
from tryon.frames import Frame
from tryon.stages import DetectedGarment, prepare
from tryon.transfer import Painted, Relit, fit_style_warp
from tryon.types import GarmentMask, Instance, Photo

SIZE = 120, 100
GREY = 120


def tee_mask(left=20):
    mask = np.zeros(SIZE, bool)
    mask[20:110, left : left + 60] = True
    return mask


def chart_of(mask):
    """Lay u from .1 to .4 and v from .9 to .1 over a mask."""
    ys, xs = np.nonzero(mask)
    chart = np.zeros((*SIZE, 2), np.float32)
    chart[ys, xs, 0] = 0.1 + 0.3 * (xs - xs.min()) / np.ptp(xs)
    chart[ys, xs, 1] = 0.9 - 0.8 * (ys - ys.min()) / np.ptp(ys)
    return chart


def garment(mask, colours):
    image = np.full((*SIZE, 3), GREY, np.uint8)
    image[mask] = colours[mask]
    instance = Instance(1, "short sleeve top", 0.9, (0, 0, 1, 1), float(mask.mean()))
    detection = GarmentMask(mask, (instance,), 0, 0.9)
    return prepare(DetectedGarment(Photo(image), image, detection))


@pytest.fixture
def user():
    return garment(tee_mask(), np.full((*SIZE, 3), (200, 30, 30), np.uint8))


@pytest.fixture
def shop():
    """A tee 15 pixels farther right: green above, blue below."""
    colours = np.zeros((*SIZE, 3), np.uint8)
    colours[:65], colours[65:] = (30, 180, 30), (30, 30, 180)
    return garment(tee_mask(35), colours)


@pytest.fixture
def truth():
    mask, shop_mask = tee_mask(), tee_mask(35)
    light = np.ones(SIZE, np.float32)
    return Truth(mask, chart_of(mask), light, shop_mask, chart_of(shop_mask))


def centre(attempt):
    """Colours of the shirt's upper and lower half."""
    return attempt.image[40, 50].astype(int), attempt.image[90, 50].astype(int)


def test_copy_is_the_photo(user):
    attempt = baselines.copy_input(user)
    np.testing.assert_array_equal(attempt.image, user.photo.image)
    assert attempt.coordinates is None


def test_flat_colour_is_the_shop_garments_mean(user, shop):
    attempt = baselines.flat_colour(user, shop)
    for colour in centre(attempt):
        np.testing.assert_allclose(colour, (30, 105, 105), atol=4)
    assert attempt.coordinates is None


@pytest.mark.parametrize(
    ("method", "tolerance"),  # a rectangle's outline hardly determines its corners
    [(baselines.box_affine, 0.6), (baselines.contour_warp, 6)],
)
def test_warps_move_halves_and_coordinates(user, shop, method, tolerance):
    attempt = method(user, shop)
    above, below = centre(attempt)
    assert above[1] > 150 > above[2]
    assert below[2] > 150 > below[1]
    x, y = attempt.coordinates[65, 50] * (SIZE[1], SIZE[0])
    assert x == pytest.approx(65.5, abs=tolerance)
    assert y == pytest.approx(65.5, abs=tolerance)


@pytest.mark.parametrize("name", ["flat_colour", "box_affine", "contour_warp"])
def test_beside_the_matte_nothing_changes(user, shop, name):
    image = getattr(baselines, name)(user, shop).image
    outside = user.full_alpha == 0
    assert outside.any()
    np.testing.assert_array_equal(image[outside], user.photo.image[outside])


def test_true_coordinates_follow_the_chart(truth):
    coordinates = baselines.true_coordinates(truth)
    x, y = coordinates[65, 50]
    assert (x, y) == (pytest.approx(65, abs=0.1), pytest.approx(65, abs=0.1))
    inner = coordinates[26:100, 26:70]
    ys, xs = np.mgrid[26:100, 26:70]
    np.testing.assert_allclose(inner[..., 0], xs + 15, atol=0.3)
    np.testing.assert_allclose(inner[..., 1], ys, atol=0.3)
    assert coordinates[:, 0, 0].max() <= 41, "outside the shirt: of its nearest pixel"


def test_the_inner_collar_is_never_used(truth):
    chart, shop_chart = truth.chart.copy(), truth.shop_chart.copy()
    chart[20:30, :, 0] += 0.5  # the worn collar shows the shirt's back
    shop_chart[20:40, :, 0] += 0.5  # so does the shop's, and more of it
    coordinates = baselines.true_coordinates(
        Truth(truth.tee, chart, truth.light, truth.shop_tee, shop_chart)
    )
    assert coordinates[..., 1].min() >= 39.5


def test_a_front_of_a_few_pixels_is_enough(truth):
    chart = truth.shop_chart.copy()
    chart[..., 0] = 0.75
    chart[60, 60:62] = 0.2, 0.5
    coordinates = baselines.true_coordinates(
        Truth(truth.tee, truth.chart, truth.light, truth.shop_tee, chart)
    )
    assert set(np.unique(coordinates[..., 1])) == {60}


def test_truth_warp_lights_the_print_truly(user, shop, truth):
    light = np.ones(SIZE, np.float32)
    light[:, 50:] = 0.25
    known = Truth(truth.tee, truth.chart, light, truth.shop_tee, truth.shop_chart)
    attempt = baselines.truth_warp(user, shop, known)
    assert attempt.image[40, 40, 1] > 1.5 * attempt.image[40, 60, 1]
    above, below = centre(baselines.truth_warp(user, shop, truth))
    np.testing.assert_allclose(above, (30, 180, 30), atol=3)
    np.testing.assert_allclose(below, (30, 30, 180), atol=3)


def test_the_pipeline_has_coordinates_unless_it_applies_a_pattern(user, shop):
    frame = Frame.around(user.box, 8)
    plain = np.full((8, 8, 3), 77, np.float32)
    attempt = baselines.pipeline_result(user, Painted(plain, frame))
    assert attempt.coordinates is None
    assert (attempt.image[60, 50] == 77).all()
    warp, style, _ = fit_style_warp(user, shop)
    relit = Relit(
        warp, style, frame, np.zeros((8, 8, 6), np.float32),
        np.zeros((*SIZE, 1), np.float32),
    )  # fmt: skip
    attempt = baselines.pipeline_result(user, relit)
    contour = baselines.contour_warp(user, shop)
    np.testing.assert_array_equal(attempt.coordinates, contour.coordinates)
