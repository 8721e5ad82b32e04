"""S1's folds stay behind, and S2's print is hidden from the universal generator."""

import numpy as np
import pytest

from cyclegan.config import CycleGANConfig, ShadingConfig, UniversalConfig
from tryon.frames import LIGHT_MARGIN, Frame
from tryon.light import Shading
from tryon.stages import DetectedGarment, prepare
from tryon.training.texture import unwrap
from tryon.transfer import (
    LEVEL,
    PatternTransfer,
    UniversalTransfer,
    paint_view,
    shrink_level,
    shrunk_level,
)
from tryon.types import GarmentMask, Instance, Photo

SIZE = (100, 100)
# Logs of light, from the left to the right of a tee: a slow fall, and five folds.
FALL = np.linspace(0.5, -0.5, 60)
FOLDS = 0.5 * np.sin(np.arange(60) / 6 * np.pi)


def garment(colours):
    """A square tee on grey, of colours (60, 60, 3)."""
    mask = np.zeros(SIZE, bool)
    mask[20:80, 20:80] = True
    image = np.full((*SIZE, 3), 120, np.uint8)
    image[20:80, 20:80] = np.rint(colours)
    instance = Instance(1, "short sleeve top", 0.9, (0, 0, 1, 1), float(mask.mean()))
    detection = GarmentMask(mask, (instance,), 0, 0.9)
    return prepare(DetectedGarment(Photo(image), image, detection))


def lit(design, light=FALL):
    """Shading a design (60, 60) of greys."""
    return np.repeat((design * np.exp(light / 2.2))[..., None], 3, axis=-1)


class Knows:
    """Stands for the shading network."""

    config = ShadingConfig(image_size=64)

    def __init__(self, light):
        self.light = light

    def __call__(self, batch):
        side = 60 * 1.12  # of the frame, in pixels of the photo
        places = (np.arange(64) + 0.5) / 64 * side - (side - 60) / 2
        fall = np.interp(places, np.arange(60) + 0.5, self.light).astype(np.float32)
        return np.broadcast_to(fall[:, None], (len(batch), 64, 64, 1))


class EvenLight:
    """Stands for the universal generator: lays S1 on as it is."""

    config = UniversalConfig(image_size=64)

    def __call__(self, batch):
        self.seen = batch
        return np.zeros((len(batch), 64, 64, 6), np.float32)


@pytest.mark.parametrize(("light", "least", "most"), [(FOLDS, 0, 0.4), (FALL, 0.7, 1.1)])
def test_the_shops_folds_are_not_worn(light, least, most):
    """What changes slowly stays: it may be a dark yoke."""
    user = garment(np.full((60, 60, 3), 120.0))
    shop = garment(lit(np.full((60, 60), 140.0), light))

    def unevenness(known):
        out1 = UniversalTransfer(Knows(known), EvenLight())(user, shop)
        return out1.draw(np.arange(32, 68), np.arange(32, 68)).std()

    assert least <= unevenness(light) / unevenness(0 * light) <= most


def test_print_stays_where_folds_are_left_behind():
    printed = np.full((60, 60), 140.0)
    printed[20:40, 20:40] = 60
    user, shop = garment(np.full((60, 60, 3), 120.0)), garment(lit(printed, FOLDS))
    out1 = UniversalTransfer(Knows(FOLDS), EvenLight())(user, shop)
    drawn = out1.draw(np.arange(28, 72), np.arange(28, 72)).mean(axis=-1)
    cloth, print_ = np.median(drawn), np.median(drawn[16:28, 16:28])
    assert cloth / print_ == pytest.approx(140 / 60, rel=0.08)


def test_the_generator_sees_no_print_of_the_users():
    design = np.full((60, 60), 160.0)
    design[15:45, 20:40] = 30
    user, frame = garment(lit(design)), Frame((50, 50), 100, 50)
    light = Shading(FALL[None, :, None].astype("f4"), Frame((50, 50), 60, 60), SIZE)
    wide = np.broadcast_to(light.logs, (60, 60, 1))
    view = paint_view(user, frame, Shading(wide, light.frame, SIZE))
    assert view.shape == (50, 50, 3)
    np.testing.assert_allclose(view[:8], 120, atol=1e-3)  # what is no shirt stays
    rows = view[12:38, 12:38].mean(axis=-1)
    assert np.ptp(rows, axis=0).max() < 0.1, "no print from top to bottom"
    expected = 160 * np.exp(
        np.interp(np.arange(4, 56, 2) + 0.5, np.arange(60), FALL) / 2.2
    )
    np.testing.assert_allclose(rows[0], expected, rtol=0.03)


def test_the_users_photo_reaches_the_generator_so():
    design = np.full((60, 60), 160.0)
    design[15:45, 20:40] = 30
    user, generator = garment(lit(design)), EvenLight()
    UniversalTransfer(Knows(FALL), generator)(user, garment(np.full((60, 60, 3), 99.0)))
    frame = Frame.around(user.box, 64, LIGHT_MARGIN)
    seen = (generator.seen[0, ..., :3] + 1) * 127.5
    ys, xs = (np.searchsorted(axis, 50) for axis in frame.raster)
    assert seen[ys, xs, 0] > 120, "the dark print is gone"
    np.testing.assert_allclose(seen[:4], 120, atol=1e-3)


def test_the_level_of_light_comes_nearer_to_the_usual_one():
    rng = np.random.default_rng(0)
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    for level in (LEVEL.usual - 0.3, LEVEL.usual, LEVEL.usual + 0.3):
        prediction = rng.normal(0, 0.2, (8, 8, 6)).astype(np.float32)
        prediction[..., :3] += level - prediction[mask][:, :3].mean()
        before = prediction.copy()
        settled = shrink_level(prediction, mask)
        np.testing.assert_array_equal(prediction, before)
        away = settled[mask][:, :3].mean() - LEVEL.usual
        kept = 1 - LEVEL.shrinkage * np.exp(-((0.3 / LEVEL.reach) ** 2))
        assert away == pytest.approx(kept * (level - LEVEL.usual), abs=1e-5)
        np.testing.assert_array_equal(settled[..., 3:], before[..., 3:])
        shape = settled[..., :3] - before[..., :3]
        assert np.ptp(shape) == pytest.approx(0, abs=1e-5)
    nothing = np.zeros_like(mask)
    np.testing.assert_array_equal(shrink_level(before, nothing), before)


def test_light_is_never_less_than_the_cloth_asks_for():
    mask = np.ones((8, 8), bool)
    dark = np.full((8, 8, 6), -2.0, np.float32)
    lit = shrink_level(dark, mask, least=-0.7)
    assert lit[..., :3].mean() == pytest.approx(-0.7, abs=1e-5)
    np.testing.assert_array_equal(lit[..., 3:], dark[..., 3:])
    np.testing.assert_array_equal(
        shrink_level(dark, mask, least=-5.0), shrink_level(dark, mask)
    )


def test_a_level_near_the_usual_one_is_brought_nearer_and_a_dark_room_stays_dark():
    for away in (-0.1, 0.1):
        left = shrunk_level(LEVEL.usual + away) - LEVEL.usual
        assert left == pytest.approx(away * (1 - LEVEL.shrinkage), abs=0.003)
    assert shrunk_level(LEVEL.usual) == LEVEL.usual
    assert shrunk_level(LEVEL.usual - 4 * LEVEL.reach) == pytest.approx(
        LEVEL.usual - 4 * LEVEL.reach
    )
    levels = shrunk_level(np.linspace(-4, 2, 301))
    assert (np.diff(levels) > 0).all(), "what is brighter stays brighter"


def test_the_light_on_a_garment_is_read_once():
    class Counts(Knows):
        reads = 0

        def __call__(self, batch):
            self.reads += len(batch)
            return super().__call__(batch)

    network = Counts(FALL)
    transfer = UniversalTransfer(network, EvenLight())
    user, shop, other = (garment(np.full((60, 60, 3), grey)) for grey in (120, 90, 60))
    for worn in (shop, other, shop):
        transfer(user, worn)
    assert network.reads == 3
    again = Counts(FALL)
    UniversalTransfer(again, EvenLight())(user, shop)
    assert again.reads == 2, "another network reads for itself"


class Textured:
    """Stands for a pattern's generator whose print is red at the left, blue below."""

    config = CycleGANConfig(image_size=64, texture=8)

    def __call__(self, batch):
        made = np.zeros((len(batch), 64, 64, 9), np.float32)
        made[..., 0], made[..., 2] = -batch[..., -2], batch[..., -1]
        return made


def test_a_patterns_print_lies_on_the_garments_chart():
    """Without a chart: from edge to edge of the garment's box."""
    out1 = PatternTransfer(Textured(), Textured.config, "ramp")(
        garment(np.full((60, 60, 3), 120.0)), None
    )
    drawn = out1.draw(np.arange(100), np.arange(100))[22:78:55, 22:78:55]
    low, high = 2.5 / 60 * 255, 57.5 / 60 * 255
    np.testing.assert_allclose(drawn[..., 0], [[high, low]] * 2, atol=8)
    np.testing.assert_allclose(drawn[..., 2], [[low] * 2, [high] * 2], atol=8)


def test_a_pattern_is_as_sharp_as_the_photo():
    """Its print is not drawn at the network's size."""

    class Checks(Textured):
        config = CycleGANConfig(image_size=64, texture=256)

        def __call__(self, batch):
            made = super().__call__(batch)
            fine = np.floor(batch[..., -2:] * 32).sum(axis=-1) % 2
            made[..., :3] = fine[..., None] * 2 - 1
            return made

    out1 = PatternTransfer(Checks(), Checks.config, "check")(
        garment(np.full((60, 60, 3), 120.0)), None
    )
    places = 20 + (np.arange(256) + 0.5) / 256 * 60 - 0.5  # four for a square of it
    drawn = out1.draw(places, places)[100:156, 100:156]
    assert drawn.std() > 70, "a picture of 64 pixels would show even grey"


def test_a_garment_is_unwrapped_on_its_chart():
    design = np.full((60, 60), 90.0)
    design[:30] = 180
    design[:, :30] += 40
    shop = garment(lit(design, 0 * FALL))
    texture = unwrap(shop, Knows(0 * FALL), 32)
    assert texture.shape == (32, 32, 3)
    quarters = texture[[4, 4, 28, 28], [4, 28, 4, 28]].mean(axis=-1)
    np.testing.assert_allclose(quarters, [220, 180, 130, 90], atol=8)
