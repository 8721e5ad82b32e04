"""Views of a body, and what is read from them, on planes that one can check by eye."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import transform

from mrcnn.config import CLOTHES
from mrcnn.semantic.inference import (
    LOWER,
    NAMES,
    STRIDE,
    UPPER,
    UPPER_BODY,
    BodyView,
    Clothes,
    body_window,
    see_clothes,
)

TOP, TROUSERS = NAMES.index("short sleeve top"), NAMES.index("trousers")


def body(lean=0.0):
    """A torso of 40 by 60 around (100, 100), leaning clockwise by degrees."""
    places = np.zeros((33, 2))
    places[[11, 12, 23, 24]] = (20, -30), (-20, -30), (20, 30), (-20, 30)
    angle = np.deg2rad(lean)
    cos, sin = np.cos(angle), np.sin(angle)
    return places @ np.array([[cos, sin], [-sin, cos]]) + 100


def left_is_top(size=8):
    """Clothes in a view of the whole photo: a top on the left, trousers on the right."""
    probabilities = np.zeros((size, size, len(NAMES)), np.float32)
    probabilities[:, : size // 2, TOP] = 1
    probabilities[:, size // 2 :, TROUSERS] = 1
    return Clothes(probabilities, np.eye(3))


def test_every_category_belongs_to_one_class():
    joined = [label for labels in CLOTHES.values() for label in labels]
    assert sorted(joined) == list(range(1, 14))
    assert {*UPPER, *LOWER} == {name for name, labels in CLOTHES.items() if labels}


@given(st.floats(-80, 80))
def test_a_body_stands_upright_in_its_view(lean):
    window = body_window(body(lean), BodyView(3.0, 0.0), 90)
    seen = transform.matrix_transform(body(lean), np.linalg.inv(window))
    left, right, hip = seen[11], seen[12], seen[[23, 24]].mean(axis=0)
    tilt = np.rad2deg(np.arctan2(left[1] - right[1], left[0] - right[0]))
    assert abs(tilt) < 12.1, "a slight lean stays as it is"
    assert np.allclose(seen[[11, 12, 23, 24]].mean(axis=0), 45)
    shoulders = seen[[11, 12]].mean(axis=0)
    assert np.linalg.norm(hip - shoulders) == pytest.approx(30), "a third of the view"


def test_a_view_is_moved_and_mirrored():
    places = body()
    shifted = body_window(places, BodyView(3.0, 0.5), 90)
    seen = transform.matrix_transform(places, np.linalg.inv(shifted))
    assert seen[[11, 12, 23, 24], 1].mean() == pytest.approx(45 - 15)
    mirrored = body_window(places, BodyView(3.0, 0.0), 90, mirror=True)
    seen = transform.matrix_transform(places, np.linalg.inv(mirrored))
    assert seen[11, 0] < seen[12, 0]


def test_a_torso_without_height_still_has_a_view():
    places = body()
    places[[23, 24]] = places[[11, 12]]
    window = body_window(places, BodyView(2.0, 0.0), 80)
    assert np.linalg.det(window[:2, :2]) > 0
    assert np.isfinite(body_window(np.zeros((33, 2)), UPPER_BODY, 80)).all()


def test_planes_lie_where_the_view_does():
    plane = left_is_top().plane(("short sleeve top",), (32, 40))
    assert plane.shape == (32, 40)
    assert plane[:, :12].min() > 0.95
    assert plane[:, 20:].max() < 0.05
    both = left_is_top().plane(("short sleeve top", "trousers"), (32, 40))
    assert both[4:28, 4:28].min() > 0.95
    assert both[:, 34:].max() == 0, "outside of the view"


def test_shares_are_the_mean_inside_a_mask():
    mask = np.zeros((32, 32), np.float32)
    mask[:, 8:24] = 1
    shares = left_is_top().shares(mask)
    assert shares[[TOP, TROUSERS]].tolist() == pytest.approx([0.5, 0.5])
    assert left_is_top().shares(np.zeros((32, 32), np.float32)) is None
    far = Clothes(left_is_top().probabilities, np.diag([1.0, 1, 1]) + 0.0)
    far.window[:2, 2] = 500
    assert far.shares(mask) is None


def test_each_view_is_seen_by_the_network():
    class Bright:
        """Calls bright cells a top."""

        image_size = 64

        def __call__(self, views):
            assert views.dtype == np.float32
            cells = views[:, 2::STRIDE, 2::STRIDE, 0] > 100
            logits = np.zeros((*cells.shape, len(NAMES)), np.float32)
            logits[..., TOP] = np.where(cells, 20, -20)
            return logits

    image = np.zeros((200, 200, 3), np.uint8)
    image[70:130, 80:120] = 200
    views = BodyView(2.0, 0.0), BodyView(5.0, 0.0)
    near, far = see_clothes(Bright(), image, body(), views)
    for clothes in (near, far):
        plane = clothes.plane(("short sleeve top",), (200, 200)) > 0.5
        overlap = (plane & (image[..., 0] > 0)).sum() / (
            plane | (image[..., 0] > 0)
        ).sum()
        assert overlap > 0.6
    assert np.linalg.det(near.window) < np.linalg.det(far.window)
