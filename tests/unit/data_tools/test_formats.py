"""DeepFashion2, COCO and VIA, each in a tiny file of its exact form."""

import json
import logging

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from data_tools.annotations import BadPhotoError, ImageRecord, Instance
from data_tools.filters import PhotoFilter, parse_filter
from data_tools.folders import read_folder
from data_tools.formats.coco import Categories, parse_annotation
from data_tools.formats.shapes import decode_rle, fill_polygons, landmark_polygon
from data_tools.formats.via import format_region, format_row, parse_region, parse_row
from data_tools.outlines import shape_ring

SIZE = 20, 30  # height, width
SQUARE = [5, 5, 15, 5, 15, 15, 5, 15]  # 10 x 10
FAR = [20, 0, 24, 0, 24, 5, 20, 5]  # 4 x 5


def photo(path, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], "gray").save(path)


def areas(photo):
    return [(garment.label, int(garment.mask.sum())) for garment in photo.garments()]


def item(label=1, polygons=(SQUARE,), **values):
    """One garment as DeepFashion2's files have it."""
    known = {
        "segmentation": [list(ring) for ring in polygons],
        "scale": 2,
        "viewpoint": 2,
        "zoom_in": 1,
        "landmarks": [8.0, 8.0, 2] * 25,
        "style": 1,
        "bounding_box": [5, 5, 15, 15],
        "category_id": label,
        "occlusion": 1,
        "category_name": "?",
    }
    return {**known, **values}


def annotate(folder, name, *items, source="user"):
    photo(folder / "image" / f"{name}.jpg")
    (folder / "annos").mkdir(exist_ok=True)
    values = {"source": source, "pair_id": 1}
    values |= {f"item{i}": made for i, made in enumerate(items, 1)}
    (folder / "annos" / f"{name}.json").write_text(json.dumps(values))


@pytest.fixture
def deepfashion2(tmp_path):
    folder = tmp_path / "deepfashion2"
    annotate(folder / "train", "000001", item(), item(8, (FAR, SQUARE)))
    annotate(folder / "train", "000002", item(viewpoint=3), source="shop")
    annotate(folder / "validation", "000003", item(occlusion=3))
    return folder


def names(photos):
    return [photo.image_path.stem for photo in photos]


def test_deepfashion2_is_read_as_released(deepfashion2):
    first, second = read_folder(deepfashion2, "train")
    assert areas(first) == [(1, 100), (8, 120)]
    tee = first.garments()[0]
    assert tee.landmarks.shape == (25, 3)
    assert tee.attributes == {"scale": 2, "viewpoint": 2, "zoom_in": 1, "occlusion": 1}
    assert (first.labels().source, second.labels().source) == ("user", "shop")
    assert names(read_folder(deepfashion2, "val")) == ["000003"]
    assert names(read_folder(deepfashion2 / "validation", "val")) == ["000003"]


def test_no_annotation_is_opened_before_its_use(deepfashion2):
    (deepfashion2 / "train/annos/000001.json").write_text("no json")
    first, _ = read_folder(deepfashion2, "train")
    with pytest.raises(BadPhotoError, match="000001.jpg"):
        first.garments()


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        ([], ["000001", "000002"]),
        (["viewpoint=2"], ["000001"]),
        (["viewpoint=2,3"], ["000001", "000002"]),
        (["source=shop"], ["000002"]),
        (["category=trousers"], ["000001"]),
        (["category=1,8", "zoom-in=1", "min-area=0.1"], ["000001", "000002"]),
        (["min-area=0.19"], ["000001"]),
    ],
)
def test_photos_are_chosen(deepfashion2, texts, kept):
    photos = read_folder(deepfashion2, "train", photo_filter=parse_filter(texts))
    assert names(photos) == kept


def test_when_nothing_passes(deepfashion2):
    with pytest.raises(FileNotFoundError, match="none of the 2 photos"):
        read_folder(deepfashion2, "train", photo_filter=parse_filter(["occlusion=3"]))


def test_bad_files_are_named_and_counted(deepfashion2, caplog):
    (deepfashion2 / "train/annos/000001.json").write_text("[]")
    with caplog.at_level(logging.WARNING):
        photos = read_folder(
            deepfashion2, "train", photo_filter=parse_filter(["scale=2"])
        )
    assert names(photos) == ["000002"]
    assert "000001.jpg" in caplog.text


@pytest.mark.parametrize(
    "text", ["viewpoint", "colour=1", "min-area=2", "category=0", "sleeve=wide"]
)
def test_filters_that_are_not_understood(text):
    with pytest.raises(ValueError, match=f"'{text}': expected viewpoint=2"):
        parse_filter([text])


def test_what_is_not_labelled_passes(tmp_path):
    coco(tmp_path, [{"category_id": 1, "segmentation": [SQUARE]}])
    assert read_folder(
        tmp_path / "a.json", "train", photo_filter=parse_filter(["scale=3"])
    )


def test_an_open_filter():
    assert PhotoFilter().matches_all
    assert not parse_filter(["min-area=0.1"]).matches_all


def test_the_polygon_through_landmarks(deepfashion2):
    """A top drawn on a grid; the neck's front lies below its back."""
    points = tee_landmarks()
    made = item(landmarks=points.ravel().tolist())
    annotate(deepfashion2 / "train", "000004", made)
    *_, tee = read_folder(deepfashion2, "train", "landmarks")
    (garment,) = tee.garments()
    assert garment.mask[3, 3]  # the left sleeve
    assert garment.mask[15, 14]  # the body
    assert not garment.mask[2, 14]  # above the front of the neck
    assert not garment.mask[15, 3]  # below the sleeve


def tee_landmarks(back_seen=False):
    neck = [(14, 1), (10, 1), (12, 3), (14, 4), (16, 3), (18, 1)]
    left = [(8, 1), (4, 1), (1, 1), (1, 6), (5, 6), (8, 6), (8, 10), (8, 14), (8, 18)]
    right = [(28 - x, y) for x, y in reversed(left)]
    points = np.array([*neck, *left, (14, 18), *right], np.float32)
    seen = np.full((25, 1), 2, np.float32)
    seen[0] = 2 if back_seen else 1
    return np.hstack([points, seen])


def test_the_inner_collar_counts_where_it_is_seen():
    front, back = (
        fill_polygons([landmark_polygon(tee_landmarks(seen), 1)], SIZE)
        for seen in (False, True)
    )
    assert (back & ~front).any()
    assert not (front & ~back).any()
    assert back[2, 14]


def test_landmarks_outside_the_photo_are_left_out():
    points = tee_landmarks()
    points[14:17] = 0
    assert len(landmark_polygon(points, 1)) == 2 * 21
    assert len(landmark_polygon(points[:20], 2)) == 2 * 17


def coco(folder, rows, **values):
    photo(folder / "images" / "1.jpg")
    names = ["Short_Sleeve Top", "trousers", "hat"]
    document = {
        "images": [{"id": 7, "file_name": "1.jpg", "height": 20, "width": 30, **values}],
        "annotations": [{"image_id": 7, "id": i, **row} for i, row in enumerate(rows)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
    }
    (folder / "a.json").write_text(json.dumps(document))
    return folder / "a.json"


def square_rle(compressed):
    mask = np.zeros(SIZE, np.uint8)
    mask[5:15, 5:15] = 1
    if compressed:
        found = coco_mask.encode(np.asfortranarray(mask))
        return {"size": list(SIZE), "counts": found["counts"].decode()}
    column = [10, 10] * 9 + [10]  # 10 of the square, 10 of none
    return {"size": list(SIZE), "counts": [105, *column, 600 - 105 - sum(column)]}


@pytest.mark.parametrize(
    ("segmentation", "area"),
    [
        ([SQUARE], 100),
        ([SQUARE, FAR], 120),
        ([SQUARE, [7, 7, 9, 7, 9, 9, 7, 9]], 100),  # a union, no hole
        (square_rle(True), 100),
        (square_rle(False), 100),
    ],
    ids=["polygon", "two", "inner", "compressed", "plain"],
)
def test_coco_masks(tmp_path, segmentation, area):
    path = coco(tmp_path, [{"category_id": 1, "segmentation": segmentation}])
    (only,) = read_folder(path, "train")
    assert areas(only) == [(1, area)]


@pytest.mark.parametrize(("slots", "kept"), [(25, 25), (294, 25), (17, None)])
def test_coco_keypoints(tmp_path, slots, kept):
    points = [3, 4, 2] * 25 + [0, 0, 0] * (slots - 25)
    row = {"category_id": 1, "segmentation": [SQUARE], "keypoints": points[: 3 * slots]}
    (only,) = read_folder(coco(tmp_path, [row]), "train")
    landmarks = only.garments()[0].landmarks
    assert (None if landmarks is None else len(landmarks)) == kept


def test_coco_attributes_and_sources(tmp_path):
    row = {"category_id": 1, "segmentation": [SQUARE], "scale": 3}
    row["attributes"] = {"viewpoint": 2}
    (only,) = read_folder(coco(tmp_path, [row], source="shop"), "train")
    assert only.source == "shop"
    assert only.garments()[0].attributes == {"scale": 3, "viewpoint": 2}


def test_unknown_categories_are_counted(tmp_path, caplog):
    rows = [{"category_id": i, "segmentation": [SQUARE]} for i in (1, 2, 3, 3)]
    (only,) = read_folder(coco(tmp_path, rows), "train")
    assert areas(only) == [(1, 100), (8, 100)]
    assert "{'hat': 2}" in caplog.text


@pytest.mark.parametrize("name", ["../1.jpg", "/etc/1.jpg"])
def test_a_json_names_no_photos_elsewhere(tmp_path, name):
    path = coco(tmp_path, [], file_name=name)
    with pytest.raises(ValueError, match=r"without \.\. or root"):
        read_folder(path, "train")


@pytest.mark.parametrize("text", ["", "[]", "3", '{"a": 1}', '{"images": [], "x": {}}'])
def test_other_json_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json: expected COCO's or VIA's"):
        read_folder(tmp_path / "a.json", "train")


@pytest.mark.parametrize(
    "rle",
    [
        {"size": [20, 30], "counts": []},
        {"size": [20, 30], "counts": [600, 1]},
        {"size": [20, 30], "counts": [-1, 601]},
        {"size": [30, 20], "counts": [600]},
        {"size": [20, 30], "counts": "P8P8P8P8"},
    ],
)
def test_run_lengths_must_fill_the_photo(rle):
    with pytest.raises(ValueError, match="run lengths|RLE"):
        decode_rle(rle, SIZE)


def test_polygons_far_outside_are_cut():
    huge = [-1e12, -1e12, 1e12, -1e12, 1e12, 1e12, -1e12, 1e12]
    assert fill_polygons([huge], SIZE).all()
    assert not fill_polygons([[1, 2, 3, 4], []], SIZE).any()
    with pytest.raises(ValueError, match="finite"):
        fill_polygons([[0, 0, np.nan, 1, 1, 1]], SIZE)


def region(name, attributes=None, **shape):
    return {
        "shape_attributes": {"name": name, **shape},
        "region_attributes": attributes or {},
    }


def via(folder, regions, project):
    photo(folder / "a.jpg")
    rows = {"a.jpg123": {"filename": "a.jpg", "size": 123, "regions": regions}}
    values = {"_via_settings": {}, "_via_img_metadata": rows} if project else rows
    (folder / "via.json").write_text(json.dumps(values))
    return folder


RECT = {"x": 5, "y": 5, "width": 10, "height": 10}


@pytest.mark.parametrize("project", [True, False])
@pytest.mark.parametrize("listed", [True, False])
def test_via_is_read(tmp_path, project, listed, caplog):
    xs, ys = SQUARE[0::2], SQUARE[1::2]
    regions = [
        region("polygon", all_points_x=xs, all_points_y=ys),
        region("rect", {"Class": "trousers"}, **RECT),
        region("polyline", {"type": {"skirt": True}}, all_points_x=xs, all_points_y=ys),
        region("rect", {"name": "sofa"}, **RECT),
    ]
    made = regions if listed else {str(i): one for i, one in enumerate(regions)}
    (only,) = read_folder(via(tmp_path, made, project), "val")
    assert areas(only) == [(1, 100), (8, 100), (9, 100)]
    assert "{'sofa': 1}" in caplog.text


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ({"name": "circle", "cx": 10, "cy": 10, "r": 5}, (5, 5, 15, 15)),
        ({"name": "ellipse", "cx": 10, "cy": 10, "rx": 8, "ry": 4}, (2, 6, 18, 14)),
        (
            {"name": "ellipse", "cx": 10, "cy": 10, "rx": 8, "ry": 4, "theta": np.pi / 2},
            (6, 2, 14, 18),
        ),
        ({"name": "rect", **RECT}, (5, 5, 15, 15)),
    ],
)
def test_via_shapes(shape, box):
    points = np.array(shape_ring(shape)).reshape(-1, 2)
    found = (*points.min(0), *points.max(0))
    assert found == pytest.approx(box, abs=0.02)


def test_a_via_point_has_no_area(tmp_path):
    (only,) = read_folder(via(tmp_path, [region("point", cx=1, cy=1)], True), "val")
    assert only.garments() == []


def test_bad_images_of_a_json_are_left_out_and_named(tmp_path, caplog):
    rows = [{"category_id": 1, "segmentation": [[1, 2, 3]]}]
    path = coco(tmp_path, rows)
    values = json.loads(path.read_text())
    values["images"].append({"id": 8, "file_name": "2.jpg", "height": 20, "width": 30})
    path.write_text(json.dumps(values))
    assert names(read_folder(path, "train")) == ["2"]
    assert "1.jpg: expected a polygon of a multiple of 2 numbers, got 3" in caplog.text


def test_via_gets_no_attribute_that_is_null():
    made = Instance("vest", attributes={"note": None, "scale": 2}, box=(1, 2, 3, 4))
    region = format_region(made)
    assert region["region_attributes"]["scale"] == 2
    assert "note" not in region["region_attributes"]
    assert parse_region(region).attributes == made.attributes
    record = ImageRecord("a.jpg", None, (), {"note": None})
    key, row = format_row(record)
    assert set(row["file_attributes"]) == {"tryon"}
    assert parse_row(key, row).attributes == {"note": None}


def test_cocos_own_keys_have_no_order():
    categories = Categories({3: "tee"}, {"tee": 3})
    row = {"id": 1, "image_id": 1, "category_id": 3, "segmentation": []}
    one, other = (
        parse_annotation(row | keys, categories, SIZE)
        for keys in ({"x11": None, "x1": []}, {"x1": [], "x11": None})
    )
    assert one == other
