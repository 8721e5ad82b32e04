import numpy as np
import pytest

from data_tools.contact_sheet import SheetConfig, draw_cell, fit_picture, lay_out

SMALL = SheetConfig(cell=(40, 60), columns=3)
RED = np.full((10, 20, 3), (200, 0, 0), np.uint8)


def test_a_picture_is_fitted_without_its_caption():
    assert fit_picture(np.zeros((100, 100, 3), np.uint8), SMALL).size == (30, 30)
    assert fit_picture(np.zeros((10, 100, 3), np.uint8), SMALL).size == (36, 4)
    assert fit_picture(RED, SMALL).size == (20, 10), "a small one keeps its size"


def test_a_cell_has_a_picture_above_its_caption():
    cell = draw_cell(RED, "a", "b", config=SMALL)
    assert cell.shape == (60, 40, 3)
    assert (cell[2:12, 10:30] == (200, 0, 0)).all()
    assert (cell[12:32] == 255).all()
    assert (cell[32:] < 255).any()
    blank = draw_cell(None, config=SMALL)
    assert (blank == 255).all()


def test_letters_beyond_ascii_and_long_lines_are_no_trouble():
    one = draw_cell(None, "티" * 99, config=SMALL)
    same = draw_cell(None, "?" * SMALL.max_characters, config=SMALL)
    np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize(
    ("count", "shape"), [(0, (60, 120, 3)), (1, (10, 60, 3)), (4, (20, 60, 3))]
)
def test_cells_lie_in_rows(count, shape):
    sheet = lay_out([RED] * count, config=SMALL)
    assert sheet.shape == shape
    assert (sheet == (200, 0, 0)).all(axis=-1).sum() == count * 200


def test_smaller_cells_are_padded_and_gaps_are_white():
    sheet = lay_out([RED, RED[:5, :4]], 2, gap=3)
    assert sheet.shape == (13, 46, 3)
    assert (sheet[:, 20:23] == 255).all()
    assert (sheet[:5, 23:27] == (200, 0, 0)).all()
    assert (sheet[5:, 23:] == 255).all()
    assert (sheet[10:] == 255).all()
