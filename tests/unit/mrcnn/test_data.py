import dataclasses

import numpy as np
import pytest

from mrcnn.data import Example, TrainingBatches, pack_truth, random_view
from mrcnn.detections import mask_iou

NO_MASKS = np.zeros((0, 80, 120), bool)


def square(size=(160, 240), place=(40, 120, 60, 180), colour=(255, 0, 0)):
    """A red rectangle on black."""
    top, bottom, left, right = place
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    image = np.zeros((*size, 3), np.uint8)
    image[mask] = colour
    return Example(image, mask[None], np.array([1]))


@pytest.mark.parametrize(
    ("masks", "labels"),
    [
        (np.zeros((2, 80, 120), bool), [1]),
        (np.zeros((1, 80, 121), bool), [1]),
        (np.zeros((80, 120), bool), [1]),
    ],
)
def test_masks_must_belong_to_the_image(masks, labels):
    with pytest.raises(ValueError, match=r"expected masks \(1, 80, 120\)"):
        Example(np.zeros((80, 120, 3), np.uint8), masks, np.array(labels))


@pytest.mark.parametrize("seed", range(20))
def test_mask_and_image_move_together(seed):
    view = random_view(square(), 96, np.random.default_rng(seed))
    assert view.image.shape == (96, 96, 3)
    assert view.image.dtype == np.uint8
    # red, and not black or the grey beyond the photo
    red = (view.image[..., 0] > 127) & (view.image[..., 1] < 64)
    if len(view.masks):
        assert mask_iou(view.masks[0], red) > 0.95
    else:
        assert red.sum() <= 100


def test_views_differ_in_scale():
    shares = [
        view.masks.any(0).mean()
        for view in (
            random_view(square(), 64, np.random.default_rng(seed)) for seed in range(60)
        )
    ]
    assert np.quantile(shares, 0.1) < 0.1
    assert np.quantile(shares, 0.9) > 0.4


def test_views_are_mirrored_at_times():
    image = np.zeros((160, 240, 3), np.uint8)
    mask = np.zeros((160, 240), bool)
    mask[40:120, 60:180] = True
    image[:, :120] = (255, 0, 0)  # the left half is red, the right half blue
    image[:, 120:] = (0, 0, 255)
    example = Example(image, mask[None], np.array([1]))
    sides = set()
    for seed in range(20):
        view = random_view(example, 64, np.random.default_rng(seed)).image
        red = np.nonzero((view == (255, 0, 0)).all(-1))[1]
        blue = np.nonzero((view == (0, 0, 255)).all(-1))[1]
        if len(red) and len(blue):
            sides.add(red.mean() < blue.mean())
    assert sides == {True, False}


def test_a_photo_without_garments_has_views():
    example = Example(np.full((80, 120, 3), 9, np.uint8), NO_MASKS, np.zeros(0, int))
    for seed in range(10):
        view = random_view(example, 64, np.random.default_rng(seed))
        assert view.masks.shape == (0, 64, 64)
        assert view.labels.shape == (0,)
        assert (view.image == 9).any()


def test_large_photos_are_shrunk_before_they_are_sampled():
    """Single black and white columns become grey, not stripes."""
    image = np.zeros((1024, 1024, 3), np.uint8)
    image[:, ::2] = 255
    example = Example(image, np.zeros((0, 1024, 1024), bool), np.zeros(0, int))
    view = random_view(example, 64, np.random.default_rng(0)).image
    assert view[16:48, 16:48].min() > 100
    assert view[16:48, 16:48].max() < 160


def test_ground_truth_is_padded():
    masks = np.zeros((2, 32, 32), bool)
    masks[0, 4:10, 6:20] = True
    masks[1, 31, 31] = True
    view = Example(np.zeros((32, 32, 3), np.uint8), masks, np.array([3, 5]))
    boxes, labels, packed = pack_truth(view, 4, np.random.default_rng(0))
    assert (boxes.dtype, labels.dtype, packed.dtype) == (np.float32, np.int32, np.uint8)
    assert sorted(labels.tolist()) == [0, 0, 3, 5]
    first = labels.tolist().index(3)
    assert boxes[first].tolist() == [6, 4, 20, 10]
    assert boxes[labels == 5].tolist() == [[31, 31, 32, 32]]
    np.testing.assert_array_equal(packed[first], masks[0])
    assert not boxes[2:].any()
    assert not packed[2:].any()


def test_of_too_many_garments_some_are_kept():
    masks = np.ones((6, 16, 16), bool)
    view = Example(np.zeros((16, 16, 3), np.uint8), masks, np.arange(1, 7))
    kept = {
        tuple(sorted(pack_truth(view, 2, np.random.default_rng(s))[1])) for s in range(9)
    }
    assert len(kept) > 1
    assert all(0 < a < b for a, b in kept)


def batches(train, seed=0, shares=(1, 1, 1, 1), steps=3, shirts=None, **options):
    train = dataclasses.replace(train, seed=seed)
    return TrainingBatches(lambda i, rng: shirts[i], shares, 64, train, steps, **options)


def test_batches_have_fixed_shapes(train_config, shirts):
    made = batches(train_config, shirts=shirts)
    assert len(made) == 3
    (batch,) = made[0]
    forms = {name: (value.shape, value.dtype.name) for name, value in batch.items()}
    assert forms == {
        "images": ((2, 64, 64, 3), "float32"),
        "gt_boxes": ((2, 2, 4), "float32"),
        "gt_labels": ((2, 2), "int32"),
        "gt_masks": ((2, 2, 64, 64), "uint8"),
    }


def test_the_seed_decides(train_config, shirts):
    one, same, other = (batches(train_config, s, shirts=shirts) for s in (0, 0, 1))
    for index in range(3):
        for name, value in one[index][0].items():
            np.testing.assert_array_equal(value, same[index][0][name])
    assert not np.array_equal(one[0][0]["images"], other[0][0]["images"])
    assert not np.array_equal(one[0][0]["images"], one[1][0]["images"])


def test_another_epoch_has_other_views(train_config, shirts):
    made = batches(train_config, shirts=shirts)
    before = made[0][0]["images"]
    made.on_epoch_end()
    assert not np.array_equal(before, made[0][0]["images"])


def test_weights_decide_what_is_sampled(train_config, shirts):
    sampled = []
    made = TrainingBatches(
        lambda i, rng: sampled.append(i) or shirts[i], (0, 3, 0, 1), 64, train_config, 1
    )
    for index in range(20):
        made[index]
    assert set(sampled) == {1, 3}
    assert sampled.count(1) > sampled.count(3)


def test_the_augmenter_changes_pixels_alone(train_config, shirts):
    def darken(example, rng):
        assert isinstance(rng, np.random.Generator)
        return dataclasses.replace(example, image=example.image // 2)

    plain = batches(train_config, shirts=shirts)[0][0]
    dark = batches(train_config, shirts=shirts, augment=darken)[0][0]
    assert dark["images"].max() <= 127
    assert plain["images"].max() > 127
    assert dark["gt_masks"].shape == plain["gt_masks"].shape
