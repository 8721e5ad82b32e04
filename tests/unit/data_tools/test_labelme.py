import pytest

from data_tools.annotations import DataError
from data_tools.formats.labelme import format_image, parse_image
from data_tools.garments import garments_of


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
