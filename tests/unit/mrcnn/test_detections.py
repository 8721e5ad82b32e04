import numpy as np
import pytest

from mrcnn.detections import Detections, mask_iou


def make(count=3, **changes):
    values = {
        "boxes": np.arange(count * 4, dtype=np.float32).reshape(count, 4),
        "labels": np.arange(1, count + 1),
        "scores": np.linspace(0.9, 0.1, count).astype(np.float32),
        "masks": np.zeros((count, 5, 6), np.float32),
    }
    return Detections(**values | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"boxes": np.zeros((2, 4))}, r"boxes \(3, 4\)"),
        ({"labels": np.zeros((3, 1), int)}, r"labels \(3,\)"),
        ({"masks": np.zeros((3, 5))}, r"masks \(3, H, W\)"),
        ({"masks": np.zeros((2, 5, 6))}, r"masks \(3, H, W\)"),
    ],
)
def test_arrays_must_agree(changes, words):
    with pytest.raises(ValueError, match=words):
        make(**changes)


@pytest.mark.parametrize(
    ("index", "labels"),
    [
        (slice(0, 2), [1, 2]),
        (np.array([2, 0]), [3, 1]),
        (np.array([False, True, False]), [2]),
        (slice(0, 0), []),
    ],
)
def test_picking(index, labels):
    picked = make()[index]
    assert picked.labels.tolist() == labels
    assert len(picked) == len(labels) == len(picked.masks)


def test_empty():
    nothing = Detections.empty((5, 6))
    assert len(nothing) == 0
    assert nothing.masks.shape == (0, 5, 6)


def test_mask_iou():
    a, b = np.zeros((2, 4, 4), bool)
    assert mask_iou(a, b) == 0
    a[:2], b[1:3] = True, True
    assert mask_iou(a, b) == pytest.approx(1 / 3)
    assert mask_iou(a, a) == 1
