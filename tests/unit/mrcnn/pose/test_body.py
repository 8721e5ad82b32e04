"""Geometry of a body, drawn by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.pose.body import (
    bare_parts,
    draw_body,
    roll,
    torso_length,
    torso_share,
    turn,
)
from mrcnn.pose.inference import Pose


def standing(yaw=0.0, lean=0.0):
    """Points (33, 2) and depths of a body around (100, 100), a box of 40 by 60 by 0.

    Args:
        yaw: degrees from the front, to the wearer's left.
        lean: degrees clockwise.
    """
    places = np.zeros((33, 3))
    places[0] = 0, -50, -8  # nose
    places[[3, 6]] = (6, -54, -4), (-6, -54, -4)  # outer eyes
    places[[7, 8]] = (10, -52, 0), (-10, -52, 0)  # ears
    places[[9, 10]] = (4, -44, -5), (-4, -44, -5)  # mouth
    places[[11, 12]] = (20, -30, 0), (-20, -30, 0)
    places[[13, 14]] = (26, 0, 0), (-26, 0, 0)
    places[[15, 16]] = (28, 26, 0), (-28, 26, 0)
    places[[17, 19, 21]] = (30, 34, 0), (28, 36, 0), (24, 32, 0)
    places[[18, 20, 22]] = (-30, 34, 0), (-28, 36, 0), (-24, 32, 0)
    places[[23, 24]] = (14, 30, 0), (-14, 30, 0)
    a, b = np.deg2rad([yaw, lean])
    x = places[:, 0] * np.cos(a) + places[:, 2] * np.sin(a)
    z = places[:, 2] * np.cos(a) - places[:, 0] * np.sin(a)
    y = places[:, 1]
    moved = np.stack([x * np.cos(b) - y * np.sin(b), x * np.sin(b) + y * np.cos(b)], -1)
    return moved + 100, z


def pose(visibility=0.9, **turns):
    points, depths = standing(**turns)
    seen = np.full(33, visibility, np.float32)
    return Pose(1.0, points, depths, seen, seen, np.eye(3), np.zeros((8, 8), np.uint8))


@given(st.floats(-179, 179), st.floats(-80, 80))
def test_turn_is_the_angle_from_the_front_however_the_body_leans(yaw, lean):
    assert turn(*standing(yaw, lean)) == pytest.approx(abs(yaw), abs=1e-3)


@given(st.floats(12.5, 170))
def test_roll_is_the_angle_from_upright(lean):
    assert roll(standing(lean=lean)[0]) == pytest.approx(lean)
    assert roll(standing(lean=-lean)[0]) == pytest.approx(-lean)


def test_who_leans_a_little_stands_upright():
    assert roll(standing(lean=8)[0]) == 0
    assert torso_length(standing(lean=8)[0]) == pytest.approx(60)


def test_share_of_the_torso_under_a_garment():
    points = standing()[0]
    mask = np.zeros((200, 200), bool)
    assert torso_share(points, mask) == 0
    mask[:100] = True  # the upper half: 40 to 34 of 40 to 28 pixels wide
    assert torso_share(points, mask) == pytest.approx(37 / 68, abs=0.02)
    mask[:] = True
    assert torso_share(points, mask) == 1
    assert torso_share(points + 500, mask) == 0, "outside of the photo"


def test_planes_of_a_body():
    points = np.column_stack([standing()[0], np.full(33, 0.5)]).astype(np.float32)
    planes = draw_body(points, np.diag([2.0, 2.0, 1.0]), 100)
    assert planes.shape == (100, 100, 3)
    torso, arms, head = (planes[..., i] for i in range(3))
    assert torso[50, 50] == 255
    assert torso[50, 66] == 0
    assert arms[50, 63] == 128, "half visible"
    assert arms[50, 50] == 0
    assert head[25, 50] == 128
    assert head[40, 50] == 0
    assert not draw_body(None, np.eye(3), 100).any()


@pytest.mark.parametrize("far", [1e6, -1e6])
def test_a_body_far_outside_of_the_view_draws_nothing(far):
    points = np.column_stack([standing()[0] + far, np.ones(33)])
    assert not draw_body(points, np.eye(3), 64).any()


def test_a_face_is_always_bare_and_hands_where_skin_is_seen():
    nothing, skin = np.zeros((200, 200), bool), np.ones((200, 200), bool)
    face = bare_parts(pose(), nothing, nothing)
    assert face[52, 100], "between eyes and mouth"
    assert face[60, 100], "the chin"
    assert not face[75, 100], "the neck"
    assert not face[130, 128]
    bare = bare_parts(pose(), skin, nothing)
    assert bare[133, 128], "a hand"
    assert bare[113, 127], "a forearm"
    assert not bare[85, 123], "an upper arm"
    assert not bare[100, 100], "the torso"


def test_what_is_not_seen_is_not_bare():
    everything = np.ones((200, 200), bool)
    assert not bare_parts(pose(visibility=0.3), everything, everything).any()


def test_a_face_on_the_cloth_is_bare_only_where_skin_is_seen():
    everything, skin = np.ones((200, 200), bool), np.zeros((200, 200), bool)
    assert not bare_parts(pose(), skin, everything).any(), "a print"
    skin[:70] = True
    assert bare_parts(pose(), skin, everything)[52, 100], "a mask that took in the face"


def test_a_profile_has_no_area_and_raises_nothing():
    bare_parts(pose(yaw=90), *np.ones((2, 200, 200), bool))
