import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_tools.annotations import DataError, Instance, Polygon
from data_tools.formats.shapes import fill_polygons
from data_tools.outlines import (
    area_of,
    bounds,
    clip_ring,
    encode_mask,
    joined_ring,
    mask_of,
    polygons_of,
    shape_ring,
    signed_area,
    trace_mask,
)

SIZE = 12, 14  # height, width
SQUARE = (1, 1, 9, 1, 9, 9, 1, 9)  # 8 x 8
HOLE = (3, 3, 5, 3, 5, 5, 3, 5)  # 2 x 2
FAR = (10, 2, 13, 2, 13, 4, 10, 4)  # 3 x 2


def instance(*polygons, **values):
    return Instance("hat", tuple(polygons), **values)


@pytest.mark.parametrize(
    ("polygons", "area"),
    [
        ([Polygon(SQUARE)], 64),
        ([Polygon(SQUARE, (HOLE,))], 60),
        ([Polygon(SQUARE), Polygon(FAR)], 70),
        ([Polygon(SQUARE, (HOLE,)), Polygon(FAR)], 66),
        ([Polygon(SQUARE), Polygon(SQUARE)], 64),  # a union
        ([Polygon(())], 0),
        ([], 0),
    ],
)
def test_masks_and_areas(polygons, area):
    one = instance(*polygons)
    assert mask_of(one, SIZE).sum() == area
    assert area_of(one, SIZE) == area


def test_an_area_is_that_of_the_polygon_and_not_of_its_box():
    assert area_of(instance(Polygon((0, 0, 5, 0, 0, 5))), SIZE) == 12.5


@pytest.mark.parametrize(
    "rows",
    [
        ["....", ".##.", ".##.", "...."],
        ["####", "#..#", "#..#", "####"],
        ["#...", ".#..", "..#.", "...#"],  # touch at corners alone
        ["##..", "##..", "..##", "..##"],
        ["#####", "#.#.#", "#####", "#.#.#", "#####"],
        ["#"],
        ["."],
    ],
)
def test_a_traced_mask_fills_to_the_same(rows):
    mask = np.array([[letter == "#" for letter in row] for row in rows])
    polygons = trace_mask(mask)
    np.testing.assert_array_equal(mask_of(instance(*polygons), mask.shape), mask)
    np.testing.assert_array_equal(
        fill_polygons([joined_ring(polygons)], mask.shape), mask
    )


def test_tracing_keeps_corners_alone():
    mask = np.ones((3, 5), bool)
    (polygon,) = trace_mask(mask)
    assert polygon == Polygon((0, 0, 5, 0, 5, 3, 0, 3))
    assert signed_area(polygon.outer) == 15


def test_one_ring_for_parts_and_holes():
    ring = joined_ring([Polygon(SQUARE, (HOLE,)), Polygon(FAR[::-1])])
    assert abs(signed_area(ring)) == 64 - 4 + 6
    assert joined_ring([]) == ()


def test_run_lengths_become_polygons():
    mask = np.zeros(SIZE, bool)
    mask[2:5, 3:9] = True
    one = instance(rle=encode_mask(mask))
    assert polygons_of(one) == (Polygon((3, 2, 9, 2, 9, 5, 3, 5)),)
    assert area_of(one, None) == area_of(one, SIZE) == 18
    with pytest.raises(ValueError, match="run lengths"):
        mask_of(one, (5, 5))


@pytest.mark.parametrize("size", [None, [1], [1, -1], [1 << 20, 1 << 20], ["a", 1]])
def test_run_lengths_of_any_size(size):
    with pytest.raises(DataError, match=r"size|pixels"):
        polygons_of(instance(rle={"size": size, "counts": [1]}))


@pytest.mark.parametrize(
    "shape",
    [
        {"name": "circle", "cx": 1},
        {"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1]},
        {"name": "cloud"},
        {},
    ],
)
def test_shapes_that_are_not_whole(shape):
    with pytest.raises(DataError, match="expected"):
        shape_ring(shape)


def test_bounds():
    assert bounds([Polygon(SQUARE), Polygon(FAR)]) == (1, 1, 13, 9)
    assert bounds([Polygon(())]) is None


@pytest.mark.parametrize(
    ("ring", "clipped"),
    [
        ((1, 1, 5, 1, 5, 5), (1, 1, 5, 1, 5, 5)),
        ((-4, 2, 4, 2, 4, 6, -4, 6), (0, 2, 4, 2, 4, 6, 0, 6)),
        ((-9, -9, -1, -9, -1, -1), ()),
        ((), ()),
        ((-10, -10, 40, -10, 40, 40, -10, 40), (0, 0, 30, 0, 30, 20, 0, 20)),
    ],
    ids=["inside", "over the edge", "outside", "nothing", "around"],
)
def test_rings_are_clipped(ring, clipped):
    found = clip_ring(ring, (20, 30))
    assert len(found) == len(clipped)
    points = {tuple(p) for p in np.reshape(found, (-1, 2)).tolist()}
    assert points == {tuple(p) for p in np.reshape(clipped, (-1, 2)).tolist()}


@given(st.lists(st.integers(-20, 50), min_size=6, max_size=24))
@settings(deadline=None, derandomize=True)
def test_a_clipped_ring_fills_the_same(values):
    ring = tuple(values[: len(values) // 2 * 2])
    one, other = (
        fill_polygons([each], (20, 30)) for each in (ring, clip_ring(ring, (20, 30)))
    )
    # The rasteriser draws slanted edges anew from where they are cut.
    assert (one ^ other).sum() <= 2 * len(ring)
