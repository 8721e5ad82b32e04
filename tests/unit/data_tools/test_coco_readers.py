"""The readers that people use load our COCO, and see the very masks."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from data_tools.annotations import BadFile
from data_tools.convert import FORMATS, convert

HEIGHT, WIDTH = 40, 60


def label_map():
    """Draw a ring with a hole, two squares of one class, and a disc over them."""
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    far = np.hypot(ys - 20, xs - 20)
    values[(far < 15) & (far > 6)] = 1
    values[2:9, 40:50] = values[30:38, 45:58] = 2
    values[np.hypot(ys - 8, xs - 48) < 5] = 3
    return values


@pytest.fixture(params=["label-maps", "deepfashion2"])
def coco(request, tmp_path):
    """Write COCO of the map's run lengths, or of DeepFashion2's polygons around it."""
    maps = tmp_path / "maps"
    maps.mkdir()
    Image.fromarray(label_map()).save(maps / "a.png")
    (maps / "labels.json").write_text('["null", "short sleeve top", "skirt", "vest"]')
    (tmp_path / "annotations").mkdir()
    path = tmp_path / "annotations" / "instances_val.json"
    source, place = "label-maps", maps
    if request.param == "deepfashion2":
        place = tmp_path / "df"
        list(convert(FORMATS[source].read(maps), FORMATS["deepfashion2"], place))
        for each in (place / "annos").iterdir():  # what travels along is not to help
            values = json.loads(each.read_text())
            for name in list(values):
                if name.startswith("item"):
                    values[name].pop("tryon")
                    values[name].pop("tryon_photo", None)
            each.write_text(json.dumps(values))
        source = "deepfashion2"
    for folder in (tmp_path / "images" / "val", place / "image"):
        folder.mkdir(parents=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "a.jpg")
    (told,) = convert(FORMATS[source].read(place), FORMATS["coco"], path)
    assert not isinstance(told, BadFile)
    return path


def check(masks):
    """Compare masks with those of the map, by their sizes in order."""
    values = label_map()
    truth = sorted((values == value for value in (1, 2, 3)), key=np.sum)
    found = sorted(masks, key=np.sum)
    assert len(found) == 3
    for mask, true in zip(found, truth, strict=True):
        np.testing.assert_array_equal(mask, true)


def test_pycocotools(coco):
    loaded = COCO(coco)
    rows = loaded.loadAnns(loaded.getAnnIds(imgIds=loaded.getImgIds()))
    check([loaded.annToMask(row).astype(bool) for row in rows])
    names = {c["name"] for c in loaded.loadCats([r["category_id"] for r in rows])}
    assert names == {"short sleeve top", "skirt", "vest"}
    for row in rows:
        assert row["area"] == loaded.annToMask(row).sum()


def test_supervision(coco):
    supervision = pytest.importorskip("supervision", reason="needs supervision")
    dataset = supervision.DetectionDataset.from_coco(
        str(coco.parents[1] / "images" / "val"), str(coco), force_masks=True
    )
    ((_, _, found),) = dataset
    if "counts" in coco.read_text():
        check(list(found.mask))
        return
    # It fills polygons by a rule of its own, rims included.
    polygons = [
        row["segmentation"] for row in json.loads(coco.read_text())["annotations"]
    ]
    for mask, rings in zip(found.mask, polygons, strict=True):
        own = np.zeros((HEIGHT, WIDTH), bool)
        for ring in rings:
            points = np.reshape(ring, (-1, 2)).astype(int)
            own |= supervision.polygon_to_mask(points, (WIDTH, HEIGHT)).astype(bool)
        np.testing.assert_array_equal(mask, own)


def test_datumaro(coco):
    reason = "needs datumaro, which wants an older Pillow: run it in its own environment"
    datumaro = pytest.importorskip("datumaro", reason=reason)
    dataset = datumaro.Dataset.import_from(str(coco.parents[1]), "coco_instances")
    (item,) = dataset
    kinds = datumaro.components.annotation
    masks: dict[int, np.ndarray] = {}
    for one in item.annotations:
        if isinstance(one, kinds.Polygon):
            rle = coco_mask.frPyObjects([list(one.points)], HEIGHT, WIDTH)
            mask = coco_mask.decode(coco_mask.merge(rle)).astype(bool)
        elif isinstance(one, kinds.Mask):
            mask = one.image.astype(bool)
        else:  # the box of the same instance
            continue
        masks[one.group] = masks.get(one.group, False) | mask
    check(list(masks.values()))
