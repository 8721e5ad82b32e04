"""The shop's gallery from a folder, a list, or the samples."""

import io

import pytest
from PIL import Image

from tests.web_fakes import png
from tryon.errors import Refusal, TryOnError
from tryon.web.catalog import THUMB_SIZE, open_catalog
from tryon.web.errors import ApiError


def test_the_samples_are_shop_pictures_alone():
    catalog = open_catalog(None)
    assert catalog.are_samples
    assert len(catalog.items) == 24
    assert len({item.id for item in catalog.items}) == 24


def test_a_folder(tmp_path):
    (tmp_path / "blue_tee-2.png").write_bytes(png(size=(900, 700)))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.png").write_bytes(png())
    catalog = open_catalog(tmp_path)
    (item,) = catalog.items
    assert item.name == "blue tee 2"
    assert not catalog.are_samples
    assert catalog.read(item.id) == png(size=(900, 700))
    thumb = catalog.thumb(item.id)
    assert max(Image.open(io.BytesIO(thumb)).size) == THUMB_SIZE
    item.path.unlink()
    assert catalog.thumb(item.id) is thumb, "it was kept"
    with pytest.raises(ApiError, match="not_found"):
        catalog.read(item.id)


def test_a_list(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/a.png").write_bytes(png())
    list_path = tmp_path / "tops.csv"
    list_path.write_text("file,name\npictures/a.png,Striped tee\npictures/b.png,\n,x\n")
    catalog = open_catalog(list_path)
    assert [item.name for item in catalog.items] == ["Striped tee", "b"]
    with pytest.raises(ApiError, match="not_found"):
        catalog.read("x")


@pytest.mark.parametrize("text", ["", "name\nx\n", "file\n", "\0\n"])
def test_lists_without_pictures(tmp_path, text):
    path = tmp_path / "tops.csv"
    path.write_text(text)
    with pytest.raises(TryOnError, match=r"tops\.csv"):
        open_catalog(path)


def test_no_such_folder_and_an_empty_one(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(TryOnError):
            open_catalog(path)


def test_a_damaged_picture_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(png()[:50])
    catalog = open_catalog(tmp_path)
    with pytest.raises(Refusal, match="unreadable_image"):
        catalog.thumb(catalog.items[0].id)
