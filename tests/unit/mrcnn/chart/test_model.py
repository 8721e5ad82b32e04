"""The chart network: views, losses, and predictions in the photo's pixels."""

import keras
import numpy as np
import pytest

from mrcnn.chart.data import ChartBatches, Charted, pack_view, random_view
from mrcnn.chart.inference import predict_chart
from mrcnn.chart.model import build_chart_network
from mrcnn.chart.train import WEIGHTS, ChartTrainer, chart_losses
from mrcnn.config import ChartConfig

TINY = ChartConfig(image_size=64, widths=(4, 8, 8, 8))


def garment():
    """A square whose red is its u on the chart and whose green is its v."""
    image = np.zeros((100, 120, 3), np.uint8)
    mask = np.zeros((100, 120), bool)
    mask[30:70, 40:80] = True
    x, y = np.meshgrid(np.linspace(0, 1, 40), np.linspace(1, 0, 40))
    chart = np.zeros((100, 120, 2), np.float32)
    chart[mask] = np.stack([x.ravel(), y.ravel()], axis=-1)
    image[..., :2] = np.rint(chart * 255)
    back = mask & (np.arange(100) < 36)[:, None]
    return Charted(image, mask, chart, back, mask)


def test_the_network_predicts_coordinates_panel_and_error():
    views = np.zeros((2, 64, 64, 4), np.float32)
    out = build_chart_network(TINY).predict_on_batch(views)
    assert out["places"].shape == (2, 16, 16, 2, 2)
    assert out["back"].shape == out["scales"].shape == (2, 16, 16)
    assert (out["scales"] > 0).all()
    assert {value.dtype for value in out.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("seed", range(8))
def test_charts_move_with_the_picture(seed):
    view = random_view(garment(), 128, np.random.default_rng(seed))
    deep = view.mask & (view.image[..., :2].min(axis=-1) > 12)
    red, green = (view.image[deep][:, k] / 255 for k in (0, 1))
    x, y = view.chart[deep].T
    mirrored = np.abs(1 - red - x).mean() < np.abs(red - x).mean()
    assert np.abs((1 - red if mirrored else red) - x).mean() < 0.02
    assert np.abs(green - y).mean() < 0.02
    assert view.foreground.shape == view.mask.shape
    assert np.array_equal(view.foreground, view.mask)
    assert view.back[deep].mean() == pytest.approx(0.15, abs=0.08)


def test_in_mirrored_views_u_still_runs_to_the_right():
    """A mirrored top is a top: its chart is not mirrored."""
    red_runs_left = 0
    for seed in range(20):
        view = random_view(garment(), 64, np.random.default_rng(seed))
        columns = np.nonzero(view.mask)[1]
        assert np.corrcoef(view.chart[view.mask][:, 0], columns)[0, 1] > 0.8
        red = view.image[view.mask][:, 0].astype(float)
        red_runs_left += np.corrcoef(red, columns)[0, 1] < 0
    assert 4 < red_runs_left < 16


def test_packing_samples_the_centres_of_cells():
    chart = np.zeros((64, 64, 2), np.float32)
    chart[..., 0] = np.arange(64)
    mask = np.zeros((64, 64), bool)
    mask[:, :30] = True
    view = Charted(np.zeros((64, 64, 3), np.uint8), mask, chart, ~mask)
    row = pack_view(view)
    assert row["views"].shape == (64, 64, 4)
    assert row["gt_chart"].shape == (16, 16, 4)
    assert row["gt_chart"][0, :3, 0].tolist() == [2, 6, 10]
    assert row["gt_chart"][0, 5:9, 3].tolist() == [1, 1, 0, 0]
    assert row["gt_chart"][0, 5:9, 2].tolist() == [0, 0, 1, 1]


def test_batches_depend_on_their_seed():
    def batches(seed):
        return ChartBatches(lambda index, rng: garment(), 3, 64, 2, 4, seed)

    (one,), (same,), (other,) = batches(1)[2], batches(1)[2], batches(2)[2]
    np.testing.assert_array_equal(one["views"], same["views"])
    assert not np.array_equal(one["views"], other["views"])
    assert len(batches(1)) == 4


def perfect(truth):
    """Return the outputs that match a truth (B, h, w, 4)."""
    places = np.repeat(truth[..., None, :2], 2, axis=-2)
    back = np.where(truth[..., 2] > 0, 20.0, -20.0)
    return {"places": places, "back": back, "scales": np.full(back.shape, 0.01)}


def numbers(losses):
    return {name: float(value) for name, value in losses.items()}


def test_the_loss_of_the_truth_is_nearly_zero():
    rng = np.random.default_rng(0)
    truth = np.concatenate([rng.random((1, 8, 8, 2)), rng.random((1, 8, 8, 2)) > 0.5], -1)
    truth = truth.astype(np.float32)
    pred = {name: value.astype(np.float32) for name, value in perfect(truth).items()}
    losses = numbers(chart_losses(pred, truth))
    assert set(losses) == set(WEIGHTS)
    assert max(losses["place"], losses["slope"], losses["back"]) < 1e-3


def test_an_even_shift_costs_distance_but_no_slope():
    truth = np.zeros((1, 8, 8, 4), np.float32)
    truth[..., 3] = 1
    pred = {name: value.astype(np.float32) for name, value in perfect(truth).items()}
    pred["places"] = pred["places"] + np.float32([0.3, 0.4])
    losses = numbers(chart_losses(pred, truth))
    assert losses["place"] == pytest.approx(0.5, rel=0.03)
    assert losses["slope"] == pytest.approx(0, abs=1e-4)
    honest = {**pred, "scales": np.full((1, 8, 8), 0.5, np.float32)}
    assert numbers(chart_losses(honest, truth))["promise"] < losses["promise"]


def test_what_is_no_garment_costs_nothing():
    truth = np.zeros((1, 8, 8, 4), np.float32)
    pred = {name: value.astype(np.float32) for name, value in perfect(truth).items()}
    pred["places"] = pred["places"] + np.float32(9)
    assert all(value == 0 for value in numbers(chart_losses(pred, truth)).values())


@pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")
def test_the_trainer_learns_one_garment():
    keras.utils.set_random_seed(1)
    trainer = ChartTrainer(TINY)
    trainer.compile(optimizer=keras.optimizers.Adam(3e-3), jit_compile=False)
    batches = ChartBatches(lambda index, rng: garment(), 1, 64, 4, 12, 0)
    history = [trainer.fit(batches, verbose=0).history for _ in range(3)]
    assert history[-1]["place"][-1] < 0.9 * history[0]["place"][-1]


class PredictsColors:
    """A network whose coordinates are the colours at the cells' centres."""

    image_size = 64

    def __call__(self, views):
        cells = views[:, 2::4, 2::4]
        uv = cells[..., :2] / 255
        # In the mirrored view u runs the other way, as a trained network predicts.
        uv[1, ..., 0] = 1 - uv[1, ..., 0]
        return {
            "places": np.repeat(uv[..., None, :], 2, axis=-2),
            "back": np.full(cells.shape[:3], -5.0),
            "scales": np.full(cells.shape[:3], 0.02),
        }


def test_points_are_in_the_photos_pixels():
    picture = garment()
    chart = predict_chart(PredictsColors(), picture.image, picture.mask)
    assert len(chart.points) > 80
    assert chart.points.shape == chart.uv.shape == (len(chart.back), 2)
    inside = (chart.uv > 0.08).all(1) & (chart.uv < 0.88).all(1)
    x, y = chart.points[inside].T
    np.testing.assert_allclose(chart.uv[inside, 0], (x - 40) / 39, atol=0.03)
    np.testing.assert_allclose(chart.uv[inside, 1], 1 - (y - 30) / 39, atol=0.03)
    assert not chart.back.any()
    assert np.allclose(chart.scales, 0.02)
