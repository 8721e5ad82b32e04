"""Examples of Mask R-CNN: a photo's garments as they are, or one of them altered."""

import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import AnnotatedPhoto, Garment
from mrcnn.data import UNNAMED
from tryon.training.samples.photos import ExampleLoader, read_example

GREY, RED, BLUE, BROWN = (90, 90, 90), (220, 20, 20), (20, 20, 220), (200, 150, 120)
HEIGHT, WIDTH = 180, 120


def paint(path, parts):
    image = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    for mask, colour in parts:
        image[mask] = colour
    Image.fromarray(image).save(path)


def empty(count):
    return np.zeros((count, HEIGHT, WIDTH), bool)


@pytest.fixture
def in_a_tee(tmp_path):
    """A red tee over a blue skirt, with bare arms that hang down before the skirt."""
    tee, skirt, skin = empty(3)
    tee[20:70, 30:80] = tee[20:36, 20:90] = True
    skin[36:100, 20:27] = skin[36:100, 83:90] = True
    skirt[70:130, 25:85] = True
    skirt &= ~skin
    paint(tmp_path / "tee.png", [(tee, RED), (skirt, BLUE), (skin, BROWN)])
    garments = [Garment(1, tee), Garment(9, skirt)]
    everything = tee | skirt | skin
    return AnnotatedPhoto(
        tmp_path / "tee.png",
        "people",
        lambda: garments,
        lambda: everything,
        read_skin=lambda: skin,
    )


def draws(photo, count=60):
    return [read_example(photo, np.random.default_rng(seed)) for seed in range(count)]


def test_without_chance_a_photo_is_as_it_is(in_a_tee):
    example = ExampleLoader([in_a_tee])(0)
    assert example.labels.tolist() == [1, 9]
    np.testing.assert_array_equal(example.image, in_a_tee.image())
    np.testing.assert_array_equal(example.masks[0], in_a_tee.garments()[0].mask)


def test_a_tee_becomes_a_sweater_another_tee_or_a_dress(in_a_tee):
    found = draws(in_a_tee)
    assert {tuple(example.labels) for example in found} == {(1, 9), (2, 9), (10,)}
    tee, skirt = (garment.mask for garment in in_a_tee.garments())
    for example in found:
        first = example.masks[0]
        assert first[tee].all()
        assert (example.masks.sum(axis=0) <= 1).all(), "no pixel is of two garments"
        shows_red = np.abs(example.image.astype(int) - RED).max(axis=2) < 90
        assert shows_red[first].mean() > 0.9
        if example.labels[0] == 2:
            assert first.sum() > tee.sum() + 400, "sleeves down the arms"
        if example.labels[0] == 10:
            assert first[skirt].all()


def test_a_dress_becomes_a_top_over_a_skirt(tmp_path):
    (dress,) = empty(1)
    dress[20:150, 30:90] = True
    paint(tmp_path / "dress.png", [(dress, RED)])
    photo = AnnotatedPhoto(
        tmp_path / "dress.png",
        "people-other",
        lambda: [Garment(12, dress)],
        read_skin=lambda: empty(1)[0],
    )
    found = draws(photo, 30)
    assert {tuple(example.labels) for example in found} == {(12,), (5, 9)}
    for example in found:
        np.testing.assert_array_equal(example.masks.any(axis=0), dress)
        assert example.masks.sum() == dress.sum()


def test_a_long_sleeve_is_rolled_up(tmp_path):
    top, skin = empty(2)
    top[20:90, 40:80] = top[20:30, 20:100] = True
    top[20:80, 20:30] = top[20:80, 90:100] = True
    skin[80:90, 21:29] = skin[80:90, 91:99] = True
    paint(tmp_path / "long.png", [(top, RED), (skin, BROWN)])
    photo = AnnotatedPhoto(
        tmp_path / "long.png",
        "people-other",
        lambda: [Garment(2, top)],
        read_skin=lambda: skin,
    )
    found = draws(photo)
    ends = {
        label: [
            np.flatnonzero(example.masks[0][:, 22:28].any(axis=1)).max()
            for example in found
            if example.labels[0] == label
        ]
        for label in (1, 2)
    }
    assert len(ends[1]) > 15
    assert len(ends[2]) > 15
    assert max(ends[1]) < min(ends[2])


def test_a_garment_that_nobody_can_name_is_one_without_a_class(tmp_path):
    (top,) = empty(1)
    top[20:90, 40:80] = True
    paint(tmp_path / "top.png", [(top, RED)])
    photo = AnnotatedPhoto(tmp_path / "top.png", "people", lambda: [Garment(0, top)])
    for example in draws(photo, 5):
        assert example.labels.tolist() == [UNNAMED]
        np.testing.assert_array_equal(example.masks[0], top)
