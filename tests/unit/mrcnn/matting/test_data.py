"""Random views of a garment keep image, alpha and what is known together."""

import numpy as np
import pytest

from mrcnn.matting.data import MatteBatches, MatteScene, pack_matte, random_view


@pytest.fixture
def scene():
    """A red garment on grey, whose alpha is unknown in one corner."""
    image = np.full((160, 160, 3), 90, np.uint8)
    alpha, known = np.zeros((160, 160), np.uint8), np.full((160, 160), 255, np.uint8)
    alpha[50:110, 50:110], known[50:70, 50:70] = 255, 0
    image[alpha > 0] = (220, 20, 20)
    return MatteScene(image, alpha, known, alpha)


def give_hint(view, rng):
    return MatteScene(view.image, view.alpha, view.known, view.foreground, view.alpha)


def test_views_differ_and_keep_their_planes_together(scene):
    views = [random_view(scene, 64, np.random.default_rng(seed)) for seed in range(6)]
    assert len({view.image.tobytes() for view in views}) == 6
    for view in views:
        red = view.image[..., 0] > 150
        assert (red == (view.alpha > 118)).mean() > 0.98
        assert 0.02 < (view.known < 127).mean() < 0.3
        assert 0.15 < (view.alpha > 127).mean() < 0.7


def test_a_view_lies_around_the_mask_that_the_network_is_given(scene):
    hint = np.zeros_like(scene.alpha)
    hint[50:60, 50:60] = 255
    near = MatteScene(scene.image, scene.alpha, scene.known, scene.alpha, hint)
    view = random_view(near, 64, np.random.default_rng(0))
    assert view.rough is not None
    assert (view.rough > 127).mean() > 0.2


def test_rows_are_packed_for_the_network(scene):
    row = pack_matte(give_hint(scene, None))
    assert row["views"].shape == (160, 160, 4)
    assert row["views"][80, 80].tolist() == [220, 20, 20, 255]
    assert row["gt_alpha"][80, 80] == 1
    assert row["known"][55, 55] == 0
    assert all(plane.dtype == np.float32 for plane in row.values())


def test_batches_depend_on_their_seed_and_number(scene):
    def make(seed, epoch=0):
        return MatteBatches(
            lambda index, rng: scene, [1, 2], 64, 2, 3, seed, give_hint, epoch=epoch
        )

    (first,), (again,) = make(1)[0], make(1)[0]
    assert len(make(1)) == 3
    assert first["views"].shape == (2, 64, 64, 4)
    assert np.array_equal(first["views"], again["views"])
    assert not np.array_equal(first["views"], make(1)[1][0]["views"])
    assert not np.array_equal(first["views"], make(1, epoch=1)[0][0]["views"])
