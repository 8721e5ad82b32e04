"""A print is as high for its width as in the shop's picture, whatever hides the hem."""

from dataclasses import replace

import numpy as np
import pytest

from mrcnn.chart.inference import Chart
from tryon.proportions import keep_proportions, measure_lengths, torso_weight

EXACT = np.exp(-0.04)  # S1's pixels down the shirt for one across it, as configured


def torso(height, width=60.0, heights=(0.0, 0.85), bend=0.0):
    """Chart of a torso so many pixels high and wide, that shows these heights."""
    v, u = np.meshgrid(np.linspace(heights[1], heights[0], 40), np.linspace(0.2, 0.8, 25))
    u, v = u.ravel(), v.ravel()
    share = (heights[1] - v) / (heights[1] - heights[0])
    down = height * (share + bend * share * (1 - share))
    points = np.column_stack([100 + width * (u - 0.5) / 0.6, 20 + down])
    uv = np.column_stack([u, v]).astype("f4")
    count = len(u)
    return Chart(points.astype("f4"), uv, np.zeros(count, bool), np.full(count, 0.01))


def kept(user, shop):
    every = np.ones(len(user.points), bool)
    return keep_proportions(user, shop, every, np.ones(len(shop.points), bool))


def step(user, shop, chart, rows=(5, 20)):
    """Return S1's pixels down for each of the user's, between two rows of the middle."""
    middle = np.flatnonzero(np.abs(user.uv[:, 0] - 0.5) < 0.01)
    first, last = (middle[row] for row in rows)
    edge = np.flatnonzero(np.abs(shop.uv[:, 0] - 0.5) < 0.01)
    order = edge[np.argsort(shop.uv[edge, 1])]
    at = np.interp(chart.uv[[first, last], 1], shop.uv[order, 1], shop.points[order, 1])
    return (at[1] - at[0]) / (user.points[last, 1] - user.points[first, 1])


@pytest.mark.parametrize("height", [50, 70, 90])
def test_a_shorter_shirt_shows_less_of_the_garment(height):
    user, shop = torso(height), torso(120)
    chart = kept(user, shop)
    # Both are as wide, so that the print keeps its size.
    assert step(user, shop, chart) == pytest.approx(EXACT, abs=0.06)
    hem = chart.uv[user.uv[:, 1] < 0.001, 1]
    assert (hem > 0.1).all(), "the garment's hem is below the shirt's"


def test_a_hidden_hem_pulls_nothing():
    # The photo's edge cuts the shirt off at half its height; the chart knows it.
    user, shop = torso(60, heights=(0.425, 0.85)), torso(120)
    right = kept(user, shop)
    np.testing.assert_allclose(right.uv, user.uv, atol=0.04)
    # The same, when it takes the edge for the hem.
    squashed = user.uv.copy()
    below = squashed[:, 1] < 0.8
    squashed[below, 1] = 0.8 + (squashed[below, 1] - 0.8) * 0.8 / 0.375
    fooled = kept(replace(user, uv=squashed), shop)
    middle = np.abs(user.uv[:, 0] - 0.5) < 0.1
    np.testing.assert_allclose(fooled.uv[middle], right.uv[middle], atol=0.05)


def test_a_longer_shirt_stretches_only_the_lower_part():
    user, shop = torso(200), torso(120)
    chart = kept(user, shop)
    assert step(user, shop, chart, (4, 14)) == pytest.approx(EXACT, abs=0.05)
    assert chart.uv[:, 1].min() == pytest.approx(0, abs=0.02), "hems meet"
    middle = chart.uv[np.abs(user.uv[:, 0] - 0.5) < 0.01, 1]
    assert (np.diff(middle) < 0).all(), "nothing folds"


def test_equal_shirts_keep_their_hems():
    user, shop = torso(122), torso(120)
    chart = kept(user, shop)
    np.testing.assert_array_equal(chart.uv, user.uv)


def test_width_counts_as_well_as_height():
    user, shop = torso(60, width=30), torso(120, width=60)
    assert step(user, shop, kept(user, shop)) == pytest.approx(2 * EXACT, abs=0.08)


def test_uneven_charts_become_even():
    user, shop = torso(90, bend=0.4), torso(120)
    chart = kept(user, shop)
    steps = [step(user, shop, chart, rows) for rows in ((4, 10), (12, 20))]
    assert steps[0] == pytest.approx(steps[1], rel=0.06)


def test_what_cannot_be_measured_stays():
    user, shop = torso(60), torso(120)
    few = np.zeros(len(user.points), bool)
    few[:30] = True
    assert keep_proportions(user, shop, few, np.ones(len(shop.points), bool)) is user
    folded = replace(user, points=np.abs(user.points - [0, 50]).astype("f4"))
    assert kept(folded, shop) is folded
    assert measure_lengths(user, few) is None


def test_any_direction():
    user, shop = torso(60), torso(120)
    turned = replace(user, points=user.points[:, ::-1] * np.float32([-1, 1]) + 300)
    np.testing.assert_allclose(kept(turned, shop).uv, kept(user, shop).uv, atol=1e-4)


def test_sleeves_stay():
    u, v = np.array([0.5, 0.78, 0.95, 0.05]), np.array([0.3, 0.3, 0.6, 0.7])
    np.testing.assert_allclose(torso_weight(u, v), [1, 1, 0, 0], atol=1e-6)
