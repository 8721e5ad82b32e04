import pytest

from data_tools.annotations import BadFile, Dataset, ImageRecord, Instance, Polygon
from data_tools.inspect import summarise

SQUARE = Polygon((0, 0, 40, 0, 40, 40, 0, 40))
TEE = "short sleeve top"


def summary(*records):
    (*_, last) = summarise(Dataset(lambda: iter(records)))
    return last.as_json()


def image(*instances, name="a.jpg", size=(50, 60), **attributes):
    return ImageRecord(name, size, instances, attributes)


def test_counts():
    tee = Instance(TEE, (SQUARE,), landmarks=(1, 1, 2, 0, 0, 0), attributes={"scale": 2})
    small = Instance("skirt", (Polygon((0, 0, 9, 0, 9, 9)),))
    found = summary(image(tee, small, source="shop"), image(tee, name="b.jpg"))
    assert found == {
        "images": 2,
        "instances": 3,
        "categories": {TEE: 2, "skirt": 1},
        "attributes": {"scale": {"2": 2}},
        "sources": {"shop": 1},
        "sizes": {"60x50": 2},
        "instance sizes": {"medium": 2, "small": 1},
        "landmarks": {1: 2},
        "problems": {},
        "examples": {},
    }


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (BadFile("a.json", "no JSON"), "bad file: no JSON"),
        (image(), "nothing is marked"),
        (image(Instance(TEE, (SQUARE,)), size=None), "size not known: no photo there"),
        (image(Instance("hat", (SQUARE,))), "category unknown to DeepFashion2: hat"),
        (image(Instance(TEE)), "no outline"),
        (
            image(Instance(TEE, (SQUARE, Polygon((1, 1, 2, 2))))),
            "polygon of fewer than three points",
        ),
        (image(Instance(TEE, (Polygon((0, 0, 9, 0, 5, 0)),))), "outline without area"),
        (image(Instance(TEE, (SQUARE,)), size=(30, 60)), "outline outside the image"),
        (
            image(Instance(TEE, (SQUARE,), landmarks=(90, 1, 1))),
            "landmark outside the image",
        ),
        (image(Instance(TEE, rle={"size": 3})), "bad outline: expected run lengths"),
    ],
)
def test_problems_are_named_with_an_example(record, problem):
    found = summary(record)
    (name,) = found["problems"]
    assert name.startswith(problem)
    assert found["examples"] == {name: "a.json" if "bad file" in name else "a.jpg"}


def test_an_image_annotated_twice():
    tee = Instance(TEE, (SQUARE,))
    found = summary(image(tee), image(tee))
    assert found["problems"] == {"a second annotation of the same image": 1}


def test_nothing_at_all():
    assert summary()["images"] == 0
