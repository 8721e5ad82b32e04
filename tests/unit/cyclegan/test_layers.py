import keras
import numpy as np
import pytest

from cyclegan.layers import (
    ReflectionPad2D,
    Texture,
    build_settings,
    instance_norm,
    resize_conv,
)


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


def _texture(size=4):
    layer = Texture(size, name="print")
    layer.build((None, None, None, 2))
    texels = np.arange(size * size * 3, dtype=np.float32).reshape(size, size, 3)
    layer.set_weights([texels])
    return layer, texels


def test_a_texture_is_read_at_its_texels_and_between_them():
    layer, texels = _texture()
    middles = (np.arange(4, dtype=np.float32) + 0.5) / 4 * 2 - 1
    places = np.stack(np.meshgrid(middles, middles), axis=-1)[None]
    out = keras.ops.convert_to_numpy(layer(places))
    np.testing.assert_allclose(out[0], texels, atol=1e-4)
    between = np.float32([[[[0.0, 0.0]]]])
    out = keras.ops.convert_to_numpy(layer(between))
    np.testing.assert_allclose(out[0, 0, 0], texels[1:3, 1:3].mean((0, 1)), atol=1e-4)


def test_a_textures_edge_goes_on_outside():
    layer, texels = _texture()
    out = keras.ops.convert_to_numpy(layer(np.float32([[[[-9, -1], [9, 1]]]])))
    np.testing.assert_allclose(out[0, 0], [texels[0, 0], texels[-1, -1]], atol=1e-4)


def test_a_texture_is_serialisable():
    config = keras.saving.serialize_keras_object(Texture(8, name="print"))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.size, again.name) == (8, "print")
    assert again.compute_output_shape((None, 5, 6, 2)) == (None, 5, 6, 3)


def test_a_texture_has_texels():
    with pytest.raises(ValueError, match="size >= 2, got 1"):
        Texture(1)
