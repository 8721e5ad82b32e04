"""Files as other tools and other systems write them, read for what they mean."""

import json
from dataclasses import replace

import pytest
from PIL import Image

from data_tools.annotations import BadFile, Polygon
from data_tools.convert import FORMATS, compare, convert
from data_tools.formats.labelme import format_shape

TEE = "short sleeve top"
SQUARE = [10, 10, 60, 10, 60, 50, 10, 50]
WIDTH, HEIGHT = 100, 80
ENDINGS = {True: "", False: ".json"}  # of a folder and of a file


def write_json(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    return path


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def save_photo(path, size=(WIDTH, HEIGHT)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def coco(path, row=None, image=None, **top):
    """Write COCO of one photo and one garment."""
    known = {"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}
    garment = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE]}
    garment |= {"bbox": [10, 10, 50, 40], "area": 2000, "iscrowd": 0}
    values = {
        "images": [known | (image or {})],
        "categories": [{"id": 1, "name": TEE}],
        "annotations": [garment | (row or {})],
    }
    return write_json(path, values | top)


def records(source, path):
    return list(FORMATS[source].read(path).read_records())


def kinds_of(record):
    return [note.kind for note in record.all_notes()]


def forth_and_back(source, path, folder):
    """Convert to every format and back; return what came back, by format.

    Fails when a copy differs from the original.
    """
    kind, found = FORMATS[source], {}
    for target, other in FORMATS.items():
        there = folder / target / f"there{ENDINGS[other.is_folder]}"
        back = folder / target / f"back{ENDINGS[kind.is_folder]}"
        there.parent.mkdir(parents=True)
        write_checked(kind.read(path), other, there)
        write_checked(other.read(there), kind, back)
        found[target] = back
    return found


def write_checked(dataset, kind, path):
    bad = [one for one in convert(dataset, kind, path) if isinstance(one, BadFile)]
    assert not bad
    assert not [one for rows in compare(dataset, kind.read(path)) for one in rows]


def test_backslashes_of_windows_are_folders(tmp_path):
    path = coco(tmp_path / "a.json", image={"file_name": "images\\a.jpg"})
    save_photo(tmp_path / "images/a.jpg")
    (record,) = records("coco", path)
    assert record.file_name == "images/a.jpg"
    for back in forth_and_back("coco", path, tmp_path / "out").values():
        assert read_json(back)["images"][0]["file_name"] == "images\\a.jpg"


def test_backslashes_in_via(tmp_path):
    row = {"filename": "x\\a.jpg", "size": 9, "regions": [], "file_attributes": {}}
    path = write_json(tmp_path / "v.json", {"x\\a.jpg9": row})
    save_photo(tmp_path / "x/a.jpg")
    (record,) = records("via", path)
    assert record.file_name == "x/a.jpg"
    assert record.size == (HEIGHT, WIDTH)
    for back in forth_and_back("via", path, tmp_path / "out").values():
        assert read_json(back)["x\\a.jpg9"]["filename"] == "x\\a.jpg"


def labelme(folder, points, **shape):
    """Write LabelMe's file of one shape, with the fields that X-AnyLabeling adds."""
    shape = {"label": TEE, "points": points, "group_id": None, "flags": {}, **shape}
    shape |= {"description": "", "difficult": False, "attributes": {}, "score": None}
    values = {"version": "2.4.4", "flags": {}, "shapes": [shape], "imageData": None}
    values |= {"imagePath": "a.jpg", "imageHeight": HEIGHT, "imageWidth": WIDTH}
    write_json(folder / "a.json", values)
    return folder


def points_of(ring):
    return [list(pair) for pair in zip(ring[0::2], ring[1::2], strict=True)]


@pytest.mark.parametrize("kind", ["rectangle", "rotation", "quadrilateral"])
def test_four_corners_are_a_polygon(tmp_path, kind):
    points = points_of([10.5, 10, 60, 12, 58, 50, 9, 48])
    folder = labelme(tmp_path / "x", points, shape_type=kind, direction=0.5)
    (record,) = records("labelme", folder)
    assert record.instances[0].polygons[0].outer == (10.5, 10, 60, 12, 58, 50, 9, 48)
    assert not record.all_notes()
    for back in forth_and_back("labelme", folder, tmp_path / "out").values():
        (shape,) = read_json(back / "a.json")["shapes"]
        assert (shape["shape_type"], shape["points"]) == (kind, points)
        assert shape["direction"] == 0.5


@pytest.mark.parametrize(
    ("kind", "count"), [("cuboid", 4), ("rectangle", 3), ("circle", 1), (None, 4), (3, 4)]
)
def test_shapes_that_cannot_be_read_are_named(tmp_path, kind, count):
    points = points_of(SQUARE)[:count]
    folder = labelme(tmp_path / "x", points, shape_type=kind)
    (record,) = records("labelme", folder)
    (note,) = record.all_notes()
    assert str(note) == (
        f"a shape that cannot be read has no outline: {str(kind)!r} of {count} points"
    )
    for back in forth_and_back("labelme", folder, tmp_path / "out").values():
        (shape,) = read_json(back / "a.json")["shapes"]
        assert (shape["shape_type"], shape["points"]) == (kind, points)


def test_edited_corners_count(tmp_path):
    folder = labelme(tmp_path / "x", points_of(SQUARE), shape_type="rectangle")
    (record,) = records("labelme", folder)
    (one,) = record.instances
    moved = replace(one, polygons=(Polygon((1, 1, 9, 1, 9, 9)),))
    shape = format_shape(moved, record.size)
    assert (shape["shape_type"], len(shape["points"])) == ("polygon", 3)
