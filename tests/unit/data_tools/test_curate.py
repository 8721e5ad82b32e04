import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import BadFile, Dataset, ImageRecord, Instance, Polygon
from data_tools.curate import (
    CurationRules,
    Decision,
    HashIndex,
    curate,
    difference_hash,
    format_decisions,
    read_decisions,
    rejection_reasons,
)

SQUARE = (Polygon((10, 10, 90, 10, 90, 90, 10, 90)),)


def image(*instances, name="a.png"):
    return ImageRecord(name, (100, 100), instances)


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        (Instance("x", SQUARE), ()),
        (Instance("x", SQUARE, attributes={"viewpoint": 2, "occlusion": 1}), ()),
        (Instance("x", SQUARE, attributes={"viewpoint": 1}), ()),
        (Instance("x", SQUARE, attributes={"viewpoint": 3}), ("not frontal",)),
        (Instance("x", SQUARE, attributes={"occlusion": 3}), ("heavily occluded",)),
        (Instance("x", (Polygon((1, 1, 9, 1, 9, 9)),)), ("too small",)),
        (Instance("x", (Polygon((0, 1, 90, 1, 90, 90)),)), ("cut off by the edge",)),
        (Instance("x"), ("no outline",)),
        (Instance("x", rle={"size": 3}), ("no outline",)),
    ],
)
def test_faults(instance, expected):
    assert rejection_reasons(image(instance), CurationRules()) == expected
    worse = Instance("y", attributes={"viewpoint": 3})
    assert rejection_reasons(image(worse, instance), CurationRules()) == expected


def test_rules_can_be_off():
    odd = Instance("x", (Polygon((0, 0, 9, 9, 0, 9)),), attributes={"viewpoint": 3})
    assert (
        rejection_reasons(image(odd), CurationRules(0, frontal=False, clear=False)) == ()
    )
    assert rejection_reasons(image(), CurationRules()) == ("no garment",)


def noise(seed, size=(64, 64)):
    low = np.random.default_rng(seed).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(low).resize(size, Image.Resampling.BICUBIC))


def test_copies_of_another_size_and_quality_are_found(tmp_path):
    for name, seed, size in (
        ("a", 0, (64, 64)),
        ("b", 0, (200, 190)),
        ("c", 1, (64, 64)),
    ):
        Image.fromarray(noise(seed, size)).save(tmp_path / f"{name}.jpg", quality=60)
    records = [image(Instance("x", SQUARE), name=f"{name}.jpg") for name in "abcd"]
    data = Dataset(lambda: iter([*records, BadFile("e.json", "no JSON")]))
    found = list(curate(data, tmp_path, CurationRules(), {}))
    assert [one.keep for one in found] == [True, False, True, False, False]
    assert found[1].reasons == ("like a.jpg",)
    assert found[3].reasons == (f"no photo at {tmp_path / 'd.jpg'}",)
    assert found[4] == Decision("e.json", False, ("no JSON",))
    known = {"b.jpg": Decision("b.jpg", True), "c.jpg": Decision("c.jpg", False, ("x",))}
    found = list(curate(data, tmp_path, CurationRules(max_distance=None), known))
    assert [one.keep for one in found] == [True, True, False, True, False]


@pytest.mark.parametrize("distance", [0, 1, 4, 16])
def test_all_hashes_within_the_distance_are_found(distance):
    rng = np.random.default_rng(distance)
    for _ in range(50):
        copies = HashIndex(distance)
        value = int(rng.integers(2**63))
        flipped = rng.permutation(64)[: distance + 1]
        assert copies.find_or_add(value, "a") is None
        near = value
        for bit in flipped[:distance]:
            near ^= 1 << int(bit)
        assert copies.find_or_add(near, "b") == "a"
        assert copies.find_or_add(near ^ 1 << int(flipped[-1]), "c") is None


def test_a_hash_is_of_light_and_not_of_size():
    ramp = np.tile(np.arange(90, dtype=np.uint8)[None, :, None], (40, 1, 3))
    assert difference_hash(ramp) == 2**64 - 1
    assert difference_hash(ramp[:, ::-1]) == 0


def test_decisions_come_back(tmp_path):
    decisions = [Decision("티,a.jpg", True, ("",)), Decision('b".jpg', False, ("x; y",))]
    path = tmp_path / "d.csv"
    path.write_text(format_decisions(decisions), encoding="utf-8-sig")
    assert list(read_decisions(path).values()) == decisions


@pytest.mark.parametrize("text", ["", "a,b\n", "file_name,keep,reasons\na.jpg,maybe,\n"])
def test_bad_files_of_decisions(tmp_path, text):
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(ValueError, match=r"d\.csv: expected a file of decisions"):
        read_decisions(tmp_path / "d.csv")
