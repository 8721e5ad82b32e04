"""Which files are pictures, and what a folder of them holds."""

from pathlib import Path

import pytest
from PIL import Image

from data_tools.pictures import ENDINGS, FORMATS, is_picture, list_pictures


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
    assert {Image.EXTENSION[ending] for ending in ENDINGS} <= {*FORMATS}
