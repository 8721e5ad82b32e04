import pytest
from PIL import Image

from data_tools.annotations import BadFile, Dataset, ImageRecord, Instance, Polygon
from data_tools.contact_sheet import DEFAULT
from data_tools.preview import draw_record, draw_sheet, sample_records

PINK, YELLOW = (0xE6, 0, 0x78), (0xFF, 0xD2, 0)
SHAPE = (DEFAULT.cell[1], DEFAULT.cell[0], 3)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (472, 540), "gray").save(tmp_path / "images" / "a.png")
    return tmp_path  # half the size on the sheet


def at(picture, x, y):
    return tuple(picture[2 + y, 2 + x].tolist())


def test_a_cell_shows_outline_box_and_landmarks(folder):
    square = Polygon((100, 100, 200, 100, 200, 200, 100, 200))
    tee = Instance("tee", (square,), box=(80, 80, 300, 300), landmarks=(400, 400, 2))
    cell = draw_record(ImageRecord("a.png", None, (tee,)), folder)
    assert cell.shape == SHAPE
    assert at(cell, 50, 75) == PINK  # of the outline
    assert at(cell, 40, 100) == PINK  # of the box
    assert at(cell, 200, 200) == YELLOW
    assert at(cell, 75, 75) == (128, 128, 128)


@pytest.mark.parametrize(
    "instance",
    [
        Instance("x", (Polygon((float("nan"), 1e300, -1e300, 2, 3, 4)),)),
        Instance("x", (Polygon((1, 1)),)),
        Instance("티셔츠", rle={"size": [1, 2], "counts": "no"}),
        Instance("x", box=(9, 9, 1, 1), landmarks=(1, 1, 1, 0, 0, 0)),
    ],
)
def test_odd_outlines_are_no_trouble(folder, instance):
    assert draw_record(ImageRecord("a.png", None, (instance,)), folder).shape == SHAPE


@pytest.mark.parametrize("name", ["b.png", "../a.png"])
def test_a_missing_photo_is_said(folder, name):
    cell = draw_record(ImageRecord(name, None), folder)
    assert (cell[:-30] == 255).all()
    assert (cell[-30:] < 255).any()


def test_a_sheet_has_rows_of_six(folder):
    records = [ImageRecord("a.png", None)] * 7
    sheet = draw_sheet(records, folder)
    assert sheet.shape == (2 * SHAPE[0], 6 * SHAPE[1], 3)


def test_records_are_chosen_by_the_seed():
    records = [ImageRecord(f"{i}.jpg", None) for i in range(50)]
    data = Dataset(lambda: iter([BadFile("x", "y"), *records]))
    first, again, other = (sample_records(data, 10, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert first == sorted(first, key=records.index)
    assert sample_records(data, 60, 0) == records
