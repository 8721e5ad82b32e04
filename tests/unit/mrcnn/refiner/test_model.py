"""The refiner's outputs, inference on photos, losses and training."""

import keras
import numpy as np
import pytest

from mrcnn.backbone import build_backbone
from mrcnn.config import OUTLINES, RefinerConfig, Stage, TrainConfig
from mrcnn.predictor import build_network
from mrcnn.refiner.data import NO_PART, RefinerBatches, Region
from mrcnn.refiner.inference import refine
from mrcnn.refiner.model import build_refiner, inference_model, soft_argmax
from mrcnn.refiner.train import RefinerTrainer, landmark_losses, mask_loss, part_loss
from mrcnn.runtime import KerasPredictor
from mrcnn.train import compile_stage
from mrcnn.windows import MIRRORED_LANDMARKS

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config:UserWarning")


class CopiesTheHint:
    """Predicts the hint as mask, class 2, all landmarks a third from the left.

    Skin is where an arm is drawn.
    """

    config = RefinerConfig(image_size=64)
    image_size = 64

    def __call__(self, views):
        self.views = views
        hints = views[:, ::2, ::2, 3]
        places = np.tile(np.float32([1 / 3, 0.5]), (len(views), 25, 1))
        classes = np.zeros((len(views), 4), np.float32)
        classes[:, 2] = 9
        parts = np.zeros((len(views), 16, 16, 8), np.float32)
        parts[..., 1] = views[:, 2::4, 2::4, 5] - 20
        seen = np.tile(np.linspace(-4, 4, 25, dtype=np.float32), (len(views), 1))
        return {
            "masks": hints / 12.75 - 10,
            "classes": classes,
            "places": places,
            "seen": seen,
            "parts": parts,
        }


def photo():
    mask = np.zeros((90, 120), np.float32)
    mask[30:70, 40:100] = 1
    return np.full((90, 120, 3), 80, np.uint8), mask


def test_outputs_have_the_promised_shapes(refiner_config):
    model = build_refiner(refiner_config)
    out = model.predict_on_batch(np.zeros((2, 64, 64, 7), np.float32))
    shapes = {name: value.shape for name, value in out.items()}
    assert shapes == {
        "masks": (2, 32, 32),
        "classes": (2, 4),
        "heatmaps": (2, 16, 16, 25),
        "places": (2, 25, 2),
        "seen": (2, 25),
        "parts": (2, 16, 16, 8),
    }


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet50"])
def test_c1_has_stride_two(name):
    backbone = build_backbone(name, 64, include_c1=True)
    assert [c.shape[1] for c in backbone.outputs] == [32, 16, 8, 4, 2]


def test_soft_argmax_of_a_sharp_heatmap_is_the_cells_centre():
    heatmaps = np.full((1, 4, 8, 2), -50, np.float32)
    heatmaps[0, 1, 6, 0] = heatmaps[0, 3, 0, 1] = 50
    places = keras.ops.convert_to_numpy(soft_argmax(heatmaps))
    expected = [[6.5 / 8, 1.5 / 4], [0.5 / 8, 3.5 / 4]]
    np.testing.assert_allclose(places[0], expected, atol=1e-5)


def test_a_refinement_lies_where_its_detection_lay():
    image, mask = photo()
    (refined,) = refine(CopiesTheHint(), image, mask[None])
    assert refined.mask.shape == mask.shape
    assert ((refined.mask > 0.5) ^ (mask > 0.5)).mean() < 0.02
    assert refined.classes.argmax() == 2
    # The window is 84 wide around (70, 50): a third is 28, so x = 70 - 42 + 28.
    np.testing.assert_allclose(refined.landmarks[:, :2], [[56, 50]] * 25, atol=0.5)


def test_mirrored_predictions_are_mirrored_back_before_the_mean():
    image, mask = photo()
    (refined,) = refine(CopiesTheHint(), image, mask[None], mirror=True)
    assert ((refined.mask > 0.5) ^ (mask > 0.5)).mean() < 0.02
    np.testing.assert_allclose(refined.landmarks[:, 0], 70, atol=0.5)  # 1/3 and 2/3
    one = 1 / (1 + np.exp(-np.linspace(-4, 4, 25)))
    np.testing.assert_allclose(
        refined.landmarks[:, 2], (one + one[MIRRORED_LANDMARKS]) / 2, 1e-5
    )


def test_a_garment_cut_by_the_frame_reaches_the_frame():
    mask = np.zeros((60, 60), np.float32)
    mask[20:, 10:50] = 1
    refiner = CopiesTheHint()
    (refined,) = refine(refiner, np.full((60, 60, 3), 200, np.uint8), mask[None])
    assert (refined.mask[-1, 15:45] > 0.5).all()
    assert (refiner.views[0, -1, :, :3] == 127).all(), "grey beyond the photo's edge"


def test_outside_the_view_there_is_no_garment():
    def predicts_garment_everywhere(views):
        return CopiesTheHint()(np.full_like(views, 255))

    predicts_garment_everywhere.image_size = 64
    predicts_garment_everywhere.config = CopiesTheHint.config
    image = np.full((400, 300, 3), 80, np.uint8)
    mask = np.zeros((400, 300), np.float32)
    mask[100:140, 200:240] = 1
    (refined,) = refine(predicts_garment_everywhere, image, mask[None])
    left, top, right, bottom = 192, 92, 248, 148  # a fifth more at each side
    assert (refined.mask[100:140, 200:240] > 0.99).all()
    refined.mask[top:bottom, left:right] = 0
    assert not refined.mask.any()


def standing(x, lean=0.0):
    """A body around (x, 50): shoulders at 35, hips at 65, arms hanging at the sides."""
    body = np.full((33, 3), (x, 20, 1), np.float32)
    body[11:13, :2] = (x + 12, 35), (x - 12, 35)
    body[13:15, :2] = (x + 18, 50), (x - 18, 50)
    body[15:17, :2] = (x + 20, 65), (x - 20, 65)
    body[23:25, :2] = (x + 8, 65), (x - 8, 65)
    angle = np.deg2rad(lean)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    body[:, :2] = (body[:, :2] - (x, 50)) @ turn.T + (x, 50)
    return body


def test_a_body_is_drawn_into_the_view_and_parts_come_back():
    image, mask = photo()
    refiner = CopiesTheHint()
    (refined,) = refine(refiner, image, mask[None], bodies=[standing(70)])
    torso, arms = refiner.views[0, ..., 4], refiner.views[0, ..., 5]
    assert torso[32, 32] == 255
    assert arms[32, 32] == 0
    skin = refined.part("skin")
    assert skin.shape == mask.shape
    assert skin[50, 52] > 0.9, "the arm at the left"
    assert skin[50, 70] < 0.1, "the torso"


def test_who_leans_is_seen_upright():
    image, mask = photo()
    refiner = CopiesTheHint()
    (refined,) = refine(refiner, image, mask[None], bodies=[standing(70, lean=40)])
    torso = refiner.views[0, ..., 4] > 128
    widths = torso.sum(axis=1)[torso.any(axis=1)]
    assert np.abs(np.diff(widths)).max() <= 2, "no corner points sideways"
    assert ((refined.mask > 0.5) ^ (mask > 0.5)).mean() < 0.03


def test_without_detections_there_are_no_refinements():
    assert refine(CopiesTheHint(), photo()[0], np.zeros((0, 90, 120), np.float32)) == []


def test_keras_predictor_runs_a_refiner(refiner_config, tmp_path):
    model = build_refiner(refiner_config)
    model.save_weights(tmp_path / "r.weights.h5")
    refiner = KerasPredictor(
        refiner_config, lambda: build_network(refiner_config, tmp_path / "r.weights.h5")
    )
    views = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 7)).astype(np.float32)
    expected = model.predict_on_batch(views)
    for name, value in refiner(views).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)
    assert refiner.image_size == 64


def test_at_inference_a_refiner_has_no_auxiliary_outputs(refiner_config):
    model = build_refiner(refiner_config)
    views = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 7)).astype(np.float32)
    whole = model.predict_on_batch(views)
    read = inference_model(model).predict_on_batch(views)
    assert set(whole) - set(read) == {"heatmaps"}
    for name, values in read.items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-5, atol=1e-6)


def test_config_from_json_rejects_unknown_keys():
    config = RefinerConfig.from_dict({"image_size": 64, "widths": [4, 8, 8, 8, 8]})
    assert config.widths == (4, 8, 8, 8, 8)
    assert config.body_planes == 0, "as the cards of older networks"
    with pytest.raises(ValueError, match="got \\['depth'\\]"):
        RefinerConfig.from_dict({"depth": 3})


def test_mask_loss_is_small_for_the_truth_and_ignores_the_unknown():
    truth = np.zeros((2, 16, 16), np.float32)
    truth[:, 4:12, 4:12] = 1
    right = (truth * 2 - 1) * 12
    both, one = np.ones(2, np.float32), np.float32([1, 0])
    assert float(mask_loss(right, truth, both)) < 1e-3
    assert float(mask_loss(-right, truth, both)) > 5
    half_wrong = np.stack([right[0], -right[1]])
    assert float(mask_loss(half_wrong, truth, one)) < 1e-3


def test_a_wrong_pixel_at_the_outline_costs_more():
    truth = np.zeros((1, 32, 32), np.float32)
    truth[:, 8:24, 8:24] = 1
    right = (truth * 2 - 1) * 6
    near, far = right.copy(), right.copy()
    near[0, 7, 16] *= -1
    far[0, 1, 1] *= -1
    known = np.ones(1, np.float32)
    assert float(mask_loss(near, truth, known)) > 1.5 * float(
        mask_loss(far, truth, known)
    )


def test_part_loss_counts_only_what_is_known():
    parts = np.array([[[0, 2], [1, NO_PART]]], np.int32)
    right = np.zeros((1, 2, 2, 3), np.float32)
    for row, column, part in ((0, 0, 0), (0, 1, 2), (1, 0, 1)):
        right[0, row, column, part] = 9
    right[0, 1, 1] = (9, 0, 0)  # whatever it is
    assert float(part_loss(right, parts)) < 0.01
    even = float(part_loss(np.zeros_like(right), parts))
    assert even == pytest.approx(np.log(3), abs=1e-5)
    assert float(part_loss(right, np.full_like(parts, NO_PART))) == 0


def test_landmark_losses_count_only_points_inside():
    points = np.zeros((1, 25, 3), np.float32)
    points[0, 0] = 0.5, 0.25, 2
    heatmaps = np.zeros((1, 8, 8, 25), np.float32)
    places = np.zeros((1, 25, 2), np.float32)
    places[0, 0] = 0.6, 0.25
    pred = {"heatmaps": heatmaps, "places": places, "seen": np.zeros((1, 25), np.float32)}
    values = landmark_losses(pred, points, np.ones(1, np.float32))
    assert float(values["place"]) == pytest.approx(0.1, abs=1e-5)
    assert float(values["heatmap"]) == pytest.approx(np.log(64), abs=1e-3)
    assert float(values["seen"]) == pytest.approx(np.log(2), abs=1e-5)
    nothing = landmark_losses(pred, points, np.zeros(1, np.float32))
    assert all(float(value) == 0 for value in nothing.values())


def test_outlines_are_trained_without_changing_the_class(refiner_config, shirts):
    """The class stays bit-identical; a later stage trains it again."""
    regions = [Region(s.image, s.masks[0], None, int(s.labels[0])) for s in shirts]
    batches = RefinerBatches(lambda i, rng: regions[i], [1] * 4, 64, 4, 3, body_planes=3)
    views = batches[0][0]["views"]
    trainer = RefinerTrainer(refiner_config)
    before = trainer.network.predict_on_batch(views)
    for layers, stays in ((OUTLINES, True), ("heads", False)):
        compile_stage(trainer, Stage(layers, 3, 1e-2), TrainConfig(warmup_steps=0))
        trainer.fit(batches, epochs=1, verbose=0, shuffle=False)
        after = trainer.network.predict_on_batch(views)
        assert np.array_equal(after["classes"], before["classes"]) == stays
        assert not np.allclose(after["masks"], before["masks"], atol=1e-3)


def test_training_learns_the_shirts(refiner_config, shirts):
    keras.utils.set_random_seed(0)
    regions = [Region(s.image, s.masks[0], None, int(s.labels[0])) for s in shirts]
    batches = RefinerBatches(lambda i, rng: regions[i], [1] * 4, 64, 4, 30, body_planes=3)
    trainer = RefinerTrainer(refiner_config)
    trainer.compile(optimizer=keras.optimizers.Adam(3e-3), jit_compile=False)
    first = trainer.fit(batches, epochs=1, verbose=0, shuffle=False).history
    second = trainer.fit(batches, epochs=1, verbose=0, shuffle=False).history
    assert second["mask"][0] < 0.8 * first["mask"][0]
    assert second["class"][0] < first["class"][0]
