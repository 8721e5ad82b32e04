"""The refiner's training views: mask, landmarks and parts move with the image."""

import numpy as np
import pytest

from mrcnn.refiner.data import (
    NO_PART,
    RefinerBatches,
    Region,
    corrupt_mask,
    pack_region,
    random_region,
)
from mrcnn.windows import MIRRORED_LANDMARKS


def region(label=1, landmarks=True):
    """A red square with a landmark in each corner, and the others in its middle."""
    image = np.full((100, 120, 3), 60, np.uint8)
    mask = np.zeros((100, 120), bool)
    mask[30:70, 40:80] = True
    image[mask] = (220, 30, 30)
    points = np.tile(np.float32([60, 50, 2]), (25, 1))
    points[7], points[23] = (40, 30, 2), (80, 30, 2)
    points[13], points[17] = (40, 70, 2), (80, 70, 1)
    return Region(image, mask, None, label, points if landmarks else None)


def with_parts(label=1):
    bare = region(label)
    parts = np.where(bare.mask, np.uint8(5), np.uint8(1))
    return Region(bare.image, bare.mask, None, label, bare.landmarks, None, parts)


@pytest.mark.parametrize("seed", range(12))
def test_parts_move_with_the_mask(seed):
    view = random_region(with_parts(), 64, np.random.default_rng(seed))
    assert set(np.unique(view.parts)) <= {0, 1, 5}, "parts are not interpolated"
    assert ((view.parts == 5) ^ (view.mask > 0.5)).mean() < 0.03


def test_a_long_sleeve_top_without_its_sleeves_has_no_class():
    labels = {label: set() for label in (1, 2)}
    for seed in range(300):
        for label, found in labels.items():
            view = random_region(region(label, False), 64, np.random.default_rng(seed))
            found.add(view.label)
    assert labels == {1: {1}, 2: {2, -1}}


@pytest.mark.parametrize("seed", range(12))
def test_mask_picture_and_landmarks_move_together(seed):
    view = random_region(region(), 64, np.random.default_rng(seed))
    red = (view.image[..., 0] > 140) & (view.image[..., 1] < 90)
    assert ((view.mask > 0.5) ^ red).mean() < 0.03
    ys, xs = np.nonzero(view.mask > 0.5)
    inside = view.landmarks[:, 2] > 0
    for x, y, _ in view.landmarks[inside]:
        assert xs.min() - 2 <= x <= xs.max() + 3
        assert ys.min() - 2 <= y <= ys.max() + 3


def test_left_stays_left_in_the_mirror():
    """A wearer's left landmark lies left in the picture, mirrored or not."""
    for seed in range(8):
        view = random_region(region(), 64, np.random.default_rng(seed))
        if view.landmarks[7, 2] and view.landmarks[23, 2]:
            assert view.landmarks[7, 0] < view.landmarks[23, 0]
    assert MIRRORED_LANDMARKS[7] == 23


def test_without_jitter_the_window_is_that_of_inference():
    view = random_region(region(), 56, np.random.default_rng(0), strength=0)
    expected = np.zeros((56, 56), bool)
    expected[8:48, 8:48] = True
    np.testing.assert_array_equal(view.mask > 0.5, expected)


def test_the_window_lies_around_the_detectors_mask_as_at_inference():
    hint = np.zeros((100, 120), np.float32)
    hint[10:90, 20:100] = 1
    small = region()
    whole = Region(small.image, small.mask, hint, 1, small.landmarks)
    wide = random_region(whole, 56, np.random.default_rng(0), strength=0)
    near = random_region(small, 56, np.random.default_rng(0), strength=0)
    assert (wide.mask > 0.5).sum() == pytest.approx((near.mask > 0.5).sum() / 4, rel=0.1)


def test_a_region_needs_a_mask_or_a_hint():
    with pytest.raises(ValueError, match="mask or a hint"):
        Region(np.zeros((4, 4, 3), np.uint8), None, None, 1)


def test_corrupted_masks_resemble_the_ground_truth():
    mask = np.zeros((64, 64), np.float32)
    mask[16:48, 16:48] = 1
    ious = []
    for seed in range(40):
        hint = corrupt_mask(mask, np.random.default_rng(seed))
        assert hint.shape == mask.shape
        assert hint.dtype == np.float32
        assert 0 <= hint.min() <= hint.max() <= 1
        solid = hint >= 0.5
        ious.append((solid & (mask > 0)).sum() / (solid | (mask > 0)).sum())
    assert 0.6 < np.mean(ious) < 0.97
    assert min(ious) < 0.8


def test_packing_marks_what_is_known():
    hint = np.full((64, 64), 0.5, np.float32)
    view = Region(np.zeros((64, 64, 3), np.uint8), None, hint, -1)
    row = pack_region(view, 25)
    assert row["known"].tolist() == [0, 0, 0]
    assert row["views"].shape == (64, 64, 4)
    assert row["views"][0, 0, 3] == 127.5
    assert row["gt_masks"].shape == (32, 32)
    assert row["gt_label"] == 0


def test_parts_are_packed_at_the_centres_of_cells():
    view = random_region(with_parts(), 64, np.random.default_rng(0))
    packed = pack_region(view, 25)["gt_parts"]
    assert packed.shape == (16, 16)
    np.testing.assert_array_equal(packed, view.parts[2::4, 2::4])
    unknown = pack_region(random_region(region(), 64, np.random.default_rng(0)), 25)
    assert (unknown["gt_parts"] == NO_PART).all()


def test_half_covered_cells_are_half_garment():
    mask = np.zeros((64, 64), np.float32)
    mask[:, :33] = 1
    view = Region(np.zeros((64, 64, 3), np.uint8), mask, mask, 1)
    row = pack_region(view, 25)
    assert row["gt_masks"][0, 15:18].tolist() == [1, 0.5, 0]
    assert row["known"].tolist() == [1, 1, 0]


def test_batches_are_the_same_for_the_same_seed():
    def make(seed):
        return RefinerBatches(lambda i, rng: region(i), [1, 3], 64, 3, 5, seed=seed)

    (one,), (same,), (other,) = make(0)[2], make(0)[2], make(1)[2]
    assert one.keys() == same.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    assert (one["views"] != other["views"]).any()
    assert one["views"].shape == (3, 64, 64, 4)
    assert len(make(0)) == 5


def test_views_have_hints_when_they_are_augmented():
    def augment(view, rng):
        assert view.hint is not None
        return Region(255 - view.image, view.mask, view.hint, 0)

    (batch,) = RefinerBatches(lambda i, rng: region(), [1], 64, 2, 1, augment=augment)[0]
    assert batch["gt_label"].tolist() == [0, 0]
    assert batch["known"][:, 2].tolist() == [0, 0]
