import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import BadFile, DataError, Polygon
from data_tools.convert import FORMATS, convert
from data_tools.formats.labelme import format_image, parse_image
from data_tools.garments import garments_of
from data_tools.outlines import encode_mask


def document(**shape):
    known = {"label": "trousers", "points": [[1, 1], [9, 7]], "shape_type": "rectangle"}
    known |= {"group_id": None, "description": "", "flags": {}, "mask": None, **shape}
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": [known],
        "imagePath": "..\\a.jpg",
        "imageData": None,
        "imageHeight": 12,
        "imageWidth": 14,
        "mine": [1, {"x": None}],
    }


@pytest.mark.parametrize(
    ("kind", "points", "area"),
    [
        ("polygon", [[1, 1], [9, 1], [9, 7], [1, 7]], 48),
        ("rectangle", [[9, 7], [1, 1]], 48),
        ("circle", [[6, 6], [6, 10]], 50),
        ("point", [[3, 3]], 0),
        ("points", [[3, 3], [4, 4]], 0),
    ],
)
def test_shapes(kind, points, area):
    values = document(shape_type=kind, points=points)
    record = parse_image(values, "sub/1.jpg")
    assert record.file_name == "sub/a.jpg"
    assert record.attributes == {"mine": [1, {"x": None}]}
    (garment,) = garments_of(record, record.size)
    assert garment.label == 8
    assert garment.mask.sum() == pytest.approx(area, abs=4)
    assert format_image(record) == values


RING = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 1]], np.uint8)


def as_text(pixels, **options):
    """Encode pixels as LabelMe does: a PNG of 0 and 1."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return base64.b64encode(file.getvalue()).decode()


def masked(text=None, points=((2, 3), (5, 5)), **values):
    mask = as_text(RING) if text is None else text
    shape = {"shape_type": "mask", "points": [list(p) for p in points], "mask": mask}
    return document(**shape) | values


def test_masks_lie_in_their_box():
    values = masked()
    record = parse_image(values, "1.jpg")
    (garment,) = garments_of(record, record.size)
    truth = np.zeros((12, 14), bool)
    truth[3:6, 2:6] = RING
    np.testing.assert_array_equal(garment.mask, truth)
    assert record.instances[0].attributes == {}
    assert format_image(record) == values


@pytest.mark.parametrize("target", [name for name in FORMATS if name != "labelme"])
@pytest.mark.parametrize(
    "text",
    [as_text(RING), as_text(RING * 255, compress_level=0), as_text(RING > 0)],
    ids=["as LabelMe's", "not packed", "of bits"],
)
def test_masks_come_back_as_they_were(tmp_path, target, text):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.json").write_text(json.dumps(masked(text) | {"imagePath": "1.jpg"}))
    Image.new("RGB", (14, 12)).save(tmp_path / "a/1.jpg")
    route = ("labelme", "a"), (target, "b"), ("labelme", "c")
    for (source, src), (kind, dst) in zip(route, route[1:], strict=False):
        dataset = FORMATS[source].read(tmp_path / src)
        (told,) = convert(dataset, FORMATS[kind], tmp_path / dst)
        assert not isinstance(told, BadFile)
    first, last = (json.loads((tmp_path / name / "1.json").read_text()) for name in "ac")
    assert first == last


def test_a_mask_whose_outline_was_edited_is_a_polygon():
    record = parse_image(masked(), "1.jpg")
    (one,) = record.instances
    for outline in (
        {"rle": encode_mask(np.eye(12, 14, dtype=bool))},
        {"polygons": (Polygon((1, 1, 9, 1, 9, 9)),)},
    ):
        edited = replace(record, instances=(replace(one, **outline),))
        (shape,) = format_image(edited)["shapes"]
        assert (shape["shape_type"], shape["mask"]) == ("polygon", None)
        assert parse_image(format_image(edited), "1.jpg") == edited


@pytest.mark.parametrize(
    "values",
    [
        masked("no base64!"),
        masked(base64.b64encode(b"no PNG").decode()),
        masked(points=((2, 3), (5, 6))),
        masked(points=((-1, 3), (2, 5))),
        masked(points=((11, 3), (14, 5))),
        masked(points=((2, 3),)),
        masked(as_text(np.dstack([RING] * 3))),
        masked(3),
        masked(imageHeight=None, imageWidth=None),
        masked(imageHeight=60_000, imageWidth=60_000),
    ],
    ids=["text", "png", "box", "left", "right", "points", "colours", "number", "no size",
         "huge"],
)  # fmt: skip
def test_bad_masks(values):
    with pytest.raises((DataError, OSError, ValueError)):
        parse_image(values, "1.jpg")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"shapes": [3]},
        document(points=3),
        document(points=[[1]]),
        document(points=[["a", 1]]),
        document(label=3),
    ],
)
def test_bad_files(values):
    with pytest.raises(DataError, match="expected"):
        parse_image(values, "1.jpg")
