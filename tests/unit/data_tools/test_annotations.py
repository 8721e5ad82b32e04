import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import AnnotatedPhoto


def by_value(values):
    return [(int(v), values == v) for v in (1, 2, 255)]


@pytest.fixture
def folder(tmp_path):
    Image.new("L", (6, 4), 90).save(tmp_path / "grey.png")
    Image.new("RGBA", (6, 4), (1, 2, 3, 0)).save(tmp_path / "rgba.png")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "colour"), [("grey.png", (90, 90, 90)), ("rgba.png", (1, 2, 3))]
)
def test_photos_are_rgb(folder, name, colour):
    image = AnnotatedPhoto(folder / name, None, "shop", by_value).image()
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert (image == colour).all()


def test_without_a_map_there_are_no_garments(folder):
    assert AnnotatedPhoto(folder / "grey.png", None, "shop", by_value).garments() == []


@pytest.mark.parametrize(
    ("mode", "value", "label"), [("L", 2, 2), ("P", 1, 1), ("1", 1, 255)]
)
def test_masks_that_hold_nothing_are_dropped(folder, mode, value, label):
    values = np.zeros((4, 6), np.uint8)
    values[1:3, 2:5] = value
    picture = Image.fromarray(values > 0) if mode == "1" else Image.fromarray(values)
    if mode == "P":
        picture.putpalette([0, 0, 0, 255, 255, 255])
    picture.save(folder / "map.png")
    photo = AnnotatedPhoto(folder / "grey.png", folder / "map.png", "people", by_value)
    ((found, mask),) = photo.garments()
    assert found == label
    np.testing.assert_array_equal(mask, values > 0)
