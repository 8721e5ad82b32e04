import csv
import dataclasses
import itertools
import json

import numpy as np
import pytest

from cyclegan.train import resume, train


class Counter:
    """A model whose loss is one over its steps."""

    def __init__(self, fail_at=None):
        self.step = 0
        self.fail_at = fail_at

    def train_step(self, batch):
        self.step += 1
        return {"loss": float("nan") if self.step == self.fail_at else 1 / self.step}

    def sample_sheet(self, batch):
        return np.full((2, 2, 3), batch["x"], np.uint8)

    def save(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state.json").write_text(json.dumps(self.step))

    def load(self, folder):
        self.step = json.loads((folder / "state.json").read_text())


def _batches():
    return ({"x": i} for i in itertools.count())


def _rows(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_training_yields_logs_and_calls_back(tmp_path):
    seen = []
    run = train(Counter(), _batches(), 2, 3, tmp_path, lambda *args: seen.append(args))
    logs = list(run)
    assert [(log["epoch"], log["step"]) for log in logs] == [(1, 3), (2, 6)]
    assert logs[0]["loss"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert [args[0] for args in seen] == [1, 2]
    assert seen[1][2].max() == 5  # the sheet shows the epoch's last batch
    assert [row["step"] for row in _rows(tmp_path)] == ["3", "6"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint", "log.csv"]


def test_training_goes_on_from_the_checkpoint(tmp_path):
    list(train(Counter(), _batches(), 2, 3, tmp_path))
    model = Counter()
    logs = list(train(model, _batches(), 4, 3, tmp_path))
    assert [log["step"] for log in logs] == [9, 12]
    assert [row["epoch"] for row in _rows(tmp_path)] == ["1", "2", "3", "4"]
    assert list(train(Counter(), _batches(), 4, 3, tmp_path)) == []


def test_steps_are_counted_from_where_a_run_goes_on(tmp_path):
    told = []

    def run(epochs):
        listen = {"on_begin": lambda *begin: told.append(begin)}
        listen["on_step"] = lambda: told.append("step")
        list(train(Counter(), _batches(), epochs, 2, tmp_path, **listen))

    run(1)
    run(2)
    assert told == [(0, 2), "step", "step", (2, 4), "step", "step"]


def test_stopped_epoch_is_done_again(tmp_path):
    next(train(Counter(), _batches(), 3, 3, tmp_path))
    logs = list(train(Counter(), _batches(), 3, 3, tmp_path))
    assert [log["epoch"] for log in logs] == [2, 3]


def test_checkpoint_survives_a_crash_between_two_renames(tmp_path):
    list(train(Counter(), _batches(), 1, 3, tmp_path))
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.previous")
    model = Counter()
    assert resume(model, tmp_path)
    assert model.step == 3


def test_nothing_to_resume(tmp_path):
    assert not resume(Counter(), tmp_path)


def test_broken_loss_stops_and_keeps_the_checkpoint(tmp_path):
    with pytest.raises(FloatingPointError, match="loss = nan at step 5"):
        list(train(Counter(fail_at=5), _batches(), 3, 3, tmp_path))
    model = Counter()
    resume(model, tmp_path)
    assert model.step == 3


def test_too_few_batches_are_named(tmp_path):
    with pytest.raises(ValueError, match="expected more batches, got none at step 1"):
        list(train(Counter(), [{"x": 1}], 1, 2, tmp_path))


@pytest.mark.parametrize(("epochs", "steps"), [(0, 1), (1, 0)])
def test_no_epochs_are_refused(tmp_path, epochs, steps):
    with pytest.raises(ValueError, match="of at least 1"):
        next(train(Counter(), _batches(), epochs, steps, tmp_path))


def test_real_model_trains_and_resumes(universal_config, universal_batch, tmp_path):
    from cyclegan.universal import UniversalTrainer

    config = dataclasses.replace(
        universal_config, lambda_adversarial=0.0, lambda_cycle=0.0, lambda_identity=0.0
    )
    stream = itertools.repeat(universal_batch)
    list(train(UniversalTrainer(config), stream, 1, 2, tmp_path))
    model = UniversalTrainer(config)
    logs = list(train(model, stream, 2, 2, tmp_path))
    assert (len(logs), model.step) == (1, 4)
    assert {"epoch", "seconds", "truth", "variation"} <= set(_rows(tmp_path)[1])
