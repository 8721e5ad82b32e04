import numpy as np
import pytest
from skimage import draw

from compositor import (
    Warp,
    complete_mask,
    control_points,
    fill_outside,
    fit_warp,
    warp_image,
)
from compositor.warp.corners import NAMES

# Corners of a flat tee, (x, y) on a 100 x 100 picture, clockwise.
FLAT = [
    (40, 12), (60, 12), (70, 16), (94, 34), (84, 48), (72, 40),
    (72, 88), (28, 88), (28, 40), (16, 48), (6, 34), (30, 16),
]  # fmt: skip
# The same tee as it is worn: sleeves hang, a neckline is seen.
WORN = [
    (38, 14), (44, 22), (56, 22), (62, 14), (76, 20), (90, 50), (78, 54), (72, 44),
    (70, 86), (30, 86), (28, 44), (22, 54), (10, 50), (24, 20),
]  # fmt: skip


def polygon_mask(corners, scale=1.0, size=(100, 100), shift=(0, 0)):
    points = np.array(corners, float) * scale + shift
    height, width = round(size[0] * scale), round(size[1] * scale)
    return draw.polygon2mask((height, width), points[:, ::-1])


def identity(height, width):
    xs, ys = np.linspace(0, width - 1, 5), np.linspace(0, height - 1, 4)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).astype(np.float32)
    return Warp(grid, (0, 0, width, height))


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("collar_left", (40, 12)),
        ("collar_right", (60, 12)),
        ("sleeve_outer_left", (6, 34)),
        ("sleeve_outer_right", (94, 34)),
        ("sleeve_inner_left", (16, 48)),
        ("armpit_left", (28, 40)),
        ("armpit_right", (72, 40)),
        ("hem_left", (28, 88)),
        ("hem_right", (72, 88)),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_control_points_of_a_drawn_tee(name, point, scale):
    corners = control_points(polygon_mask(FLAT, scale))
    assert np.linalg.norm(corners[name] / scale - point) < 4.5
    assert corners.found.all()


def test_neck_of_a_worn_tee():
    corners = control_points(polygon_mask(WORN, 3.0))
    assert abs(corners["neck"][1] / 3.0 - 22) < 2
    assert abs(corners["neck"][0] / 3.0 - 50) < 8


def test_missing_sleeves_are_flagged():
    mask = np.zeros((60, 60), bool)
    mask[10:50, 20:40] = True
    corners = control_points(mask)
    flags = dict(zip(NAMES, corners.found, strict=True))
    assert not flags["sleeve_outer_left"]
    assert flags["hem_left"]


def test_complete_mask_fills_an_arm_and_a_strap():
    mask = polygon_mask(WORN, 2.0)
    cut = mask.copy()
    cut[110:130, 70:145] = False  # a forearm
    cut[:, 80:84] = False  # a strap
    completed = complete_mask(cut)
    assert completed[120, 100]
    assert completed[80, 82]
    assert (completed & ~complete_mask(mask)).sum() < 0.02 * mask.sum()
    assert (completed >= cut).all()


def test_complete_mask_of_an_empty_mask():
    assert not complete_mask(np.zeros((5, 5), bool)).any()


def test_coordinates_of_the_identity():
    points = identity(20, 30).coordinates(np.arange(20), np.arange(30))
    assert points.shape == (20, 30, 2)
    assert points.dtype == np.float32
    assert np.allclose(points[7, 11], (11, 7), atol=1e-4)


def test_coordinates_between_and_beyond_nodes():
    points = identity(20, 30).coordinates(np.array([-2.0, 3.5]), np.array([40.0]))
    assert np.allclose(points[:, 0], [(40, -2), (40, 3.5)], atol=1e-4)


def test_warp_image_by_hand():
    image = np.zeros((2, 2, 3), np.uint8)
    image[:, 1] = 100
    colors, validity = warp_image(
        image, np.ones((2, 2), bool), identity(2, 2), np.array([0]), np.array([0, 0.5])
    )
    assert colors[0, :, 0].tolist() == [0, 50]
    assert validity.tolist() == [[1, 1]]


def test_warp_image_never_samples_outside():
    image = np.full((20, 20, 3), 255, np.uint8)
    valid = np.zeros((20, 20), bool)
    valid[5:15, 5:15] = True
    image[valid] = 10
    colors, validity = warp_image(
        image, valid, identity(20, 20), np.arange(20), np.arange(20)
    )
    assert np.allclose(colors, 10)
    assert validity[0, 0] == 0
    assert validity[10, 10] == 1


def test_colours_are_mirrored_at_the_rim():
    image = np.zeros((1, 6, 3), np.uint8)
    image[0, :, 0] = [9, 9, 1, 2, 9, 9]
    valid = np.array([[False, False, True, True, False, False]])
    filled = fill_outside(image, valid)
    assert filled[0, :, 0].tolist() == [1, 2, 1, 2, 1, 2]
    assert filled.dtype == np.uint8
    assert image[0, 0, 0] == 9, "the argument is not changed"


def test_warp_image_in_strips_is_the_whole():
    image = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    valid = np.ones((30, 30), bool)
    warp = identity(30, 30)
    whole, _ = warp_image(image, valid, warp, np.arange(30), np.arange(30))
    parts = [
        warp_image(image, valid, warp, np.arange(a, a + 10), np.arange(30))[0]
        for a in (0, 10, 20)
    ]
    assert np.allclose(np.vstack(parts), whole)


def test_warp_image_smooths_where_it_shrinks():
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, ::2] = 255
    grid = identity(16, 16).grid * (63 / 15)
    warp = Warp(grid, (0, 0, 16, 16))
    colors, _ = warp_image(
        image, np.ones((64, 64), bool), warp, np.arange(16), np.arange(16)
    )
    assert colors[4:12, 4:12].std() < 20


def test_fit_warp_of_a_garment_on_itself_is_nearly_the_identity():
    mask = polygon_mask(WORN, 2.0)
    warp = fit_warp(mask, mask)
    ys, xs = np.nonzero(mask)
    mapped = warp.coordinates(np.arange(200), np.arange(200))[ys, xs]
    error = np.linalg.norm(mapped - np.stack([xs, ys], axis=1), axis=1)
    assert np.median(error) < 0.06 * 80
    assert warp.method == "corners"


@pytest.mark.parametrize(("scale", "shift"), [(1.0, (0, 0)), (2.5, (30, 10))])
def test_fit_warp_maps_chest_and_hem(scale, shift):
    size = (120, 130)
    source = polygon_mask(FLAT, 3.0)
    target = polygon_mask(WORN, scale, size, shift)
    warp = fit_warp(source, target)
    chest = np.array([50, 55]) * scale + shift
    mapped = warp.coordinates(chest[1:], chest[:1])[0, 0]
    assert np.linalg.norm(mapped / 3.0 - (50, 54)) < 6
    hem = np.array([50, 84]) * scale + shift
    assert abs(warp.coordinates(hem[1:], hem[:1])[0, 0, 1] / 3.0 - 86) < 5


def test_back_collar_does_not_land_on_the_neckline():
    warp = fit_warp(polygon_mask(FLAT, 3.0), polygon_mask(WORN, 3.0))
    mapped = warp.coordinates(np.array([23.0 * 3]), np.array([50.0 * 3]))[0, 0]
    assert mapped[1] / 3.0 > 12 + 3


def test_given_points_are_followed():
    mask = polygon_mask(WORN, 2.0)
    generator = np.random.default_rng(0)
    target = generator.uniform(20, 180, (400, 2))
    source = target + 6.0 * np.sin(target[:, ::-1] / 60.0)
    warp = fit_warp(mask, mask, source, target)
    assert warp.method == "points"
    mapped = warp.coordinates(np.array([100.0]), np.array([90.0]))[0, 0]
    expected = np.array([90, 100]) + 6.0 * np.sin(np.array([100, 90]) / 60.0)
    assert np.linalg.norm(mapped - expected) < 1.5


def test_random_points_fall_back_to_a_fold_free_map():
    mask = polygon_mask(WORN, 2.0)
    generator = np.random.default_rng(1)
    target = generator.uniform(20, 180, (40, 2))
    warp = fit_warp(mask, mask, generator.uniform(20, 180, (40, 2)), target)
    assert np.isfinite(warp.grid).all()


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (np.zeros((3, 2)), None),
        (np.zeros((3, 2)), np.zeros((4, 2))),
        (np.zeros((3, 3)), np.zeros((3, 3))),
        (np.zeros((2, 2)), np.zeros((2, 2))),
    ],
    ids=["one only", "other count", "not x and y", "too few"],
)
def test_wrong_points(source, target):
    mask = polygon_mask(WORN)
    with pytest.raises(ValueError, match="expected"):
        fit_warp(mask, mask, source, target)


def hostile_masks():
    empty = np.zeros((30, 30), bool)
    pixel, line, parts, corner = (empty.copy() for _ in range(4))
    pixel[12, 7] = True
    line[15, 3:28] = True
    parts[4:26, 4:13] = True
    parts[4:26, 16:27] = True
    corner[:18, :14] = True
    return {
        "pixel": pixel,
        "line": line,
        "full": ~empty,
        "two components": parts,
        "touches the border": corner,
    }


@pytest.mark.parametrize("name", list(hostile_masks()))
@pytest.mark.parametrize("as_source", [True, False], ids=["source", "target"])
def test_hostile_masks(name, as_source):
    hostile, tee = hostile_masks()[name], polygon_mask(FLAT)
    source, target = (hostile, tee) if as_source else (tee, hostile)
    warp = fit_warp(source, target)
    assert np.isfinite(warp.grid).all()
    assert np.isfinite(warp.distortion)
    image = np.zeros((*source.shape, 3), np.uint8)
    colors, validity = warp_image(image, source, warp, np.arange(5), np.arange(4))
    assert colors.shape == (5, 4, 3)
    assert validity.shape == (5, 4)


def test_empty_masks():
    empty, tee = np.zeros((30, 30), bool), polygon_mask(FLAT)
    for source, target in ((empty, tee), (tee, empty)):
        with pytest.raises(ValueError, match="empty mask"):
            fit_warp(source, target)
    with pytest.raises(ValueError, match="empty mask"):
        control_points(empty)
    with pytest.raises(ValueError, match="valid pixel"):
        warp_image(
            np.zeros((30, 30, 3)), empty, identity(5, 5), np.arange(2), np.arange(2)
        )


def test_warp_checks_its_grid():
    with pytest.raises(ValueError, match="expected grid"):
        Warp(np.zeros((3, 3), np.float32), (0, 0, 3, 3))
