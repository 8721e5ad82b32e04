import keras
import numpy as np
import pytest

from mrcnn import backbone as backbones


@pytest.fixture(scope="module")
def mobilenet():
    return backbones.build_backbone("mobilenet_v2", 64)


def stages(model):
    return {layer.name: backbones.stage_of(layer.name, model) for layer in model.layers}


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet50", "resnet101"])
def test_all_backbones_have_strides_4_to_32(name):
    model = backbones.build_backbone(name, 64)
    shapes = [output.shape[1:3] for output in model.outputs]
    assert shapes == [(16, 16), (8, 8), (4, 4), (2, 2)]


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match="mobilenet_v2.*got 'vgg16'"):
        backbones.build_backbone("vgg16", 64)


def test_a_stage_ends_with_its_output(mobilenet):
    found = stages(mobilenet)
    ends = ("block_3_expand_relu", "block_6_expand_relu", "block_13_expand_relu")
    assert [found[end] for end in ends] == [2, 3, 4]
    assert found["block_3_depthwise"] == 3
    assert found["block_13_depthwise"] == 5
    assert found["out_relu"] == 5
    assert mobilenet.layers[0].name not in [n for n, s in found.items() if s > 1]


@pytest.mark.parametrize(
    ("layers", "first"),
    [("outlines", 6), ("heads", 6), ("5+", 5), ("4+", 4), ("3+", 3), ("all", 1)],
)
def test_set_trainable_moves_late_stages_alone(mobilenet, layers, first):
    backbones.set_trainable(mobilenet, layers)
    for name, stage in stages(mobilenet).items():
        layer = mobilenet.get_layer(name)
        norm = isinstance(layer, keras.layers.BatchNormalization)
        assert layer.trainable == (stage >= first and not norm), name
    moving = mobilenet.trainable_variables
    assert bool(moving) == (first < 6)
    assert not any("gamma" in v.path or "beta" in v.path for v in moving)


def test_set_trainable_can_go_back(mobilenet):
    counts = []
    for layers in ("all", "heads", "4+", "all"):
        backbones.set_trainable(mobilenet, layers)
        counts.append(len(mobilenet.trainable_variables))
    assert counts[0] == counts[3] > counts[2] > counts[1] == 0


def test_set_trainable_refuses_other_names(mobilenet):
    with pytest.raises(ValueError, match="got '2\\+'"):
        backbones.set_trainable(mobilenet, "2+")


def test_mobilenet_wants_minus_one_to_one():
    images = np.array([0, 127.5, 255], np.float32).reshape(1, 1, 3, 1)
    scaled = backbones.preprocess(np.repeat(images, 3, -1), "mobilenet_v2")
    np.testing.assert_allclose(np.asarray(scaled)[0, 0, :, 0], [-1, 0, 1])


def test_resnet_wants_bgr_less_the_mean():
    red = np.zeros((1, 1, 1, 3), np.float32)
    red[..., 0] = 255
    scaled = np.asarray(backbones.preprocess(red, "resnet50")).ravel()
    np.testing.assert_allclose(scaled, [-103.939, -116.779, 255 - 123.68], atol=1e-3)


def test_weights_of_the_whole_application_load(tmp_path, mobilenet):
    whole = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(96, 96, 3)
    )
    whole.save_weights(tmp_path / "notop.weights.h5")
    backbones.load_pretrained(mobilenet, str(tmp_path / "notop.weights.h5"))
    for loaded, saved in zip(mobilenet.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(loaded.numpy(), saved.numpy())
