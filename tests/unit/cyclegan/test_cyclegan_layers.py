import keras
import numpy as np
import pytest

from cyclegan.layers import ReflectionPad2D, build_settings, instance_norm, resize_conv


def test_reflection_pad_mirrors_without_the_edge():
    image = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    padded = keras.ops.convert_to_numpy(ReflectionPad2D(1)(image))
    expected = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(padded, expected)


def test_reflection_pad_is_serialisable():
    layer = ReflectionPad2D(2, name="edge")
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert (again.padding, again.name) == (2, "edge")
    assert again.compute_output_shape((None, 8, None, 3)) == (None, 12, None, 3)


def test_reflection_pad_refuses_nothing_to_do():
    with pytest.raises(ValueError, match="padding >= 1, got 0"):
        ReflectionPad2D(0)


def test_instance_norm_levels_every_channel_of_every_picture():
    rng = np.random.default_rng(0)
    image = rng.normal(5, 3, (2, 8, 8, 3)).astype(np.float32)
    out = keras.ops.convert_to_numpy(instance_norm(image, "norm"))
    np.testing.assert_allclose(out.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(out.std((1, 2)), 1, atol=1e-3)


def test_resize_conv_doubles_the_size():
    assert resize_conv(np.zeros((1, 4, 6, 3), np.float32), 5, "up").shape == (
        1,
        8,
        12,
        5,
    )


def test_build_settings_puts_the_policy_back_after_an_error():
    before = keras.config.dtype_policy().name
    with pytest.raises(RuntimeError), build_settings("net", "mixed_bfloat16", 0):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        raise RuntimeError
    assert keras.config.dtype_policy().name == before
