import numpy as np
import pytest

from compositor.colorspace import are_common, from_linear, subsample, to_lab, to_linear


def test_linear_light_by_hand():
    assert to_linear(np.array([0, 255, 188], np.uint8)).tolist() == pytest.approx(
        [0, 1, 0.5029], abs=1e-3
    )
    values = np.linspace(0, 255, 50)
    assert np.allclose(from_linear(to_linear(values)), values, atol=0.01)


def test_lab_by_hand():
    lab = to_lab(np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0]], np.uint8))
    assert lab.dtype == np.float32
    expected = [[0, 0, 0], [100, 0, 0], [53.2, 80.1, 67.2]]
    np.testing.assert_allclose(lab, expected, atol=0.1)


@pytest.mark.parametrize(("count", "kept"), [(1, 1), (4, 4), (5, 3), (9, 3)])
def test_subsample(count, kept):
    assert len(subsample(np.zeros((count, 3)), 4)) == kept


def test_common_colours_have_enough_neighbours():
    reference = np.array([[50, 0, 0]] * 3 + [[90, 0, 0]], float)
    colors = np.array([[52, 0, 0], [88, 0, 0], [10, 0, 0]], float)
    assert are_common(colors, reference, 5, 0.5).tolist() == [True, False, False]
    assert are_common(colors, reference, 5, 0.25).tolist() == [True, True, False]
