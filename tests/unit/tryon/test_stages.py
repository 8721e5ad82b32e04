"""Values cached with a garment."""

from dataclasses import replace

import numpy as np
import pytest

from tryon.stages import (
    DetectedGarment,
    background,
    cached,
    estimate_spill,
    prepare,
)
from tryon.types import GarmentMask, Instance, Photo


@pytest.fixture
def tee():
    mask = np.zeros((60, 80), bool)
    mask[10:50, 20:60] = True
    image = np.where(mask[..., None], (200, 40, 40), (20, 90, 20)).astype(np.uint8)
    instance = Instance(1, "short sleeve top", 0.9, (0, 0, 9, 9), 0.5)
    detection = GarmentMask(mask, (instance,), 0, 0.9)
    return prepare(DetectedGarment(Photo(image), image, detection))


def test_cached_by_garment_and_arguments(tee):
    made = []

    @cached
    def named(garment, name):
        made.append(name)
        return [name]

    assert named(tee, "a") is named(tee, "a")
    assert named(tee, "b") == ["b"]
    assert made == ["a", "b"]
    assert named(replace(tee), "a") == ["a"]
    assert made == ["a", "b", "a"], "a changed garment starts anew"


def test_mattes_are_kept(tee):
    detected = DetectedGarment(tee.photo, tee.work, tee.detection)
    assert prepare(detected) is prepare(detected)
    assert tee.full_alpha is tee.full_alpha


def test_a_predicted_alpha_makes_the_matte(tee):
    alpha = np.where(tee.detection.mask, 255, 0).astype(np.uint8)
    alpha[10:50, 19] = 140  # more than the mask holds
    detection = replace(tee.detection, alpha=alpha)
    soft = prepare(DetectedGarment(tee.photo, tee.work, detection))
    assert soft.alpha[30, 19] > tee.alpha[30, 19]
    assert soft.alpha[30, 40] == 1
    assert soft.full_alpha[30, 19] == round(255 * float(soft.alpha[30, 19]))


def test_behind_is_the_photo_less_what_the_garment_adds(tee):
    spill, rows, columns = estimate_spill(tee)
    behind = background(tee, estimate_spill(tee), slice(0, 60), slice(0, 80))
    expected = tee.photo.image.astype(np.float32)
    expected[rows, columns] -= spill
    np.testing.assert_allclose(behind[rows, columns], expected[rows, columns], atol=1e-3)
    assert np.array_equal(behind[:2], expected[:2]), "far from it, the photo itself"


def test_a_garment_without_a_matte_adds_nothing(tee):
    empty = replace(tee.detection, mask=np.zeros((60, 80), bool))
    faint = prepare(DetectedGarment(tee.photo, tee.work, empty))
    behind = background(faint, estimate_spill(faint), slice(0, 60), slice(0, 80))
    assert np.array_equal(behind, tee.photo.image)
