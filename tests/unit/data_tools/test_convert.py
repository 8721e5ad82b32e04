"""Small files of the formats' exact form, converted, edited and compared."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from data_tools.annotations import BadFile, DataError, ImageRecord
from data_tools.convert import (
    FORMATS,
    Selection,
    compare,
    convert,
    count_unsupported,
    select,
)
from data_tools.filters import parse_filter

SQUARE = [5, 5, 15, 5, 15, 15, 5, 15]


def item(**values):
    known = {
        "segmentation": [SQUARE],
        "scale": 1,
        "viewpoint": 2,
        "zoom_in": 1,
        "occlusion": 1,
        "landmarks": [6, 6, 2] * 24 + [14.5, 14, 1],
        "style": 1,
        "bounding_box": [5, 5, 15, 15],
        "category_id": 1,
        "category_name": "short sleeve top",
    }
    return {**known, **values}


@pytest.fixture
def deepfashion2(tmp_path):
    folder = tmp_path / "df"
    (folder / "annos").mkdir(parents=True)
    (folder / "image").mkdir()
    for name, one in {"1": item(), "2": item(viewpoint=3, category_id=2)}.items():
        Image.new("RGB", (30, 20)).save(folder / "image" / f"{name}.jpg")
        values = {"source": "user", "pair_id": 4, "item1": one}
        (folder / "annos" / f"{name}.json").write_text(json.dumps(values))
    return folder


def run(source, src, target, dst, **choice):
    dataset = select(FORMATS[source].read(src), Selection(**choice))
    return list(convert(dataset, FORMATS[target], dst))


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_coco_holds_what_other_readers_need(deepfashion2, tmp_path):
    run("deepfashion2", deepfashion2, "coco", tmp_path / "a.json")
    values = read_json(tmp_path / "a.json")
    first, _ = values["images"]
    assert first == {
        "source": "user", "pair_id": 4, "id": 1, "file_name": "1.jpg", "height": 20,
        "width": 30, "tryon": first["tryon"],
    }  # fmt: skip
    row = values["annotations"][0]
    assert row["segmentation"] == [SQUARE]
    assert (row["area"], row["bbox"], row["iscrowd"]) == (100, [5, 5, 10, 10], 0)
    assert (len(row["keypoints"]), row["num_keypoints"]) == (75, 25)
    assert row["attributes"]["viewpoint"] == 2
    assert [c["name"] for c in values["categories"]][:2] == [
        "short sleeve top",
        "long sleeve top",
    ]


def test_every_category_has_its_own_of_294_slots(deepfashion2, tmp_path):
    path = deepfashion2 / "annos" / "2.json"
    trousers = item(landmarks=[3, 4, 2] * 14, category_id=8, category_name="trousers")
    path.write_text(json.dumps({"source": "shop", "pair_id": 1, "item1": trousers}))
    run("deepfashion2", deepfashion2, "coco-294", tmp_path / "a.json")
    values = read_json(tmp_path / "a.json")
    tee, trousers = (row["keypoints"] for row in values["annotations"])
    assert len(tee) == len(trousers) == 3 * 294
    assert tee[72:75] == [14.5, 14, 1]
    assert not any(tee[75:])
    first = 25 + 33 + 31 + 39 + 15 + 15 + 10  # slots of the categories before
    assert trousers[3 * first : 3 * (first + 14)] == [3, 4, 2] * 14
    assert sum(trousers) == 14 * 9
    back = FORMATS["coco-294"].read(tmp_path / "a.json")
    one = FORMATS["deepfashion2"].read(deepfashion2)
    assert not [each for found in compare(one, back) for each in found]


def test_an_edit_in_between_stays_and_the_rest_comes_back(deepfashion2, tmp_path):
    run("deepfashion2", deepfashion2, "via", tmp_path / "v.json")
    values = read_json(tmp_path / "v.json")
    region = values["_via_img_metadata"]["1.jpg-1"]["regions"][0]
    region["shape_attributes"]["all_points_x"][0] = 3
    region["region_attributes"]["scale"] = 3
    (tmp_path / "v.json").write_text(json.dumps(values))
    run("via", tmp_path / "v.json", "deepfashion2", tmp_path / "back")
    found = read_json(tmp_path / "back/annos/1.json")["item1"]
    assert found["segmentation"] == [[3, *SQUARE[1:]]]
    assert found["bounding_box"] == [3, 5, 15, 15], "the old box was of the old outline"
    assert found["scale"] == 3
    assert found["landmarks"] == item()["landmarks"]
    untouched = read_json(tmp_path / "back/annos/2.json")["item1"]
    assert untouched == item(viewpoint=3, category_id=2)


def test_records_are_chosen_and_outlined(deepfashion2, tmp_path):
    wanted = parse_filter(["viewpoint=2", "sleeve=short", "min-area=0.1"])
    run(
        "deepfashion2", deepfashion2, "coco", tmp_path / "a.json",
        photo_filter=wanted, polygons="landmarks",
    )  # fmt: skip
    values = read_json(tmp_path / "a.json")
    assert [image["file_name"] for image in values["images"]] == ["1.jpg"]
    assert (
        len(values["annotations"][0]["segmentation"][0]) == 2 * 22
    )  # less the neck's front


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("category=1", "1"),
        ("category=long sleeve top", "2"),
        ("category=1,2", "12"),
        ("viewpoint=3", "2"),
        ("occlusion=2", "2"),
        ("scale=1", "1"),
        ("zoom-in=3", "2"),
        ("source=shop", "2"),
        ("sleeve=long", "2"),
        ("sleeve=short,none", "1"),
        ("sleeve=none", ""),
        ("min-area=0.16", "12"),
        ("min-area=0.17", ""),
    ],
)
def test_every_filter(deepfashion2, tmp_path, text, taken):
    other = item(viewpoint=3, occlusion=2, scale=3, zoom_in=3, category_id=2)
    values = {"source": "shop", "item1": other | {"category_name": "long sleeve top"}}
    (deepfashion2 / "annos" / "2.json").write_text(json.dumps(values))
    wanted = parse_filter([text])
    run("deepfashion2", deepfashion2, "coco", tmp_path / "a.json", photo_filter=wanted)
    images = read_json(tmp_path / "a.json")["images"]
    assert "".join(image["file_name"][0] for image in images) == taken


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no json", "expected JSON in UTF-8"),
        ("[]", "expected a JSON object, got list"),
        ('{"item1": 3}', "expected an object in item1"),
        (json.dumps({"item1": item(category_id="x")}), "integer as category_id"),
        (json.dumps({"item1": item(segmentation=[[1]])}), "a polygon of a multiple"),
        (json.dumps({"item1": item(segmentation=[["a", 1]])}), "numbers in a polygon"),
        (json.dumps({"item1": item(landmarks=[1, 2])}), "landmarks of a multiple of 3"),
        (json.dumps({"item1": item(segmentation=[[1e400] * 6])}), "finite numbers in an"),
        ("[" * 100_000, "expected JSON"),
    ],
)
def test_bad_files_are_named_and_the_rest_goes_on(deepfashion2, tmp_path, text, reason):
    (deepfashion2 / "annos" / "1.json").write_text(text)
    bad, good = run("deepfashion2", deepfashion2, "coco", tmp_path / "a.json")
    assert isinstance(bad, BadFile)
    assert Path(bad.name).stem == "1"
    assert reason in bad.reason
    assert isinstance(good, list)
    assert [i["file_name"] for i in read_json(tmp_path / "a.json")["images"]] == ["2.jpg"]


def coco(path, rows, **values):
    image = {"id": 1, "file_name": "1.jpg", "height": 20, "width": 30, **values}
    document = {"images": [image, {**image, "id": 2, "file_name": "2.jpg"}]}
    document |= {"annotations": [{"id": 1, "image_id": 1, **row} for row in rows]}
    path.write_text(json.dumps({**document, "categories": [{"id": 1, "name": "x"}]}))
    return path


@pytest.mark.parametrize(
    ("row", "values", "reason"),
    [
        ({"category_id": 5}, {}, "expected a listed category_id, got 5"),
        ({"category_id": 1, "segmentation": [[1, 2, 3]]}, {}, "multiple of 2"),
        ({"category_id": 1, "segmentation": {"counts": [3]}}, {}, "with a size"),
        ({"category_id": 1, "bbox": [1, 2]}, {}, "bbox of a multiple of 4"),
        ({"category_id": [1]}, {}, "unhashable"),
        ({"category_id": 1, "attributes": 3}, {}, "attributes to be an object"),
        ({"category_id": 1}, {"height": None}, "expected a size"),
        ({"category_id": 1, "image_id": 9}, {}, "image_id of a listed image, got 9"),
    ],
)
def test_bad_annotations_of_coco(tmp_path, row, values, reason):
    path = coco(tmp_path / "a.json", [row])
    document = read_json(path)
    document["images"][0] |= values
    path.write_text(json.dumps(document))
    found = list(FORMATS["coco"].read(path).read_records())
    (bad,) = [one for one in found if isinstance(one, BadFile)]
    assert re.search(reason, bad.reason)
    assert "2.jpg" in [one.file_name for one in found if isinstance(one, ImageRecord)]


def test_a_document_that_was_cut_off_is_an_error(tmp_path):
    path = coco(tmp_path / "a.json", [])
    path.write_text(path.read_text()[:-30])
    with pytest.raises(DataError, match="expected JSON"):
        run("coco", path, "deepfashion2", tmp_path / "b")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "name", ["../1.jpg", "/1.jpg", "..\\1.jpg", "C:1.jpg", "a\n.jpg"]
)
def test_no_file_is_written_elsewhere(tmp_path, name):
    path = coco(tmp_path / "a.json", [], file_name=name)
    bad, _, *_ = run("coco", path, "deepfashion2", tmp_path / "b")
    assert "file name" in bad.reason or "file's name" in bad.reason
    assert [p.name for p in (tmp_path / "b/annos").iterdir()] == ["2.json"]


def test_names_that_would_meet_in_one_file(tmp_path):
    path = coco(tmp_path / "a.json", [], file_name="2.png")
    first, second = run("coco", path, "deepfashion2", tmp_path / "b")
    assert not isinstance(first, BadFile)
    assert "second photo" in second.reason


def test_a_stopped_conversion_leaves_nothing(deepfashion2, tmp_path):
    for target in FORMATS:
        dataset = FORMATS["deepfashion2"].read(deepfashion2)
        made = convert(dataset, FORMATS[target], tmp_path / "out")
        next(made)
        made.close()
        assert [path.name for path in tmp_path.iterdir()] == ["df"]


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("coco", {}),
        ("via", {"box": 2, "landmarks": 2}),
        ("kfashion", {"landmarks": 2, "attributes.source": 2, "attributes.pair_id": 2}),
    ],
)
def test_what_has_no_place_is_named_as_it_is_written(
    deepfashion2, tmp_path, target, named
):
    made = run("deepfashion2", deepfashion2, target, tmp_path / "out")
    assert Counter(name for names in made for name in names) == named
    dataset = FORMATS["deepfashion2"].read(deepfashion2)
    assert count_unsupported(dataset, FORMATS[target]) == named


def test_what_is_there_is_kept(deepfashion2, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine").touch()
    with pytest.raises(FileExistsError, match="exists; choose another name"):
        run("deepfashion2", deepfashion2, "deepfashion2", tmp_path / "b")


def test_differences_are_named(deepfashion2, tmp_path):
    run("deepfashion2", deepfashion2, "coco", tmp_path / "a.json")
    values = read_json(tmp_path / "a.json")
    values["annotations"][0]["keypoints"][0] = 9
    values["images"][0]["source"] = "shop"
    values["images"][1]["file_name"] = "3.jpg"
    (tmp_path / "a.json").write_text(json.dumps(values))
    one, other = (
        FORMATS[name].read(path)
        for name, path in (("deepfashion2", deepfashion2), ("coco", tmp_path / "a.json"))
    )
    found = [(d.file_name, d.part, d.name) for row in compare(one, other) for d in row]
    assert found == [
        ("1.jpg", "image", "attributes.source"),
        ("1.jpg", "instance 1", "landmarks"),
        ("2.jpg", "image", "missing"),
        ("3.jpg", "image", "added"),
    ]
