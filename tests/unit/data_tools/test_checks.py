"""What contradicts something else is noted with both values, and nothing is changed."""

import pytest
from PIL import Image

from data_tools.annotations import BadFile, Dataset, ImageRecord, Note
from data_tools.checks import checked
from data_tools.convert import heard
from data_tools.inspect import summarise

SIZE_KIND = "the size is not the photo's"
TWICE = "a second annotation of the same image"


def notes(folder, *records):
    dataset = checked(Dataset(lambda: iter(records)), folder)
    return [record.all_notes() for record in dataset.read_records()]


def save_turned(path, size, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size).save(path, exif=exif)


@pytest.mark.parametrize(
    ("size", "orientation", "detail"),
    [
        ((80, 100), 1, None),
        ((100, 80), 6, "100x80 in the file, 80x100 in the photo (its EXIF turns it)"),
        ((100, 80), 1, "100x80 in the file, 80x100 in the photo"),
        ((50, 40), 1, "50x40 in the file, 80x100 in the photo"),
    ],
)
def test_a_size_that_is_not_the_photos(tmp_path, size, orientation, detail):
    stored = (100, 80) if orientation == 6 else (80, 100)
    save_turned(tmp_path / "a.jpg", stored, orientation)
    record = ImageRecord("a.jpg", size[::-1])
    (found,) = notes(tmp_path, record)
    assert found == (() if detail is None else (Note(SIZE_KIND, detail),))
    assert notes(None, record) == [()]


def test_photos_that_are_missing_or_unreadable(tmp_path):
    (tmp_path / "b.jpg").write_text("no photo")
    missing, bad = notes(
        tmp_path, ImageRecord("a.jpg", (9, 9)), ImageRecord("b.jpg", (9, 9))
    )
    assert missing == ()
    assert bad[0].kind == "the photo's size cannot be read"


def test_a_name_given_twice(tmp_path):
    one, other = (ImageRecord("a.jpg", None, extra={"coco.id": i}) for i in (7, 9))
    assert notes(None, one, other) == [(), (Note(TWICE, "ids 7 and 9"),)]


def test_notes_are_told_and_are_problems():
    note = Note("kind", "1 and 2")
    records = [ImageRecord("a.jpg", (9, 9), notes=(note,)), BadFile("b", "bad")]
    dataset = Dataset(lambda: iter(records))
    told = []
    assert len(list(heard(dataset, lambda *each: told.append(each)).read_records())) == 2
    assert told == [("a.jpg", note)]
    (*_, summary) = summarise(dataset)
    assert summary.problems["kind"] == 1
    assert summary.examples["kind"] == "a.jpg (1 and 2)"
