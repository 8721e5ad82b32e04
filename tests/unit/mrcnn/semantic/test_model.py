"""The semantic network: shapes, what is trained, and its loss."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.backbone import load_pretrained
from mrcnn.config import CLOTHES, SemanticConfig, Stage, TrainConfig
from mrcnn.pose.model import build_pose_network, convolutions
from mrcnn.semantic.model import build_semantic_network
from mrcnn.semantic.train import SemanticTrainer, clothes_loss
from mrcnn.train import compile_stage

TINY = SemanticConfig(widths=(4, 4, 4, 8))
UNKNOWN = 255


def test_the_network_names_each_cell():
    network = build_semantic_network(TINY)
    logits = network.predict_on_batch(np.zeros((2, 256, 256, 3), np.float32))
    assert logits.shape == (2, 64, 64, len(CLOTHES))
    assert logits.dtype == np.float32


def test_its_features_are_those_of_the_pose_network(tmp_path):
    pose = build_pose_network()
    pose.save_weights(tmp_path / "pose.weights.h5")
    trainer = SemanticTrainer(TINY)
    load_pretrained(trainer.backbone, str(tmp_path / "pose.weights.h5"))
    view = np.random.default_rng(0).uniform(0, 255, (1, 256, 256, 3)).astype("float32")
    mine = trainer.backbone.predict_on_batch(view)["heatmaps"]
    assert np.allclose(mine, pose.predict_on_batch(view)["heatmaps"], atol=1e-4)
    assert set(convolutions(trainer.backbone)) < set(convolutions(pose))


def test_only_the_decoder_is_trained():
    trainer = SemanticTrainer(TINY)
    compile_stage(trainer, Stage("heads", 4, 1e-2), TrainConfig())
    names = {weight.path for weight in trainer.trainable_variables}
    assert any("lateral4" in name for name in names)
    assert not any("backbone" in name for name in names)


def test_other_backbones_are_refused():
    with pytest.raises(ValueError, match="blazepose"):
        SemanticConfig(backbone="mobilenet_v2")


def test_the_loss_ignores_unknown_cells_and_weighs_rare_classes():
    logits = np.zeros((1, 1, 3, len(CLOTHES)), np.float32)
    logits[..., 0] = 9
    uniform = ops.convert_to_numpy(clothes_loss(logits, np.array([[[0, 0, UNKNOWN]]])))
    assert uniform < 0.01, "all known cells are right"
    wrong = float(clothes_loss(logits, np.array([[[0, 3, UNKNOWN]]])))
    assert wrong == pytest.approx(9 * 1.5 / (0.6 + 1.5), abs=0.02)
    assert float(clothes_loss(logits, np.full((1, 1, 3), UNKNOWN))) == 0


def test_training_lowers_the_loss():
    keras.utils.set_random_seed(0)
    trainer = SemanticTrainer(SemanticConfig(widths=(8, 8, 8, 8)))
    stage = Stage("heads", 12, 2e-2)
    compile_stage(trainer, stage, TrainConfig(warmup_steps=1))
    views = np.zeros((2, 256, 256, 3), np.float32)
    views[:, :, 128:] = 200
    clothes = np.zeros((2, 64, 64), np.int32)
    clothes[:, :, 32:] = 3
    batch = {"views": views, "gt_clothes": clothes}
    losses = [trainer.train_on_batch(batch, return_dict=True)["loss"] for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
