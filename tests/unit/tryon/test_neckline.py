"""A high neckline covers the skin that a low one shows, and nothing beside it."""

import numpy as np
import pytest

from tryon.neckline import (
    cover_neck,
    depth,
    is_lower,
    trace_neckline,
    worn_neckline,
)
from tryon.stages import DetectedGarment, prepare
from tryon.types import GarmentMask, Instance, Photo

CLOTH, SKIN, HAIR = (60, 90, 140), (220, 170, 140), (30, 20, 20)
ENDS = 30, 70  # x of the collar's ends


def wearer(hang, hair=False, seen=1.0, scale=1):
    """Somebody in a shirt whose V hangs so low from ends at row 40, 40 pixels apart."""
    size = 120 * scale, 100 * scale
    ys, xs = (axis / scale for axis in np.mgrid[: size[0], : size[1]])
    shirt = (ys >= 40) & (xs >= 10) & (xs < 90)
    shirt &= ys - 40 > hang * (1 - np.abs(xs - 50) / 20)
    image = np.full((*size, 3), 200, np.uint8)
    image[(np.abs(xs - 50) < 20) & (ys < 80)] = SKIN
    image[shirt] = CLOTH
    if hair:
        image[(np.abs(xs - 46) < 2) & (ys < 70) & ~shirt] = HAIR
    landmarks = np.zeros((25, 3), np.float32)
    landmarks[1:6, 0] = np.linspace(*ENDS, 5) * scale
    landmarks[1:6, 1] = (40 + hang * np.array([0, 0.5, 1, 0.5, 0])) * scale
    landmarks[1:6, 2] = seen
    found = Instance(1, "short sleeve top", 0.9, (0, 0, 1, 1), 0.3, landmarks)
    photo = Photo(image)
    return prepare(DetectedGarment(photo, image, GarmentMask(shirt, (found,), 0, 1.0)))


def test_depth_is_a_share_of_the_width():
    assert depth(trace_neckline(wearer(30))) == pytest.approx(30 / 40, abs=0.01)
    turned = trace_neckline(wearer(30)) @ np.float32([[0, 1], [-1, 0]])
    assert depth(turned) == pytest.approx(30 / 40, abs=0.01)


def test_a_crew_neck_covers_a_v():
    user, crew = wearer(36), wearer(12)
    raised = worn_neckline(user, crew)
    assert depth(raised) == pytest.approx(depth(trace_neckline(crew)), abs=0.08)
    covered = cover_neck(user, crew)
    assert user.alpha[62, 50] == 0
    assert covered.alpha[62, 50] == 1, "the V"
    assert covered.alpha[45, 50] == 0, "the neck"
    outside = np.abs(np.arange(100) - 50) > 23
    np.testing.assert_array_equal(covered.alpha[:, outside], user.alpha[:, outside])
    assert (covered.alpha >= user.alpha).all()
    assert not is_lower(user, crew)


def test_s2_stays_the_garment_and_s3_ends_at_the_new_neckline():
    user, crew = wearer(36), wearer(12)
    covered = cover_neck(user, crew)
    assert covered.own is user
    assert user.own is user
    np.testing.assert_array_equal(covered.cut(), user.cut())
    assert covered.full_alpha[62, 50] == 255
    assert covered.remove()[62, 50, 3] == 0


def test_large_photos_are_covered_at_their_own_size():
    user, crew = wearer(36), wearer(12)
    large = wearer(36, scale=3).photo
    grown = prepare(DetectedGarment(large, user.work, user.detection))
    covered = cover_neck(grown, crew)
    changed = covered.full_alpha != grown.full_alpha
    assert covered.full_alpha[187, 151] == 255
    assert not changed[:, : 3 * 27].any()
    assert not changed[: 3 * 38].any()


def test_hair_before_the_skin_stays():
    user = wearer(36, hair=True)
    covered = cover_neck(user, wearer(12))
    strand = (user.photo.image == HAIR).all(axis=-1)
    assert not covered.alpha[55:60][strand[55:60]].any()
    assert covered.alpha[58, 54] == 1


@pytest.mark.parametrize("hang", [12, 18, 40])
def test_equal_and_lower_necklines_cover_nothing(hang):
    user, shop = wearer(14), wearer(hang)
    assert cover_neck(user, shop) is user
    assert is_lower(user, shop) is (hang == 40)


def test_necklines_that_are_not_seen_cover_nothing():
    user, crew = wearer(36), wearer(12)
    hidden = wearer(36, seen=0.1)
    assert cover_neck(hidden, crew) is hidden
    assert cover_neck(user, wearer(12, seen=0.1)) is user
    assert worn_neckline(hidden, crew) is None
    assert not is_lower(hidden, crew)
