"""Which files are pictures, and what a folder of them holds."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError, features

from data_tools.annotations import AnnotatedPhoto
from data_tools.formats.shapes import photo_size, stored_size
from data_tools.pictures import (
    ENDINGS,
    FORMATS,
    MissingDecoderError,
    container_kind,
    has_heif,
    is_picture,
    list_pictures,
    open_picture,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.jpg", True), ("A.JPEG", True), ("a.b.Png", True), ("a.txt", False),
     ("jpg", False), (".jpg", False)],
)  # fmt: skip
def test_pictures_are_told_by_their_ending(name, expected):
    assert is_picture(Path(name)) is expected


def test_a_folder_is_listed_in_order_and_hidden_files_are_left_out(tmp_path):
    for name in ("b.JPG", "a.png", "z.txt", ".a.png", ".DS_Store"):
        (tmp_path / name).touch()
    (tmp_path / "c").mkdir()
    pictures, others = list_pictures(tmp_path)
    assert [path.name for path in pictures] == ["a.png", "b.JPG"]
    assert [path.name for path in others] == ["c", "z.txt"]
    with pytest.raises(OSError, match="gone"):
        list_pictures(tmp_path / "gone")


def test_every_ending_is_of_a_format_that_is_opened():
    Image.init()
    phones = {".heic", ".heif", ".hif"}  # of the extra `heic`
    assert {Image.EXTENSION[ending] for ending in {*ENDINGS} - phones} == {*FORMATS}


HEIC = bytes([0, 0, 0, 24]) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(200)


def encoded(**options):
    buffer = io.BytesIO()
    Image.new("RGB", (120, 100), "teal").save(buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (HEIC, "HEIC"),
        (bytes([0, 0, 0, 28]) + b"ftypmif1" + bytes(4) + b"mif1avifmiaf", "AVIF"),
        (bytes([0, 0, 0, 20]) + b"ftypisom" + bytes(4) + b"mp42", None),
        (bytes([0, 0, 0, 16]) + b"ftypisom" + bytes(4) + b"heic", None),
        (b"\xff" * 4 + b"ftypheix", "HEIC"),
        (b"ftypheic", None),
        (b"", None),
    ],
)
def test_the_container_of_phones_names_what_it_holds(head, kind):
    assert container_kind(head) == kind


def test_avif_is_read(tmp_path):
    (tmp_path / "a.avif").write_bytes(encoded(format="AVIF"))
    with open_picture(tmp_path / "a.avif") as picture:
        assert (picture.format, picture.size) == ("AVIF", (120, 100))
        assert np.abs(np.asarray(picture)[50, 60].astype(int) - (0, 128, 128)).max() < 9


def test_avif_without_its_decoder_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(MissingDecoderError, match="AVIF .*--upgrade pillow"):
        open_picture(io.BytesIO(encoded(format="AVIF")))
    with open_picture(io.BytesIO(encoded(format="PNG"))) as picture:
        assert picture.format == "PNG"


def test_heic_without_the_extra_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert not has_heif()
    with pytest.raises(
        MissingDecoderError, match=r"HEIC photo; pip install 'tryon\[heic\]'"
    ):
        open_picture(io.BytesIO(HEIC))


def test_heic_is_read_with_the_extra(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra 'heic'")
    small = Image.new("RGB", (120, 100), "teal")
    pillow_heif.from_pillow(small).save(tmp_path / "a.heic")
    assert has_heif()
    with open_picture(tmp_path / "a.heic") as picture:
        assert picture.size == (120, 100)
        assert np.abs(np.asarray(picture)[50, 60].astype(int) - (0, 128, 128)).max() < 9
    whole = (tmp_path / "a.heic").read_bytes()
    for damaged in (HEIC, whole[: len(whole) // 2]):
        with pytest.raises((OSError, ValueError, EOFError)) as error:  # noqa: PT012
            open_picture(io.BytesIO(damaged)).load()
        assert not isinstance(error.value, UnidentifiedImageError), "it is a picture"


def test_only_formats_of_the_list_are_opened(monkeypatch):
    with pytest.raises(UnidentifiedImageError):
        open_picture(io.BytesIO(encoded(format="PPM")))


def test_a_stream_that_cannot_be_rewound_is_read():
    class Stream(io.BytesIO):
        def seek(self, *args):
            raise io.UnsupportedOperation("seek")

    with open_picture(Stream(encoded(format="PNG"))) as picture:
        assert picture.size == (120, 100)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_annotated_photos_are_opened_as_all_pictures_are(tmp_path):
    path = tmp_path / "one.avif"
    Image.new("RGB", (20, 12), (9, 90, 200)).save(path)
    photo = AnnotatedPhoto(path, "user")
    assert photo.image().shape == (12, 20, 3)
    assert photo_size(path) == stored_size(path) == (12, 20)
