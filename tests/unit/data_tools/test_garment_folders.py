import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import BadFile, Dataset, ImageRecord, Instance, Polygon
from data_tools.garment_folders import (
    CATEGORIES,
    COLORS,
    cut_garment,
    pad_resize,
    write_garments,
)

SQUARE = (Polygon((50, 100, 150, 100, 150, 200, 50, 200)),)
TEE = {"카테고리": "티셔츠", "색상": "레드"}


def test_seven_and_five_categories_and_21_colours():
    assert sorted(map(len, CATEGORIES.values())) == [5, 7]
    assert len(COLORS) == len(set(COLORS.values())) == 21


def test_a_photo_keeps_its_proportions():
    image = np.full((200, 100, 3), 9, np.uint8)
    square, scale, shift = pad_resize(image, 80)
    assert (square.shape, scale, shift) == ((80, 80, 3), 0.4, (20, 0))
    assert (square[:, 20:60] == 9).all()
    assert (square[:, :20] == 255).all()
    assert (square[:, 60:] == 255).all()


def test_a_garment_is_cut_along_its_polygon():
    image = np.full((400, 200, 3), 9, np.uint8)
    square, scale, shift = pad_resize(image, 800)
    triangle = Instance("x", (Polygon((50, 100, 150, 100, 50, 200)),))
    found = cut_garment(square, triangle, scale, shift)
    assert found.shape == (400, 400, 3)
    assert (found[20:150, 20:150] == 9).all()
    assert (found[300:, 300:] == 255).all()
    with pytest.raises(ValueError, match="the x is outside the photo"):
        cut_garment(square, Instance("x"), scale, shift)


@pytest.fixture
def written(tmp_path):
    Image.new("RGB", (200, 400), (200, 30, 30)).save(tmp_path / "a.jpg")
    garments = (
        Instance("short sleeve top", SQUARE, attributes=TEE),
        Instance("skirt", SQUARE, attributes={"카테고리": "스커트", "색상": "네이비"}),
        Instance("상의", SQUARE, attributes={**TEE, "색상": "?"}),
        Instance("하의", SQUARE, attributes={"색상": "레드"}),
        Instance("아우터", SQUARE, attributes=TEE),
    )
    out = tmp_path / "out"
    records = [ImageRecord("a.jpg", None, garments)]
    records += [ImageRecord("gone.jpg", None, garments), BadFile("b.json", "no JSON")]
    return out, list(write_garments(Dataset(lambda: iter(records)), tmp_path, out))


def test_each_garment_has_its_folder(written):
    out, (first, gone, bad) = written
    assert first.folders == ("tops/t-shirt/red", "bottoms/skirt/navy")
    assert first.skipped == ("no colour", "no category", "아우터")
    assert "gone.jpg" in gone.reason
    assert bad.reason == "no JSON"
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.jpg"))
    assert names == [
        "bottoms/skirt/navy/a_2.jpg",
        "photos/a.jpg",
        "tops/t-shirt/red/a_1.jpg",
    ]
    assert Image.open(out / "photos/a.jpg").size == (800, 800)
    tee = np.asarray(Image.open(out / "tops/t-shirt/red/a_1.jpg")).astype(int)
    assert tee.shape == (400, 400, 3)
    assert np.abs(tee - (200, 30, 30)).max() < 9
