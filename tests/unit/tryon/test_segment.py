"""The two looks of the segmenter, with a fake network that sees one rectangle."""

import numpy as np
import pytest

from mrcnn.detections import Detections
from tryon.segment import Segmenter, drop_nested, keep_seen


class FakePredictor:
    """Finds the box of all red pixels, with a full mask; class and score are fixed."""

    image_size = 64

    def __init__(self, label=1, score=0.9):
        self.label, self.score, self.calls = label, score, []

    def __call__(self, images):
        self.calls.append(len(images))
        count = len(images)
        out = {
            "boxes": np.zeros((count, 2, 4), np.float32),
            "labels": np.full((count, 2), self.label, np.int32),
            "scores": np.zeros((count, 2), np.float32),
            "masks": np.ones((count, 2, 14, 14), np.float32),
        }
        for i, image in enumerate(images):
            ys, xs = np.nonzero((image[..., 0] > 150) & (image[..., 1] < 100))
            if len(ys):
                out["boxes"][i, 0] = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
                out["scores"][i, 0] = self.score
        out["mask_boxes"] = out["boxes"].copy()
        return out


def picture():
    image = np.full((120, 100, 3), 90, np.uint8)
    image[40:80, 10:50] = (220, 20, 20)
    return image


def test_both_looks_agree_and_the_mask_lies_right():
    predictor = FakePredictor()
    garment = Segmenter(predictor)(picture())
    assert predictor.calls == [1, 2], "one look, then a closer one and its mirror image"
    truth = np.zeros((120, 100), bool)
    truth[40:80, 10:50] = True
    assert (garment.mask ^ truth).sum() < 0.1 * truth.sum()
    assert garment.agreement > 0.85
    assert garment.instance.label_name == "short sleeve top"


def test_nothing_found():
    assert Segmenter(FakePredictor())(np.full((99, 99, 3), 90, np.uint8)) is None


@pytest.mark.parametrize(("label", "score"), [(2, 0.9), (1, 0.1)])
def test_other_classes_and_weak_finds_do_not_count(label, score):
    assert Segmenter(FakePredictor(label, score))(picture()) is None


def test_pick_by_index():
    segmenter = Segmenter(FakePredictor(label=2))
    assert segmenter(picture(), pick=0).instance.label == 2
    assert segmenter(picture(), pick=1) is None
    assert segmenter(picture(), pick=-1) is None


def test_drop_nested_keeps_the_better_one():
    masks = np.zeros((3, 8, 8), np.float32)
    masks[0, :4, :4], masks[1, :4, :3], masks[2, 5:, 5:] = 1, 1, 1
    found = Detections(
        np.zeros((3, 4), np.float32), np.ones(3, int), np.array([0.9, 0.8, 0.7]), masks
    )
    assert drop_nested(found, 0.6).scores.tolist() == [0.9, 0.7]


def test_parts_that_only_the_closer_look_saw_are_dropped():
    mask = np.zeros((8, 8), bool)
    mask[:3, :3] = mask[:3, 5:] = mask[6:, :] = True  # two halves of a shirt, a bag
    first = np.zeros((8, 8), bool)
    first[:3] = True
    kept = keep_seen(mask, first, 0.3)
    assert np.array_equal(kept, mask & first)
    assert np.array_equal(keep_seen(mask, np.zeros_like(mask), 0.3), mask)
