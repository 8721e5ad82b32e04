"""Photos without charts: how paired views correspond, and their consistency losses."""

import keras
import numpy as np
import pytest

from mrcnn.chart.consistency import (
    UnlabeledGarment,
    consistency_losses,
    paired_rows,
    sample_bilinear,
)
from mrcnn.chart.data import ChartBatches, Charted
from mrcnn.chart.train import CONSISTENCY_WEIGHTS, ChartTrainer
from mrcnn.config import ChartConfig

TINY = ChartConfig(image_size=64, widths=(4, 8, 8, 8))
SIZE, SIDE = 128, 32
CENTERS = np.s_[2::4, 2::4]  # the pixels at the centres of a view's cells


def tee():
    """A square whose red runs to the right and whose green runs down."""
    image = np.zeros((100, 120, 3), np.uint8)
    mask = np.zeros((100, 120), bool)
    mask[20:80, 30:90] = True
    y, x = np.mgrid[:100, :120]
    image[..., 0], image[..., 1] = 2 * x, 2 * y
    landmarks = np.zeros((25, 3), np.float32)
    landmarks[6], landmarks[24], landmarks[15] = (40, 30, 1), (80, 30, 1), (60, 70, 0.2)
    uv = np.full((25, 2), np.nan, np.float32)
    uv[6], uv[24], uv[15] = (0.3, 0.8), (0.7, 0.8), (0.5, 0)
    return UnlabeledGarment(image, mask, landmarks, uv)


def keep(view, rng):
    return view


@pytest.mark.parametrize("seed", range(8))
def test_paired_views_show_the_same_point_at_their_matches(seed):
    one, two = paired_rows(tee(), SIZE, np.random.default_rng(seed), keep)
    for view, other in ((one, two), (two, one)):
        known = view["matches"][..., 2] != 0
        assert known.mean() > 0.15
        x, y = np.rint(view["matches"][known][:, :2] * 4 + 2).astype(int).T
        colors = view["views"][CENTERS][known][:, :2]
        other_colors = other["views"][np.clip(y, 0, 127), np.clip(x, 0, 127), :2]
        assert np.abs(colors - other_colors).max(axis=1).mean() < 2.5


def test_half_of_the_paired_views_are_mirror_images():
    signs = []
    for seed in range(24):
        one, two = paired_rows(tee(), 64, np.random.default_rng(seed), keep)
        sign = set(np.unique(one["matches"][..., 2])) - {0}
        assert sign == set(np.unique(two["matches"][..., 2])) - {0}
        signs += sign
    assert 4 < signs.count(-1) < 20
    assert signs.count(1) + signs.count(-1) == 24


def test_coordinates_are_given_at_visible_landmarks():
    for seed in range(8):
        row, _ = paired_rows(tee(), SIZE, np.random.default_rng(seed), keep)
        marked = np.argwhere(row["landmark_uv"][..., 2] > 0)
        assert len(marked) == 2, "the third landmark is not visible"
        for r, c in marked:
            red, green = row["views"][r * 4 + 2, c * 4 + 2, :2]
            assert green == pytest.approx(60, abs=9)
            assert row["landmark_uv"][r, c, 1] == pytest.approx(0.8)
            assert min(abs(red - 80), abs(red - 160)) < 9
        x = row["landmark_uv"][row["landmark_uv"][..., 2] > 0][:, 0]
        assert sorted(x) == pytest.approx([0.3, 0.7])
        columns = marked[np.argsort(x), 1]
        assert columns[0] < columns[1], "u runs to the right in mirrored views too"


def test_points_hidden_in_one_view_are_not_compared():
    def hide(view, rng):
        half = np.arange(len(view.mask)) < len(view.mask) / 2
        return Charted(view.image, view.mask & half[:, None], view.chart, view.back)

    for row in paired_rows(tee(), SIZE, np.random.default_rng(0), hide):
        known = row["matches"][..., 2] != 0
        assert known.any()
        assert not known[SIDE // 2 :].any()
        assert row["matches"][known][:, 1].max() < SIDE / 2


def test_planes_are_sampled_between_cells():
    y, x = np.mgrid[:6, :8].astype(np.float32)
    planes = np.stack([x, 10 * y], axis=-1)[None]
    points = np.zeros((1, 6, 8, 2), np.float32)
    points[0, 0, :4] = [(2.5, 1.25), (0, 0), (-9, 2), (99, 99)]
    values = np.asarray(sample_bilinear(planes, points))[0, 0, :4]
    np.testing.assert_allclose(values, [(2.5, 12.5), (0, 0), (0, 20), (7, 50)], atol=0.02)


def consistent(sign):
    """Predictions of two views with the same coordinates, and their matches."""
    rng = np.random.default_rng(0)
    uv = rng.random((1, 4, 4, 2)).astype(np.float32)
    other_uv = uv[:, :, ::-1] * np.float32([sign, 1])
    other_uv[..., 0] += sign < 0
    both = np.concatenate([uv, other_uv])
    y, x = np.mgrid[:4, :4].astype(np.float32)
    matches = np.stack([3 - x, y, np.full_like(x, sign)], axis=-1)[None].repeat(2, 0)
    pred = {
        "places": both[..., None, :].repeat(2, -2),
        "back": np.full(both.shape[:3], -9.0),
    }
    return pred, matches, np.zeros((2, 4, 4, 3), np.float32)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_loss_of_a_shift_is_its_length(sign):
    pred, matches, landmark_uv = consistent(sign)
    assert float(consistency_losses(pred, matches, landmark_uv)["twin"]) < 1e-3
    moved = pred["places"].copy()
    moved[0] += np.float32([0.3, 0.4])
    losses = consistency_losses({**pred, "places": moved}, matches, landmark_uv)
    assert float(losses["twin"]) == pytest.approx(0.5, rel=0.04)
    assert float(losses["mark"]) == 0


def test_the_back_is_not_compared():
    pred, matches, landmark_uv = consistent(1)
    pred["places"][0] += 1
    pred["back"] = -pred["back"]
    assert float(consistency_losses(pred, matches, landmark_uv)["twin"]) == 0


def test_the_loss_at_landmarks_is_their_distance():
    pred, matches, landmark_uv = consistent(1)
    landmark_uv[0, 1, 2] = *(pred["places"][0, 1, 2, 0] - np.float32([0, 0.25])), 1
    losses = consistency_losses(pred, matches, landmark_uv)
    assert float(losses["mark"]) == pytest.approx(0.25 / 2, rel=0.02)


def batches(size, **change):
    def load(index, rng):
        photo = tee()
        chart = np.zeros((100, 120, 2), np.float32)
        return Charted(photo.image, photo.mask, chart, np.zeros_like(photo.mask))

    def sample_pair(rng):
        return paired_rows(tee(), 64, rng, keep)

    return ChartBatches(load, 3, 64, size, 2, sample_pair=sample_pair, **change)


def test_a_quarter_of_a_batch_are_pairs_side_by_side():
    (batch,) = batches(16)[0]
    assert {len(value) for value in batch.values()} == {16}
    has_chart = batch["gt_chart"][..., 3].any(axis=(1, 2))
    is_paired = batch["matches"][..., 2].any(axis=(1, 2))
    assert has_chart.tolist() == [True] * 12 + [False] * 4
    assert is_paired.tolist() == [False] * 12 + [True] * 4
    with pytest.raises(ValueError, match="multiples of 8"):
        batches(4)


@pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")
def test_training_lowers_the_consistency_losses():
    keras.utils.set_random_seed(1)
    trainer = ChartTrainer(TINY)
    trainer.compile(optimizer=keras.optimizers.Adam(3e-3), jit_compile=False)
    trainer.loss_weights = {
        **dict.fromkeys(trainer.loss_weights, 0.0),
        **CONSISTENCY_WEIGHTS,
    }
    history = [trainer.fit(batches(8), verbose=0).history for _ in range(6)]
    assert history[0]["twin"][-1] > 0
    assert history[-1]["mark"][-1] < 0.8 * history[0]["mark"][-1]
