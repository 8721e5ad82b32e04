"""The matting network: shapes, what it starts from, and its losses."""

import numpy as np
import pytest
from keras import ops

from mrcnn.config import MattingConfig, Stage, TrainConfig
from mrcnn.matting.model import build_matting_network
from mrcnn.matting.train import MattingTrainer, alpha_loss, edge_loss
from mrcnn.train import compile_stage

TINY = MattingConfig(image_size=64, widths=(4, 4, 4, 4, 8), detail_width=4)


def test_the_network_gives_alpha_at_the_views_own_size():
    network = build_matting_network(TINY)
    logits = network.predict_on_batch(np.zeros((2, 64, 64, 4), np.float32))
    assert logits.shape == (2, 64, 64)
    assert logits.dtype == np.float32


def planes(*values):
    """Planes (1, 8, 16) whose left and right halves have two values."""
    return [
        np.repeat([[[a] * 8 + [b] * 8]], 8, axis=1).astype("float32") for a, b in values
    ]


def test_the_alpha_loss_counts_edges_and_faults_more():
    truth, known, rough = planes((1, 0), (1, 1), (1, 0))
    right, far, near = planes((9, -9), (9, -9), (9, -9))
    far[:, 0, 0], near[:, 0, 8] = -9, 9
    best, lost, spilled = (
        float(alpha_loss(logits, truth, known, rough)) for logits in (right, far, near)
    )
    assert best < 0.001
    assert best < lost < spilled
    unknown = np.zeros_like(known)
    assert float(alpha_loss(far, truth, unknown, rough)) == 0
    misled = truth.copy()
    misled[:, 0, 0] = 0  # the hint says that the pixel is not the garment's
    assert float(alpha_loss(far, truth, known, misled)) > lost


def test_the_edge_loss_compares_differences():
    truth, known = planes((1, 0), (1, 1))
    right, soft = planes((30, -30), (1, -1))
    assert float(edge_loss(right, truth, known)) < 1e-3
    assert float(edge_loss(soft, truth, known)) > 0.2
    assert float(edge_loss(soft, truth, np.zeros_like(known))) == 0


def test_training_lowers_the_losses():
    trainer = MattingTrainer(TINY)
    compile_stage(trainer, Stage("heads", 12, 2e-2), TrainConfig(warmup_steps=1))
    views = np.zeros((2, 64, 64, 4), np.float32)
    views[:, :, 32:] = 200
    truth = (views[..., 0] > 0).astype(np.float32)
    batch = {"views": views, "gt_alpha": truth, "known": np.ones_like(truth)}
    losses = [trainer.train_on_batch(batch, return_dict=True)["loss"] for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    assert not any("backbone" in w.path for w in trainer.trainable_variables)
    assert ops.shape(trainer.network.output) == (None, 64, 64)


@pytest.mark.parametrize("key", ["widths", "detail_width"])
def test_cards_may_not_name_unknown_keys(key):
    values = {"image_size": 64, key: getattr(TINY, key)}
    assert getattr(MattingConfig.from_dict(values), key) == getattr(TINY, key)
    with pytest.raises(ValueError, match="expected keys"):
        MattingConfig.from_dict({**values, "depth": 3})
