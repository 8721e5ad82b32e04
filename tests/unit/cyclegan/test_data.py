import itertools

import numpy as np
import pytest

from cyclegan.data import (
    Garments,
    apply_prediction_numpy,
    array_batches,
    batch_indices,
    from_model_range,
    to_coordinate_range,
    to_model_range,
    unpaired_batches,
)


def _garments(count, size=16, seed=0):
    rng = np.random.default_rng(seed)
    images = list(rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8))
    return Garments(images, [image[..., 0] > 99 for image in images])


def test_range_goes_there_and_back():
    image = np.arange(256, dtype=np.uint8)
    scaled = to_model_range(image)
    assert (scaled[0], scaled[-1], scaled.dtype) == (-1, 1, np.float32)
    np.testing.assert_array_equal(from_model_range(scaled), image)


def test_from_model_range_clips():
    assert from_model_range(np.array([-2.0, 2.0])).tolist() == [0, 255]


def test_every_epoch_has_every_item_once():
    indices = np.concatenate([batch_indices(6, 4, 1, step) for step in range(3)])
    assert sorted(indices[:6]) == sorted(indices[6:]) == list(range(6))
    assert indices[:6].tolist() != indices[6:].tolist()


def test_batch_larger_than_the_data_wraps():
    assert sorted(batch_indices(2, 4, 0, 0)) == [0, 0, 1, 1]


@pytest.mark.parametrize("values", [(0, 1, 0, 0), (1, 0, 0, 0), (1, 1, 0, -1)])
def test_batch_indices_rejects(values):
    with pytest.raises(ValueError, match="expected count >= 1"):
        batch_indices(*values)


def test_unpaired_batches_have_the_models_form():
    batch = next(unpaired_batches(_garments(3), _garments(2, seed=1), 2, seed=0))
    assert sorted(batch) == ["mask_a", "mask_b", "real_a", "real_b"]
    assert batch["real_a"].shape == (2, 16, 16, 3)
    assert batch["mask_b"].shape == (2, 16, 16, 1)
    assert all(array.dtype == np.float32 for array in batch.values())
    assert set(np.unique(batch["mask_a"])) <= {0, 1}


def test_resumed_batches_go_on_where_they_stopped():
    def made(start):
        return unpaired_batches(
            _garments(5), _garments(4), 2, 0, augment=_shift, start_step=start
        )

    whole = list(itertools.islice(made(0), 4))
    later = next(made(3))
    for key, array in later.items():
        np.testing.assert_array_equal(array, whole[3][key])


def _shift(image, mask, uv, rng):
    offset = int(rng.integers(16))
    shifted = None if uv is None else np.roll(uv, offset, 1)
    return np.roll(image, offset, 1), np.roll(mask, offset, 1), shifted


def test_targets_are_augmented_like_their_images():
    side = _garments(4)
    batch = next(
        unpaired_batches(side, _garments(2), 3, 0, augment=_shift, paired_b=side)
    )
    np.testing.assert_array_equal(batch["paired_b"], batch["real_a"])
    np.testing.assert_array_equal(batch["paired_mask"], batch["mask_a"])


def test_coordinates_are_augmented_like_their_images():
    side = _garments(4)
    uv = [image[..., :2] / np.float32(255) for image in side.images]
    side = Garments(side.images, side.masks, uv)
    batch = next(unpaired_batches(side, side, 3, 0, augment=_shift, paired_b=side))
    for name in "ab":
        assert batch[f"places_{name}"].dtype == np.float32
        np.testing.assert_allclose(
            batch[f"places_{name}"], batch[f"real_{name}"][..., :2], atol=1e-6
        )


def test_coordinates_outside_the_chart_are_clipped():
    np.testing.assert_array_equal(
        to_coordinate_range([-0.5, 0, 0.25, 1, 2]), [-1, -1, -0.5, 1, 1]
    )


@pytest.mark.parametrize("uv", [[np.zeros((16, 16, 2))], [np.zeros((16, 16, 3))] * 2])
def test_coordinates_fit_their_images(uv):
    side = _garments(2)
    with pytest.raises(ValueError, match=r"expected uv \(16, 16, 2\) for each"):
        Garments(side.images, side.masks, uv)


def test_as_many_pairs_as_pictures():
    with pytest.raises(ValueError, match="expected 4 paired targets, got 3"):
        next(unpaired_batches(_garments(4), _garments(2), 1, 0, paired_b=_garments(3)))


@pytest.mark.parametrize(
    ("images", "masks", "error"),
    [
        ([], [], ValueError),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros((1, 4, 4), bool), ValueError),
        (np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 4), bool), ValueError),
        (np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, 4, 5), bool), ValueError),
        (np.zeros((1, 4, 4, 3)), np.zeros((1, 4, 4), bool), TypeError),
        (np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, 4, 4)), TypeError),
    ],
    ids=["empty", "counts", "grey", "sizes", "float image", "float mask"],
)
def test_garments_refuse(images, masks, error):
    with pytest.raises(error, match="expected"):
        Garments(images, masks)


def test_array_batches_keep_rows_together():
    arrays = {"x": np.arange(5), "y": np.arange(5) * 10}
    for batch in itertools.islice(array_batches(arrays, 2, 0), 5):
        np.testing.assert_array_equal(batch["x"] * 10, batch["y"])


def test_array_batches_refuse_unequal_lengths():
    with pytest.raises(ValueError, match="expected arrays of one length"):
        next(array_batches({"x": np.zeros(2), "y": np.zeros(3)}, 1, 0))


def test_applying_leaves_the_arguments_alone():
    warped = np.full((2, 2, 3), 100, np.float32)
    apply_prediction_numpy(warped, np.ones_like(warped), np.ones_like(warped))
    assert (warped == 100).all()


@pytest.mark.parametrize(
    "shapes",
    [((4, 4, 3), (2, 2, 3), (4, 4, 3)), ((4, 4, 1),) * 3, ((),) * 3],
    ids=["sizes differ", "one channel", "scalars"],
)
def test_applying_refuses_other_shapes(shapes):
    with pytest.raises(ValueError, match="expected three equal shapes"):
        apply_prediction_numpy(*(np.zeros(shape, np.float32) for shape in shapes))
