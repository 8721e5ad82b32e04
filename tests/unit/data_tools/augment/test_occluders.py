import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import AnnotatedPhoto, Garment
from data_tools.augment.backdrops import cut_backdrops, draw_backdrop, draw_surface
from data_tools.augment.occluders import (
    _straps,
    apply_occluder,
    cut_occluders,
    draw_occluder,
    place_cut_out,
)

SIZE = 96
BOX = (24.0, 20.0, 72.0, 80.0)


@pytest.mark.parametrize("seed", range(24))
def test_truth_is_cut_where_the_occluder_lies(seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8)
    masks = np.ones((2, SIZE, SIZE), bool)
    alpha, colours = draw_occluder(SIZE, BOX, [], rng)
    out, cut = apply_occluder(image, masks, alpha, colours)
    np.testing.assert_array_equal(cut[0], alpha < 0.5)
    np.testing.assert_array_equal(cut[1], cut[0])
    np.testing.assert_array_equal(out[alpha == 0], image[alpha == 0])
    np.testing.assert_array_equal(out[alpha == 1], colours[alpha == 1])
    assert 0.002 < (alpha >= 0.5).mean() < 0.6


def test_same_seed_same_occluder():
    for seed in range(4):
        one, same = (
            draw_occluder(SIZE, BOX, [], np.random.default_rng(seed)) for _ in range(2)
        )
        np.testing.assert_array_equal(one[0], same[0])
        np.testing.assert_array_equal(one[1], same[1])


def test_straps_run_from_the_shoulder_down_the_front():
    lines = 0
    for seed in range(30):
        shape, colours = _straps(SIZE, BOX, [], np.random.default_rng(seed))
        strap = np.asarray(shape) > 127
        assert colours.shape == (SIZE, SIZE, 3)
        rows = np.flatnonzero(strap.any(axis=1))
        assert rows[0] <= BOX[1], "over the shoulder"
        assert rows[-1] > BOX[1] + 0.3 * (BOX[3] - BOX[1])
        middle = strap[(rows[0] + rows[-1]) // 2]
        assert 0 < middle.sum() < 0.35 * (BOX[2] - BOX[0]), "narrow"
        lines += int((np.diff(middle.astype(int)) == 1).sum())
    assert 35 <= lines <= 55, "one, or two as often"


@pytest.fixture
def bag(tmp_path):
    """A red bag over the lower left quarter of a shirt, half beside it."""
    image = np.full((60, 60, 3), 90, np.uint8)
    image[40:50, 10:30] = (200, 0, 0)
    Image.fromarray(image).save(tmp_path / "a.png")
    shirt, thing = np.zeros((2, 60, 60), bool)
    shirt[10:50, 20:40], thing[40:50, 10:30] = True, True
    shirt &= ~thing
    photo = AnnotatedPhoto(
        tmp_path / "a.png",
        "people",
        lambda: [Garment(1, shirt)],
        read_accessories=lambda: [thing],
    )
    bad = AnnotatedPhoto(tmp_path / "no.png", "people", read_accessories=lambda: [thing])
    (cut,) = cut_occluders([bad, photo], 9, np.random.default_rng(0))
    return cut


def test_a_thing_is_cut_out_with_its_place_on_the_garment(bag):
    np.testing.assert_allclose(bag.box, (-0.5, 0.75, 0.5, 1.0))
    assert bag.picture.size == (20, 10)
    assert (np.asarray(bag.picture) == (200, 0, 0, 255)).all()


def test_a_cut_out_lies_about_where_it_lay(bag):
    for seed in range(12):
        alpha, colours = place_cut_out(SIZE, BOX, bag, np.random.default_rng(seed))
        assert alpha.dtype == np.float32
        assert (colours[alpha > 0] == (200, 0, 0)).all()
        ys, xs = np.nonzero(alpha)
        assert abs(ys.mean() - (20 + 0.875 * 60)) < 30
        assert min(abs(xs.mean() - 24), abs(xs.mean() - 72)) < 25, "either side"


def test_half_of_the_occluders_are_cut_out(bag):
    red = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        alpha, colours = draw_occluder(SIZE, BOX, [], rng, [bag])
        red += bool((colours[alpha > 0.9] == (200, 0, 0)).all())
    assert 10 <= red <= 30


def test_half_covered_by_hand():
    image = np.full((1, 3, 3), 100, np.uint8)
    alpha = np.array([[0.0, 0.5, 1.0]], np.float32)
    out, masks = apply_occluder(image, np.ones((1, 1, 3), bool), alpha, image * 2)
    assert out[0, :, 0].tolist() == [100, 150, 200]
    assert masks.tolist() == [[[True, False, False]]]


def test_backdrops_show_no_foreground(tmp_path):
    """The left half is taken and black; pieces come from the right."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, 40:] = 200
    Image.fromarray(image).save(tmp_path / "a.png")
    taken = image[..., 0] == 0
    photos = [
        AnnotatedPhoto(tmp_path / "a.png", "shop", read_foreground=lambda: taken),
        AnnotatedPhoto(tmp_path / "a.png", "shop"),
        AnnotatedPhoto(tmp_path / "no.png", "shop", read_foreground=lambda: ~taken),
    ]
    pieces = cut_backdrops(photos, 9, np.random.default_rng(0))
    assert len(pieces) == 1
    assert (pieces[0] == 200).all()


@pytest.mark.parametrize("pieces", [[], [np.full((5, 9, 3), 7, np.uint8)]])
def test_backdrops_fill_the_view(pieces):
    for seed in range(8):
        surface = draw_backdrop(32, pieces, np.random.default_rng(seed))
        assert surface.shape == (32, 32, 3)
        assert surface.dtype == np.uint8


def test_drawn_surfaces_differ():
    drawn = [draw_surface(16, np.random.default_rng(seed)) for seed in range(5)]
    assert len({surface.tobytes() for surface in drawn}) == 5
