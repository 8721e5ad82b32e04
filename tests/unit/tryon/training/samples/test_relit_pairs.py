"""Samples of the universal generator, drawn so that every colour is known."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from data_tools.annotations import AnnotatedPhoto, Garment
from data_tools.paint import designs
from tryon.training.samples import relit_pairs as painted_pairs
from tryon.training.samples import universal as painted_samples
from tryon.training.samples.relit_pairs import (
    estimate_light_level,
    find_renders,
    find_white_top,
    make_pairs,
)
from tryon.training.samples.universal import UniversalSamplesConfig

RED, BLUE = (np.full((8, 16, 3), c, np.uint8) for c in ((200, 0, 0), (0, 0, 200)))


def stems(renders):
    return find_renders([renders], "train")


def first_pair(renders):
    stem = stems(renders)[0]
    worn, shop = painted_pairs.read_worn(stem), painted_pairs.read_shop(stem)
    return painted_pairs.make_pair(worn, shop, 64, np.random.default_rng(0))


PAINT_ALL = UniversalSamplesConfig(own_photo_probability=0.0, shop_photo_probability=0.0)
OWN_PHOTOS = UniversalSamplesConfig(own_photo_probability=1.0)


def draw(pair, seed, config=PAINT_ALL):
    rng = np.random.default_rng(seed)
    return painted_samples.paint_sample(pair, RED, BLUE, rng, config)


def test_val_people_are_kept_out(renders):
    assert [stem.name for stem in stems(renders)] == ["p001_A", "p002_A"]
    assert [stem.name for stem in find_renders([renders], "val")] == ["p300_A"]


def test_light_is_measured_with_level_and_tint():
    design = np.random.default_rng(0).integers(60, 200, (40, 40, 3)).astype(np.float32)
    light = np.linspace(0.3, 0.9, 40)[:, None, None] * np.ones((40, 40, 1))
    level = np.array([0.9, 0.7, 0.5])
    photo = design * (light * level) ** (1 / 2.2)
    found = estimate_light_level(
        np.rint(photo).astype(np.uint8), design, light, np.ones((40, 40), bool)
    )
    np.testing.assert_allclose(found, level, rtol=0.02)


def test_light_that_nothing_tells_is_left_as_it_is():
    black = np.zeros((9, 9, 3))
    found = estimate_light_level(
        black.astype(np.uint8), black, np.ones((9, 9, 1)), np.ones((9, 9), bool)
    )
    assert (found == 1).all()


def test_a_render_is_painted_in_the_light_of_all_its_pictures(renders):
    """Its own design in that light is its photo."""
    worn = painted_pairs.read_worn_filmic(stems(renders)[0])
    assert worn.filmed
    painted = designs.paint(worn.design, worn.chart, worn.light, worn.filmed)
    inner = ndimage.binary_erosion(worn.mask, iterations=3)
    error = np.abs(painted - worn.photo)[inner]
    assert np.median(error) < 6
    level = worn.light / designs.read_light(stems(renders)[0].with_suffix(".shade.png"))[
        ..., None
    ].clip(1e-6)
    assert np.ptp(level[inner], axis=0).max() < 1e-3, "one level everywhere"


def test_a_painted_sample_is_its_own_truth(renders):
    pair = first_pair(renders)
    assert pair.valid[pair.mask].mean() > 0.9, "the warp of a tee onto itself"
    sample = draw(pair, 0)
    inside = sample["mask"][..., 0] > 0
    view, truth = sample["view"][inside], sample["truth_b"][inside]
    assert view[:, 0].mean() > view[:, 2].mean() + 0.5
    assert truth[:, 2].mean() > truth[:, 0].mean() + 0.5
    assert (sample["truth_b"][~inside] == 0).all()


def test_the_photo_around_the_shirt_is_seen_in_the_same_room(renders):
    """The drawn wall is grey 90: its level is that of the shirt's light."""
    pair = first_pair(renders)
    inside, wall = pair.mask, (pair.photo == 90).all(axis=-1)
    levels = []
    for seed in range(12):
        sample = draw(pair, seed)
        mirrored = not np.array_equal(sample["mask"][..., 0] > 0, inside)
        view = (sample["view"][:, ::-1] if mirrored else sample["view"]) + 1
        levels.append(view[inside, 0].mean() / view[wall, 0].mean())
    assert np.std(levels) < 0.05 * np.mean(levels)


def test_some_rooms_are_dark_and_most_are_not(renders):
    """The drawn wall is grey 90, so its colour tells the exposure; so does the truth."""
    pair = first_pair(renders)
    wall = (pair.photo == 90).all(axis=-1)
    walls, truths = [], []
    for seed in range(80):
        sample = draw(pair, seed)
        mirrored = not np.array_equal(sample["mask"][..., 0] > 0, pair.mask)
        photo = sample["photo"][:, ::-1] if mirrored else sample["photo"]
        walls.append((photo[wall] + 1).mean() * 127.5)
        truths.append((sample["truth_b"][sample["mask"][..., 0] > 0] + 1).mean())
    light = (np.array(walls) / 90) ** designs.GAMMA
    assert light.min() < 0.25
    assert 0.5 < ((light > 0.8) & (light < 1.2)).mean() < 0.9
    assert np.corrcoef(light, truths)[0, 1] > 0.9


def test_where_it_exists_the_truth_is_the_photo(renders):
    """Person 1 wears C as well: A's photo, C's shop picture, C's photo."""
    for path in list(renders.glob("p002_A*")):
        shutil.copy(path, renders / path.name.replace("p002_A", "p001_C"))
    for tee in "AC":
        facts = {"synth": {"tee": {"kind": "solid"}, "shop": "flat"}}
        (renders / f"p001_{tee}_shop.json").write_text(json.dumps(facts))
    pair = next(make_pairs(stems(renders), [], 64, 1, 0))
    assert pair.truth is not None
    config = replace(OWN_PHOTOS, true_photo_probability=1.0)
    sample = draw(pair, 3, config)
    inside = sample["mask"][..., 0] > 0
    view, truth, warped = (sample[k][inside] for k in ("view", "truth_b", "warped_b"))
    assert view[:, 0].mean() > view[:, 2].mean() + 0.5, "A is red"
    assert truth[:, 2].mean() > truth[:, 0].mean() + 0.5, "C is blue"
    assert warped[:, 2].mean() > warped[:, 0].mean() + 0.5


def test_shirts_as_they_are_come_with_their_own_design(renders):
    """Identity and cycle would be wrong with another one."""
    sample = draw(first_pair(renders), 1, OWN_PHOTOS)
    inside = sample["mask"][..., 0] > 0
    for key in ("photo", "view", "warped_a"):
        red, _, blue = sample[key][inside].mean(axis=0)
        assert red > blue + 0.5


def test_the_network_sees_no_print_and_the_truth_of_the_way_back_does(renders):
    stripes = np.zeros((8, 16, 3), np.uint8)
    stripes[:, ::4] = 255
    pair = first_pair(renders)
    for plain, lowest, highest in ((1.0, 0.0, 0.25), (0.0, 0.8, 1.2)):
        config = replace(PAINT_ALL, plain_probability=plain)
        rng = np.random.default_rng(0)
        sample = painted_samples.paint_sample(pair, stripes, BLUE, rng, config)
        inside = sample["mask"][..., 0] > 0
        seen, photo = (sample[key][inside].std() for key in ("view", "photo"))
        assert lowest <= seen / photo <= highest
        outside = ~inside
        np.testing.assert_array_equal(sample["view"][outside], sample["photo"][outside])


def test_perturbed_light_is_near_the_light_and_has_no_level():
    rng = np.random.default_rng(0)
    ramp = np.exp(np.linspace(-0.5, 0.5, 64))[None, :, None] * np.ones((64, 64, 3))
    mask = np.zeros((64, 64), bool)
    mask[8:56, 8:56] = True
    logs = painted_samples.perturb_log_light(ramp.astype(np.float32), mask, rng)[..., 0]
    assert logs[mask].mean() == pytest.approx(0, abs=1e-5)
    true = np.log(ramp[..., 0])
    assert np.corrcoef(logs[mask], true[mask])[0, 1] > 0.7
    assert not np.allclose(logs[mask], true[mask] - true[mask].mean(), atol=0.02)


def plain_photo(tmp_path, colour):
    mask = np.zeros((120, 120), bool)
    mask[10:110, 10:110] = True
    image = np.where(mask[..., None], np.uint8(colour), np.uint8(60))
    Image.fromarray(image).save(tmp_path / "me.png")
    return AnnotatedPhoto(
        tmp_path / "me.png", "people", lambda: [Garment(1, mask, None, {})]
    )


@pytest.mark.parametrize(
    ("colour", "taken"),
    [((235, 235, 230), True), ((230, 40, 40), False), ((30, 30, 30), False)],
)
def test_plain_light_tops_of_photos_are_their_own_light(tmp_path, colour, taken):
    worn = find_white_top(plain_photo(tmp_path, colour))
    assert (worn is not None) == taken
    if worn is not None:
        painted = worn.design[0, 0] * worn.light[60, 60] ** (1 / 2.2)
        np.testing.assert_allclose(painted, colour, atol=3)


def test_mirrored_samples_mirror_their_places():
    plane = np.linspace(-1, 1, 8, dtype=np.float32)
    places = np.stack(np.meshgrid(plane, plane), axis=-1)
    sample = {"places_a": places, "places_b": places, "view": places[..., :1]}
    mirrored = painted_samples.mirror_sample(sample)
    np.testing.assert_allclose(mirrored["places_b"], places, atol=1e-6)
    np.testing.assert_allclose(mirrored["view"], -places[..., :1], atol=1e-6)
