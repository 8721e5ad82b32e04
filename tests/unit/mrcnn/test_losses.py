import numpy as np
import pytest

from mrcnn import losses


def array(*values):
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("logit", "truth", "loss"),
    [
        (0, 0, np.log(2)),
        (0, 1, np.log(2)),
        (2, 1, np.log1p(np.exp(-2))),
        (2, 0, 2 + np.log1p(np.exp(-2))),
        (1000, 1, 0),
        (-1000, 1, 1000),
    ],
)
def test_binary_cross_entropy(logit, truth, loss):
    value = losses.binary_cross_entropy(array(logit), array(truth))
    assert float(value[0]) == pytest.approx(loss, abs=1e-6)


@pytest.mark.parametrize(
    ("difference", "beta", "loss"),
    [(0, 1, 0), (0.5, 1, 0.125), (-2, 1, 1.5), (1, 1, 0.5), (1, 0.5, 0.75)],
)
def test_smooth_l1(difference, beta, loss):
    assert float(losses.smooth_l1(array(difference), beta)[0]) == pytest.approx(loss)


def test_weighted_mean():
    assert float(losses.weighted_mean(array(1, 2, 6), array(1, 1, 0))) == 1.5
    assert float(losses.weighted_mean(array(1, 2, 6), array(0, 0, 0))) == 0


def test_rpn_class_loss_skips_padding():
    value = losses.rpn_class_loss(array([0, 9]), array([1, 0]), array([1, 0]))
    assert float(value) == pytest.approx(np.log(2))


def test_rpn_box_loss_sums_coordinates():
    pred = np.zeros((1, 2, 4), np.float32)
    truth = array([[1, 1, 0, 0], [5, 5, 5, 5]])
    value = losses.rpn_box_loss(pred, truth, array([1, 0]))
    assert float(value) == pytest.approx(2 * (1 - 1 / 18))


def test_class_loss():
    logits = array([[0, 0, 0, 0], [0, 100, 0, 0], [9, 0, 0, 0]])
    value = losses.class_loss(logits, np.array([[2, 1, 3]], np.int32), array([1, 1, 0]))
    # Of the second a tenth of the label lies on the three classes that it rules out.
    assert float(value) == pytest.approx((np.log(4) + 0.1 * 75) / 2)


def test_class_loss_ignores_garments_of_unknown_class():
    logits = array([[0, 0, 0, 0], [0, 9, 0, 0]])
    value = losses.class_loss(logits, np.array([[2, -1]], np.int32), array([1, 1]))
    assert float(value) == pytest.approx(np.log(4))


def test_box_loss():
    pred = np.zeros((1, 1, 4), np.float32)
    assert float(losses.box_loss(pred, array([[1, -2, 0, 0]]), array([1]))) == 2


def test_mask_loss_is_a_mean_over_cells():
    logits = np.zeros((1, 2, 3, 3), np.float32)
    logits[0, 1] = 50
    truth = np.zeros((1, 2, 3, 3), np.float32)
    assert float(losses.mask_loss(logits, truth, array([1, 0]))) == pytest.approx(
        np.log(2)
    )
    assert float(losses.mask_loss(logits, truth, array([1, 1]))) == pytest.approx(
        (np.log(2) + 50) / 2
    )
