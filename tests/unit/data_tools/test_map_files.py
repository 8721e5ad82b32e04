import json

import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import DataError, ImageRecord, Instance, Polygon
from data_tools.formats.map_files import format_map, parse_map, read_label_maps
from data_tools.outlines import mask_of

VALUES = np.array([[0, 1, 1], [2, 2, 0]], np.uint8)


def test_every_class_that_is_seen_is_an_instance():
    record = parse_map(VALUES, "a.jpg", ["null", "skin"])
    skin, other = record.instances
    assert (skin.category, other.category) == ("skin", "value 2")
    np.testing.assert_array_equal(mask_of(skin, (2, 3)), VALUES == 1)


def test_without_names_white_is_a_short_sleeve_top():
    (tee,) = parse_map(VALUES * 127, "a.jpg", []).instances
    assert tee.category == "short sleeve top"
    np.testing.assert_array_equal(mask_of(tee, (2, 3)), VALUES == 2)


def test_later_instances_lie_on_top():
    square, right = (0, 0, 2, 0, 2, 2, 0, 2), (1, 0, 2, 0, 2, 2, 1, 2)
    both = Instance("a", (Polygon(square),)), Instance("b", (Polygon(right),))
    numbers = {"b": 7}
    values = format_map(ImageRecord("a.jpg", (2, 3), both), numbers)
    assert numbers == {"b": 7, "a": 2}
    assert values.tolist() == [[2, 7, 0], [2, 7, 0]]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (ImageRecord("a.jpg", None), "size of a.jpg is not known"),
        (ImageRecord("a.jpg", (9, 9), (Instance("x"),)), "at most 255 classes"),
    ],
)
def test_what_maps_cannot_be(record, message):
    with pytest.raises(DataError, match=message):
        format_map(record, {str(i): i for i in range(1, 256)})


@pytest.mark.parametrize("names", ["{}", "[1]", "x"])
def test_bad_lists_of_names(tmp_path, names):
    (tmp_path / "labels.json").write_text(names)
    with pytest.raises(DataError, match=r"labels\.json: expected a list"):
        read_label_maps(tmp_path)


def test_names_may_lie_above(tmp_path):
    (tmp_path / "labels.json").write_text(json.dumps(["null", "skin", "tee"]))
    (tmp_path / "train").mkdir()
    Image.fromarray(VALUES).save(tmp_path / "train/a.png")
    (tmp_path / "train/b.png").write_bytes(b"no png")
    good, bad = read_label_maps(tmp_path / "train").read_records()
    assert [one.category for one in good.instances] == ["skin", "tee"]
    assert bad.name.endswith("b.png")
