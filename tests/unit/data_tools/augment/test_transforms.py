"""What is painted and what is annotated land on the same pixels."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

if importlib.util.find_spec("imgaug") is None:
    pytest.skip("imgaug is not installed", allow_module_level=True)

from data_tools.annotations import DataError, ImageRecord, Instance, Polygon
from data_tools.augment.transforms import TRANSFORMS, transform
from data_tools.augment.views import (
    GEOMETRIC_TRANSFORMS,
    draw_geometric,
    elastic_field,
)
from data_tools.outlines import area_of, bounds, encode_mask, mask_of
from tryon.cli.data_augment import TRANSFORMS as OFFERED

SIZE = 120, 91  # height, width: neither square nor even
GEOMETRY = GEOMETRIC_TRANSFORMS
DOT = 30.5, 50.5  # x, y: the middle of a pixel
OUTER = (20.0, 30.0, 70.0, 30.0, 70.0, 90.0, 20.0, 90.0)
HOLE = (40.0, 50.0, 60.0, 50.0, 60.0, 70.0, 40.0, 70.0)
TOP = "short sleeve top"


def top(**values):
    marks = (*DOT, 2) + (0, 0, 0) * 24
    known = {"polygons": (Polygon(OUTER, (HOLE,)),), "landmarks": marks}
    known["box"] = (20.0, 30.0, 70.0, 90.0)
    return Instance(TOP, **{**known, **values})


def record(*instances, size=SIZE, **values):
    return ImageRecord("a.jpg", size, instances or (top(),), **values)


def painted(instance=None):
    """A picture that is red where the garment is."""
    image = np.full((*SIZE, 3), 40, np.uint8)
    image[mask_of(instance or top(), SIZE)] = (230, 40, 40)
    return image


def dotted():
    """A dark picture with one bright spot."""
    image = np.zeros((*SIZE, 3), np.uint8)
    x, y = int(DOT[0]), int(DOT[1])
    image[y - 1 : y + 2, x - 1 : x + 2] = 255
    return image


def centre(image):
    """The middle of what is bright, x and y."""
    weights = np.where(
        image[..., 0] > 140, image[..., 0].astype(float), 0
    )  # not the grey
    ys, xs = np.indices(weights.shape)
    return (weights * (xs + 0.5)).sum() / weights.sum(), (weights * (ys + 0.5)).sum() / (
        weights.sum()
    )


def rng(seed):
    return np.random.default_rng(seed)


def test_the_options_name_every_transform():
    assert tuple(TRANSFORMS) == OFFERED


@pytest.mark.parametrize("name", GEOMETRY)
def test_a_landmark_stays_on_its_spot(name):
    places = set()
    for seed in range(5):
        new, image = transform(record(), dotted(), [name], rng(seed))
        marks = np.reshape(new.instances[0].landmarks, (25, 3))
        (mark,) = marks[marks[:, 2] > 0]
        assert mark[2] == 2
        np.testing.assert_allclose(mark[:2], centre(image), atol=0.35)
        assert image.shape == (*SIZE, 3)
        places.add(tuple(mark))
    assert len(places) == (1 if name == "flip" else 5)


@pytest.mark.parametrize("name", GEOMETRY)
@pytest.mark.parametrize("as_rle", [False, True], ids=["polygons", "rle"])
def test_an_outline_stays_on_its_garment(name, as_rle):
    made = top()
    if as_rle:
        made = top(polygons=(), rle=encode_mask(mask_of(made, SIZE)))
    for seed in range(6):
        new, image = transform(record(made), painted(), [name], rng(seed))
        (moved,) = new.instances
        assert bool(moved.rle) is as_rle
        assert bool(moved.polygons) is not as_rle
        red = image[..., 0].astype(int) - image[..., 1] > 95
        mask = mask_of(moved, SIZE)
        assert (red & mask).sum() / (red | mask).sum() > (
            0.999 if name == "flip" else 0.96
        )
        ys, xs = np.nonzero(red)
        around = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        np.testing.assert_allclose(moved.box, around, atol=1.6)


def test_a_flip_is_exact():
    new, _ = transform(record(), painted(), ["flip"], rng(0))
    (moved,) = new.instances
    width = SIZE[1]
    mirrored = [width - v if i % 2 == 0 else v for i, v in enumerate(OUTER)]
    assert moved.polygons[0].outer == tuple(mirrored)
    assert moved.box == (width - 70, 30, width - 20, 90)
    assert area_of(moved, SIZE) == 50 * 60 - 20 * 20


def test_left_and_right_change_places_in_a_flip():
    marks = tuple(v for i in range(25) for v in (i + 10, 2 * i + 10, 1 + i % 2))
    new, _ = transform(record(top(landmarks=marks)), painted(), ["flip"], rng(0))
    before, after = (np.reshape(m, (25, 3)) for m in (marks, new.instances[0].landmarks))
    assert after[0].tolist() == [SIZE[1] - 10, 10, 1]  # the neck's middle is its own
    assert after[1].tolist() == [SIZE[1] - before[5, 0], *before[5, 1:]]
    assert after[6].tolist() == [SIZE[1] - before[24, 0], *before[24, 1:]]


def test_landmarks_that_nobody_can_mirror():
    person = record(Instance("person", landmarks=(5, 5, 2) * 17))
    with pytest.raises(DataError, match="leave out the flip"):
        transform(person, painted(), ["flip"], rng(0))
    new, _ = transform(person, painted(), ["rotate"], rng(0))
    assert len(new.instances[0].landmarks) == 51


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    names=st.lists(st.sampled_from(sorted(TRANSFORMS)), max_size=4, unique=True),
    ring=st.lists(st.floats(-50, 200), min_size=6, max_size=16).filter(
        lambda ring: len(ring) % 2 == 0
    ),
)
def test_all_stays_in_the_picture(seed, names, ring):
    made = top(polygons=(Polygon(tuple(ring)), Polygon(OUTER, (HOLE,))))
    new, image = transform(record(made), painted(), names, rng(seed))
    again, same = transform(record(made), painted(), names, rng(seed))
    assert (again, image.tobytes()) == (new, same.tobytes())
    for one in new.instances:
        if names and set(names) & set(GEOMETRY):
            for x1, y1, x2, y2 in filter(None, (bounds(one.polygons), one.box)):
                assert min(x1, y1) >= 0
                assert x2 <= SIZE[1]
                assert y2 <= SIZE[0]
        marks = np.reshape(one.landmarks, (-1, 3))
        assert (marks[marks[:, 2] == 0] == 0).all()
        assert (marks[:, :2] <= SIZE[::-1]).all()


def test_what_leaves_the_picture_is_gone():
    corners = (
        Instance("outline", (Polygon((0.0, 0.0, 4.0, 0.0, 4.0, 4.0)),)),
        Instance("box", box=(0.0, 0.0, 4.0, 4.0)),
        Instance("point", shape={"name": "point", "cx": 1.0, "cy": 1.0}),
        Instance(TOP, landmarks=(1.0, 1.0, 2) + (0, 0, 0) * 24),
    )
    found = set()
    for seed in range(12):
        new, _ = transform(record(*corners), painted(), ["translate"], rng(seed))
        *rest, marked = new.instances
        left = marked.landmarks[:3] == (0, 0, 0)
        found.add((left, *(one.category for one in rest)))
    assert {(True,), (False, "outline", "box", "point")} <= found


def test_a_turned_box_stays_close():
    diamond = (45.0, 30.0, 70.0, 60.0, 45.0, 90.0, 20.0, 60.0)
    made = top(polygons=(Polygon(diamond),), box=(20.0, 30.0, 70.0, 90.0))
    for seed in range(6):
        new, _ = transform(record(made), painted(), ["rotate"], rng(seed))
        (moved,) = new.instances
        np.testing.assert_allclose(moved.box, bounds(moved.polygons), atol=0.02)


@pytest.mark.parametrize("name", ["translate", "scale", "rotate", "bend"])
def test_what_comes_in_is_grey(name):
    white, tones = np.full((*SIZE, 3), 255, np.uint8), set()
    for seed in range(5):
        tones.update(transform(record(), white, [name], rng(seed))[1].ravel().tolist())
    assert {127, 255} <= tones
    assert min(tones) == 127


def test_a_bend_of_points_undoes_that_of_pixels():
    points = rng(0).uniform(10, 80, (40, 2))
    moved = draw_geometric("bend", SIZE, rng(3)).transform_points(points)
    field = elastic_field(max(SIZE), 0.015, rng(3))
    rows, columns = moved[:, 1] - 0.5, moved[:, 0] - 0.5
    back = [map_coordinates(field[..., i], (rows, columns), order=1) for i in (0, 1)]
    np.testing.assert_allclose(np.stack(back, axis=-1) + 0.5, points, atol=1e-3)
    assert np.abs(moved - points).max() > 1


def test_occluders_cut_what_they_hide():
    hidden = covered = 0
    for seed in range(8):
        marks = tuple(
            v for x in range(25) for v in (22.5 + 2 * (x % 5), 40.5 + x, 2 * (x % 5 > 0))
        )
        given = record(top(landmarks=marks))
        new, image = transform(given, painted(), ["occlude"], rng(seed))
        for one in new.instances:
            seen = mask_of(one, SIZE)
            assert not (seen & ~mask_of(top(), SIZE)).any()
            red = image[..., 0].astype(int) - image[..., 1] > 95
            assert (seen & ~red).sum() < 20
            same = np.abs(image.astype(int) - painted()).max(axis=-1) < 20
            assert not (mask_of(top(), SIZE) & same & ~seen).any()
            covered += seen.sum() < mask_of(top(), SIZE).sum()
            visible = one.landmarks[2::3]
            assert [v == 0 for v in visible] == [v == 0 for v in marks[2::3]]
            hidden += visible.count(1)
            assert [*one.landmarks[0::3]] == [*marks[0::3]]
    assert covered > 2
    assert hidden > 5


def test_what_is_covered_as_a_whole_is_gone():
    small = Instance("button", (Polygon((30.0, 50.0, 33.0, 50.0, 33.0, 53.0)),))
    found = [
        transform(record(small), painted(), ["occlude"], rng(seed))[0].instances
        for seed in range(12)
    ]
    assert {len(one) for one in found} == {0, 1}
    assert all(instance.polygons for one in found for instance in one)


def test_nothing_to_occlude():
    empty = replace(record(), instances=())
    new, image = transform(empty, painted(), ["occlude"], rng(0))
    assert new.instances == ()
    np.testing.assert_array_equal(image, painted())


def test_the_camera_changes_light_alone():
    changed = set()
    for seed in range(6):
        new, image = transform(record(), painted(), ["camera"], rng(seed))
        assert new.instances == record().instances
        changed.add(image.tobytes())
    assert len(changed - {painted().tobytes()}) == 6


@pytest.mark.parametrize(
    "shape",
    [
        {"name": "point", "cx": 30.5, "cy": 50.5},
        {"name": "polyline", "all_points_x": [30.5, 200], "all_points_y": [50.5, 60]},
    ],
)
def test_shapes_without_area_move_too(shape):
    made = Instance(TOP, shape=shape)
    new, image = transform(record(made), dotted(), ["flip", "rotate"], rng(3))
    moved = new.instances[0].shape
    assert moved["name"] == shape["name"]
    place = (
        (moved["cx"], moved["cy"])
        if "cx" in moved
        else (moved["all_points_x"][0], moved["all_points_y"][0])
    )
    np.testing.assert_allclose(place, centre(image), atol=0.35)
    assert max(moved.get("all_points_x", [0])) <= SIZE[1]


def test_a_circle_becomes_a_polygon():
    circle = Instance(TOP, shape={"name": "circle", "cx": 40, "cy": 60, "r": 15})
    new, _ = transform(record(circle), painted(), ["flip"], rng(0))
    (moved,) = new.instances
    assert moved.shape is None
    np.testing.assert_allclose(bounds(moved.polygons), (36, 45, 66, 75), atol=0.1)


def test_what_is_said_passes_through():
    extra = {"coco.id": 7, "coco.area": 3.5, "coco.hidden": {"a": 1}}
    made = top(attributes={"scale": 2, "색상": "블랙"}, extra=extra)
    given = record(
        made,
        attributes={"source": "user", "imageData": "old", "foreground": {}},
        extra={"via.size": 9, "via.other": {"b": 2}},
    )
    new, _ = transform(given, painted(), ["scale"], rng(0))
    assert new.attributes == {"source": "user"}
    assert new.extra == {"via.other": {"b": 2}}
    assert new.instances[0].attributes == {"scale": 2, "색상": "블랙"}
    assert new.instances[0].extra == {"coco.hidden": {"a": 1}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (record(size=(50, 60)), "a photo of (50, 60), as annotated, got (120, 91)"),
        (record(top(box=(0.0, 0.0, float("nan"), 1.0))), "finite numbers"),
        (record(top(polygons=(Polygon((1e400, 1, 2, 3, 4, 5)),))), "finite numbers"),
        (
            record(Instance(TOP, extra={"labelme.shape": ["points", [[1, 2], [3, 4]]]})),
            "LabelMe's points",
        ),
    ],
    ids=["size", "nan", "infinite", "points"],
)
def test_what_cannot_be_moved(given, message):
    with pytest.raises(DataError) as told:
        transform(given, painted(), ["flip"], rng(0))
    assert message in str(told.value)
