"""S1's own light, read by a fake network and taken away; every colour is known."""

import numpy as np
import pytest

import compositor.light.base_color
import cyclegan.data
import data_tools.paint.designs
from cyclegan.config import ShadingConfig
from tryon.frames import Frame
from tryon.light import (
    Shading,
    fold_ratio,
    high_pass,
    least_level,
    predict_shading,
    remove_shading,
    shading_input,
)
from tryon.stages import DetectedGarment, prepare
from tryon.types import GarmentMask, Instance, Photo

SIZE = (60, 80)  # height, width
GAMMA = cyclegan.data.GAMMA


def test_the_display_gamma_is_the_same_in_all_rooms():
    """Rooms do not import each other, so each defines its own."""
    assert GAMMA == compositor.light.base_color.GAMMA == data_tools.paint.designs.GAMMA


class FallingLight:
    """Stands for the shading network: light falls from left to right, at any level."""

    config = ShadingConfig(image_size=32)

    def __init__(self, level=0.0):
        self.level = level

    def __call__(self, batch):
        self.seen = batch
        fall = np.linspace(1, -1, 32, dtype=np.float32)
        return np.broadcast_to(fall[:, None] + self.level, (len(batch), 32, 32, 1))


def garment(mask=None, image=None):
    if mask is None:
        mask = np.zeros(SIZE, bool)
        mask[10:50, 20:60] = True
    if image is None:
        image = np.full((*SIZE, 3), 90, np.uint8)
    instance = Instance(1, "short sleeve top", 0.9, (0, 0, 9, 9), 0.5)
    detection = GarmentMask(mask, (instance,), 0, 0.9)
    return prepare(DetectedGarment(Photo(image), image, detection))


def test_light_is_0_on_average_whatever_the_networks_level():
    lights = [predict_shading(garment(), FallingLight(level)) for level in (0.0, 0.7)]
    np.testing.assert_allclose(lights[0].logs, lights[1].logs, atol=1e-6)
    inside = lights[0].at(np.arange(13, 47), np.arange(23, 57))
    assert inside.mean() == pytest.approx(0, abs=0.05)
    assert inside[:, 0].mean() > inside[:, -1].mean() + 1


class EvenLight(FallingLight):
    def __call__(self, batch):
        return np.zeros((len(batch), 32, 32, 1), np.float32)


@pytest.mark.parametrize("cloth", [255, 128])
def test_the_brightest_cloth_tells_the_least_light(cloth):
    image = np.full((*SIZE, 3), 20, np.uint8)
    image[10:50, 20:30] = cloth  # a white or grey quarter of a dark shirt
    least = least_level(garment(image=image), EvenLight())
    dark = least_level(garment(image=np.full((*SIZE, 3), 20, np.uint8)), EvenLight())
    assert least == pytest.approx(np.log((cloth / 255) ** GAMMA / 0.88), abs=0.25)
    assert least > dark + 0.5


def test_skin_and_background_tell_nothing_of_the_cloth():
    image = np.full((*SIZE, 3), 255, np.uint8)
    image[10:50, 20:60] = 20
    assert least_level(garment(image=image), EvenLight()) < -4
    nothing = garment(mask=np.eye(*SIZE, dtype=bool))
    assert least_level(nothing, EvenLight()) == -np.inf


def test_light_goes_on_beyond_the_rim():
    """What the network says outside the garment has no meaning."""
    light = predict_shading(garment(), FallingLight())
    ys, xs = np.array([30]), np.array([0, 18, 22])
    outer, near, inner = light.at(ys, xs)[0, :, 0]
    assert outer == near
    assert near == pytest.approx(inner, abs=0.1)


def test_the_network_sees_the_garment_alone():
    network, image = FallingLight(), np.full((*SIZE, 3), 255, np.uint8)
    predict_shading(garment(image=image), network)
    view, mask = network.seen[0, ..., :3], network.seen[0, ..., 3]
    assert network.seen.dtype == np.float32
    assert set(np.unique(mask)) == {0, 1}
    assert (view[mask == 1] == 1).all()
    assert (view[mask == 0] == 0).all()


def test_a_mask_of_one_pixel_has_even_light():
    mask = np.zeros(SIZE, bool)
    mask[30, 40] = True
    light = predict_shading(garment(mask), FallingLight())
    assert np.ptp(light.at(np.arange(60), np.arange(80))) < 0.1


def even_design(lit):
    """A grey tee with a dark print under light that falls, and its light."""
    logs = np.broadcast_to(np.linspace(0.6, -0.6, 40), (40, 40)).astype(np.float32)
    design = np.full((40, 40), 100.0)
    design[10:20, 10:30] = 40
    picture = design * np.exp(logs / GAMMA) if lit else design
    image = np.repeat(np.rint(picture).astype(np.uint8)[..., None], 3, axis=-1)
    return image, Shading(logs[..., None], Frame((20, 20), 40, 40), (40, 40))


def test_relieved_of_its_light_a_garment_keeps_print_and_level():
    lit, light = even_design(lit=True)
    relieved = remove_shading(lit, np.ones((40, 40), bool), light).astype(float)[..., 0]
    flat, _ = even_design(lit=False)
    ratio = relieved / flat[..., 0]
    assert ratio.std() < 0.01, "the design comes back, print and all"
    assert ratio.mean() == pytest.approx(1, abs=0.05)


def test_relief_finds_its_place_at_any_size():
    lit, light = even_design(lit=True)
    large = np.kron(lit, np.ones((3, 3, 1), np.uint8))
    relieved = remove_shading(large, np.ones((120, 120), bool), light)
    small = remove_shading(lit, np.ones((40, 40), bool), light)
    away = relieved[1::3, 1::3].astype(int) - small
    assert np.abs(away).max() <= 1


def test_relief_leaves_what_is_no_garment():
    lit, light = even_design(lit=True)
    mask = np.zeros((40, 40), bool)
    mask[5:35, 5:35] = True
    before = lit.copy()
    relieved = remove_shading(lit, mask, light)
    assert np.array_equal(relieved[~mask], lit[~mask])
    assert not np.array_equal(relieved[mask], lit[mask])
    assert np.array_equal(lit, before), "the picture itself is left alone"
    assert remove_shading(lit, np.zeros_like(mask), light) is lit


def test_relief_has_limits():
    """A wild network brightens no more than `MOST_GAIN` of light."""
    lit, light = even_design(lit=True)
    wild = Shading(light.logs * 100, light.frame, light.size)
    relieved = remove_shading(lit, np.ones((40, 40), bool), wild).astype(float)
    factor = relieved / lit
    assert factor.max() < 2.5 ** (1 / GAMMA) * 1.02
    assert factor.min() > 0.4 ** (1 / GAMMA) * 0.98


def test_shading_input_of_floats_and_of_bytes():
    mask = np.eye(4, dtype=bool)
    view = np.full((4, 4, 3), 51, np.uint8)
    seen = shading_input(view, mask)
    assert np.array_equal(seen, shading_input(view.astype(np.float32), mask))
    assert seen[0, 0].tolist() == pytest.approx([-0.6, -0.6, -0.6, 1])
    assert seen[0, 1].tolist() == [0, 0, 0, 0]


def test_folds_are_what_changes_quickly():
    """A dark yoke stays what it is; a crease is a fold."""
    y = np.mgrid[:64, :64][0]
    slow, quick = 0.4 * np.sin(y / 20), 0.2 * np.sin(y * 1.5)
    frame = Frame((32.0, 32.0), 64.0, 64)
    light = Shading((slow + quick)[..., None].astype(np.float32), frame, (64, 64))
    found = high_pass(light).logs[8:-8, :, 0]
    np.testing.assert_allclose(found, quick[8:-8], atol=0.08)
    assert np.abs(found - (slow + quick)[8:-8]).max() > 0.3


@pytest.mark.parametrize(
    ("mine", "theirs", "least", "most"),
    [
        (20, 240, 0.5, 0.6),  # black worn, white put on
        (240, 20, 1.45, 1.5),
        (0, 255, 0.5, 0.6),
        (90, 90, 1.0, 1.0),
    ],
)
def test_folds_are_as_strong_as_on_the_new_cloth(mine, theirs, least, most):
    user, shop = (
        garment(image=np.full((*SIZE, 3), grey, np.uint8)) for grey in (mine, theirs)
    )
    assert least <= fold_ratio(user, shop) <= most


def test_cloth_without_a_pixel_has_folds_too():
    empty = garment(mask=np.zeros(SIZE, bool))
    assert fold_ratio(empty, empty) == 1.0
