"""Which spot of S1 lands on which of S2: by charts, by landmarks, by outlines."""

from dataclasses import replace

import numpy as np
import pytest

from mrcnn.chart.inference import Chart
from tryon import neckline
from tryon.correspond import (
    UV_SIZE,
    chart_warp,
    fit_style_warp,
    front_of,
    landmark_distance,
    largest_stretch,
    match_points,
)
from tryon.neckline import trace_collar_edge, trace_neckline
from tryon.stages import DetectedGarment, prepare
from tryon.types import GarmentMask, Instance, Photo

SIZE = 120, 100


def tee(shift=(0, 0), scale=1.0, landmarks=None):
    """A T of two boxes in a picture, and spots on a grid that know their place."""
    mask = np.zeros(SIZE, bool)
    ys, xs = np.mgrid[: SIZE[0], : SIZE[1]]
    x, y = (xs - shift[0]) / scale, (ys - shift[1]) / scale
    mask |= (x >= 30) & (x < 70) & (y >= 20) & (y < 100)
    mask |= (x >= 10) & (x < 90) & (y >= 20) & (y < 45)
    image = np.full((*SIZE, 3), 30, np.uint8)
    image[mask] = (200, 60, 60)
    rows, columns = (axis[::3] for axis in np.nonzero(mask))
    spots = np.stack([columns, rows], axis=-1).astype(np.float32)
    places = (spots - np.float32(shift)) / np.float32(scale) / 100
    count = len(spots)
    chart = Chart(spots, places, np.zeros(count, bool), np.full(count, 0.01, "f4"))
    instance = Instance(1, "short sleeve top", 0.9, (0, 0, 1, 1), 0.3, landmarks)
    found = GarmentMask(mask, (instance,), 0, 1.0, chart)
    return prepare(DetectedGarment(Photo(image), image, found))


def with_chart(garment, chart=None, **changes):
    """Return the garment with its chart changed, or with another one, or none."""
    if changes:
        chart = replace(garment.detection.chart, **changes)
    return replace(garment, detection=replace(garment.detection, chart=chart))


def away(warp, spots, goal):
    got = np.array([warp.coordinates([y], [x])[0, 0] for x, y in spots])
    return np.abs(got - goal).max()


def test_charts_meet_where_the_places_are_the_same():
    user, shop = tee(), tee((-3, 12), 0.8)
    warp, style, _ = fit_style_warp(user, shop)
    assert warp.method == "chart"
    assert style.shape == shop.photo.image.shape
    spots = np.array([[50, 60], [35, 90], [20, 30], [80, 40]])
    assert away(warp, spots, spots * 0.8 + [-3, 12]) < 1.0


def test_pairs_are_read_in_the_large_photos_pixels():
    user, shop = tee(), tee((-3, 12), 0.8)
    large = shop.photo.image.repeat(3, axis=0).repeat(3, axis=1)
    warp, style, mask = fit_style_warp(user, replace(shop, photo=Photo(large)))
    assert style.shape == large.shape
    assert mask.shape == large.shape[:2]
    spots = np.array([[50, 60], [35, 90]])
    assert away(warp, spots, (spots * 0.8 + [-3, 12] + 0.5) * 3 - 0.5) < 3


def test_a_garments_pixels_know_their_place_on_the_chart():
    spots = np.array([[50, 60], [35, 90], [20, 30]])
    for garment, moved in ((tee(), spots), (tee((-3, 12), 0.8), spots * 0.8 + [-3, 12])):
        upwards = np.abs(garment.detection.chart.uv - np.float32([0, 1]))
        warp = chart_warp(with_chart(garment, uv=upwards))
        assert warp.method == "chart"
        assert away(warp, moved, spots / 100 * UV_SIZE - 0.5) < 0.01 * UV_SIZE


def test_without_a_chart_the_box_stands_in():
    warp = chart_warp(with_chart(tee()))
    assert warp.method == "box"
    x1, y1, x2, y2 = tee().box
    corners = np.array([[x1, y1], [x2 - 1, y2 - 1]])
    assert away(warp, corners, np.array([[0, 0], [UV_SIZE - 1, UV_SIZE - 1]])) < 1


def with_neck(depth):
    """Landmarks whose front neckline hangs so low; the rest are not seen."""
    points = np.zeros((25, 3), np.float32)
    points[1:6, 0] = 38, 42, 50, 58, 62
    points[1:6, 1] = (
        np.float32([20, 20, 20, 20, 20]) + np.float32([0, 0.7, 1, 0.7, 0]) * depth
    )
    points[1:6, 2] = 1
    return points


def marked(shift=(0, 0), scale=1.0, off=0.0, seen=8):
    """A tee with landmarks at its corners, which lie off to the right."""
    points = np.zeros((25, 3), np.float32)
    points[7:15, :2] = [(30, 99), (69, 99), (10, 20), (89, 20), (10, 44), (89, 44)] + [
        (30, 45),
        (69, 45),
    ]
    points[:, :2] = points[:, :2] * scale + shift + np.float32([off, 0])
    points[7 : 7 + seen, 2] = 1
    return tee(shift, scale, points)


def test_landmarks_tell_whether_the_charts_are_right():
    user, large = marked(), marked((-3, 12), 0.8)
    warp, _, mask = fit_style_warp(user, large)
    assert landmark_distance(user, large, warp) < 0.03
    shifted = replace(warp, grid=warp.grid + np.float32([0, 7]))
    area = np.sqrt(mask.sum())
    assert landmark_distance(user, large, shifted) == pytest.approx(7 / area, abs=0.03)
    off = marked((-3, 12), 0.8, off=9)
    assert landmark_distance(user, off, warp) == pytest.approx(9 / area, abs=0.03)


def test_landmarks_are_compared_in_the_large_photos_pixels():
    user, shop = marked(), marked((-3, 12), 0.8)
    large = shop.photo.image.repeat(3, axis=0).repeat(3, axis=1)
    shop = replace(shop, photo=Photo(large))
    assert landmark_distance(user, shop, fit_style_warp(user, shop)[0]) < 0.02


@pytest.mark.parametrize("count", [0, 5, 6])
def test_few_landmarks_tell_nothing(count):
    user, shop = marked(seen=count), marked(off=30)
    warp, _, _ = fit_style_warp(user, shop)
    assert (landmark_distance(user, shop, warp) > 0.1) is (count == 6)
    assert landmark_distance(tee(), shop, warp) == 0


def test_a_low_neckline_meets_a_high_one():
    user, shop = tee(landmarks=with_neck(6)), tee(landmarks=with_neck(16))
    warp, _, mask = fit_style_warp(user, shop)
    assert away(warp, trace_neckline(user)[3:-3], trace_neckline(shop)[3:-3]) < 2.5
    far = np.array([[50, 90], [35, 80], [15, 40]])
    assert away(warp, far, far) < 1.5, "the rest of the print stays"
    assert not mask[24:30, 50].any(), "what lies above the front neckline is no front"
    assert mask[45, 50]


def test_equal_necklines_change_nothing():
    user, shop = tee(landmarks=with_neck(9)), tee(landmarks=with_neck(9))
    spots = np.array([[50, 34], [44, 30], [50, 80]])
    warp, _, _ = fit_style_warp(user, shop)
    assert away(warp, spots, spots) < 1.0


def test_necklines_that_are_not_seen_or_in_no_order_are_not_used():
    hidden, crossed = with_neck(9), with_neck(9)
    hidden[3, 2], crossed[2, 0] = 0.2, 80
    assert trace_neckline(tee()) is None
    assert trace_neckline(tee(landmarks=hidden)) is None
    assert trace_neckline(tee(landmarks=crossed)) is None


def test_uncertain_charts_give_way_to_landmarks_and_those_to_outlines():
    rng = np.random.default_rng(0)
    seen = np.column_stack([rng.uniform(20, 80, (25, 2)), np.ones(25)]).astype("f4")
    user, shop = tee(landmarks=seen), tee(landmarks=seen)
    unsure = np.full(len(user.detection.chart.points), 0.5, "f4")
    points = match_points(with_chart(user, scales=unsure), shop)
    assert points.method == "landmarks"
    np.testing.assert_array_equal(points.source, seen[:, :2])
    hidden = seen * np.float32([1, 1, 0.2])
    assert match_points(with_chart(user), tee(landmarks=hidden)) is None
    warp, _, _ = fit_style_warp(with_chart(user), tee(landmarks=hidden))
    assert warp.method in ("corners", "affine")


def test_charts_that_do_not_meet_are_not_used():
    user, shop = tee(), tee()
    elsewhere = shop.detection.chart.uv + np.float32(2)
    assert match_points(user, with_chart(shop, uv=elsewhere)) is None


@pytest.mark.parametrize("of", ["user", "shop"])
def test_backs_are_never_paired(of):
    garments = {"user": tee(), "shop": tee()}
    back = garments[of].detection.chart.points[:, 1] < 30
    garments[of] = with_chart(garments[of], back=back)
    points = match_points(garments["user"], garments["shop"])
    spots = points.target if of == "user" else points.source
    assert (spots[:, 1] > 26).all()


def test_the_inner_collar_is_no_style():
    shop = tee()
    x, y = shop.detection.chart.points.T
    shop = with_chart(shop, back=(y < 24) & (np.abs(x - 50) < 10))
    front = front_of(shop)
    assert not front[20:23, 42:58].any()
    assert (front | ~shop.detection.mask)[30:].all()
    assert not fit_style_warp(tee(), shop)[2][20:23, 42:58].any()


def test_the_front_begins_at_the_edge_that_the_picture_shows():
    shop = tee(landmarks=with_neck(14))
    ys, xs = np.mgrid[: SIZE[0], : SIZE[1]]
    inside = (ys >= 20) & (((xs - 50) / 12) ** 2 + ((ys - 20) / 16) ** 2 < 1)
    shop.work[inside] = (60, 20, 20)
    shop.work[20:39, 49:52] = 250  # a label
    assert trace_neckline(shop)[6, 1] == pytest.approx(34)
    assert trace_collar_edge(shop)[6, 1] == pytest.approx(35.5, abs=1)
    front = front_of(shop)
    assert front[inside].mean() < 0.06, "single pixels at the edge"
    assert not front[20:39, 49:52].any(), "the label"
    assert front[42:90, 40:60].all()


def test_the_collars_edge_is_looked_for_once(monkeypatch):
    looked = []

    def snap_curve(image, mask, curve, reach):
        looked.append(curve)
        return curve

    monkeypatch.setattr(neckline, "snap_curve", snap_curve)
    shop = tee(landmarks=with_neck(14))
    for depth in (9, 12):
        fit_style_warp(tee(landmarks=with_neck(depth)), shop)
    assert len(looked) == 1


def test_a_back_alone_is_taken_as_it_is():
    shop = tee()
    turned = with_chart(shop, back=np.ones_like(shop.detection.chart.back))
    np.testing.assert_array_equal(front_of(turned), shop.detection.mask)


def test_the_largest_stretch_is_found():
    user, shop = tee(), tee((-3, 12), 0.8)
    warp, _, _ = fit_style_warp(user, shop)
    assert 1 <= largest_stretch(user, warp) < 1.4, "size is no stretch"
    grid = warp.grid.copy()
    middle = len(grid) // 2
    grid[middle:, :, 1] += grid[middle:, :, 1] - grid[middle, :, 1]  # twice as long
    assert largest_stretch(user, replace(warp, grid=grid)) > 1.7
    nothing = replace(user, detection=replace(user.detection, mask=np.zeros(SIZE, bool)))
    assert largest_stretch(nothing, warp) == 1
