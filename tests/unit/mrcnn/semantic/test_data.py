"""Random views of a drawn person keep image and classes together."""

from dataclasses import replace

import numpy as np
import pytest

from mrcnn.config import CLOTHES
from mrcnn.semantic.data import (
    Scene,
    SceneViewConfig,
    SemanticBatches,
    pack_scene,
    random_view,
)

NAMES = tuple(CLOTHES)
TOP = NAMES.index("short sleeve top")
UNKNOWN = 255


@pytest.fixture
def scene():
    """A red top on grey; half of it is of unknown class."""
    image = np.full((200, 200, 3), 90, np.uint8)
    clothes = np.zeros((200, 200), np.uint8)
    clothes[60:140, 60:140] = TOP
    image[clothes == TOP] = (220, 20, 20)
    clothes[100:140, 60:140] = UNKNOWN
    points = np.zeros((33, 2), np.float32)
    points[[11, 12, 23, 24]] = (120, 70), (80, 70), (120, 130), (80, 130)
    return Scene(image, clothes, clothes > 0, points)


def test_a_view_shows_the_classes_where_the_image_does(scene):
    for seed in range(20):
        view = random_view(scene, 64, np.random.default_rng(seed))
        red = view.image[..., 0].astype(int) - view.image[..., 1] > 60
        assert (red == (view.clothes > 0)).mean() > 0.93
        assert (view.foreground == (view.clothes > 0)).mean() > 0.93


def test_a_photo_from_closer_is_black_outside(scene):
    config = SceneViewConfig(
        close_probability=1.0, sides=(5.0, 5.1), shift_sigma=0, lower_probability=0
    )
    view = random_view(scene, 64, np.random.default_rng(1), config)
    assert view.inside is not None
    assert 0.02 < view.inside.mean() < 0.8
    outside = ~view.inside
    assert (view.clothes[outside] > 0).mean() < 0.02, "but for a pixel at the edge"
    row = pack_scene(replace(view, image=view.image + 9))
    assert not row["views"][outside].any(), "whatever the augmentation drew there"


def test_batches_are_drawn_from_their_seed(scene):
    def batches(epoch):
        return SemanticBatches(lambda i, rng: scene, [1, 0], 64, 2, 3, epoch=epoch)

    assert len(batches(0)) == 3
    (first,), (again,), (other,) = batches(0)[1], batches(0)[1], batches(1)[1]
    assert first["views"].shape == (2, 64, 64, 3)
    assert first["gt_clothes"].shape == (2, 16, 16)
    assert np.array_equal(first["views"], again["views"])
    assert not np.array_equal(first["views"], other["views"])
    assert {TOP, UNKNOWN} <= set(np.unique(first["gt_clothes"]).tolist())


def test_the_augmentation_changes_the_view(scene):
    def blacken(view, rng):
        return replace(view, image=0 * view.image)

    batches = SemanticBatches(lambda i, rng: scene, [1], 64, 2, 1, augment=blacken)
    assert not batches[0][0]["views"].any()


def test_only_visited_scenes_are_loaded(scene):
    seen = []

    def load(index, rng):
        seen.append(index)
        return scene

    SemanticBatches(load, [0, 1, 0], 64, 4, 1)[0]
    assert seen == [1, 1, 1, 1]
