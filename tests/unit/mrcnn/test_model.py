import dataclasses

import keras
import numpy as np
import pytest

from mrcnn.data import pack_truth
from mrcnn.model import LOSS_NAMES, MaskRCNN


def batch_of(views, places=2):
    rng = np.random.default_rng(0)
    rows = [pack_truth(view, places, rng) for view in views]
    return {
        "images": np.stack([view.image for view in views]).astype(np.float32),
        "gt_boxes": np.stack([row[0] for row in rows]),
        "gt_labels": np.stack([row[1] for row in rows]),
        "gt_masks": np.stack([row[2] for row in rows]),
    }


@pytest.fixture(scope="module", params=[True, False], ids=["agnostic", "per-class"])
def model(request, config, train_config):
    keras.utils.set_random_seed(0)
    changed = dataclasses.replace(config, class_agnostic=request.param)
    made = MaskRCNN(changed, train_config)
    made.compile(optimizer=keras.optimizers.Adam(2e-3), jit_compile=False)
    return made


def test_predictions_have_fixed_shapes(model, shirts):
    images = batch_of(shirts[:3])["images"]
    found = model.predict_on_batch(images)
    forms = {name: (value.shape, value.dtype.name) for name, value in found.items()}
    assert forms == {
        "boxes": ((3, 4, 4), "float32"),
        "labels": ((3, 4), "int32"),
        "scores": ((3, 4), "float32"),
        "mask_boxes": ((3, 4, 4), "float32"),
        "masks": ((3, 4, 14, 14), "float32"),
    }
    assert found["labels"].min() >= 1
    assert found["labels"].max() <= 3
    assert ((found["scores"] >= 0) & (found["scores"] <= 1)).all()
    assert (np.diff(found["scores"], axis=1) <= 0).all()
    assert ((found["masks"] >= 0) & (found["masks"] <= 1)).all()
    assert ((found["boxes"] >= 0) & (found["boxes"] <= 64)).all()
    sides = found["boxes"][..., 2:] - found["boxes"][..., :2]
    margin = model.config.mask_margin * np.concatenate([-sides, sides], -1)
    np.testing.assert_allclose(found["mask_boxes"], found["boxes"] + margin, atol=1e-3)


def test_each_picture_is_seen_alone(model, shirts):
    images = batch_of(shirts[:2])["images"]
    both = model.predict_on_batch(images)
    alone = model.predict_on_batch(images[1:])
    np.testing.assert_allclose(both["boxes"][1:], alone["boxes"], atol=1e-2)
    np.testing.assert_allclose(both["scores"][1:], alone["scores"], atol=1e-4)


def test_steps_lower_the_loss(model, shirts):
    batch = batch_of(shirts)
    logs = [model.train_on_batch(batch, return_dict=True) for _ in range(8)]
    assert set(logs[0]) == {"loss", *LOSS_NAMES}
    assert all(np.isfinite(list(log.values())).all() for log in logs)
    # The log is a running mean over the steps so far.
    assert logs[-1]["class"] < 0.9 * logs[0]["class"]
    assert logs[-1]["mask"] < logs[0]["mask"]


def test_a_batch_without_garments_teaches_background(model, shirts):
    batch = batch_of(shirts)
    empty = {name: np.zeros_like(value) for name, value in batch.items()}
    empty["images"] = batch["images"]
    values = model.compute_losses(empty)
    assert all(np.isfinite(float(value)) for value in values.values())
    assert float(values["box"]) == float(values["mask"]) == float(values["rpn_box"]) == 0
    assert float(values["class"]) > 0
    log = model.train_on_batch(empty, return_dict=True)
    assert np.isfinite(list(log.values())).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_weights_come_back(model, shirts, tmp_path):
    images = batch_of(shirts[:1])["images"]
    model.save_weights(tmp_path / "m.weights.h5")
    other = MaskRCNN(model.config, model.train_config)
    other.load_weights(tmp_path / "m.weights.h5")
    expected = model.predict_on_batch(images)
    for name, value in other.predict_on_batch(images).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-4)


@pytest.mark.parametrize(("odds", "expected"), [(1e30, True), (1e-30, False)])
def test_prior_odds_decide_between_classes(config, train_config, shirts, odds, expected):
    keras.utils.set_random_seed(0)
    made = MaskRCNN(dataclasses.replace(config, prior_odds=odds), train_config)
    found = made.predict_on_batch(batch_of(shirts[:2])["images"])
    real = found["scores"] > 0
    assert real.any()
    assert ((found["labels"][real] == 1) == expected).all()
