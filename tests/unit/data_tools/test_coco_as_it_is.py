"""COCO that is not quite COCO: read where its meaning is plain, said, or refused."""

import json

import pytest
from conversions import (
    SQUARE,
    TEE,
    coco,
    forth_and_back,
    kinds_of,
    read_json,
    records,
    write_json,
)

from data_tools.annotations import BadFile, DataError
from data_tools.convert import FORMATS, convert

TEXTS = [str(value) for value in SQUARE]
NUMBERS = "numbers written as text"


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        ({}, []),
        ({"segmentation": SQUARE}, ["segmentation is no list of polygons"]),
        ({"segmentation": [TEXTS]}, [NUMBERS]),
        ({"segmentation": TEXTS}, [NUMBERS, "segmentation is no list of polygons"]),
        ({"bbox": ["10", "10", "50.0", " 40"]}, [NUMBERS]),
        ({"area": "2000"}, [NUMBERS]),
        ({"category_id": "1"}, ["a category_id of another type"]),
        ({"image_id": "1"}, ["an image_id of another type"]),
        ({"image_id": 1.0}, ["an image_id of another type"]),
        ({"bbox": []}, []),
        ({"bbox": None}, []),
    ],
)
def test_annotations_are_read_for_what_they_mean(tmp_path, row, kinds):
    path = coco(tmp_path / "a.json", row)
    (record,) = records("coco", path)
    (one,) = record.instances
    assert (one.category, one.polygons[0].outer) == (TEE, tuple(SQUARE))
    assert one.box in (None, (10, 10, 60, 50))
    assert kinds_of(record) == kinds
    for back in forth_and_back("coco", path, tmp_path / "out").values():
        (written,) = read_json(back)["annotations"]
        assert written["segmentation"] == [SQUARE]
        assert (written["bbox"], written["area"]) == ([10, 10, 50, 40], 2000)
        assert (written["image_id"], written["category_id"]) == (1, 1)


def test_a_label_without_a_box(tmp_path):
    path = coco(tmp_path / "a.json")
    values = read_json(path)
    del values["annotations"][0]["bbox"], values["annotations"][0]["area"]
    (record,) = records("coco", write_json(path, values))
    assert record.instances[0].box is None
    (told,) = convert(FORMATS["coco"].read(path), FORMATS["coco"], tmp_path / "b.json")
    assert told == []
    assert read_json(tmp_path / "b.json")["annotations"][0]["bbox"] == [10, 10, 50, 40]


@pytest.mark.parametrize(
    ("image", "kinds"),
    [
        ({"width": "100"}, [NUMBERS]),
        ({"height": 80.0}, ["a side that is not written as a whole number"]),
    ],
)
def test_sizes_are_read_for_what_they_mean(tmp_path, image, kinds):
    (record,) = records("coco", coco(tmp_path / "a.json", image=image))
    assert (record.size, kinds_of(record)) == ((80, 100), kinds)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"segmentation": ["a"] * 6}, "expected numbers in a polygon"),
        ({"segmentation": [1, 2, 3, 4, 5]}, "multiple of 2 numbers, got 5"),
        ({"bbox": ["wide", 1, 2, 3]}, "expected numbers in bbox"),
        ({"area": "large"}, "expected numbers, got text"),
        ({"category_id": "7"}, "expected a listed category_id, got '7'"),
    ],
)
def test_what_is_not_plain_is_refused(tmp_path, row, reason):
    (bad,) = records("coco", coco(tmp_path / "a.json", row))
    assert reason in bad.reason


def images(path, *ids_and_names, **row):
    rows = [{"id": i, "file_name": n, "width": 9, "height": 9} for i, n in ids_and_names]
    return coco(path, row, images=rows)


def test_an_id_of_two_images_is_refused(tmp_path):
    path = images(tmp_path / "a.json", (1, "a.jpg"), (2, "b.jpg"), (1, "c.jpg"))
    first, good, last = records("coco", path)
    for bad in (first, last):
        assert bad.reason == "expected an id of its own, got 1, the id of a.jpg, c.jpg"
    assert good.file_name == "b.jpg"


def test_ids_that_differ_in_type_only(tmp_path):
    path = images(tmp_path / "a.json", (1, "a.jpg"), ("1", "b.jpg"), image_id="1")
    one, other = records("coco", path)
    assert [len(r.instances) for r in (one, other)] == [0, 1]
    for record in (one, other):
        (note,) = record.all_notes()
        assert str(note) == "ids of images differ in their type only: 1 and '1'"


def test_both_ids_of_another_type_are_named(tmp_path):
    (record,) = records("coco", coco(tmp_path / "a.json", {"image_id": "1"}))
    assert record.all_notes()[0].detail == "'1', where the image has 1"


def test_annotation_ids_given_twice(tmp_path):
    path = coco(tmp_path / "a.json")
    values = read_json(path)
    values["annotations"] *= 2
    (record,) = records("coco", write_json(path, values))
    assert [str(note) for note in record.all_notes()] == [
        "an annotation id that is given more than once: id 1, again in image 1"
    ] * 2


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16")]
    + [("utf-16-be", "UTF-16"), ("cp949", "CP949")],
)
@pytest.mark.parametrize("source", ["coco", "labelme"])
def test_encodings(tmp_path, encoding, name, source):
    path = coco(tmp_path / "a.json", categories=[{"id": 1, "name": "상의"}])
    if source == "labelme":
        list(convert(FORMATS["coco"].read(path), FORMATS["labelme"], tmp_path / "x"))
        path = tmp_path / "x" / "a.json"
    text = path.read_text(encoding="utf-8")
    path.write_bytes(text.encode(encoding))
    place = path if source == "coco" else path.parent
    dataset = FORMATS[source].read(place)
    (record,) = dataset.read_records()
    assert record.instances[0].category == "상의"
    told = [str(note) for note in record.notes] + list(dataset.notes)
    assert len(told) == bool(name)
    assert all(f"read as {name}" in each for each in told)


@pytest.mark.parametrize(
    "text", ['{"images": "Größe"', "hello", '{"images": [', "\0\0\0\0"]
)
def test_bad_files_are_refused_in_words(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match="expected JSON in UTF-8") as caught:
        FORMATS["coco"].read(path)
    assert not [part for part in ("b'", "\\x", "codec", "^") if part in str(caught.value)]
    (tmp_path / "x").mkdir()
    path.rename(tmp_path / "x/a.json")
    (bad,) = records("labelme", tmp_path / "x")
    assert isinstance(bad, BadFile)
    assert "codec" not in bad.reason


@pytest.mark.parametrize("source", ["labelme", "deepfashion2", "kfashion", "via"])
def test_numbers_written_as_text_in_other_formats(tmp_path, source):
    there = tmp_path / "x"
    list(convert(FORMATS["coco"].read(coco(tmp_path / "a.json")), FORMATS[source], there))
    for path in [there] if there.is_file() else there.rglob("*.json"):
        values = read_json(path)
        for shape in values.get("shapes", ()):
            shape.pop("tryon")
        text = json.dumps(values, ensure_ascii=False)
        for number in ("60", "50"):
            text = text.replace(f" {number},", f' "{number}",')
            text = text.replace(f" {number}]", f' "{number}"]')
            text = text.replace(f" {number}}}", f' "{number}"}}')
        path.write_text(text, encoding="utf-8")
    (record,) = records(source, there)
    assert record.instances[0].polygons[0].outer == tuple(SQUARE)
    assert NUMBERS in kinds_of(record)
