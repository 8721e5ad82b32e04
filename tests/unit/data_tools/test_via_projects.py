"""VIA's attributes that could be the category, and projects of VIA 3."""

import json
from itertools import permutations

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

from data_tools.annotations import BadFile, DataError
from data_tools.convert import FORMATS, compare, convert
from data_tools.formats.via_files import read_via

POLYGON = {"name": "polygon", "all_points_x": SQUARE[0::2], "all_points_y": SQUARE[1::2]}


def via(path, attributes):
    region = {"shape_attributes": POLYGON, "region_attributes": attributes}
    row = {"filename": "a.jpg", "size": -1, "regions": [region], "file_attributes": {}}
    save_photo(path.parent / "a.jpg")
    return write_json(path, {"a.jpg-1": row})


NAMES = ("type", "name", "label", "Class", "category")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_documented_order_decides(tmp_path, count):
    for i, names in enumerate(permutations(NAMES, count)):
        path = via(tmp_path / f"{i}.json", {name: f"is {name}" for name in names})
        (record,) = records("via", path)
        first = max(names, key=NAMES.index)
        assert record.instances[0].category == f"is {first}"
        notes = record.all_notes()
        assert len(notes) == (count > 1)
        if notes:
            assert notes[0].detail.startswith(f"{first} 'is {first}' is taken, not ")


def test_an_attribute_without_a_value_names_nothing(tmp_path):
    path = via(tmp_path / "v.json", {"category": "", "name": "hat", "type": {}})
    assert records("via", path)[0].instances[0].category == "hat"


@pytest.mark.parametrize(
    ("name", "category"), [("name", "x1"), ("kind", "hat"), ("no", TEE)]
)
def test_an_attribute_that_is_named(tmp_path, name, category):
    path = via(tmp_path / "v.json", {"category": "top", "name": "x1", "kind": "hat"})
    dataset = read_via(path, name)
    (record,) = dataset.read_records()
    assert record.instances[0].category == category
    assert not record.all_notes()
    for target, kind in FORMATS.items():
        there = tmp_path / target
        list(convert(dataset, kind, there))
        assert not [one for rows in compare(dataset, kind.read(there)) for one in rows]


def test_all_attributes_come_back(tmp_path):
    path = via(tmp_path / "v.json", {"name": "x1", "category": "top", "type": "hat"})
    for back in forth_and_back("via", path, tmp_path / "out").values():
        assert read_json(back) == read_json(path)


def via3(path, metadata=None, **top):
    """Write a project as VIA 3 does, of two photos."""
    files = {
        "1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": ""},
        "2": {"fid": "2", "fname": "b.jpg", "type": 2, "loc": 1, "src": "b.jpg"},
    }
    attributes = {
        "1": {"aname": "category", "anchor_id": "FILE1_Z0_XY1", "type": 4, "desc": ""}
        | {"options": {"0": TEE, "1": "skirt"}, "default_option_id": ""},
        "2": {"aname": "fabric", "anchor_id": "FILE1_Z0_XY1", "type": 2}
        | {"options": {"0": "wool", "1": "silk", "2": "cotton"}},
        "3": {"aname": "source", "anchor_id": "FILE1_Z0_XY0", "type": 1, "options": {}},
    }
    found = {
        "1_a": {"vid": "1", "flg": 0, "z": [], "xy": [7, *SQUARE]}
        | {"av": {"1": "0", "2": "0,2"}},
        "1_b": {"vid": "1", "flg": 0, "z": [], "xy": [2, 1, 2, 30, 40], "av": {"1": "1"}},
        "1_c": {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {"3": "shop"}},
    }
    values = {
        "project": {"pid": "__VIA_PROJECT_ID__", "pname": "tees", "vid_list": ["1", "2"]},
        "config": {"file": {"loc_prefix": {"1": "", "2": ""}}, "ui": {}},
        "attribute": attributes,
        "file": files,
        "metadata": found if metadata is None else metadata,
        "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
    }
    save_photo(path.parent / "a.jpg")
    return write_json(path, values | top)


def test_projects_of_via_3(tmp_path):
    path = via3(tmp_path / "v.json")
    dataset = FORMATS["via"].read(path)
    assert dataset.count == 2
    assert "project of VIA 3" in dataset.notes[0]
    first, second = dataset.read_records()
    tee, skirt = first.instances
    assert (first.file_name, first.size) == ("a.jpg", (HEIGHT, WIDTH))
    assert first.attributes == {"source": "shop"}
    assert (tee.category, tee.polygons[0].outer) == (TEE, tuple(SQUARE))
    assert tee.attributes == {"fabric": {"wool": True, "cotton": True}}
    assert skirt.category == "skirt"
    assert skirt.shape == {"name": "rect", "x": 1, "y": 2, "width": 30, "height": 40}
    assert (second.file_name, second.instances) == ("b.jpg", ())


@pytest.mark.parametrize(
    ("xy", "shape"),
    [
        ([1, 5, 6], {"name": "point", "cx": 5, "cy": 6}),
        ([3, 5, 6, 2.5], {"name": "circle", "cx": 5, "cy": 6, "r": 2.5}),
        ([4, 5, 6, 2, 3], {"name": "ellipse", "cx": 5, "cy": 6, "rx": 2, "ry": 3}),
        (
            [5, 1, 2, 3, 4],
            {"name": "polyline", "all_points_x": [1, 3], "all_points_y": [2, 4]},
        ),
    ],
)
def test_shapes_of_via_3(tmp_path, xy, shape):
    rows = {"1_a": {"vid": "1", "z": [], "xy": xy, "av": {}}}
    first, _ = records("via", via3(tmp_path / "v.json", rows))
    assert first.instances[0].shape == shape


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"xy": [9, 1, 2, 3, 4, 5, 6]}, "shape 9 is not read"),
        ({"xy": [2, 1, 2]}, "expected a view of VIA 3"),
        ({"z": [1.5, 2], "xy": []}, "a time in a video"),
        ({"xy": [1, 2, 3], "av": {"9": "x"}}, "expected a view of VIA 3"),
    ],
)
def test_what_is_not_read_of_via_3(tmp_path, row, reason):
    rows = {"1_a": {"vid": "1", "z": [], "av": {}, **row}}
    bad, good = records("via", via3(tmp_path / "v.json", rows))
    assert isinstance(bad, BadFile)
    assert reason in bad.reason
    assert good.file_name == "b.jpg"


def test_a_project_of_via_3_of_another_form(tmp_path):
    path = via3(tmp_path / "v.json", view=[1])
    with pytest.raises(DataError, match="expected objects in a project of VIA 3"):
        FORMATS["via"].read(path)


def test_via_3_becomes_via_2(tmp_path):
    path = via3(tmp_path / "v.json")
    save_photo(tmp_path / "b.jpg")
    list(convert(FORMATS["via"].read(path), FORMATS["via"], tmp_path / "w.json"))
    values = read_json(tmp_path / "w.json")
    assert values["_via_data_format_version"] == "2.0.10"
    assert json.dumps(values).count(TEE) == 2  # the region and the menu
    forth_and_back("via", path, tmp_path / "out")
