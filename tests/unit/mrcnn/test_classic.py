"""Weights of the classic Mask R-CNN: our layers compute what its layers computed."""

import dataclasses

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import boxes as box_ops
from mrcnn.anchors import make_anchors
from mrcnn.backbone import preprocess
from mrcnn.classic import classic_config, is_classic, load_classic
from mrcnn.config import MaskRCNNConfig
from mrcnn.model import MaskRCNN
from mrcnn.weights import WeightsError
from tests.classic_weights import WIDTH, classic_values, write_classic

CLASSES = 2  # without background
MEAN = np.array([123.7, 116.8, 103.9])  # RGB, as the classic network subtracts it
rng = np.random.default_rng(5)


@pytest.fixture(scope="module")
def values():
    drawn = classic_values(CLASSES + 1)
    drawn["bn_conv1/moving_variance"][0] = 1e6  # more than float16 can hold
    return drawn


@pytest.fixture(scope="module")
def path(values, tmp_path_factory):
    return write_classic(tmp_path_factory.mktemp("classic") / "small.h5", values)


@pytest.fixture(scope="module")
def config(path):
    plain = MaskRCNNConfig(
        backbone="resnet50", image_size=64, num_classes=CLASSES, class_agnostic=False
    )
    return classic_config(plain, path)


@pytest.fixture(scope="module")
def model(config, path):
    built = MaskRCNN(config)
    built.adopted = load_classic(built, path)
    return built


def conv(values, name, x, **options):
    kernel, bias = values[f"{name}/kernel"], values[f"{name}/bias"]
    return np.asarray(ops.conv(x, kernel, **options)) + bias


def norm(values, name, x):
    gamma, beta, mean, variance = (
        values[f"{name}/{part}"]
        for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def relu(x):
    return np.maximum(x, 0)


def close(ours, theirs):
    scale = np.abs(theirs).max()
    assert np.allclose(np.asarray(ours) / scale, theirs / scale, atol=2e-5)


def test_the_config_fits_the_files_layers(config):
    assert (config.pyramid_channels, config.rpn_channels) == (WIDTH, 12)
    assert (config.box_head_channels, config.mask_head_channels) == (16, 6)
    assert config.anchor_levels == (2, 3, 4, 5, 6)
    assert config.num_classes == CLASSES


def test_all_layers_that_the_file_has_are_taken(model):
    assert not [name for name in model.adopted.anew if "conv" not in name]
    assert all(name.startswith("conv") for name in model.adopted.anew), "of the backbone"
    assert {"conv1_conv", "conv2_block1_0_bn", "deltas", "masks"} < {*model.adopted.taken}


def test_all_weights_can_ship_in_float16(model):
    largest = max(float(np.abs(np.asarray(w)).max()) for w in model.weights)
    assert largest < np.finfo(np.float16).max


def test_the_stem_sees_the_same_colours(model, values):
    images = rng.uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    x = np.pad(images - MEAN, ((0, 0), (3, 3), (3, 3), (0, 0))).astype(np.float32)
    theirs = norm(values, "bn_conv1", conv(values, "conv1", x, strides=2))
    stem = keras.Model(model.backbone.input, model.backbone.get_layer("conv1_bn").output)
    ours = np.asarray(stem(preprocess(ops.convert_to_tensor(images), "resnet50")))
    # The means differ by up to .04 grey levels of 128.
    assert np.abs(ours - theirs).max() < 2e-3 * np.abs(theirs).max()


def test_the_box_head_computes_the_same(model, values):
    regions = rng.normal(size=(3, 7, 7, WIDTH)).astype(np.float32)
    x = conv(values, "mrcnn_class_conv1", regions, padding="valid")
    x = relu(norm(values, "mrcnn_class_bn1", x))
    x = conv(values, "mrcnn_class_conv2", x, padding="valid")
    x = relu(norm(values, "mrcnn_class_bn2", x))[:, 0, 0]
    logits = x @ values["mrcnn_class_logits/kernel"] + values["mrcnn_class_logits/bias"]
    deltas = x @ values["mrcnn_bbox_fc/kernel"] + values["mrcnn_bbox_fc/bias"]
    ours, our_deltas = model.box_head(regions)
    close(ours, logits)
    theirs = deltas.reshape(3, CLASSES + 1, 4)[:, 1:]
    boxes = np.array([[10.0, 20, 30, 50]] * CLASSES, np.float32)[None].repeat(3, 0)
    decoded = box_ops.decode(boxes, our_deltas, box_ops.BOX_VARIANCE, 10_000)
    close(decoded, np.clip(classic_decode(boxes, theirs), 0, 10_000))


def test_the_mask_head_computes_the_same(model, values):
    regions = rng.normal(size=(2, 14, 14, WIDTH)).astype(np.float32)
    x = regions
    for number in range(1, 5):
        x = conv(values, f"mrcnn_mask_conv{number}", x, padding="same")
        x = relu(norm(values, f"mrcnn_mask_bn{number}", x)).astype(np.float32)
    kernel = values["mrcnn_mask_deconv/kernel"]
    x = np.asarray(ops.conv_transpose(x, kernel, strides=2, padding="valid"))
    x = relu(x + values["mrcnn_mask_deconv/bias"]).astype(np.float32)
    close(model.mask_head(regions), conv(values, "mrcnn_mask", x)[..., 1:])


def classic_decode(boxes, deltas):
    """Apply deltas (dy, dx, log dh, log dw) to boxes xyxy, as the classic code does."""
    deltas = deltas * [0.1, 0.1, 0.2, 0.2]
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    x = boxes[..., 0] + width / 2 + deltas[..., 1] * width
    y = boxes[..., 1] + height / 2 + deltas[..., 0] * height
    w, h = width * np.exp(deltas[..., 3]), height * np.exp(deltas[..., 2])
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=-1)


def classic_anchors(size, stride):
    """Return the anchors of one level, whose centres are the cells' corners."""
    shapes = [(8 * stride * r**0.5, 8 * stride / r**0.5) for r in (0.5, 1, 2)]
    half = np.array(shapes) / 2
    steps = np.arange(0, size, stride)
    y, x = np.meshgrid(steps, steps, indexing="ij")
    centre = np.stack([x, y], -1)[:, :, None]
    return np.concatenate([centre - half, centre + half], -1).reshape(-1, 4)


def test_the_rpn_proposes_the_same_boxes(model, config, values):
    size, stride = 64, 4
    level = rng.normal(size=(1, size // stride, size // stride, WIDTH)).astype(np.float32)
    shared = relu(conv(values, "rpn_model/rpn_conv_shared", level, padding="same"))
    logits = conv(values, "rpn_model/rpn_class_raw", shared).reshape(-1, 2)
    deltas = conv(values, "rpn_model/rpn_bbox_pred", shared).reshape(-1, 4)
    theirs = classic_decode(classic_anchors(size, stride), deltas)
    one_level = dataclasses.replace(config, anchor_levels=(2,))
    ours, our_deltas = model.rpn([level])
    close(ops.sigmoid(ours)[0], 1 / (1 + np.exp(logits[:, 0] - logits[:, 1])))
    anchors = make_anchors(one_level)
    decoded = box_ops.decode(anchors, our_deltas[0], box_ops.RPN_VARIANCE, 10_000)
    close(decoded, np.clip(theirs, 0, 10_000))


def test_heads_of_other_class_counts_start_anew(path):
    plain = MaskRCNNConfig(backbone="resnet50", image_size=64)
    model = MaskRCNN(classic_config(plain, path))
    before = model.box_head.get_layer("classes").get_weights()[0]
    adopted = load_classic(model, path)
    assert {"classes", "deltas", "masks"} < {*adopted.anew}
    assert {"dense1", "mask up", "rpn deltas", "lateral5"} < {*adopted.taken}
    assert np.array_equal(model.box_head.get_layer("classes").get_weights()[0], before)


def test_the_layout_is_told_by_its_layers(path, tmp_path):
    assert is_classic(path)
    other = tmp_path / "ours.weights.h5"
    with h5py.File(other, "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros(3)
    assert not is_classic(other)


def test_another_backbone_is_named(path, tmp_path, values):
    with pytest.raises(WeightsError, match="start with --backbone resnet50"):
        classic_config(MaskRCNNConfig(backbone="resnet101"), path)
    deep = values | {"res4g_branch2a/kernel": np.zeros((1, 1, 1, 1), np.float32)}
    other = write_classic(tmp_path / "deep.h5", deep)
    with pytest.raises(WeightsError, match="start with --backbone resnet101"):
        classic_config(MaskRCNNConfig(), other)


def test_a_file_that_fits_nothing_is_refused(tmp_path, model):
    small = {"fpn_c5p5/kernel": np.zeros((1, 1, 2, 3), np.float32)}
    with pytest.raises(WeightsError, match="none of its layers fits"):
        load_classic(model, write_classic(tmp_path / "a.h5", small))
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("mrcnn_mask/kernel:0", (1 << 20, 1 << 20), "f4", chunks=True)
    with pytest.raises(WeightsError, match="more than a network has"):
        load_classic(model, tmp_path / "huge.h5")
    with h5py.File(tmp_path / "text.h5", "w") as file:
        file["mrcnn_mask/kernel:0"] = "words"
    with pytest.raises(WeightsError, match="is damaged"):
        load_classic(model, tmp_path / "text.h5")
