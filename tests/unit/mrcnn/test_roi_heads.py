import dataclasses

import numpy as np
import pytest
from keras import ops

from mrcnn.roi_heads import build_box_head, build_mask_head, pick_class


@pytest.mark.parametrize(("agnostic", "kinds"), [(True, 1), (False, 3)])
@pytest.mark.parametrize("output", [7, 14])
def test_head_shapes(config, agnostic, kinds, output):
    changed = dataclasses.replace(
        config, class_agnostic=agnostic, mask_output_size=output
    )
    logits, deltas = build_box_head(changed)(np.zeros((5, 5, 5, 16), np.float32))
    assert logits.shape == (5, 4)
    assert deltas.shape == (5, kinds, 4)
    masks = build_mask_head(changed)(np.zeros((5, 7, 7, 16), np.float32))
    assert masks.shape == (5, output, output, kinds)


def test_pick_class_agnostic_takes_the_only_one():
    values = np.random.default_rng(0).random((2, 3, 1, 4)).astype(np.float32)
    labels = np.array([[1, 0, 9], [2, 3, 1]], np.int32)
    picked = ops.convert_to_numpy(pick_class(values, labels, True))
    np.testing.assert_array_equal(picked, values[:, :, 0])


@pytest.mark.parametrize("tail", [(4,), (5, 5)], ids=["boxes", "masks"])
def test_pick_class_takes_each_regions_own(tail):
    values = np.random.default_rng(0).random((2, 3, 4, *tail)).astype(np.float32)
    labels = np.array([[1, 0, 4], [2, 3, 1]], np.int32)
    picked = ops.convert_to_numpy(pick_class(values, labels, False))
    assert picked.shape == (2, 3, *tail)
    for b in range(2):
        for n in range(3):
            expected = values[b, n, max(labels[b, n] - 1, 0)]
            np.testing.assert_array_equal(picked[b, n], expected)
