import numpy as np
import pytest
from keras import ops

from cyclegan import losses


def _grey(*rows):
    return ops.convert_to_tensor(np.array(rows, np.float32)[None, :, :, None])


_mask = _grey


def test_masked_l1_counts_the_inside_alone():
    first, second = _grey([1, 2], [3, 4]), _grey([0, 0], [0, 0])
    mask = _mask([1, 0], [1, 0])
    assert float(losses.masked_l1(first, second, mask)) == pytest.approx(2.0)


def test_masked_l1_averages_channels():
    first = ops.ones((1, 4, 4, 3))
    mask = ops.ones((1, 4, 4, 1))
    assert float(losses.masked_l1(first, 0 * first, mask)) == pytest.approx(1.0)


def test_masked_l1_of_an_empty_mask_is_zero():
    first = ops.ones((1, 4, 4, 3))
    mask = ops.zeros((1, 4, 4, 1))
    assert float(losses.masked_l1(first, 0 * first, mask)) == 0


def test_masked_mean_is_each_pictures_own():
    values = ops.concatenate([_grey([1, 2], [3, 4]), _grey([5, 6], [7, 8])], axis=0)
    mask = ops.concatenate([_mask([1, 0], [1, 0]), _mask([0, 0], [0, 0])], axis=0)
    means = ops.convert_to_numpy(losses.masked_mean(values, mask))
    assert means.shape == (2, 1, 1, 1)
    assert means.ravel().tolist() == [2.0, 0.0]


def test_patch_weights_hold_the_share_of_the_mask():
    mask = np.zeros((1, 4, 4, 1), np.float32)
    mask[:, :2, :3] = 1
    got = losses.patch_weights(ops.convert_to_tensor(mask), ops.zeros((1, 2, 2, 1)))
    np.testing.assert_allclose(ops.convert_to_numpy(got)[0, :, :, 0], [[1, 0.5], [0, 0]])


def test_generator_loss_by_hand():
    scores, weights = _grey([1, 0], [9, 0.5]), _mask([1, 1], [0, 0])
    assert float(losses.lsgan_generator_loss(scores, weights)) == pytest.approx(0.5)


def test_discriminator_loss_by_hand():
    real, fake = _grey([1, 0]), _grey([0.5, 9])
    got = losses.lsgan_discriminator_loss(real, fake, _mask([1, 1]), _mask([1, 0]))
    assert float(got) == pytest.approx(0.5 * (0.5 + 0.25))


def test_adversarial_losses_of_an_empty_mask_are_zero():
    scores, none = _grey([3, 3]), _mask([0, 0])
    assert float(losses.lsgan_generator_loss(scores, none)) == 0
    assert float(losses.lsgan_discriminator_loss(scores, scores, none, none)) == 0


def test_total_variation_by_hand():
    values, mask = _grey([0, 1], [5, 1]), _mask([1, 1], [0, 1])
    # across: |0 - 1|; down: |1 - 1|; the 5 lies outside.
    assert float(losses.total_variation(values, mask)) == pytest.approx(1.0)


def test_total_variation_of_a_constant_is_zero():
    values = ops.full((1, 4, 4, 3), 0.7)
    assert float(losses.total_variation(values, values[..., :1])) == 0
