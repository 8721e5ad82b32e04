"""The canonical chart: collars, sides and hems of all garments meet."""

import json

import numpy as np
import pytest
from PIL import Image

from data_tools.charts import COLLAR, SIDE, Cut, canonical, read_cut, read_panels

WIDE, HIGH = 120, 100


def draw_shop(folder, name, collar, side):
    """Draw a T whose front shows its whole pattern: x to the right, y up."""
    x, y = np.meshgrid((np.arange(WIDE) + 0.5) / WIDE, 1 - (np.arange(HIGH) + 0.5) / HIGH)
    tee = (y < collar) & ((np.abs(x - 0.5) < side) | (y > 0.5))
    planes = np.rint(np.concatenate([x / 2, y]) * 4095).astype(np.uint16)
    Image.fromarray(planes).save(folder / f"{name}.uv.png")
    Image.fromarray(tee.astype(np.uint8) * 2).save(folder / f"{name}.labels.png")
    points = [0, 0, 0] * 25
    points[3:6] = [50, (1 - collar) * HIGH, 2]
    points[15:18] = [70, (1 - collar) * HIGH, 2]
    item = {"category_id": 1, "category_name": "short sleeve top", "landmarks": points}
    (folder / f"{name}.json").write_text(json.dumps({"source": "shop", "item1": item}))


@pytest.mark.parametrize(("collar", "side"), [(0.9, 0.25), (0.7, 0.36)])
def test_a_cut_is_measured_in_the_shop_picture(tmp_path, collar, side):
    draw_shop(tmp_path, "p007_A_shop", collar, side)
    for stem in ("p007_A", "p007_A_shop"):
        cut = read_cut(tmp_path / stem)
        assert cut.collar == pytest.approx(collar, abs=0.012)
        assert cut.side == pytest.approx(side, abs=0.012)


def test_collars_sides_hems_and_cuffs_meet():
    for cut in (Cut(0.9, 0.25), Cut(0.7, 0.36)):
        places = np.array(
            [
                [0.5, cut.collar],
                [0.5 - cut.side, 0.2],
                [0.5 + cut.side, 0],
                [0, 0.5],
                [1, 0],
            ],
            np.float32,
        )
        found = canonical(places, cut)
        np.testing.assert_allclose(found[0], [0.5, COLLAR], atol=1e-6)
        np.testing.assert_allclose(found[1:3, 0], [0.5 - SIDE, 0.5 + SIDE], atol=1e-6)
        np.testing.assert_allclose(found[3:, 0], [0, 1], atol=1e-6)
        assert found[2, 1] == 0


def test_the_canonical_cut_changes_nothing():
    places = np.random.default_rng(0).random((50, 2)).astype(np.float32)
    np.testing.assert_allclose(canonical(places, Cut(COLLAR, SIDE)), places, atol=1e-6)


def test_panels_lie_on_top_of_each_other(tmp_path):
    planes = np.rint(np.array([[0.1, 0.6], [0.3, 0.3]]) * 4095).astype(np.uint16)
    Image.fromarray(planes).save(tmp_path / "p007_A.uv.png")
    places, back = read_panels(tmp_path / "p007_A")
    np.testing.assert_allclose(places[0], [[0.2, 0.3], [0.2, 0.3]], atol=1e-3)
    assert back.tolist() == [[False, True]]


def test_what_is_no_tee_is_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_cut(tmp_path / "p007_A")
    draw_shop(tmp_path, "p007_A_shop", 0.9, 0.25)
    Image.fromarray(np.zeros((HIGH, WIDE), np.uint8)).save(
        tmp_path / "p007_A_shop.labels.png"
    )
    with pytest.raises(ValueError, match="p007_A_shop: expected a tee"):
        read_cut(tmp_path / "p007_A")
    with pytest.raises(ValueError, match="cut of a tee"):
        Cut(0.2, 0.3)
