"""Figures of made-up results, and of a fake network on drawn photos."""

import numpy as np
import pytest

from data_tools.annotations import AnnotatedPhoto, Garment
from data_tools.contact_sheet import DEFAULT
from mrcnn.coco import EncodedInstance
from tryon.cli.evaluate import format_rows
from tryon.evaluation.segmentation import (
    ClassInstance,
    Result,
    View,
    close_up,
    measure_photos,
    read_view,
    summarize,
    tabulate,
)
from tryon.evaluation.sheets import (
    MASK_COLUMNS,
    draw_result,
    worst,
    write_mask_sheet,
)
from tryon.segment import Segmenter


def block(top, bottom, left, right, size=(120, 100)):
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


SHIRT = block(40, 80, 10, 50)


@pytest.fixture
def measure(finder, drawer):
    """Measure photos with a segmenter that detects what is red.

    In every photo it detects a second top of low score at the bottom, without garment.
    """

    def find(images):
        out = finder(images)
        out["boxes"][:, 1] = out["mask_boxes"][:, 1] = 30, 54, 40, 60
        out["scores"][:, 1] = 0.2
        return out

    def draw(views):
        out = drawer(views)
        for i, view in enumerate(views):
            if not (view[..., 0] > 150).any():  # no red: as the hint says, unsure
                out["masks"][i] = view[::2, ::2, 3] - 128
                out["classes"][i, [0, 1]] = np.log([0.9, 0.1])
        return out

    find.image_size = draw.image_size = 64
    draw.config = drawer.config

    def run(*photos):
        names = []
        segmenter = Segmenter(find, draw)
        results = list(measure_photos(segmenter, list(photos), names.append))
        assert len(names) == len(results)
        return results

    return run


@pytest.fixture
def photo(tmp_path):
    """Make a photo with a red shirt, or without one, that is annotated as told."""
    from PIL import Image

    def make(name, red=True, garments=None, source="people"):
        image = np.full((*SHIRT.shape, 3), 90, np.uint8)
        if red:
            image[SHIRT] = (220, 20, 20)
        Image.fromarray(image).save(tmp_path / name)
        marked = [Garment(1, SHIRT)] if garments is None else garments
        return AnnotatedPhoto(tmp_path / name, source, lambda: marked)

    return make


def test_a_photo_of_people_is_measured_at_three_distances(measure, photo):
    results = measure(photo("a.png"))
    groups = ["people", "people, to the waist", "people, to the chest"]
    assert [result.group for result in results] == groups
    assert all(result.name == "a.png" for result in results)
    assert results[0].iou > 0.9
    assert results[0].chosen.score == pytest.approx(0.9)


def test_detections_of_low_score_count_for_ap_alone(measure, photo):
    (result,) = measure(photo("a.png", source="shop"))
    weak = 0.45 * 0.2 + 0.55 * 0.1  # what Mask R-CNN and the refiner say of it
    assert [top.score for top in result.detections] == pytest.approx([0.9, weak])
    values = summarize([result])
    assert values["misses"] == 0
    assert values["mask AP50"] == pytest.approx(1)  # the weak one comes after the truth
    assert "keypoint AP" not in values
    (empty,) = measure(photo("b.png", red=False, garments=[], source="shop"))
    assert empty.chosen is None
    assert len(empty.detections) == 1


def test_false_positives_are_counted_without_tops(measure, photo):
    trousers = [Garment(8, SHIRT)]
    results = measure(
        photo("a.png", garments=trousers, source="other"),
        photo("b.png", red=False, garments=trousers, source="other"),
    )
    assert summarize(results) == {
        "photos": 2,
        "photos without a top": 2,
        "false finds": 1,
        "false find share": 0.5,
    }
    row = results[0].row()
    assert row["false_find"]
    assert row["iou"] is None


def test_the_chosen_top_counts_as_refined(measure, photo):
    (result,) = measure(photo("a.png", source="shop"))
    assert result.detections[0] == result.chosen
    np.testing.assert_allclose(result.chosen.landmarks[0, :2], (30, 60), atol=1)


def test_a_missed_photo_counts_as_zero(measure, photo):
    results = measure(photo("a.png", source="shop"), photo("b.png", False, source="shop"))
    values = summarize(results)
    assert values["misses"] == 1
    assert values["miss share"] == 0.5
    assert values["IoU mean"] == pytest.approx(results[0].iou / 2)
    assert values["IoU p10"] == pytest.approx(results[0].iou / 10)
    assert results[1].row()["score"] is None


def test_the_garment_that_was_chosen_is_compared(measure, photo):
    other = Garment(1, block(0, 30, 60, 100), attributes={"scale": 3})
    top = Garment(1, SHIRT, attributes={"scale": 1})
    (result,) = measure(photo("a.png", garments=[other, top], source="shop"))
    assert result.truth == 1
    assert result.attributes == {"scale": 1}
    assert result.iou > 0.9


def result(
    iou=0.5,
    errors=None,
    v=None,
    name="a",
    others=(),
    other_detections=(),
    **attributes,
):
    points = None
    if v is not None:
        points = np.zeros((len(v), 3), np.float32)
        points[:, 2] = v
    top = EncodedInstance.from_mask(SHIRT, landmarks=points)
    image = np.full((*SHIRT.shape, 3), 90, np.uint8)
    return Result(
        name=name, group="shop", tops=(top,), detections=(), chosen=top, truth=0, iou=iou,
        boundary=0.5, errors=None if errors is None else np.array(errors),
        attributes=attributes, others=others, other_detections=other_detections,
        read_image=lambda: image,
    )  # fmt: skip


def test_landmark_figures_by_hand():
    values = summarize(
        [
            result(errors=[0.01, 0.05, np.nan], v=[2, 1, 0]),
            result(errors=[0.03, 0.15, 0.06], v=[2, 2, 2]),
            result(),
        ]
    )
    assert values["landmark error"] == pytest.approx(0.30 / 5)
    assert values["landmark error, seen"] == pytest.approx(0.25 / 4)
    assert values["landmarks within 5 %"] == pytest.approx(3 / 5)


def test_attributes_have_rows_of_their_own():
    rows = dict(
        tabulate([result(0.9, viewpoint=2), result(0.5, viewpoint=3), result(0.1)])
    )
    assert list(rows) == ["shop", "shop, viewpoint 2", "shop, viewpoint 3"]
    assert rows["shop"]["IoU mean"] == pytest.approx(0.5)
    assert rows["shop, viewpoint 3"]["IoU mean"] == 0.5


def test_other_classes_have_their_precision():
    def garment(label, score=1.0):
        return ClassInstance(label, EncodedInstance.from_mask(SHIRT, None, score))

    right = result(others=[garment(8)], other_detections=[garment(8, 0.9)])
    missed = result(others=[garment(8)], other_detections=[garment(9, 0.9)])
    rows = dict(tabulate([right, missed]))
    assert list(rows) == ["shop", "class 8, trousers"]
    # One of two at every threshold: precision 1 up to a recall of a half.
    assert rows["class 8, trousers"]["mask AP"] == pytest.approx(51 / 101, abs=1e-6)
    assert rows["class 8, trousers"]["photos"] == 2


def test_a_close_up_cuts_truth_and_landmarks():
    points = np.array([[30, 60, 2], [11, 41, 2]], np.float32)  # centre, corner
    top = EncodedInstance.from_mask(SHIRT, landmarks=points)
    image = np.zeros((*SHIRT.shape, 3), np.uint8)
    chest = close_up(View(image, (top,), ({},)), 0.25)
    # An eighth of 40 pixels at each side: 15 to 45 across, 45 to 75 down.
    assert chest.image.shape == (30, 30, 3)
    assert chest.tops[0].mask.all()
    np.testing.assert_array_equal(chest.tops[0].landmarks, [[15, 15, 2], [0, 0, 0]])
    waist = close_up(View(image, (top,), ({},)), 0.7)
    assert waist.tops[0].mask.sum() == SHIRT.sum()
    assert waist.image.shape == (108 - 12, 78, 3)


def test_read_view_takes_short_sleeve_tops(photo):
    view = read_view(photo("a.png", garments=[Garment(8, SHIRT), Garment(1, SHIRT)]))
    assert len(view.tops) == 1
    assert [garment.label for garment in view.others] == [8]


def test_the_worst_come_first(measure, photo):
    (false,) = measure(photo("a.png", garments=[], source="other"))
    good, bad = result(0.9, name="good"), result(0.2, name="bad")
    assert [r.name for r in worst([good, bad, false])] == ["a.png", "bad", "good"]
    assert len(worst([good] * 50)) == 24


def test_the_sheet_shows_both_outlines(measure, photo, tmp_path):
    (result,) = measure(photo("a.png", source="shop"))
    cell = draw_result(result)
    width, height = DEFAULT.cell
    assert cell.shape == (height, width, 3)
    red = (cell == (230, 0, 0)).all(axis=-1)
    assert red.sum() > 100
    write_mask_sheet([result] * 7, tmp_path / "sheet.png")
    from PIL import Image

    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (width * MASK_COLUMNS, height * 2)


def test_a_sheet_of_nothing_is_white(tmp_path):
    write_mask_sheet([], tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").exists()


def test_columns_that_no_row_knows_are_left_out():
    lines = list(
        format_rows([("a", {"n": 1, "x": 0.25}), ("b", {"n": 2})], ("n", "x", "y"))
    )
    assert [line.split() for line in lines] == [
        ["n", "x"],
        ["a", "1", "0.250"],
        ["b", "2", "-"],
    ]
