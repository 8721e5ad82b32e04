"""Documents of every format, drawn by hypothesis and written by hand."""

import base64
import io
import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from data_tools.annotations import CATEGORIES, LANDMARK_COUNTS

HEIGHT, WIDTH = 20, 30
NAMES = ("000001", "000002", "000003")
number = st.one_of(
    st.integers(-3, 40), st.floats(-3, 40, allow_subnormal=False).map(lambda x: x + 0.0)
)
word = st.text("abcäöü 티셔츠_-1", min_size=1, max_size=8)
scalar = st.one_of(word, st.integers(-5, 5), st.floats(0, 9), st.booleans())
value = st.recursive(
    scalar | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(word, inner, max_size=2),
    max_leaves=3,
)
attributes = st.dictionaries(word.map(lambda text: f"x{text}"), value, max_size=2)


def rings(least=6, most=16):
    return st.lists(number, min_size=least, max_size=most).map(
        lambda values: values[: len(values) // 2 * 2]
    )


@dataclass(frozen=True)
class Documents:
    """How documents of a format are drawn, written and read, without its own code."""

    documents: Any
    write: Any
    read: Any


# --- DeepFashion2


@st.composite
def deepfashion2_item(draw):
    label = draw(st.integers(1, 13))
    points = st.tuples(number, number, st.integers(0, 2))
    landmarks = [draw(points) for _ in range(LANDMARK_COUNTS[label - 1])]
    item = {
        "category_id": label,
        "category_name": draw(st.sampled_from([CATEGORIES[label - 1], "Tee", "긴팔"])),
        "segmentation": draw(st.lists(rings(), min_size=1, max_size=3)),
        "bounding_box": draw(st.lists(number, min_size=4, max_size=4)),
        "landmarks": [v for point in landmarks for v in point],
    }
    known = st.integers(1, 3)
    item |= {name: draw(known) for name in ("scale", "occlusion", "zoom_in", "viewpoint")}
    return item | {"style": draw(st.integers(0, 9))} | draw(attributes)


@st.composite
def deepfashion2_documents(draw):
    document = {}
    for name in NAMES[: draw(st.integers(1, 3))]:
        values = {"source": draw(st.sampled_from(["user", "shop"])), "pair_id": 7}
        values |= draw(attributes)
        start = draw(st.sampled_from([1, 1, 3]))
        count = draw(st.integers(0, 11 if start == 1 else 2))
        one = draw(deepfashion2_item())
        values |= {f"item{start + i}": one for i in range(count)}
        document[name] = values
    return document


def write_deepfashion2(document, folder):
    (folder / "annos").mkdir(parents=True)
    write_photos(folder / "image", document)
    for name, values in document.items():
        (folder / "annos" / f"{name}.json").write_text(json.dumps(values))


def read_deepfashion2(folder):
    files = sorted((folder / "annos").glob("*.json"))
    return {path.stem: json.loads(path.read_text()) for path in files}


def write_photos(folder, names):
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / f"{name}.jpg")


# --- COCO


def run_lengths():
    cuts = st.lists(st.integers(0, HEIGHT * WIDTH), min_size=1, max_size=6).map(sorted)
    ends = cuts.map(lambda found: [0, *found, HEIGHT * WIDTH])
    counts = ends.map(lambda e: [b - a for a, b in zip(e, e[1:], strict=False)])
    return counts.map(lambda found: {"size": [HEIGHT, WIDTH], "counts": found})


def compressed(rle):
    from pycocotools import mask

    found = mask.frPyObjects(rle, HEIGHT, WIDTH)
    return {"size": [HEIGHT, WIDTH], "counts": found["counts"].decode()}


@st.composite
def coco_annotation(draw, number_of, image_id, categories):
    category = draw(st.sampled_from(categories))
    row = {
        "id": number_of,
        "image_id": image_id,
        "category_id": category["id"],
        "segmentation": draw(
            st.lists(rings(), max_size=3) | run_lengths() | run_lengths().map(compressed)
        ),
        "area": draw(st.integers(0, 99) | st.floats(0, 99)),
        "bbox": draw(st.lists(number, min_size=4, max_size=4)),
        "iscrowd": draw(st.integers(0, 1)),
    }
    slots = draw(st.sampled_from([None, 2, 25, 294]))
    if slots is not None:
        points = [0, 0, 0] * slots
        points[: 3 * min(slots, 25)] = draw(
            st.sampled_from([[1, 2, 2], [0, 0, 0], [1.5, 2, 1]])
        ) * min(slots, 25)
        row["keypoints"] = points
        row["num_keypoints"] = draw(st.sampled_from([0, min(slots, 25)]))
    if inner := draw(attributes):
        row["attributes"] = inner
    return row | draw(attributes)


@st.composite
def coco_documents(draw):
    categories = [
        {"id": 3, "name": "short sleeve top", "supercategory": "x"},
        {"id": 1, "name": "Hat"},
        {"id": 9, "name": "Hat"},
    ]
    images, rows = [], []
    for i, name in enumerate(NAMES[: draw(st.integers(1, 3))]):
        image = {"id": 10 - i, "file_name": f"{name}.jpg", "height": HEIGHT}
        images.append(image | {"width": WIDTH} | draw(attributes))
        for _ in range(draw(st.integers(0, 2))):
            rows.append(draw(coco_annotation(len(rows) * 2 + 5, 10 - i, categories)))
    info = {"info": draw(attributes), "licenses": []}
    return info | {"images": images, "annotations": rows, "categories": categories}


def write_json(document, path):
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def read_coco(path):
    """Read it back; settings of another format that travel along are no part of it."""
    document = json.loads(path.read_text(encoding="utf-8"))
    document.pop("tryon", None)
    for part in ("images", "annotations", "categories"):
        document[part] = {row["id"]: row for row in document[part]}
    return document


# --- VIA


# VIA's own page cannot open what is null, so none of its files holds any.
via_values = attributes.map(lambda d: {k: v for k, v in d.items() if v is not None})


@st.composite
def via_region(draw):
    ring = draw(rings())
    points = {"all_points_x": ring[0::2], "all_points_y": ring[1::2]}
    a, b, c, d = (draw(number) for _ in range(4))
    shape = draw(
        st.sampled_from(
            [
                {"name": "polygon", **points},
                {"name": "polyline", **points},
                {"name": "rect", "x": a, "y": b, "width": c, "height": d},
                {"name": "circle", "cx": a, "cy": b, "r": c},
                {"name": "ellipse", "cx": a, "cy": b, "rx": c, "ry": d, "theta": 0.5},
                {"name": "point", "cx": a, "cy": b},
            ]
        )
    )
    named = draw(
        st.sampled_from(
            [{}, {"category": "hat"}, {"Class": "Short_Sleeve Top"}, {"type": 3}]
            + [{"name": {"skirt": True, "hat": False}}, {"category": ""}]
        )
    )
    return {"shape_attributes": shape, "region_attributes": named | draw(via_values)}


@st.composite
def via_documents(draw):
    rows = {}
    for name in NAMES[: draw(st.integers(1, 3))]:
        regions = draw(st.lists(via_region(), max_size=3))
        if draw(st.booleans()):  # as VIA 1 has them
            regions = {str(i): region for i, region in enumerate(regions)}
        size = draw(st.sampled_from([-1, 1234]))
        row = {"filename": f"{name}.jpg", "size": size, "regions": regions}
        row["file_attributes"] = draw(via_values)
        if draw(st.booleans()):
            row |= {"fileref": "", "base64_img_data": ""}
        rows[f"{name}.jpg{size}"] = row
    if draw(st.booleans()):
        return rows
    return {
        "_via_settings": {"core": {"default_filepath": ""}, "ui": draw(attributes)},
        "_via_img_metadata": rows,
        "_via_attributes": {"region": {}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(rows)[:: draw(st.sampled_from([1, -1]))],
    }


def write_via(document, path):
    write_json(document, path)
    write_photos(path.parent, NAMES)


def read_via(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    document.get("_via_settings", {}).pop("tryon", None)
    return document


# --- LabelMe


@st.composite
def labelme_shape(draw):
    ring = draw(rings())
    points = [list(pair) for pair in zip(ring[0::2], ring[1::2], strict=True)]
    kinds = ("polygon", "linestrip", "rectangle", "circle", "point", "points", "line")
    kind = draw(st.sampled_from(kinds))
    counts = {"rectangle": 2, "circle": 2, "point": 1, "line": 2}
    shape = {"label": draw(word), "points": points[: counts.get(kind)]}
    shape |= {"shape_type": kind, "flags": {}, "group_id": None}
    if draw(st.booleans()):
        shape |= {"group_id": 2, "description": "x", "mask": None}
    if draw(st.booleans()):
        shape |= draw(labelme_mask())
    return shape | draw(attributes)


@st.composite
def labelme_mask(draw):
    """A PNG of 0 and 1 in base64, with the first and the last pixel of its box."""
    from PIL import Image

    left, top = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    right, bottom = draw(st.integers(left, WIDTH - 1)), draw(st.integers(top, HEIGHT - 1))
    picture = Image.new(
        "L", (right + 1 - left, bottom + 1 - top), draw(st.integers(0, 1))
    )
    picture.putpixel((0, 0), 1)
    file = io.BytesIO()
    picture.save(file, "PNG")
    text = base64.b64encode(file.getvalue()).decode()
    box = [[left, top], [right, bottom]]
    return {"shape_type": "mask", "points": box, "mask": text}


@st.composite
def labelme_documents(draw):
    document = {}
    for name in NAMES[: draw(st.integers(1, 3))]:
        values = {"version": draw(st.sampled_from(["5.5.0", "4.0.0"])), "flags": {}}
        values |= {"imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH}
        values["imagePath"] = draw(st.sampled_from(["", "..\\"])) + f"{name}.jpg"
        values["shapes"] = draw(st.lists(labelme_shape(), max_size=3))
        document[name] = values | draw(attributes)
    return document


def write_folder(document, folder):
    folder.mkdir()
    for name, values in document.items():
        write_json(values, folder / f"{name}.json")


def read_folder(folder):
    found = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    found.pop("tryon", None)
    return found


# --- K-Fashion


@st.composite
def kfashion_garment(draw):
    ring = draw(rings())
    numbers = range(1, len(ring) // 2 + 1)
    xs = {f"X좌표{i}": x for i, x in zip(numbers, ring[0::2], strict=True)}
    ys = {f"Y좌표{i}": y for i, y in zip(numbers, ring[1::2], strict=True)}
    order = draw(st.permutations(list((xs | ys).items())))
    box = dict(zip(("X좌표", "Y좌표", "가로", "세로"), ring[:4], strict=True))
    labels = {"카테고리": draw(st.sampled_from(["티셔츠", "스커트", "팬츠"]))}
    labels["소매기장"] = draw(st.sampled_from(["반팔", "긴팔", "민소매", "캡"]))
    labels |= {"소재": ["우븐", "레이스"], "프린트": ["도트"]} | draw(attributes)
    return box, dict(order), labels


@st.composite
def kfashion_documents(draw):
    document = {}
    for i, name in enumerate(NAMES[: draw(st.integers(1, 3))]):
        parts = {"렉트좌표": {}, "폴리곤좌표": {}, "라벨링": {}}
        for kind in ("아우터", "하의", "원피스", "상의"):
            found = draw(st.lists(kfashion_garment(), max_size=2)) or [({}, {}, {})]
            for rows, values in zip(
                parts.values(), zip(*found, strict=True), strict=True
            ):
                rows[kind] = list(values)
        parts["라벨링"]["스타일"] = draw(st.sampled_from([[{}], [{"스타일": "로맨틱"}]]))
        image = {"이미지 식별자": i, "이미지 높이": HEIGHT, "이미지 너비": WIDTH}
        image["이미지 파일명"] = draw(st.sampled_from([f"{name}.jpg", "u_15.jpg"]))
        dataset = {"파일 생성일자": "2020-09-14", "데이터셋 상세설명": parts}
        document[name] = {"이미지 정보": image, "데이터셋 정보": dataset}
    return document


# --- YOLO


@st.composite
def yolo_documents(draw):
    share = st.integers(0, 1000).map(lambda value: value / 1000)
    line = st.tuples(st.integers(0, 2), st.lists(share, min_size=4, max_size=12))
    lines = st.lists(line, max_size=3)
    return {name: draw(lines) for name in NAMES[: draw(st.integers(1, 3))]}


def write_yolo(document, folder):
    (folder / "labels").mkdir(parents=True)
    write_photos(folder / "images", document)
    (folder / "data.yaml").write_text("names: {0: hat, 1: 'short sleeve top', 2: 셔츠}")
    for name, lines in document.items():
        rows = [[c, *shares[: len(shares) // 2 * 2]] for c, shares in lines]
        text = "\n".join(" ".join(map(str, row)) for row in rows)
        (folder / "labels" / f"{name}.txt").write_text(text)


def read_yolo(folder):
    import yaml

    document = yaml.safe_load((folder / "data.yaml").read_text())["names"]
    for path in (folder / "labels").glob("*.txt"):
        lines = path.read_text().splitlines()
        document[path.stem] = [
            [round(float(word), 6) + 0.0 for word in line.split()] for line in lines
        ]
    return {str(name): value for name, value in document.items()}


# --- label maps


@st.composite
def map_documents(draw):
    pixel = st.sampled_from([0, 0, 1, 2, 4])
    rows = st.lists(st.lists(pixel, min_size=5, max_size=5), min_size=4, max_size=4)
    return {name: draw(rows) for name in NAMES[: draw(st.integers(1, 3))]}


def write_maps(document, folder):
    import numpy as np
    from PIL import Image

    folder.mkdir()
    write_json(["null", "skin", "티셔츠", "hat", "shirt"], folder / "labels.json")
    for name, rows in document.items():
        Image.fromarray(np.array(rows, np.uint8)).save(folder / f"{name}.png")


def read_maps(folder):
    import numpy as np
    from PIL import Image

    document = {"names": json.loads((folder / "labels.json").read_text())}
    for path in folder.glob("*.png"):
        document[path.stem] = np.asarray(Image.open(path)).tolist()
    return document


DOCUMENTS = {
    "deepfashion2": Documents(
        deepfashion2_documents, write_deepfashion2, read_deepfashion2
    ),
    "coco": Documents(coco_documents, write_json, read_coco),
    "via": Documents(via_documents, write_via, read_via),
    "labelme": Documents(labelme_documents, write_folder, read_folder),
    "kfashion": Documents(kfashion_documents, write_folder, read_folder),
    "yolo": Documents(yolo_documents, write_yolo, read_yolo),
    "label-maps": Documents(map_documents, write_maps, read_maps),
}
