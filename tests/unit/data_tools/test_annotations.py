import io

import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import AnnotatedPhoto, Garment
from data_tools.formats.label_maps import read_map


@pytest.fixture
def folder(tmp_path):
    Image.new("L", (6, 4), 90).save(tmp_path / "grey.png")
    Image.new("RGBA", (6, 4), (1, 2, 3, 0)).save(tmp_path / "rgba.png")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "colour"), [("grey.png", (90, 90, 90)), ("rgba.png", (1, 2, 3))]
)
def test_photos_are_rgb(folder, name, colour):
    image = AnnotatedPhoto(folder / name, "shop").image()
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert (image == colour).all()


def test_photos_are_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (6, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert AnnotatedPhoto(tmp_path / "turned.jpg", "shop").image().shape == (6, 4, 3)


def test_photos_come_from_anywhere(folder):
    data = (folder / "grey.png").read_bytes()
    photo = AnnotatedPhoto(folder / "no.png", "x", open_image=lambda: io.BytesIO(data))
    assert photo.image().shape == (4, 6, 3)


def test_without_annotation_there_is_nothing(folder):
    photo = AnnotatedPhoto(folder / "grey.png", "shop")
    assert photo.garments() == []
    assert photo.foreground() is None


def test_masks_that_hold_nothing_are_dropped(folder):
    seen, unseen = np.ones((4, 6), bool), np.zeros((4, 6), bool)
    photo = AnnotatedPhoto(
        folder / "grey.png", "people", lambda: [Garment(1, unseen), Garment(2, seen)]
    )
    assert [garment.label for garment in photo.garments()] == [2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((14, np.ones((2, 2), bool)), "label in 0..13, got 14"),
        ((1, np.ones((2, 2))), "bool mask"),
        ((1, np.ones((1, 2, 2), bool)), "bool mask"),
        ((1, np.ones((2, 2), bool), np.ones(6)), r"landmarks \(K, 3\), got \(6,\)"),
    ],
)
def test_garments_are_checked(values, message):
    with pytest.raises(ValueError, match=message):
        Garment(*values)


@pytest.mark.parametrize(("mode", "value"), [("L", 2), ("P", 1), ("1", 255)])
def test_label_maps_of_every_mode(tmp_path, mode, value):
    values = np.zeros((4, 6), np.uint8)
    values[1:3, 2:5] = value
    picture = Image.fromarray(values > 0) if mode == "1" else Image.fromarray(values)
    if mode == "P":
        picture.putpalette([0, 0, 0, 255, 255, 255])
    picture.save(tmp_path / "map.png")
    np.testing.assert_array_equal(read_map(tmp_path / "map.png"), values)
