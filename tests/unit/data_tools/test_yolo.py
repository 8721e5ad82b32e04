import pytest
from PIL import Image

from data_tools.annotations import BadFile, DataError, ImageRecord, Instance, Polygon
from data_tools.formats.yolo import format_lines, parse_lines
from data_tools.formats.yolo_files import read_yolo, write_yolo

SIZE = 20, 40  # height, width
NAMES = {0: "hat", 1: "tee"}


def test_lines_are_polygons_and_boxes():
    text = "1 0.25 0.5 0.75 0.5 0.75 1\n\n0 0.5 0.5 0.25 0.5\n7 0 0 1 0 1 1\n"
    tee, hat, other = parse_lines(text, "a.jpg", SIZE, NAMES).instances
    assert (tee.category, tee.polygons) == ("tee", (Polygon((10, 10, 30, 10, 30, 20)),))
    assert (hat.category, hat.box) == ("hat", (15, 5, 25, 15))
    assert other.category == "class 7"


def test_lines_are_shares():
    record = ImageRecord(
        "a.jpg", SIZE, (Instance("tee", (Polygon((10, 10, 30, 10, 30, 20)),)),)
    )
    assert format_lines(record, {"tee": 1}) == "1 0.25 0.5 0.75 0.5 0.75 1.0\n"


def test_parts_of_a_garment_are_one_line():
    parts = tuple(Polygon((x, 0, x + 4, 0, x + 4, 4, x, 4)) for x in (0, 10))
    line = format_lines(ImageRecord("a.jpg", SIZE, (Instance("tee", parts),)), {"tee": 0})
    (again,) = parse_lines(line, "a.jpg", SIZE, {0: "tee"}).instances
    from data_tools.outlines import mask_of

    assert mask_of(again, SIZE).sum() == 32


@pytest.mark.parametrize("line", ["1 0.5", "x 0 0 1 1", "1 0 0 1 1 1", "1 a b c d", "1"])
def test_bad_lines(line):
    with pytest.raises(ValueError, match="expected a class|could not convert"):
        parse_lines(line, "a.jpg", SIZE, NAMES)


def write(folder, card="names: [hat, tee]"):
    (folder / "labels").mkdir()
    (folder / "images").mkdir()
    Image.new("RGB", SIZE[::-1]).save(folder / "images/a.png")
    (folder / "labels/a.txt").write_text("1 0.25 0.5 0.75 0.5 0.75 1\n")
    (folder / "labels/b.txt").write_text("1 0.25 0.5 0.75 0.5 0.75 1\n")
    (folder / "data.yaml").write_text(card)
    return folder


def test_sizes_come_from_the_photos(tmp_path):
    good, bad = read_yolo(write(tmp_path)).read_records()
    assert good.size == SIZE
    assert good.instances[0].category == "tee"
    assert isinstance(bad, BadFile)
    assert "expected the photo of b.jpg" in bad.reason


@pytest.mark.parametrize(
    "card",
    [
        "", "names: 3", "a: b: c", "names: {x: hat}", "[]", "names: " + "[" * 2000,
        "a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b, *b]", "# " + "x" * (1 << 20),
    ],
    ids=["empty", "no list", "no yaml", "no number", "list", "deep", "aliases", "long"],
)  # fmt: skip
def test_bad_lists_of_names(tmp_path, card):
    with pytest.raises(DataError, match=r"data\.yaml: expected names"):
        read_yolo(write(tmp_path, card))


def test_edited_lines_count(tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    tee = Instance("tee", (Polygon((10, 10, 30, 10, 30, 20)),), attributes={"scale": 2})
    with write_yolo(folder, read_yolo(write(tmp_path))) as put:
        put(ImageRecord("a.png", SIZE, (tee,), {"source": "shop"}))
    (record,) = read_yolo(folder).read_records()
    assert record == ImageRecord("a.png", SIZE, (tee,), {"source": "shop"})
    path = folder / "labels/a.txt"
    path.write_text(path.read_text().replace("0.25", "0.5"))
    (record,) = read_yolo(folder).read_records()
    assert record.instances == (Instance("tee", (Polygon((20, 10, 30, 10, 30, 20)),)),)
    assert record.attributes == {"source": "shop"}
