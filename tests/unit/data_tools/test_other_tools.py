"""Files as other tools and other systems write them, read for what they mean."""

import json
from dataclasses import replace

import pytest
from conversions import (
    HEIGHT,
    SQUARE,
    TEE,
    WIDTH,
    coco,
    forth_and_back,
    read_json,
    records,
    save_photo,
    write_json,
)

from data_tools.annotations import Polygon
from data_tools.convert import FORMATS, convert
from data_tools.formats.labelme import format_shape

NAMES = ("000001.json", "000002.json")


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


def test_a_size_that_deepfashion2_never_said(tmp_path):
    folder = tmp_path / "df"
    item = {"segmentation": [SQUARE], "scale": 1, "viewpoint": 2, "zoom_in": 1}
    item |= {"landmarks": [0] * 75, "style": 0, "bounding_box": [10, 10, 60, 50]}
    item |= {"category_id": 1, "occlusion": 2, "category_name": TEE}
    write_json(
        folder / "annos/000001.json", {"source": "shop", "pair_id": 1, "item1": item}
    )
    write_json(folder / "annos/000002.json", {"source": "user", "pair_id": 1})
    for name in ("000001", "000002"):
        save_photo(folder / f"image/{name}.jpg")
    before = [read_json(folder / "annos" / name) for name in NAMES]
    assert {one.size for one in records("deepfashion2", folder)} == {(HEIGHT, WIDTH)}
    for back in forth_and_back("deepfashion2", folder, tmp_path / "out").values():
        assert [read_json(back / "annos" / name) for name in NAMES] == before


@pytest.mark.parametrize("source", ["labelme", "kfashion", "via"])
def test_sizes_of_photos_stay_out_of_other_formats(tmp_path, source):
    kind, there = FORMATS[source], tmp_path / "x"
    path = coco(tmp_path / "a.json")
    save_photo(tmp_path / "a.jpg")
    list(convert(FORMATS["coco"].read(path), kind, there))
    for file in [there] if there.is_file() else there.rglob("*.json"):
        text = file.read_text(encoding="utf-8")
        for number in (WIDTH, HEIGHT):
            text = text.replace(f":{number}", ":null")
        values = json.loads(text)
        for row in values.get("_via_img_metadata", {}).values():
            del row["file_attributes"]["tryon"]
        write_json(file, values)
        save_photo(file.parent / "a.jpg")
    (record,) = records(source, there)
    assert record.size == (HEIGHT, WIDTH)
    for back in forth_and_back(source, there, tmp_path / "out").values():
        (again,) = kind.read(back).read_records()
        assert again.size is None


def lists(path, image_ids, row_ids):
    """Write COCO whose images have names in the opposite order of their ids."""
    images = [
        {"id": i, "file_name": f"{90 - i}.jpg", "width": WIDTH, "height": HEIGHT}
        for i in image_ids
    ]
    rows = [
        {"id": i, "image_id": image, "category_id": 1, "segmentation": [SQUARE]}
        for i, image in row_ids
    ]
    return coco(path, images=images, annotations=rows)


FOLDERS = [name for name, kind in FORMATS.items() if kind.is_folder]


@pytest.mark.parametrize("row_ids", [((5, 1), (6, 3), (7, 1)), ((7, 1), (6, 3), (5, 1))])
def test_lists_come_back_in_the_order_of_ids(tmp_path, row_ids):
    path = lists(tmp_path / "a.json", (1, 2, 3, 11), row_ids)
    found = forth_and_back("coco", path, tmp_path / "out")
    for name in FOLDERS:
        values = read_json(found[name])
        assert [row["id"] for row in values["images"]] == [1, 2, 3, 11]
        # The instances of an image keep their own order.
        ids = [row["id"] for row in values["annotations"]]
        assert ids == ([5, 6, 7] if row_ids[0][0] == 5 else [6, 7, 5])


def test_ids_that_are_no_numbers_tell_no_order(tmp_path):
    path = coco(tmp_path / "a.json", {"id": "x", "image_id": "q"}, {"id": "q"})
    for back in forth_and_back("coco", path, tmp_path / "out").values():
        assert read_json(back)["images"][0]["id"] == "q"
