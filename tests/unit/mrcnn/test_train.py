import contextlib
import csv
import dataclasses

import keras
import numpy as np
import pytest

from mrcnn import checkpoint
from mrcnn.config import MaskRCNNConfig, Stage, TrainConfig
from mrcnn.data import Example, TrainingBatches
from mrcnn.detections import mask_iou
from mrcnn.model import LOSS_NAMES, MaskRCNN
from mrcnn.predictor import build_network, detect
from mrcnn.runtime import KerasPredictor
from mrcnn.train import WarmupCosine, run_stages
from mrcnn.weights import WeightsError

# The batches come through tf.data, which the eager steps do not touch.
pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")


def test_warmup_rises_and_the_cosine_falls():
    rate = WarmupCosine(0.1, warmup=10, total=110)
    values = np.array([float(rate(step)) for step in range(130)])
    assert values[0] == pytest.approx(0.01)
    assert values[9] == pytest.approx(0.1)
    assert values[60] == pytest.approx(0.1 * 0.51)  # halfway
    assert values[110:] == pytest.approx(0.002)  # 2 % to the end and beyond
    assert (np.diff(values[10:111]) < 0).all()


@pytest.mark.parametrize(("warmup", "total"), [(0, 10), (0, 0), (5, 5)])
def test_warmup_of_any_length(warmup, total):
    rate = WarmupCosine(1.0, warmup, total)
    values = [float(rate(step)) for step in range(12)]
    assert all(0 < value <= 1 for value in values)


def test_the_schedule_is_serialised():
    rate = WarmupCosine(0.1, 2, 8)
    again = WarmupCosine.from_config(rate.get_config())
    assert float(again(3)) == float(rate(3))


@pytest.fixture
def start(config, train_config, shirts):
    """Return a function that begins a run and gives the model and its rows."""

    def run(folder, seed=0, steps_per_epoch=1, ema=0.0, **options):
        train = dataclasses.replace(train_config, ema=ema)
        keras.utils.set_random_seed(seed)
        model = MaskRCNN(config, train)

        def make_batches(epoch, steps):
            return TrainingBatches(
                lambda i, rng: shirts[i], [1] * 4, 64, train, steps, epoch=epoch
            )

        rows = run_stages(model, train, make_batches, folder, steps_per_epoch, **options)
        return model, rows

    return run


def test_a_damaged_checkpoint_is_told_in_one_line(start, tmp_path):
    _, rows = start(tmp_path)
    next(rows)
    (tmp_path / "model.weights.h5").write_bytes(b"cut off")
    _, rows = start(tmp_path, resume=True)
    with pytest.raises(WeightsError, match=r"model.weights.h5: expected an HDF5 file"):
        next(rows)


def test_a_run_tells_where_it_begins(start, tmp_path):
    told = []
    _, rows = start(tmp_path, on_begin=lambda *begin: told.append(begin))
    next(rows)
    _, rows = start(tmp_path, resume=True, on_begin=lambda *begin: told.append(begin))
    next(rows)
    assert told == [(0, 4), (1, 4)]


def test_a_run_writes_its_log_and_weights(start, tmp_path, config, train_config):
    model, rows = start(tmp_path)
    rows = list(rows)
    places = [(row["epoch"], row["stage"], row["step"]) for row in rows]
    assert places == [(1, 0, 1), (2, 0, 2), (3, 1, 3), (4, 1, 4)]
    assert all(np.isfinite(row[name]) for row in rows for name in LOSS_NAMES)
    with (tmp_path / "log.csv").open(newline="") as file:
        logged = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in logged] == [row["loss"] for row in rows]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "log.csv",
        "model.weights.h5",
        "state.json",
    ]
    again = MaskRCNN(config, train_config)
    again.load_weights(tmp_path / "model.weights.h5")
    for trained, loaded in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(trained, loaded)


def test_a_killed_run_goes_on_as_if_it_had_not_been(start, tmp_path):
    """Killed within a stage and between stages: same weights, averages and log."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole, rows = start(tmp_path / "whole", ema=0.5)
    rows = list(rows)
    resumed = []
    for count in (1, 1, 2):
        model, more = start(tmp_path / "killed", seed=9, ema=0.5, resume=True)
        if not resumed:
            model, more = start(tmp_path / "killed", ema=0.5)
        resumed += [next(more) for _ in range(count)]
    assert resumed == rows
    for one, other in zip(whole.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    logs = [(tmp_path / name / "log.csv").read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1]


@pytest.mark.parametrize("moment", ["before the state", "after the state"])
def test_a_kill_while_the_checkpoint_is_written(start, tmp_path, monkeypatch, moment):
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    expected = list(start(tmp_path / "whole")[1])[:2]
    _, rows = start(tmp_path / "killed")
    next(rows)
    kept = checkpoint._replace

    def killed(path, text):
        if moment == "after the state":
            kept(path, text)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_replace", killed)
        with pytest.raises(KeyboardInterrupt):
            next(rows)
    _, rows = start(tmp_path / "killed", resume=True)
    row = next(rows)
    if moment == "before the state":
        assert row == expected[1]
    else:
        assert row["epoch"] == 3
    assert not list((tmp_path / "killed").glob("epoch-*"))


def test_a_run_is_resumed_as_it_was(start, tmp_path):
    next(start(tmp_path)[1])
    with pytest.raises(checkpoint.RunError, match="without a run"):
        next(start(tmp_path)[1])
    with pytest.raises(checkpoint.RunError, match="got other: recipe"):
        next(start(tmp_path, ema=0.5, resume=True)[1])
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(checkpoint.RunError, match="expected the state of a run"):
        next(start(tmp_path, resume=True)[1])


def test_averages_are_evaluated_and_weights_restored(start, tmp_path):
    averages = []
    model, rows = start(tmp_path, ema=0.9, steps_per_epoch=2, evaluate=lambda _: copy())

    def copy():
        averages.append([np.array(w) for w in model.get_weights()])
        return {"copies": len(averages)}

    assert next(rows)["copies"] == 1
    after = model.get_weights()
    assert not all(np.array_equal(a, b) for a, b in zip(averages[0], after, strict=True))
    assert all(
        np.allclose(a, b, atol=0.1) for a, b in zip(averages[0], after, strict=True)
    )


def test_the_seed_decides_the_run(start, tmp_path):
    losses = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        _, rows = start(tmp_path / name, steps_per_epoch=2)
        losses.append(next(rows)["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_first_stage_leaves_the_backbone_alone(start, tmp_path):
    model, rows = start(tmp_path, steps_per_epoch=2)
    before = [np.array(w) for w in model.backbone.get_weights()]
    next(rows)
    unmoved = zip(before, model.backbone.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in unmoved)
    next(rows)
    moved = zip(before, model.backbone.get_weights(), strict=True)
    assert not all(np.array_equal(a, b) for a, b in moved)
    for layer in model.backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert not np.asarray(layer.moving_mean).any()


def test_a_failing_checkpoint_keeps_the_last_one(tmp_path):
    class Broken:
        def save_weights(self, path):
            path.write_bytes(b"half")
            raise OSError(28, "No space left")

    (tmp_path / "model.weights.h5").write_bytes(b"before")
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(Broken(), tmp_path, checkpoint.RunState({}, [{"loss": 1.0}]))
    assert (tmp_path / "model.weights.h5").read_bytes() == b"before"
    assert not (tmp_path / "state.json").exists()


@pytest.mark.slow
def test_four_drawn_shirts_are_learned_by_heart(tmp_path):
    """The whole way: batches, two stages, the photo's own masks back."""
    size = 128
    shirts = [draw_shirt(size, seed) for seed in range(4)]
    config = MaskRCNNConfig(
        backbone="tiny",
        image_size=size,
        num_classes=2,
        pyramid_channels=24,
        pre_nms=60,
        proposals=16,
        box_roi_size=5,
        mask_roi_size=14,
        mask_output_size=28,
        box_head_channels=64,
        mask_head_channels=24,
        mask_head_convs=2,
    )
    train = TrainConfig(
        stages=(Stage("all", 250, 3e-3),), batch_size=4, warmup_steps=10, roi_positives=6
    )
    keras.utils.set_random_seed(0)
    model = MaskRCNN(config, train)

    def make_batches(epoch, steps):
        return TrainingBatches(
            lambda i, rng: shirts[i], [1] * 4, size, train, steps, epoch=epoch
        )

    with graphs():
        rows = list(run_stages(model, train, make_batches, tmp_path, steps_per_epoch=50))
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]
    predictor = KerasPredictor(
        config, lambda: build_network(config, tmp_path / "model.weights.h5")
    )
    scores = []
    for shirt in shirts:
        (found,) = detect(predictor, shirt.image, 0.3)
        assert len(found), "a shirt was missed"
        scores.append(mask_iou(found.masks[0] >= 0.5, shirt.masks[0]))
    assert np.mean(scores) > 0.8


@contextlib.contextmanager
def graphs():
    """Trace graphs after all: many steps are faster so."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(True)


def draw_shirt(size, seed):
    rng = np.random.default_rng(seed)
    width = int(rng.integers(size // 3, 2 * size // 3))
    left, top = rng.integers(4, size - width - 4, 2)
    mask = np.zeros((size, size), bool)
    mask[top : top + width, left + width // 4 : left + width - width // 4] = True
    mask[top : top + width // 3, left : left + width] = True
    image = rng.integers(90, 130, (size, size, 3)).astype(np.uint8)
    image[mask] = rng.permutation([220, 40, 40])
    return Example(image, mask[None], np.array([1]))
