import json

import pytest
from PIL import Image

from data_tools.annotations import BadFile
from data_tools.files import find_photo
from data_tools.filters import parse_filter
from data_tools.formats.kfashion import category_by_rule, parse_image, read_kfashion


def document(kind="상의", points=None, labels=None, **other):
    """One garment as AI-Hub's files have it; the other kinds are absent."""
    ring = {
        "Y좌표2": 3.5,
        "X좌표10": 9,
        "X좌표1": 1,
        "Y좌표10": 8,
        "X좌표2": 7,
        "Y좌표1": 2,
    }
    garment = {
        "렉트좌표": {"X좌표": 1, "Y좌표": 2, "가로": 8, "세로": 6},
        "폴리곤좌표": ring if points is None else points,
        "라벨링": {"카테고리": "티셔츠", "소매기장": "반팔"}
        if labels is None
        else labels,
    }
    parts = {
        name: {each: [{}] for each in ("아우터", "하의", "원피스", "상의")}
        | {kind: [one]}
        for name, one in garment.items()
    }
    parts["라벨링"]["스타일"] = [{"스타일": "로맨틱"}]
    image = {"이미지 식별자": 3, "이미지 높이": 20, "이미지 너비": 30}
    image |= {"이미지 파일명": "u_1.jpg", **other}
    return {"이미지 정보": image, "데이터셋 정보": {"데이터셋 상세설명": parts}}


def test_points_come_in_the_order_of_their_numbers():
    record = parse_image(document(), "3.jpg")
    assert record.size == (20, 30)
    assert record.attributes == {"스타일": [{"스타일": "로맨틱"}]}
    (tee,) = record.instances
    assert tee.polygons[0].outer == (1, 2, 7, 3.5, 9, 8)
    assert tee.box == (1, 2, 9, 8)
    assert tee.category == "short sleeve top"
    assert tee.attributes == {"카테고리": "티셔츠", "소매기장": "반팔"}


@pytest.mark.parametrize(
    ("kind", "labels", "category"),
    [
        ("상의", {"소매기장": "반팔"}, "short sleeve top"),
        ("상의", {"소매기장": "긴팔"}, "long sleeve top"),
        ("상의", {"소매기장": "캡"}, "상의"),
        ("상의", {}, "상의"),
        ("원피스", {"소매기장": "반팔"}, "short sleeve dress"),
        ("아우터", {"소매기장": "긴팔"}, "long sleeve outwear"),
        ("하의", {"카테고리": "스커트", "기장": "미니"}, "skirt"),
        ("하의", {"카테고리": "팬츠", "기장": "니렝스"}, "shorts"),
        ("하의", {"카테고리": "청바지"}, "trousers"),
        ("하의", {"소매기장": "반팔"}, "하의"),
    ],
)
def test_categories_are_by_rule(kind, labels, category):
    assert category_by_rule(kind, labels) == category


@pytest.mark.parametrize(("sleeve", "taken"), [("short", True), ("long,none", False)])
def test_images_are_chosen_by_sleeve(sleeve, taken):
    wanted = parse_filter([f"sleeve={sleeve}"])
    assert wanted.matches_record(parse_image(document(), "1.jpg")) is taken


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (document(points={"X좌표1": 1}), "as many X좌표 as Y좌표"),
        (document(points={"Z": 1}), "expected X좌표1"),
        (document(points={"X좌표1": "x", "Y좌표1": 2}), "expected numbers"),
        (document(labels=3), "expected objects"),
        ({"이미지 정보": {}}, "expected '데이터셋 정보'"),
        ({**document(), "이미지 정보": {"이미지 높이": "x"}}, "expected a size"),
    ],
)
def test_bad_files(tmp_path, values, reason):
    (tmp_path / "1.json").write_text(json.dumps(values), encoding="utf-8")
    (tmp_path / "2.json").write_text(json.dumps(document()), encoding="utf-8")
    bad, good = read_kfashion(tmp_path).read_records()
    assert isinstance(bad, BadFile)
    assert reason in bad.reason
    assert good.file_name == "2.jpg"


def test_utf_8_with_a_byte_order_mark(tmp_path):
    text = json.dumps(document(), ensure_ascii=False)
    (tmp_path / "1.json").write_text(text, encoding="utf-8-sig")
    (record,) = read_kfashion(tmp_path).read_records()
    assert record.instances[0].category == "short sleeve top"


def test_the_photo_tells_its_size(tmp_path):
    values = {**document(), "이미지 정보": {}}
    (tmp_path / "1.json").write_text(json.dumps(values), encoding="utf-8")
    Image.new("RGB", (30, 20)).save(tmp_path / "1.jpg")
    (record,) = read_kfashion(tmp_path).read_records()
    assert record.size == (20, 30)


def test_the_folder_above_images_and_labels(tmp_path):
    for folder in ("label/a", "image/a"):
        (tmp_path / folder).mkdir(parents=True)
    values = {**document(), "이미지 정보": {}}
    (tmp_path / "label/a/1.json").write_text(json.dumps(values), encoding="utf-8")
    Image.new("RGB", (30, 20)).save(tmp_path / "image/a/1.jpg")
    (record,) = read_kfashion(tmp_path).read_records()
    assert (record.file_name, record.size) == ("a/1.jpg", (20, 30))
    assert find_photo(tmp_path, record.file_name).is_file()


@pytest.mark.parametrize("missing", ["렉트좌표", "폴리곤좌표"])
def test_a_label_without_a_box_or_polygon(tmp_path, missing):
    values = document()
    del values["데이터셋 정보"]["데이터셋 상세설명"][missing]
    (tmp_path / "1.json").write_text(json.dumps(values), encoding="utf-8")
    (record,) = read_kfashion(tmp_path).read_records()
    assert record.instances[0].category == "short sleeve top"
    assert bool(record.instances[0].polygons) == (missing == "렉트좌표")
