import json
from dataclasses import replace

import pytest

from data_tools.annotations import DataError, Dataset, ImageRecord, Instance, Polygon
from data_tools.convert import FORMATS, convert
from data_tools.passthrough import (
    instance_values,
    leftovers,
    record_values,
    restore,
    same_json,
    stored_names,
    to_instance,
    to_record,
)

TEE = Instance(
    "tee",
    (Polygon((0, 0, 4, 0, 4, 4.5), ((1, 1, 2, 1, 2, 2),)),),
    box=(0, 0, 4, 4.5),
    landmarks=(1, 2, 2),
    attributes={"scale": 1, "colour": ["red"]},
    extra={"coco.id": 7},
)


def test_values_are_the_whole_instance():
    assert to_instance(instance_values(TEE)) == TEE
    circle = Instance("x", shape={"name": "circle", "cx": 1, "cy": 1, "r": 1})
    assert to_instance(instance_values(circle)) == circle


def test_values_are_the_whole_record():
    record = ImageRecord("a.jpg", (4, 6), (), {"source": "shop"}, {"via.size": 3})
    assert to_record(record_values(record)) == record


def test_leftovers_bring_back_what_was_lost_changed_and_added():
    values = instance_values(TEE)
    again = {"category": "Tee", "attributes.scale": 1.0, "extra.via.size": 3}
    assert restore(again, leftovers(values, again)) == values


def test_nothing_is_left_over_of_what_is_the_same():
    assert leftovers(instance_values(TEE), instance_values(TEE)) == {}


def test_an_edit_stays_and_makes_what_follows_from_it_old():
    values = instance_values(TEE)
    again = {"category": "tee", "outline": {"polygons": [[[0, 0, 1, 0, 1, 1]]]}}
    stored = leftovers(values, again)
    edited = again | {"outline": {"polygons": [[[0, 0, 9, 0, 9, 9]]]}}
    found = restore(edited, stored)
    assert found["outline"] == edited["outline"]
    assert "box" not in found
    assert found["landmarks"] == [1, 2, 2]


@pytest.mark.parametrize("stored", [None, 3, "x", {"box": 3}, {"box": []}, {"box": [1]}])
def test_what_a_stranger_stored_is_passed_over(stored):
    assert restore({"category": "x"}, stored) == {"category": "x"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1, True),
        (1, 1.0, False),
        (1, True, False),
        ([1, 2], [1, 2.0], False),
        ([1, [2]], [1, [2]], True),
        ([True], [1], False),
        ({"a": [1]}, {"a": [1]}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"b": 1}, False),
        ([1, {"a": float("nan")}], [1, {"a": float("nan")}], True),
        ([1, float("nan")], [1.0, float("nan")], False),
    ],
)
def test_json_is_compared_as_it_is_written(one, other, same):
    assert same_json(one, other) == same


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"box": (1, 2)}, "a box of a multiple of 4"),
        ({"box": ()}, "a box of 4 numbers"),
        ({"landmarks": (1, 2)}, "landmarks of a multiple of 3"),
        ({"landmarks": ("a", 2, 3)}, "numbers in landmarks"),
        ({"category": 3}, "category's name"),
    ],
)
def test_instances_are_checked(values, message):
    with pytest.raises(DataError, match=message):
        Instance(**{"category": "x", **values})


def test_rims_are_pairs_of_numbers():
    with pytest.raises(DataError, match="a polygon of a multiple of 2 numbers, got 3"):
        Polygon((1, 2, 3))


@pytest.mark.parametrize("size", [(0, 4), (4, 70_000), (4.0, 4), (True, 1)])
def test_sizes_are_checked(size):
    with pytest.raises(DataError, match="expected a size"):
        ImageRecord("a.jpg", size)


def test_names_of_what_is_stored():
    kept = {"box": [0, [1, 2, 3, 4]], "landmarks": [0]}
    form = [
        {"rows": [{"tryon": kept}, {"tryon": json.dumps(kept)}], "ring": [1, 2.5]},
        {"item1": {"tryon_photo": kept, "segmentation": [[1, 2], [3, 4]]}},
    ]
    assert list(stored_names(form)) == ["box"] * 3


@pytest.mark.parametrize("mine", [3, None, "text", "[", [1], {"a": 1}, {"a": [1, 2, 3]}])
@pytest.mark.parametrize("target", sorted(FORMATS))
def test_a_key_of_the_same_name_is_no_trouble(tmp_path, target, mine):
    attributes = {"note": {"tryon": mine}, "tags": [{"tryon": mine}]}
    one = ImageRecord(
        "a.jpg", (20, 30), (replace(TEE, attributes=attributes),), attributes
    )
    dataset = Dataset(lambda: iter([one]))
    (told,) = convert(dataset, FORMATS[target], tmp_path / "out")
    assert {name for name in told if name.startswith("a")} <= {
        "attributes.note",
        "attributes.tags",
    }
    (again,) = FORMATS[target].read(tmp_path / "out").read_records()
    assert again.attributes == attributes
    assert again.instances[0].attributes == attributes
