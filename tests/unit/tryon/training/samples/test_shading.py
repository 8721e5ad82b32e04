"""Samples of the shading network, of garments drawn so that their light is known."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import AnnotatedPhoto, Garment
from tryon.training.samples import shading as shading_samples
from tryon.training.samples.relit_pairs import find_renders
from tryon.training.samples.shading import (
    LitGarment,
    ShadingSamplesConfig,
    deform_chart,
    degrade_photo,
    find_plain_top,
    light_garments,
    perturb_mask,
    plain_light,
    print_photo,
    shading_sample,
)

STRIPES = np.zeros((16, 32, 3), np.uint8)
STRIPES[::2] = 220


def folded(size=120, depth=0.3):
    """Log light with two folds, and the mask of a square garment."""
    waves = depth * np.sin(np.arange(size) / 12.0)
    mask = np.zeros((size, size), bool)
    mask[8:-8, 8:-8] = True
    return np.broadcast_to(waves, (size, size)), mask


def plain_tee(colour, depth=0.3, printed=0):
    logs, mask = folded(depth=depth)
    picture = np.asarray(colour) * np.exp(logs[..., None] / 2.2)
    picture[40 : 40 + printed, 40:80] *= 0.4
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), mask


@pytest.mark.parametrize("colour", [(200, 200, 195), (120, 160, 200), (180, 120, 150)])
def test_a_plain_garment_is_its_own_light(colour):
    image, mask = plain_tee(colour)
    light, (logs, _) = plain_light(image, mask), folded()
    assert light.shape == (120, 120, 3)
    away = np.log(light.mean(axis=-1)) - logs
    assert away[mask].std() < 0.02, "whatever its colour"
    grey = light[mask] / light[mask].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(grey, 1, atol=0.05)


def test_what_is_printed_dark_small_or_of_two_colours_is_not_plain():
    assert plain_light(*plain_tee((200, 200, 195), printed=30)) is None
    assert plain_light(*plain_tee((40, 40, 40))) is None
    image, mask = plain_tee((200, 200, 195))
    assert plain_light(image, mask & (np.arange(120) < 40)) is None
    tinted = image.copy()
    tinted[30:60, 30:60] = (200, 80, 80)
    assert plain_light(tinted, mask) is None
    halves = image.copy()
    halves[60:] //= 3
    assert plain_light(halves, mask) is None


def test_the_largest_top_of_a_photo_counts(tmp_path):
    image, mask = plain_tee((210, 205, 200))
    Image.fromarray(image).save(tmp_path / "a.png")
    small = np.zeros_like(mask)
    small[:9, :9] = True
    garments = [Garment(1, small), Garment(2, mask), Garment(8, ~small)]
    photo = AnnotatedPhoto(tmp_path / "a.png", "shop", lambda: garments)
    found = find_plain_top(photo)
    assert np.array_equal(found.mask, mask)
    assert (found.chart[mask][:, 0] <= 0.5).all(), "its box is the front panel"
    garments.pop(1)
    assert find_plain_top(photo) is None


def test_renders_and_photos_give_their_garments(renders, tmp_path):
    image, mask = plain_tee((210, 205, 200))
    Image.fromarray(image).save(tmp_path / "a.png")
    photo = AnnotatedPhoto(tmp_path / "a.png", "shop", lambda: [Garment(1, mask)])
    stems = find_renders([renders], "train")
    first, again = (list(light_garments(stems, [photo], 64, 2, 5)) for _ in range(2))
    assert [g.drawn for g in first] == [True] * 4 + [False] * 2
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one.photo, two.photo)
        assert one.photo.shape == (64, 64, 3)
        assert 0.3 < one.mask.mean() < 0.95


@pytest.fixture
def garment():
    logs, mask = folded(64, 0.4)
    light = np.repeat(np.exp(logs)[..., None] * 0.5, 3, axis=-1)
    v, u = np.indices((64, 64)) / 64
    photo = np.full((64, 64, 3), 99, np.uint8)
    chart = np.stack([u / 2, 1 - v], axis=-1).astype(np.float16)
    return LitGarment(photo, mask, chart, light.astype(np.float16), True)


@pytest.fixture
def clean(monkeypatch):
    """Switch off the camera's degradation; returns a config without random changes."""
    monkeypatch.setattr(
        shading_samples, "degrade_photo", lambda photo, rng, config: np.rint(photo)
    )
    return ShadingSamplesConfig(
        rough_mask_probability=0.0,
        unchanged_probability=0.0,
        photo_print_probability=0.0,
    )


def test_a_sample_is_the_design_in_the_true_light(garment, clean):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        sample = shading_sample(garment, STRIPES, garment.photo, rng, clean)
        assert {key: plane.dtype for key, plane in sample.items()} == dict.fromkeys(
            ("view", "mask", "log_light", "known"), np.float32
        )
        inside = sample["known"][..., 0] > 0
        seen = (sample["view"].mean(axis=-1) + 1) / 2
        light = np.exp(sample["log_light"][..., 0] / 2.2)
        bright = inside & (seen > 0.1)
        ratio = (seen / light)[bright & (seen < 0.9)]
        assert ratio.std() < 0.02 * ratio.mean(), "view = design x light"
        assert (seen[inside] < 0.05).mean() == pytest.approx(0.5, abs=0.1), "black"


def test_an_unchanged_garment_shows_its_photo(garment, clean):
    config = replace(clean, unchanged_probability=1.0)
    rng = np.random.default_rng(0)
    sample = shading_sample(garment, STRIPES, garment.photo, rng, config)
    inside = sample["mask"][..., 0] > 0
    np.testing.assert_allclose(sample["view"][inside], 99 / 127.5 - 1, atol=1e-6)
    assert (sample["view"][~inside] == 0).all()
    assert np.ptp(sample["log_light"][inside]) > 0.7


def test_light_is_known_inside_both_masks_alone(garment):
    config = ShadingSamplesConfig(rough_mask_probability=1.0)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sample = shading_sample(garment, STRIPES, garment.photo, rng, config)
        known = sample["known"][..., 0] > 0
        assert not (known & (sample["mask"][..., 0] == 0)).any()
        assert not (known & ~garment.mask & ~garment.mask[:, ::-1]).any()
        assert known.mean() > 0.3


def test_a_photo_is_printed_on_the_front():
    scene = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    plain = np.full((64, 128, 3), 7, np.uint8)
    printed = print_photo(plain, scene, np.random.default_rng(1))
    changed = (printed != plain).any(axis=-1)
    assert 0.02 < changed.mean() < 0.3
    assert not changed[:, 64:].any(), "the back stays as it is"
    assert (plain == 7).all()


def test_a_rough_mask_is_a_few_pixels_off(garment):
    rough = [perturb_mask(garment.mask, np.random.default_rng(s)) for s in range(20)]
    for mask in rough:
        assert (mask ^ garment.mask).mean() < 0.35
    sizes = [mask.sum() for mask in rough]
    assert min(sizes) < garment.mask.sum() < max(sizes)


def test_a_bent_chart_stays_a_chart(garment):
    chart = garment.chart.astype(np.float32)
    for seed in range(5):
        bent = deform_chart(chart, np.random.default_rng(seed))
        assert (bent.dtype, bent.shape) == (np.float32, chart.shape)
        assert bent.min() >= 0
        assert bent.max() <= 1
        assert np.abs(bent - chart).max() > 0.02


def test_cameras_degrade_a_photo_a_little():
    photo = np.full((32, 32, 3), 120, np.float32)
    seen = [degrade_photo(photo, np.random.default_rng(seed)) for seed in range(12)]
    for picture in seen:
        assert picture.dtype == np.uint8
        assert abs(picture.mean() - 123) < 5
    assert len({picture.tobytes() for picture in seen}) == 12
