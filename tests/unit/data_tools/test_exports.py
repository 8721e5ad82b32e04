"""Exports, field by field as the tools write them, to every format and back."""

import base64
import contextlib
import io

import numpy as np
import pytest
from conversions import (
    HEIGHT,
    SQUARE,
    TEE,
    WIDTH,
    forth_and_back,
    read_json,
    records,
    save_photo,
    write_json,
)
from pycocotools.coco import COCO

from data_tools.convert import FORMATS, convert
from data_tools.detect import detect_format

POINTS = [[10.5, 10.25], [60.0, 10.0], [60.0, 50.0], [10.0, 50.0]]
RING = [value for point in POINTS for value in point]
COUNTS = [10, 20, 50] + [80] * 99


def cvat_coco():
    image = {"license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0}
    image |= {"id": 1, "width": WIDTH, "height": HEIGHT, "file_name": "a.jpg"}
    row = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [RING]}
    row |= {"area": 1987.5, "bbox": [10.0, 10.0, 50.0, 40.0], "iscrowd": 0}
    row |= {"attributes": {"occluded": False}}
    box = {**row, "id": 2, "segmentation": [], "area": 2000.0}
    box |= {"attributes": {"occluded": False, "rotation": 0.0}}
    mask = {**row, "id": 3, "iscrowd": 1, "area": 7940.0}
    mask |= {"segmentation": {"counts": COUNTS, "size": [HEIGHT, WIDTH]}}
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": "", "description": "", "year": ""},
        "categories": [{"id": 1, "name": TEE, "supercategory": ""}],
        "images": [image],
        "annotations": [row, box, mask],
    }


def label_studio_coco():
    image = {"id": 0, "width": WIDTH, "height": HEIGHT}
    image |= {"file_name": "images\\3f2a91bc-a.jpg"}
    row = {"id": 0, "image_id": 0, "category_id": 0, "segmentation": [RING]}
    row |= {"bbox": [10.0, 10.0, 50.0, 40.0], "ignore": 0, "iscrowd": 0, "area": 1987.5}
    return {
        "images": [image],
        "categories": [{"id": 0, "name": TEE}],
        "annotations": [row],
        "info": {"year": 2024, "version": "1.0", "contributor": "Label Studio"},
    }


def roboflow_coco():
    image = {"id": 0, "license": 1, "file_name": "a_jpg.rf.0f1e2d3c4b5a.jpg"}
    image |= {"height": HEIGHT, "width": WIDTH, "extra": {"name": "a.jpg"}}
    image |= {"date_captured": "2024-05-01T08:00:00+00:00"}
    row = {"id": 0, "image_id": 0, "category_id": 1, "bbox": [10, 10, 50, 40]}
    row |= {"area": 2000, "segmentation": [SQUARE], "iscrowd": 0}
    box = {**row, "id": 1, "segmentation": []}
    return {
        "info": {
            "year": "2024",
            "version": "1",
            "description": "Exported from roboflow.com",
        },
        "licenses": [{"id": 1, "url": "https://example.org", "name": "CC BY 4.0"}],
        "categories": [
            {"id": 0, "name": "tees", "supercategory": "none"},
            {"id": 1, "name": TEE, "supercategory": "tees"},
        ],
        "images": [image],
        "annotations": [row, box],
    }


def via_2():
    ring = {"all_points_x": SQUARE[0::2], "all_points_y": SQUARE[1::2]}
    checked = {"good": True, "frontal": True}
    regions = [
        {
            "shape_attributes": {"name": "polygon", **ring},
            "region_attributes": {"name": "a1", "type": TEE, "image_quality": checked},
        },
        {
            "shape_attributes": {"name": "rect", "x": 5, "y": 6, "width": 3, "height": 9},
            "region_attributes": {"name": "", "type": "skirt", "image_quality": {}},
        },
        {
            "shape_attributes": {
                "name": "ellipse", "cx": 40, "cy": 40, "rx": 20.5, "ry": 9, "theta": 0.3,
            },
            "region_attributes": {"name": "not_defined", "type": "unknown"},
        },
    ]  # fmt: skip
    row = {"filename": "a.jpg", "size": 58374, "regions": regions}
    row["file_attributes"] = {"caption": "", "public_domain": "no", "image_url": ""}
    text = {"type": "text", "description": "", "default_value": "not_defined"}
    menu = {
        "type": "dropdown",
        "description": "",
        "options": {TEE: TEE, "skirt": "skirt"},
    }
    return {
        "_via_settings": {
            "ui": {"annotation_editor_height": 25, "image": {"region_label": "name"}},
            "core": {"buffer_size": "18", "filepath": {}, "default_filepath": ""},
            "project": {"name": "via_project_1May2024_8h0m"},
        },
        "_via_img_metadata": {"a.jpg58374": row},
        "_via_attributes": {"region": {"name": text, "type": menu}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": ["a.jpg58374"],
    }


def image_data():
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT)).save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


def labelme():
    shape = {"label": TEE, "points": POINTS, "group_id": None, "description": ""}
    shape |= {"shape_type": "polygon", "flags": {}, "mask": None}
    box = {**shape, "points": [[60, 50.5], [10, 10]], "shape_type": "rectangle"}
    circle = {**shape, "points": [[40.0, 40.0], [50.0, 40.0]], "shape_type": "circle"}
    values = {"version": "5.5.0", "flags": {}, "shapes": [shape, box, circle]}
    values |= {"imagePath": "a.jpg", "imageData": image_data()}
    return values | {"imageHeight": HEIGHT, "imageWidth": WIDTH}


def x_anylabeling():
    shape = {"label": TEE, "score": None, "points": POINTS, "group_id": None}
    shape |= {"description": "", "difficult": False, "shape_type": "rectangle"}
    shape |= {"flags": {}, "attributes": {"color": "red"}, "kie_linking": []}
    turned = {**shape, "shape_type": "rotation", "direction": 0.7853981633974483}
    ring = {**shape, "shape_type": "polygon", "score": 0.97}
    values = {"version": "2.4.4", "flags": {}, "shapes": [shape, turned, ring]}
    values |= {"imagePath": "a.jpg", "imageData": None, "imageHeight": HEIGHT}
    return values | {"imageWidth": WIDTH, "description": ""}


FILES = {
    "cvat": ("coco", "annotations/instances_default.json", cvat_coco),
    "label studio": ("coco", "result.json", label_studio_coco),
    "roboflow": ("coco", "train/_annotations.coco.json", roboflow_coco),
    "via": ("via", "via_project.json", via_2),
    "labelme": ("labelme", "a.json", labelme),
    "x-anylabeling": ("labelme", "a.json", x_anylabeling),
}


def by_id(values):
    """Return COCO without its extension, and its lists as objects by id."""
    lists = ("images", "annotations", "categories")
    rest = {k: v for k, v in values.items() if k not in (*lists, "tryon")}
    return rest | {name: {row["id"]: row for row in values[name]} for name in lists}


@pytest.mark.parametrize("name", FILES)
def test_files_come_back_from_every_format(tmp_path, name):
    source, file, make = FILES[name]
    path = write_json(tmp_path / "x" / file, make())
    save_photo(path.parent / "a.jpg")
    is_folder = FORMATS[source].is_folder
    src = path.parent if is_folder else path
    assert detect_format(src) == source
    (record,) = records(source, src)
    assert record.size == (HEIGHT, WIDTH)
    for back in forth_and_back(source, src, tmp_path / "out").values():
        found = read_json(back / "a.json" if is_folder else back)
        if source == "coco":
            assert by_id(found) == by_id(make())
        else:
            found.get("_via_settings", {}).pop("tryon", None)
            assert found == make()


def masks(path):
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        read = COCO(path)
    rows = [row for row in read.dataset["annotations"] if row["segmentation"]]
    return {row["id"]: read.annToMask(row) for row in rows}


@pytest.mark.parametrize(
    "name", [name for name, row in FILES.items() if row[0] == "coco"]
)
@pytest.mark.parametrize("target", FORMATS)
def test_pycocotools_sees_the_same_masks(tmp_path, name, target):
    kind, path = FORMATS[target], tmp_path / "a.json"
    write_json(path, FILES[name][2]())
    list(convert(FORMATS["coco"].read(path), kind, tmp_path / "there"))
    list(convert(kind.read(tmp_path / "there"), FORMATS["coco"], tmp_path / "back.json"))
    before, after = masks(path), masks(tmp_path / "back.json")
    assert before.keys() <= after.keys()
    assert all(np.array_equal(before[i], after[i]) for i in before)
