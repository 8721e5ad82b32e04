import numpy as np
import pytest

from compositor import detect_neck_labels, snap_curve

SIZE = 60, 80
XS = np.linspace(10, 70, 61)


def flat_lay(edge):
    """A light front below a dark inside; `edge` is the row where it begins."""
    image = np.full((*SIZE, 3), 60, np.uint8)
    image[edge:] = (200, 190, 180)
    return image


def line(row):
    return np.stack([XS, np.full(len(XS), float(row))], axis=-1)


def snap(image, curve, reach=10.0):
    return snap_curve(image, np.ones(SIZE, bool), curve, reach)


@pytest.mark.parametrize("row", [25, 30, 32], ids=["above", "on it", "below"])
def test_a_curve_moves_onto_the_edge_beside_it(row):
    snapped = snap(flat_lay(30), line(row))
    np.testing.assert_allclose(snapped[:, 0], XS, atol=1e-6)
    np.testing.assert_allclose(snapped[:, 1], 29.5, atol=1.0)


def test_an_edge_out_of_reach_moves_nothing():
    snapped = snap(flat_lay(45), line(30))
    np.testing.assert_allclose(snapped[:, 1], 30, atol=2.0)


def test_edges_outside_the_mask_do_not_count():
    mask = np.zeros(SIZE, bool)
    mask[40:] = True
    snapped = snap_curve(flat_lay(30), mask, line(34), 10.0)
    np.testing.assert_allclose(snapped[:, 1], 34, atol=1.0)


def test_a_label_does_not_pull_the_curve_away():
    image = flat_lay(30)
    image[20:38, 38:44] = (250, 250, 250)
    snapped = snap(image, line(29))
    np.testing.assert_allclose(snapped[[0, 15, 45, 60], 1], 29.5, atol=1.0)
    assert np.abs(np.diff(snapped[:, 1])).max() <= 0.5, "step by step"


@pytest.mark.parametrize(("count", "reach"), [(2, 5.0), (9, 0.0)])
def test_too_few_points_or_no_reach(count, reach):
    with pytest.raises(ValueError, match="expected 3 points and reach > 0, got"):
        snap(flat_lay(30), line(30)[:count], reach)


def parts(edge=20):
    inside = np.zeros(SIZE, bool)
    inside[:edge, 10:70] = True
    front = np.zeros(SIZE, bool)
    front[edge:, 5:75] = True
    return front, inside


def test_a_label_that_hangs_over_the_front_is_detected():
    front, inside = parts()
    image = flat_lay(20)
    image[14:28, 36:44] = (20, 20, 30)
    labels = detect_neck_labels(image, front, inside, 60.0)
    assert labels[20:28, 36:44].all()
    assert not labels[30:].any()
    assert not (labels & ~front).any()
    assert labels.sum() <= 10 * 12, "two pixels around it at most"


def test_a_print_of_the_labels_colour_does_not_hide_it():
    front, inside = parts()
    image = flat_lay(20)
    image[14:28, 36:44] = (20, 20, 30)
    image[40:43, 30:50] = (20, 20, 30)
    labels = detect_neck_labels(image, front, inside, 60.0)
    assert labels[20:28, 36:44].all()
    assert not labels[38:].any()


@pytest.mark.parametrize(
    "patch",
    [
        np.s_[26:34, 36:44],
        np.s_[20:26, 8:72],
        np.s_[14:28, 12:22],
        np.s_[20:21, 30:44],
    ],
    ids=["a print below", "a collar of another colour", "a part of one", "piping"],
)
def test_other_patches_are_no_label(patch):
    front, inside = parts()
    image = flat_lay(20)
    image[patch] = (20, 20, 30)
    assert not detect_neck_labels(image, front, inside, 60.0).any()


def test_labels_of_large_pictures_are_detected_on_a_coarser_grid():
    front, inside = (plane.repeat(5, 0).repeat(5, 1)[:-2] for plane in parts())
    image = flat_lay(20)
    image[14:28, 36:44] = (20, 20, 30)
    image = image.repeat(5, 0).repeat(5, 1)[:-2]
    labels = detect_neck_labels(image, front, inside, 300.0)
    assert labels.shape == front.shape
    assert labels[100:140, 180:220].all()
    assert not labels[160:].any()


@pytest.mark.parametrize("missing", ["front", "inside"])
def test_without_front_or_inside_there_is_no_label(missing):
    front, inside = parts()
    (front if missing == "front" else inside)[:] = False
    assert not detect_neck_labels(flat_lay(20), front, inside, 60.0).any()
