"""Round trips of boxes and masks, whatever their numbers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from mrcnn import boxes as box_ops
from mrcnn.detections import mask_iou
from mrcnn.predictor import Letterbox, detect, letterbox, paste_mask

SIZE = 256

place = st.floats(0, 200, width=32)
side = st.floats(4, 56, width=32)
box = st.tuples(place, place, side, side).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
boxes = st.lists(box, min_size=1, max_size=8).map(lambda b: np.array(b, np.float32))
variance = st.sampled_from([box_ops.RPN_VARIANCE, box_ops.BOX_VARIANCE])
few = settings(max_examples=40, deadline=None)


@few
@given(boxes, boxes, variance)
def test_decode_undoes_encode(anchors, goals, variance):
    count = min(len(anchors), len(goals))
    anchors, goals = anchors[:count], goals[:count]
    deltas = box_ops.encode(anchors, goals, variance)
    back = ops.convert_to_numpy(box_ops.decode(anchors, deltas, variance, SIZE))
    np.testing.assert_allclose(back, goals, atol=0.01)


@few
@given(boxes, boxes)
def test_iou_is_symmetric_and_at_most_one(a, b):
    iou = ops.convert_to_numpy(box_ops.pairwise_iou(a[None], b[None]))[0]
    back = ops.convert_to_numpy(box_ops.pairwise_iou(b[None], a[None]))[0]
    np.testing.assert_allclose(iou, back.T, atol=1e-5)
    assert iou.min() >= 0
    assert iou.max() <= 1 + 1e-5
    own = ops.convert_to_numpy(box_ops.pairwise_iou(a[None], a[None]))[0]
    np.testing.assert_allclose(np.diag(own), 1, atol=1e-4)


@few
@given(boxes, st.integers(0, 2**31))
def test_what_is_kept_does_not_overlap(found, seed):
    scores = np.random.default_rng(seed).permutation(len(found)).astype(np.float32) + 1
    index, kept = box_ops.non_max_suppression(found[None], scores[None], 0.4, len(found))
    index = ops.convert_to_numpy(index)[0][ops.convert_to_numpy(kept)[0] > 0]
    chosen = found[index]
    iou = ops.convert_to_numpy(box_ops.pairwise_iou(chosen[None], chosen[None]))[0]
    assert (iou - np.eye(len(chosen))).max() <= 0.4 + 1e-4
    assert scores.argmax() == index[0]
    # Every suppressed box overlaps a kept one.
    rest = np.setdiff1d(np.arange(len(found)), index)
    iou = ops.convert_to_numpy(box_ops.pairwise_iou(found[rest][None], chosen[None]))[0]
    assert (iou.max(axis=1, initial=0) > 0.4 - 1e-4).all()


@few
@given(st.integers(1, 400), st.integers(1, 400), boxes)
def test_the_letterbox_goes_there_and_back(height, width, found):
    _, frame = letterbox(np.zeros((height, width, 3), np.uint8), 128)
    inside = np.minimum(found / SIZE, 1) * [width, height, width, height]
    there = inside * frame.scale + np.tile(frame.offset, 2)
    np.testing.assert_allclose(frame.to_photo(there), inside, atol=0.01)


@few
@given(
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(8, 40),
    st.integers(8, 40),
    st.integers(7, 28),
)
def test_a_pasted_full_mask_is_its_box(left, top, width, height, cells):
    frame = Letterbox(1.0, (0.0, 0.0), (64, 64))
    corners = np.array([left, top, left + width, top + height], np.float32)
    pasted = paste_mask(np.ones((cells, cells), np.float32), corners, frame)
    expected = np.zeros((64, 64), bool)
    expected[top : top + height, left : left + width] = True
    # Bilinear corners are a little round.
    assert mask_iou(pasted >= 0.5, expected) > 0.93
    assert not (pasted >= 0.5)[~expected].any()
    assert pasted.min() >= 0
    assert pasted.max() <= 1 + 1e-6


class OneBox:
    """Finds the same box and mask in every picture, mirrored in the mirrored one."""

    image_size = 128

    def __init__(self, corners, mask):
        self.corners, self.mask = corners, mask

    def __call__(self, images):
        x1, y1, x2, y2 = self.corners
        found = np.array([[[x1, y1, x2, y2]], [[128 - x2, y1, 128 - x1, y2]]], np.float32)
        return {
            "boxes": found,
            "mask_boxes": found,
            "labels": np.ones((2, 1), np.int32),
            "scores": np.ones((2, 1), np.float32),
            "masks": np.stack([self.mask, self.mask[:, ::-1]])[:, None],
        }


@few
@given(
    st.tuples(
        st.integers(0, 60), st.integers(0, 60), st.integers(8, 60), st.integers(8, 60)
    ),
    st.integers(0, 2**31),
)
def test_mirrored_twice_is_the_same_place(place, seed):
    x, y, width, height = place
    mask = np.random.default_rng(seed).random((14, 14)).astype(np.float32)
    predictor = OneBox((x, y, x + width, y + height), mask)
    image = np.zeros((90, 120, 3), np.uint8)
    plain, mirrored = detect(predictor, image, 0.5, mirror=True)
    np.testing.assert_allclose(plain.boxes, mirrored.boxes, atol=1e-4)
    np.testing.assert_allclose(plain.masks, mirrored.masks, atol=1e-4)
