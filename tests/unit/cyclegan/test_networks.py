import dataclasses

import keras
import numpy as np
import pytest

from cyclegan.config import ShadingConfig, UniversalConfig
from cyclegan.data import apply_prediction_numpy
from cyclegan.networks import (
    apply_prediction,
    build_discriminator,
    build_generator,
    build_shading_network,
    build_universal_generator,
    relight_texture,
)


def _random(shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def _applied(warped, prediction):
    tensors = (keras.ops.convert_to_tensor(array) for array in (warped, prediction))
    return keras.ops.convert_to_numpy(apply_prediction(*tensors))


@pytest.mark.parametrize("channels", [3, 4])
def test_generator_keeps_the_size_and_the_range(gan_config, channels):
    config = dataclasses.replace(gan_config, input_channels=channels)
    out = build_generator(config).predict_on_batch(_random((2, 32, 32, channels)))
    assert out.shape == (2, 32, 32, 3)
    assert np.abs(out).max() <= 1


@pytest.mark.parametrize("channels", [3, 4])
def test_an_untrained_generator_gives_its_texture_as_it_is(gan_config, channels):
    config = dataclasses.replace(gan_config, input_channels=channels, texture=16)
    model = build_generator(config)
    assert model.input_shape == (None, 32, 32, channels + 2)
    texels = _random((16, 16, 3))
    model.get_layer("texture").set_weights([texels])
    batch = _random((2, 32, 32, channels + 2))
    middles = (np.arange(16, dtype=np.float32) + 0.5) / 16 * 2 - 1
    batch[:, :16, :16, -2:] = np.stack(np.meshgrid(middles, middles), axis=-1)
    made = model.predict_on_batch(batch)
    assert made.shape == (2, 32, 32, 9)
    assert not made[..., 3:].any()
    out = keras.ops.convert_to_numpy(relight_texture(made))
    np.testing.assert_allclose(out[1, :16, :16], texels, atol=1e-5)


def test_discriminator_scores_patches(gan_config):
    out = build_discriminator(gan_config).predict_on_batch(_random((2, 32, 32, 3)))
    assert out.shape == (2, 4, 4, 1)


def test_weights_depend_on_seed_and_name(gan_config):
    def kernel(config, name):
        return build_generator(config, name).get_layer("stem").get_weights()[0]

    other = dataclasses.replace(gan_config, seed=4)
    first = kernel(gan_config, "one")
    np.testing.assert_array_equal(first, kernel(gan_config, "one"))
    assert not np.allclose(first, kernel(other, "one"))
    assert not np.allclose(first, kernel(gan_config, "two"))


def test_layers_are_named(gan_config, universal_config):
    models = (
        build_generator(gan_config),
        build_discriminator(gan_config),
        build_universal_generator(universal_config),
        build_shading_network(ShadingConfig(image_size=32)),
    )
    automatic = ("conv2d", "activation", "group_normalization", "add", "concatenate")
    for model in models:
        names = [layer.name for layer in model.layers]
        assert not [name for name in names if name.startswith(automatic)]


def test_mixed_precision_ends_in_float32(gan_config, universal_config):
    for build, config in (
        (build_generator, gan_config),
        (build_discriminator, gan_config),
        (build_universal_generator, universal_config),
        (build_shading_network, ShadingConfig(image_size=32)),
    ):
        model = build(dataclasses.replace(config, precision="mixed_bfloat16"))
        assert model.output.dtype == "float32"
        assert model.layers[2].compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_universal_generator_starts_as_the_identity(universal_config):
    model = build_universal_generator(universal_config)
    inputs = _random((2, 32, 32, 10))
    prediction = model.predict_on_batch(inputs)
    assert prediction.shape == (2, 32, 32, 6)
    out = _applied(inputs[..., 4:7], prediction)
    np.testing.assert_allclose(out, inputs[..., 4:7], atol=1e-6)


def test_the_light_meter_sees_how_bright_a_picture_is(universal_config):
    """Two pictures that differ in nothing else; only the meter's head has weights."""
    model = build_universal_generator(universal_config)
    head = model.get_layer("meter_level")
    weights = [_random(w.shape, k) for k, w in enumerate(head.get_weights())]
    head.set_weights(weights)
    views = np.zeros((3, 32, 32, 10), np.float32)
    for view, tone in zip(views, (-0.98, -0.5, 0.9), strict=True):
        view[..., :3] = tone
    gains = model.predict_on_batch(views)[..., :3]
    np.testing.assert_allclose(gains, np.broadcast_to(gains[:, :1, :1], gains.shape))
    steps = np.abs(np.diff(gains[:, 0, 0], axis=0)).max(axis=-1)
    assert (steps > 0.05).all()


def test_the_light_meter_reads_means_of_the_colours(universal_config):
    model = build_universal_generator(universal_config)
    layers = [model.get_layer(f"meter_{name}") for name in ("shares", "read")]
    probe = keras.Model(model.input, [layer.output for layer in layers])
    inputs = _random((2, 32, 32, 10))
    shares, read = probe.predict_on_batch(inputs)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    cells = inputs.reshape(2, 4, 8, 4, 8, 10).mean(axis=(2, 4)).reshape(2, 16, 10)
    expected = np.einsum("bnk,bnc->bkc", shares, cells)
    np.testing.assert_allclose(read, expected, atol=1e-5)


def test_universal_prediction_stays_in_range(universal_config):
    model = build_universal_generator(universal_config)
    for name in ("log_gain_conv", "residual_conv"):
        layer = model.get_layer(name)
        layer.set_weights([np.ones_like(w) * 9 for w in layer.get_weights()])
    out = model.predict_on_batch(_random((1, 32, 32, 10)))
    np.testing.assert_allclose(out[..., :3].max(), 2, atol=1e-5)
    np.testing.assert_allclose(out[..., 3:].max(), 1, atol=1e-5)


def test_default_universal_generator_has_one_to_two_million_weights():
    assert 1e6 < build_universal_generator(UniversalConfig()).count_params() < 2e6


def test_gain_acts_on_linear_light():
    warped = np.full((1, 1, 1, 3), 0.2, np.float32)
    prediction = np.zeros((1, 1, 1, 6), np.float32)
    prediction[..., :3] = -0.7
    out = _applied(warped, prediction)
    linear = 0.6**2.2 * np.exp(-0.7)
    np.testing.assert_allclose(out, linear ** (1 / 2.2) * 2 - 1, atol=1e-6)


def test_both_ways_to_apply_a_prediction_agree():
    warped = _random((2, 5, 7, 3))
    gain, residual = 2 * _random((2, 5, 7, 3), 1), _random((2, 5, 7, 3), 2)
    prediction = np.concatenate([gain, residual], axis=-1)
    tensor = _applied(warped, prediction)
    array = apply_prediction_numpy((warped + 1) * 127.5, gain, residual)
    assert array.dtype == np.float32
    np.testing.assert_allclose(array / 127.5 - 1, tensor, atol=1e-5)
