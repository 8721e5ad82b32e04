"""YOLO's folders as Roboflow, Ultralytics, CVAT and Label Studio write them."""

import pytest
import yaml
from conversions import HEIGHT, TEE, WIDTH, coco, forth_and_back, records
from PIL import Image

from data_tools.annotations import BadFile, DataError
from data_tools.convert import FORMATS, convert, count_unsupported

LINE = "0 0.1 0.125 0.6 0.125 0.6 0.625 0.1 0.625\n"
ROBOFLOW = f"""train: ../train/images
val: ../valid/images
test: ../test/images

nc: 1
names: ['{TEE}']

roboflow:
  workspace: tees
  version: 3
  license: CC BY 4.0
"""
CVAT = f"names:\n  0: {TEE}\npath: .\ntrain: train.txt\nvalid: valid.txt\n"


def layout(folder, card, labels, name="data.yaml", line=LINE):
    """Write label files with their photos, and the list of classes."""
    for label in labels:
        path = folder / label
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line)
        photo = folder / label.replace("labels", "images").replace(".txt", ".jpg")
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(photo)
    (folder / name).write_text(card)
    return folder


ROWS = {
    "roboflow": (
        ROBOFLOW,
        ["train/labels/a.txt", "valid/labels/b.txt", "test/labels/c.txt"],
        {"train/images/a.jpg": "train", "valid/images/b.jpg": "val"}
        | {"test/images/c.jpg": "test"},
    ),
    "ultralytics": (
        f"path: ../datasets/tees\ntrain: images/one\nval: images/val\nnames: [{TEE}]\n",
        ["labels/one/a.txt", "labels/val/b.txt"],
        {"one/a.jpg": "train", "val/b.jpg": "val"},
    ),
    "cvat": (
        CVAT,
        ["labels/train/a.txt", "labels/valid/b.txt"],
        {"train/a.jpg": "train", "valid/b.jpg": "val"},
    ),
    "path": (
        f"path: tees\ntrain: [images/x, images/y]\nval: images/z\nnames: [{TEE}]\n",
        ["tees/labels/x/a.txt", "tees/labels/y/b.txt", "tees/labels/z/c.txt"],
        {"tees/images/x/a.jpg": "train", "tees/images/y/b.jpg": "train"}
        | {"tees/images/z/c.jpg": "val"},
    ),
    "one part": (
        f"path: .\ntrain: images\nval: images\nnames: [{TEE}]\n",
        ["labels/a.txt"],
        {"a.jpg": None},
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_layouts(tmp_path, row):
    card, labels, expected = row
    folder = layout(tmp_path / "x", card, labels)
    found = records("yolo", folder)
    assert {one.file_name: one.attributes.get("split") for one in found} == expected
    assert {one.size for one in found} == {(HEIGHT, WIDTH)}
    assert all(len(one.instances[0].polygons[0].outer) == 8 for one in found)
    for back in forth_and_back("yolo", folder, tmp_path / "out").values():
        assert sorted(p.relative_to(back).as_posix() for p in back.rglob("*.txt")) == (
            sorted(labels)
        )
        for label in labels:
            numbers = [
                list(map(float, t.split())) for t in (LINE, (back / label).read_text())
            ]
            assert numbers[0] == pytest.approx(numbers[1])
        again = FORMATS["yolo"].read(back)
        assert {r.file_name: r.attributes.get("split") for r in again.read_records()} == (
            expected
        )


def test_parts_are_written_to_the_card(tmp_path):
    folder = layout(tmp_path / "x", ROBOFLOW, ROWS["roboflow"][1])
    list(convert(FORMATS["yolo"].read(folder), FORMATS["yolo"], tmp_path / "y"))
    assert yaml.safe_load((tmp_path / "y/data.yaml").read_text()) == {
        "path": ".", "train": "train/images", "val": "valid/images",
        "test": "test/images", "names": {0: TEE}, "nc": 1,
        "roboflow": {"workspace": "tees", "version": 3, "license": "CC BY 4.0"},
    }  # fmt: skip


def test_a_part_alone(tmp_path):
    folder = layout(tmp_path / "x", ROBOFLOW, ROWS["roboflow"][1])
    (record,) = records("yolo", folder / "valid")
    assert (record.file_name, record.attributes) == ("b.jpg", {"split": "val"})
    assert record.instances[0].category == TEE


def test_a_part_alone_of_our_own(tmp_path):
    path = coco(
        tmp_path / "a.json",
        {"note": "x"},
        {"file_name": "train/images/a.jpg", "split": "train"},
    )
    list(convert(FORMATS["coco"].read(path), FORMATS["yolo"], tmp_path / "y"))
    (record,) = records("yolo", tmp_path / "y/train")
    assert record.instances[0].attributes == {"note": "x"}


def test_classes_of_label_studio(tmp_path):
    folder = layout(tmp_path, f"{TEE}\r\nskirt\r\n", ["labels/a.txt"], "classes.txt")
    assert FORMATS["yolo"].read(folder).categories == {TEE: 0, "skirt": 1}
    (record,) = records("yolo", folder)
    assert record.instances[0].category == TEE


def test_photos_keep_their_ending(tmp_path):
    folder = layout(tmp_path, f"names: [{TEE}]", ["labels/a.txt"])
    (folder / "images/a.jpg").rename(folder / "images/a.JPG")
    assert records("yolo", folder)[0].file_name == "a.JPG"


def test_no_label_files(tmp_path):
    (tmp_path / "data.yaml").write_text(f"path: /data\nnames: [{TEE}]")
    with pytest.raises(DataError, match="expected labels, or labels in train"):
        FORMATS["yolo"].read(tmp_path)


POSE = "0 0.5 0.5 0.5 0.25 0.25 0.5 2 0.75 0.5 1 0 0 0\n"


@pytest.mark.parametrize(
    ("shape", "line", "landmarks"),
    [
        ("[3, 3]", POSE, (25, 40, 2, 75, 40, 1, 0, 0, 0)),
        ("[2, 2]", "0 .5 .5 .5 .25 .25 .5 0 0", (25, 40, 2, 0, 0, 0)),
        ("[3, 3]", "0 .5 .5 .5 .25", None),
    ],
)
def test_keypoints_are_landmarks(tmp_path, shape, line, landmarks):
    card = f"kpt_shape: {shape}\nflip_idx: [1, 0, 2]\nnames: [{TEE}]"
    folder = layout(tmp_path / "x", card, ["labels/a.txt"], line=line)
    (record,) = records("yolo", folder)
    (one,) = record.instances
    assert one.box == (25, 30, 75, 50)
    assert (one.landmarks, one.polygons) == (landmarks, ())
    for back in forth_and_back("yolo", folder, tmp_path / "out").values():
        values = yaml.safe_load((back / "data.yaml").read_text())
        assert values["kpt_shape"] == yaml.safe_load(shape)
        assert values["flip_idx"] == [1, 0, 2]
        written = [float(word) for word in (back / "labels/a.txt").read_text().split()]
        assert written == [float(word) for word in line.split()]


@pytest.mark.parametrize(
    ("card", "line", "reason"),
    [
        ("", POSE, "data.yaml must have their kpt_shape"),
        ("", "0 .5 .5 .5 .25 .25 .5 2", "data.yaml must have their kpt_shape"),
        ("kpt_shape: [2, 3]\n", POSE, "expected a class, a box and 2 keypoints of 3"),
        ("kpt_shape: [2, 3]\n", LINE, "expected a class, a box and 2 keypoints of 3"),
    ],
)
def test_keypoints_are_never_polygons(tmp_path, card, line, reason):
    folder = layout(tmp_path, f"{card}names: [{TEE}]", ["labels/a.txt"], line=line)
    (bad,) = records("yolo", folder)
    assert isinstance(bad, BadFile)
    assert reason in bad.reason


@pytest.mark.parametrize(
    "shape", ["3", "[0, 3]", "[2, 4]", "[2]", "[2, x]", "[99999, 3]"]
)
def test_bad_shapes_of_keypoints(tmp_path, shape):
    layout(tmp_path, f"kpt_shape: {shape}\nnames: [{TEE}]", ["labels/a.txt"])
    with pytest.raises(DataError, match=r"data\.yaml: expected names"):
        FORMATS["yolo"].read(tmp_path)


def test_oriented_boxes_are_outlines(tmp_path):
    line = "0 0.5 0.1 0.9 0.5 0.5 0.9 0.1 0.5"
    folder = layout(tmp_path, f"names: [{TEE}]", ["labels/a.txt"], line=line)
    (record,) = records("yolo", folder)
    assert record.instances[0].polygons[0].outer == (50, 8, 90, 40, 50, 72, 10, 40)


def test_outlines_beyond_the_photo_are_clipped_in_the_line(tmp_path):
    ring = [-5, -3, 120, -3, 120, 90, -5, 90]
    path = coco(tmp_path / "a.json", {"segmentation": [ring], "bbox": [-5, -3, 125, 93]})
    dataset = FORMATS["coco"].read(path)
    clipped = "outline beyond the photo, clipped to it"
    assert count_unsupported(dataset, FORMATS["yolo"])[clipped] == 1
    (told,) = convert(dataset, FORMATS["yolo"], tmp_path / "y")
    assert clipped in told
    (_, *shares) = map(float, (tmp_path / "y/labels/a.txt").read_text().split())
    assert set(shares) == {0, 1}
    assert len(shares) == 8
    forth_and_back("coco", path, tmp_path / "out")


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([-20, 10, 140, 20], [0.5, 0.25, 1, 0.25]),
        ([10, 10, 50, 40], [0.35, 0.375, 0.5, 0.5]),
        ([200, 10, 50, 40], []),
    ],
)
def test_boxes_beyond_the_photo(tmp_path, box, expected):
    path = coco(tmp_path / "a.json", {"segmentation": [], "bbox": box})
    list(convert(FORMATS["coco"].read(path), FORMATS["yolo"], tmp_path / "y"))
    words = (tmp_path / "y/labels/a.txt").read_text().split()
    assert [float(word) for word in words[1:]] == pytest.approx(expected)
    forth_and_back("coco", path, tmp_path / "out")
