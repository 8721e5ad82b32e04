"""The canonical chart: what photos show of all garments meets."""

import json

import numpy as np
import pytest
from PIL import Image

from data_tools.paint.canonical import CANONICAL, SHOULDER_HEIGHT, Cut, canonical
from data_tools.paint.charts import CANONICAL_LANDMARKS, read_cut, read_panels

WIDE, HIGH = 120, 100
SMALL, LARGE = Cut(0.9, 0.6, 0.25, 0.16), Cut(0.7, 0.42, 0.36, 0.26)


def draw_shop(folder, name, cut):
    """Draw a T whose front shows its whole pattern: x to the right, y up."""
    x, y = np.meshgrid((np.arange(WIDE) + 0.5) / WIDE, 1 - (np.arange(HIGH) + 0.5) / HIGH)
    tee = (y < cut.collar) & ((np.abs(x - 0.5) < cut.side) | (y > cut.armpit))
    planes = np.rint(np.concatenate([x / 2, y]) * 4095).astype(np.uint16)
    Image.fromarray(planes).save(folder / f"{name}.uv.png")
    Image.fromarray(tee.astype(np.uint8) * 2).save(folder / f"{name}.labels.png")
    points = np.zeros((25, 3))
    for pair, away, height in (
        ((1, 5), 0.08, cut.collar),
        ((6, 24), cut.shoulder, cut.collar - 0.05),
        ((11, 19), cut.side, cut.armpit),
    ):
        for index, hand in zip(pair, (-1, 1), strict=True):
            points[index] = (0.5 + hand * away) * WIDE - 0.5, (1 - height) * HIGH, 2
    item = {
        "category_id": 1,
        "category_name": "short sleeve top",
        "landmarks": points.ravel().tolist(),
    }
    (folder / f"{name}.json").write_text(json.dumps({"source": "shop", "item1": item}))


@pytest.mark.parametrize("cut", [SMALL, LARGE])
def test_a_cut_is_measured_in_the_shop_picture(tmp_path, cut):
    draw_shop(tmp_path, "p007_A_shop", cut)
    for stem in ("p007_A", "p007_A_shop"):
        found = read_cut(tmp_path / stem)
        assert found.collar == pytest.approx(cut.collar, abs=0.012)
        assert found.armpit == pytest.approx(cut.armpit, abs=0.012)
        assert found.side == pytest.approx(cut.side, abs=0.012)
        assert found.shoulder == pytest.approx(cut.shoulder, abs=0.012)


def own_height(cut, y):
    """Return where on a cut's own pattern a canonical height above the armpit lies."""
    share = (y - CANONICAL.armpit) / (CANONICAL.collar - CANONICAL.armpit)
    return cut.armpit + share * (cut.collar - cut.armpit)


@pytest.mark.parametrize("cut", [SMALL, LARGE])
def test_what_a_photo_shows_of_any_cut_meets(cut):
    places = {
        (0.5, CANONICAL.collar): (0.5, cut.collar),
        (0.5 - CANONICAL.side, CANONICAL.armpit): (0.5 - cut.side, cut.armpit),
        (0.5 + CANONICAL.side, 0.0): (0.5 + cut.side, 0.0),
        (0.5 - CANONICAL.shoulder, SHOULDER_HEIGHT): (
            0.5 - cut.shoulder,
            own_height(cut, SHOULDER_HEIGHT),
        ),
        (0.0, CANONICAL.armpit): (0.0, cut.armpit),
        (1.0, CANONICAL.collar): (1.0, cut.collar),
    }
    found = canonical(np.array(list(places.values()), np.float32), cut)
    np.testing.assert_allclose(found, list(places), atol=1e-6)


@pytest.mark.parametrize("cut", [SMALL, LARGE])
def test_no_cloth_folds_over_on_the_way(cut):
    x, y = np.meshgrid(np.linspace(0, 1, 41), np.linspace(0, 1, 41))
    found = canonical(np.stack([x, y], axis=-1).astype(np.float32), cut)
    assert (np.diff(found[..., 0], axis=1) > 0).all()
    assert (np.diff(found[..., 1], axis=0) > 0).all()


def test_the_canonical_cut_changes_nothing():
    places = np.random.default_rng(0).random((50, 2)).astype(np.float32)
    np.testing.assert_allclose(canonical(places, Cut()), places, atol=1e-6)


def test_marks_lie_as_in_a_mirror():
    for left, right in ((1, 5), (6, 24)):
        assert CANONICAL_LANDMARKS[left][0] == pytest.approx(
            1 - CANONICAL_LANDMARKS[right][0]
        )
        assert CANONICAL_LANDMARKS[left][1] == CANONICAL_LANDMARKS[right][1]


def test_panels_lie_on_top_of_each_other(tmp_path):
    planes = np.rint(np.array([[0.1, 0.6], [0.3, 0.3]]) * 4095).astype(np.uint16)
    Image.fromarray(planes).save(tmp_path / "p007_A.uv.png")
    places, back = read_panels(tmp_path / "p007_A")
    np.testing.assert_allclose(places[0], [[0.2, 0.3], [0.2, 0.3]], atol=1e-3)
    assert back.tolist() == [[False, True]]


def test_what_is_no_tee_is_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_cut(tmp_path / "p007_A")
    draw_shop(tmp_path, "p007_A_shop", SMALL)
    Image.fromarray(np.zeros((HIGH, WIDE), np.uint8)).save(
        tmp_path / "p007_A_shop.labels.png"
    )
    with pytest.raises(ValueError, match="p007_A_shop: expected a tee"):
        read_cut(tmp_path / "p007_A")
    with pytest.raises(ValueError, match="cut of a tee"):
        Cut(0.2, 0.1)
