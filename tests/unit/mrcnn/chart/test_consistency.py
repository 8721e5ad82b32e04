"""Photos without charts: where twins meet, and what they cost when they disagree."""

import keras
import numpy as np
import pytest

from mrcnn.chart.consistency import Uncharted, agreement_losses, read_cells, twin_rows
from mrcnn.chart.data import ChartBatches, Charted
from mrcnn.chart.train import AGREEMENT_WEIGHTS, ChartTrainer
from mrcnn.config import ChartConfig

TINY = ChartConfig(image_size=64, widths=(4, 8, 8, 8))
SIZE, SIDE = 128, 32
MIDDLES = np.s_[2::4, 2::4]  # pixels that a view's cells stand for


def tee():
    """A square whose red runs to the right and whose green runs down."""
    image = np.zeros((100, 120, 3), np.uint8)
    mask = np.zeros((100, 120), bool)
    mask[20:80, 30:90] = True
    y, x = np.mgrid[:100, :120]
    image[..., 0], image[..., 1] = 2 * x, 2 * y
    landmarks = np.zeros((25, 3), np.float32)
    landmarks[6], landmarks[24], landmarks[15] = (40, 30, 1), (80, 30, 1), (60, 70, 0.2)
    marks = np.full((25, 2), np.nan, np.float32)
    marks[6], marks[24], marks[15] = (0.3, 0.8), (0.7, 0.8), (0.5, 0)
    return Uncharted(image, mask, landmarks, marks)


def keep(view, rng):
    return view


@pytest.mark.parametrize("seed", range(8))
def test_twins_show_the_same_spot_where_they_say(seed):
    one, two = twin_rows(tee(), SIZE, np.random.default_rng(seed), keep)
    for own, other in ((one, two), (two, one)):
        known = own["twin"][..., 2] != 0
        assert known.mean() > 0.15
        x, y = np.rint(own["twin"][known][:, :2] * 4 + 2).astype(int).T
        mine = own["views"][MIDDLES][known][:, :2]
        theirs = other["views"][np.clip(y, 0, 127), np.clip(x, 0, 127), :2]
        assert np.abs(mine - theirs).max(axis=1).mean() < 2.5


def test_half_of_the_twins_are_mirrored():
    signs = []
    for seed in range(24):
        one, two = twin_rows(tee(), 64, np.random.default_rng(seed), keep)
        sign = set(np.unique(one["twin"][..., 2])) - {0}
        assert sign == set(np.unique(two["twin"][..., 2])) - {0}
        signs += sign
    assert 4 < signs.count(-1) < 20
    assert signs.count(1) + signs.count(-1) == 24


def test_marks_lie_on_landmarks_that_are_seen():
    for seed in range(8):
        row, _ = twin_rows(tee(), SIZE, np.random.default_rng(seed), keep)
        marked = np.argwhere(row["marks"][..., 2] > 0)
        assert len(marked) == 2, "the third landmark is not seen"
        for r, c in marked:
            red, green = row["views"][r * 4 + 2, c * 4 + 2, :2]
            assert green == pytest.approx(60, abs=9)
            assert row["marks"][r, c, 1] == pytest.approx(0.8)
            assert min(abs(red - 80), abs(red - 160)) < 9
        x = row["marks"][row["marks"][..., 2] > 0][:, 0]
        assert sorted(x) == pytest.approx([0.3, 0.7])
        columns = marked[np.argsort(x), 1]
        assert columns[0] < columns[1], "x runs to the right in the mirror too"


def test_what_one_view_hides_is_not_compared():
    def hide(view, rng):
        half = np.arange(len(view.mask)) < len(view.mask) / 2
        return Charted(view.image, view.mask & half[:, None], view.chart, view.back)

    for row in twin_rows(tee(), SIZE, np.random.default_rng(0), hide):
        known = row["twin"][..., 2] != 0
        assert known.any()
        assert not known[SIDE // 2 :].any()
        assert row["twin"][known][:, 1].max() < SIDE / 2


def test_planes_are_read_between_their_cells():
    y, x = np.mgrid[:6, :8].astype(np.float32)
    planes = np.stack([x, 10 * y], axis=-1)[None]
    spots = np.zeros((1, 6, 8, 2), np.float32)
    spots[0, 0, :4] = [(2.5, 1.25), (0, 0), (-9, 2), (99, 99)]
    found = np.asarray(read_cells(planes, spots))[0, 0, :4]
    np.testing.assert_allclose(found, [(2.5, 12.5), (0, 0), (0, 20), (7, 50)], atol=0.02)


def agreeing(sign):
    """Two views of (h, w) cells that read the same places, and how they meet."""
    rng = np.random.default_rng(0)
    places = rng.random((1, 4, 4, 2)).astype(np.float32)
    there = places[:, :, ::-1] * np.float32([sign, 1])
    there[..., 0] += sign < 0
    both = np.concatenate([places, there])
    y, x = np.mgrid[:4, :4].astype(np.float32)
    twin = np.stack([3 - x, y, np.full_like(x, sign)], axis=-1)[None].repeat(2, 0)
    pred = {
        "places": both[..., None, :].repeat(2, -2),
        "back": np.full(both.shape[:3], -9.0),
    }
    return pred, twin, np.zeros((2, 4, 4, 3), np.float32)


@pytest.mark.parametrize("sign", [1, -1])
def test_agreement_costs_nothing_and_a_shift_its_length(sign):
    pred, twin, marks = agreeing(sign)
    assert float(agreement_losses(pred, twin, marks)["twin"]) < 1e-3
    moved = pred["places"].copy()
    moved[0] += np.float32([0.3, 0.4])
    losses = agreement_losses({**pred, "places": moved}, twin, marks)
    assert float(losses["twin"]) == pytest.approx(0.5, rel=0.04)
    assert float(losses["mark"]) == 0


def test_the_back_is_not_compared():
    pred, twin, marks = agreeing(1)
    pred["places"][0] += 1
    pred["back"] = -pred["back"]
    assert float(agreement_losses(pred, twin, marks)["twin"]) == 0


def test_landmarks_cost_their_distance():
    pred, twin, marks = agreeing(1)
    marks[0, 1, 2] = *(pred["places"][0, 1, 2, 0] - np.float32([0, 0.25])), 1
    losses = agreement_losses(pred, twin, marks)
    assert float(losses["mark"]) == pytest.approx(0.25 / 2, rel=0.02)


def batches(size, **change):
    def load(index, rng):
        photo = tee()
        chart = np.zeros((100, 120, 2), np.float32)
        return Charted(photo.image, photo.mask, chart, np.zeros_like(photo.mask))

    return ChartBatches(
        load, 3, 64, size, 2, twins=lambda rng: twin_rows(tee(), 64, rng, keep), **change
    )


def test_a_quarter_of_a_batch_are_twins_side_by_side():
    (batch,) = batches(16)[0]
    assert {len(value) for value in batch.values()} == {16}
    has_chart = batch["gt_chart"][..., 3].any(axis=(1, 2))
    has_twin = batch["twin"][..., 2].any(axis=(1, 2))
    assert has_chart.tolist() == [True] * 12 + [False] * 4
    assert has_twin.tolist() == [False] * 12 + [True] * 4
    with pytest.raises(ValueError, match="multiples of 8"):
        batches(4)


@pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")
def test_the_trainer_brings_twins_together():
    keras.utils.set_random_seed(1)
    trainer = ChartTrainer(TINY)
    trainer.compile(optimizer=keras.optimizers.Adam(3e-3), jit_compile=False)
    trainer.loss_weights = {
        **dict.fromkeys(trainer.loss_weights, 0.0),
        **AGREEMENT_WEIGHTS,
    }
    history = [trainer.fit(batches(8), verbose=0).history for _ in range(6)]
    assert history[0]["twin"][-1] > 0
    assert history[-1]["mark"][-1] < 0.8 * history[0]["mark"][-1]
