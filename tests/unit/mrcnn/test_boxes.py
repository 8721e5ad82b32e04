import numpy as np
import pytest
from keras import ops

from mrcnn import boxes as box_ops


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def random_boxes(rng, count, size=100.0):
    corner = rng.uniform(0, size * 0.7, (count, 2))
    sides = rng.uniform(2, size * 0.3, (count, 2))
    return np.concatenate([corner, corner + sides], -1).astype(np.float32)


@pytest.mark.parametrize("variance", [box_ops.RPN_VARIANCE, box_ops.BOX_VARIANCE])
def test_decode_undoes_encode(variance):
    rng = np.random.default_rng(0)
    anchors, boxes = random_boxes(rng, 50), random_boxes(rng, 50)
    deltas = box_ops.encode(anchors, boxes, variance)
    back = numpy(box_ops.decode(anchors, deltas, variance, 100))
    np.testing.assert_allclose(back, boxes, atol=1e-3)


def test_known_deltas():
    anchor = np.array([[10, 10, 30, 50]], np.float32)
    box = np.array([[15, 10, 35, 30]], np.float32)  # centre (25, 20), 20 x 20
    deltas = numpy(box_ops.encode(anchor, box, (1.0, 1.0, 1.0, 1.0)))
    np.testing.assert_allclose(deltas, [[0.25, -0.25, 0, np.log(0.5)]], atol=1e-6)
    scaled = numpy(box_ops.encode(anchor, box, (0.1, 0.1, 0.2, 0.2)))
    np.testing.assert_allclose(scaled, deltas / [0.1, 0.1, 0.2, 0.2], atol=1e-5)


def test_decoded_boxes_stay_in_the_picture():
    anchor = np.array([[10, 10, 30, 50]], np.float32)
    wild = np.array([[0, 0, 1e6, 1e6]], np.float32)
    box = numpy(box_ops.decode(anchor, wild, box_ops.RPN_VARIANCE, 64))
    np.testing.assert_array_equal(box, [[0, 0, 64, 64]])


def test_empty_boxes_encode_to_numbers():
    nothing = np.zeros((1, 4), np.float32)
    box = np.array([[1, 2, 3, 4]], np.float32)
    for anchor, goal in ((nothing, box), (box, nothing), (nothing, nothing)):
        deltas = numpy(box_ops.encode(anchor, goal, box_ops.BOX_VARIANCE))
        assert np.isfinite(deltas).all()


def test_iou_by_hand():
    a = np.array([[[0, 0, 10, 10], [0, 0, 0, 0]]], np.float32)
    b = np.array(
        [[[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 4, 7], [3, 3, 3, 3]]],
        np.float32,
    )
    expected = [[1, 50 / 150, 0, 0.1, 0], [0, 0, 0, 0, 0]]
    np.testing.assert_allclose(numpy(box_ops.pairwise_iou(a, b))[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("box", "area"), [([1, 2, 4, 6], 12), ([4, 2, 1, 6], 0), ([3, 3, 3, 9], 0)]
)
def test_area(box, area):
    assert float(box_ops.box_area(np.array(box, np.float32))) == area


def test_pad_grows_every_side():
    padded = box_ops.pad(np.array([[10, 20, 30, 60], [5, 5, 5, 5]], np.float32), 0.1)
    np.testing.assert_allclose(numpy(padded), [[8, 16, 32, 64], [5, 5, 5, 5]])


def test_take_gathers_per_picture():
    values = np.arange(2 * 3 * 2).reshape(2, 3, 2).astype(np.float32)
    indices = np.array([[2, 0], [1, 1]], np.int32)
    expected = [[[4, 5], [0, 1]], [[8, 9], [8, 9]]]
    np.testing.assert_array_equal(numpy(box_ops.take(values, indices)), expected)


def plain_nms(boxes, scores, threshold, count):
    """Greedy suppression as in textbooks."""
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if scores[i] <= 0 or len(kept) == count:
            break
        ious = [
            numpy(box_ops.pairwise_iou(boxes[None, [i]], boxes[None, [j]])).item()
            for j in kept
        ]
        if all(iou <= threshold for iou in ious):
            kept.append(i)
    return kept


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.6])
def test_nms_is_greedy(threshold):
    rng = np.random.default_rng(int(threshold * 10))
    boxes = np.stack([random_boxes(rng, 30, 40.0) for _ in range(2)])
    scores = rng.permutation(60).reshape(2, 30).astype(np.float32) / 60
    scores[:, ::7] = 0
    index, kept = map(numpy, box_ops.non_max_suppression(boxes, scores, threshold, 12))
    assert index.shape == kept.shape == (2, 12)
    for i in range(2):
        expected = plain_nms(boxes[i], scores[i], threshold, 12)
        assert index[i][kept[i] > 0].tolist() == expected
        np.testing.assert_allclose(kept[i][: len(expected)], scores[i][expected])


def test_nms_of_a_chain_of_overlaps():
    """Each box overlaps the next: every second one is kept, however long the chain."""
    left = np.arange(20, dtype=np.float32) * 4
    boxes = np.stack([left, left * 0, left + 10, left * 0 + 10], -1)[None]
    scores = np.linspace(1, 0.1, 20, dtype=np.float32)[None]
    # IoU 6 / 14 with the next box, 2 / 18 with the one after it
    index, kept = box_ops.non_max_suppression(boxes, scores, 0.4, 20)
    assert numpy(index)[0][numpy(kept)[0] > 0].tolist() == list(range(0, 20, 2))


def test_nms_of_padding_alone():
    boxes, scores = np.zeros((1, 5, 4), np.float32), np.zeros((1, 5), np.float32)
    _, kept = box_ops.non_max_suppression(boxes, scores, 0.5, 3)
    np.testing.assert_array_equal(numpy(kept), np.zeros((1, 3)))


def ramp(size):
    """Features that say where they are: channel 0 is x, channel 1 is y, at centres."""
    y, x = np.mgrid[:size, :size] + 0.5
    return np.stack([x, y], -1)[None].astype(np.float32)


def align(levels, box, level, size, strides, sampling=1):
    boxes, index = np.array([[box]], np.float32), np.array([[level]], np.int32)
    return numpy(box_ops.roi_align(levels, boxes, index, size, strides, sampling))[0, 0]


@pytest.mark.parametrize("sampling", [1, 2])
def test_roi_align_reads_cell_centres_of_a_ramp(sampling):
    cells = align([ramp(8)], [2, 1, 6, 5], 0, 2, [1.0], sampling)
    np.testing.assert_allclose(cells[..., 0], [[3, 5], [3, 5]], atol=1e-5)
    np.testing.assert_allclose(cells[..., 1], [[2, 2], [4, 4]], atol=1e-5)


def test_roi_align_of_the_whole_map_is_the_map():
    np.testing.assert_allclose(align([ramp(4)], [0, 0, 4, 4], 0, 4, [1.0]), ramp(4)[0])


def test_roi_align_picks_the_level_and_its_stride():
    levels = [ramp(8), ramp(4) + 100]
    fine = align(levels, [8, 8, 16, 24], 0, 1, [4.0, 8.0])
    coarse = align(levels, [8, 8, 16, 24], 1, 1, [4.0, 8.0])
    np.testing.assert_allclose(fine.ravel(), [3, 4], atol=1e-5)
    np.testing.assert_allclose(coarse.ravel(), [101.5, 102], atol=1e-5)


def test_roi_align_repeats_the_rim():
    corner = align([ramp(4)], [0, 0, 0.2, 0.2], 0, 1, [1.0])
    np.testing.assert_allclose(corner.ravel(), [0.5, 0.5])
    corner = align([ramp(4)], [3.8, 3.8, 4, 4], 0, 1, [1.0])
    np.testing.assert_allclose(corner.ravel(), [3.5, 3.5])


def test_roi_align_counts_beyond_float32():
    """The last of many cells is still found: 2^24 + 1 is no float32."""
    tall = np.zeros((1, 2**24 // 64 + 2, 64, 1), np.float32)
    tall[0, -1, -2] = 1.0
    height = tall.shape[1]
    cell = align([tall], [62, height - 1, 63, height], 0, 1, [1.0])
    assert cell.item() == 1.0


@pytest.mark.parametrize(
    ("side", "level"),
    [
        (0, 0),
        (10, 0),
        (27.9, 0),
        (28, 0),
        (55.9, 0),
        (56, 1),
        (111, 1),
        (112, 2),
        (900, 3),
    ],
)
def test_pyramid_level(side, level):
    box = np.array([[[5, 5, 5 + side, 5 + side]]], np.float32)
    assert numpy(box_ops.pyramid_level(box, 56.0, 4)).item() == level
