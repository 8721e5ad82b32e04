import dataclasses

import h5py
import numpy as np
import pytest

from cyclegan.networks import build_discriminator, build_generator
from cyclegan.weights import load_weights, read_state, save_float16


@pytest.fixture(scope="module")
def generator(gan_config):
    return build_generator(gan_config)


def test_float16_round_trip(generator, gan_config, tmp_path):
    path = tmp_path / "half.weights.h5"
    save_float16(generator, path)
    again = build_generator(gan_config, "other")
    load_weights(again, path)
    image = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype("f4")
    for x, y in zip(generator.get_weights(), again.get_weights(), strict=True):
        assert y.dtype == np.float32
        np.testing.assert_array_equal(x.astype(np.float16), y)
    np.testing.assert_allclose(
        generator.predict_on_batch(image), again.predict_on_batch(image), atol=5e-3
    )


def test_float16_file_is_half_and_alone(generator, tmp_path):
    save_float16(generator, tmp_path / "half.weights.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["half.weights.h5"]
    kinds = set()
    with h5py.File(tmp_path / "half.weights.h5") as file:
        file.visititems(lambda _, item: kinds.add(getattr(item, "dtype", None)))
    assert kinds - {None} == {np.dtype(np.float16)}


def test_numbers_beyond_float16_are_refused(gan_config, tmp_path):
    model = build_generator(gan_config)
    layer = model.get_layer("stem")
    layer.set_weights([w + 1e6 for w in layer.get_weights()])
    with pytest.raises(ValueError, match="expected weights within float16"):
        save_float16(model, tmp_path / "half.weights.h5")
    assert not list(tmp_path.iterdir())


def test_wrong_ending_is_refused(generator, tmp_path):
    for call in (save_float16, load_weights):
        with pytest.raises(ValueError, match=r"ending in \.weights\.h5"):
            call(generator, tmp_path / "half.h5")


def test_missing_file_is_named(generator, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.weights\.h5"):
        load_weights(generator, tmp_path / "none.weights.h5")


def test_damaged_file_is_refused(generator, tmp_path):
    path = tmp_path / "bad.weights.h5"
    path.write_bytes(b"not a weights file")
    with pytest.raises(ValueError, match="expected readable weights"):
        load_weights(generator, path)


@pytest.mark.parametrize("other", ["discriminator", "deeper generator"])
def test_other_architecture_is_refused(generator, gan_config, tmp_path, other):
    path = tmp_path / "other.weights.h5"
    if other == "discriminator":
        save_float16(build_discriminator(gan_config), path)
    else:
        save_float16(build_generator(dataclasses.replace(gan_config, blocks=2)), path)
    with pytest.raises(ValueError, match="arrays that fit generator"):
        load_weights(generator, path)


@pytest.mark.parametrize("kind", ["soft", "external", "stored elsewhere", "virtual"])
def test_links_to_elsewhere_are_refused(generator, tmp_path, kind):
    path = tmp_path / "linked.weights.h5"
    save_float16(generator, path)
    with h5py.File(path, "a") as file:
        if kind == "soft":
            file["more"] = h5py.SoftLink("/layers")
        elif kind == "external":
            file["layers/more"] = h5py.ExternalLink("other.h5", "/")
        elif kind == "stored elsewhere":
            (tmp_path / "raw").write_bytes(bytes(16))
            outside = [(str(tmp_path / "raw"), 0, 16)]
            file.create_dataset("more", (4,), "f4", external=outside)
        else:
            layout = h5py.VirtualLayout((4,), "f4")
            file.create_virtual_dataset("more", layout)
    with pytest.raises(ValueError, match="got a link to elsewhere"):
        load_weights(generator, path)


def test_state_of_an_empty_folder_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a saved model"):
        read_state(tmp_path)
