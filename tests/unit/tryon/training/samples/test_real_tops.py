import numpy as np
import pytest
from PIL import Image

from cyclegan.config import UniversalConfig
from data_tools.annotations import AnnotatedPhoto, Garment
from tryon.errors import TryOnError
from tryon.training.samples.real_tops import draw_cutout, find_cutouts
from tryon.training.universal import train_universal

RED, GREEN = (200, 20, 20), (20, 160, 20)


def photo(folder, name, label=1, side=120):
    """A red top, left of the middle of a green photo."""
    mask = np.zeros((160, 200), bool)
    mask[20 : 20 + side, 10 : 10 + side] = True
    image = np.where(mask[..., None], RED, GREEN).astype(np.uint8)
    Image.fromarray(image).save(folder / name)
    garments = [Garment(label, mask), Garment(8, ~mask)]
    return AnnotatedPhoto(folder / name, "people", lambda: garments)


def test_the_top_of_every_photo_is_cut_out(tmp_path):
    photos = [
        photo(tmp_path, "tee.png"),
        photo(tmp_path, "long.png", label=2),
        photo(tmp_path, "dress.png", label=10),
        photo(tmp_path, "far.png", side=40),
    ]
    cutouts = find_cutouts(photos, 64, seed=0)
    assert len(cutouts) == 2, "tops that are large enough"
    for cutout in cutouts:
        assert cutout.image.shape == (64, 64, 3)
        assert 0.2 < cutout.mask.mean() < 0.8
        assert (np.abs(cutout.image[cutout.mask].astype(int) - RED) < 60).mean() > 0.95


def test_cutouts_are_drawn_either_way_round(tmp_path):
    cutouts = find_cutouts([photo(tmp_path, "tee.png")], 64, seed=0)
    drawn = [draw_cutout(cutouts, np.random.default_rng(s)) for s in range(8)]
    assert {d["real"].dtype for d in drawn} == {np.dtype(np.float32)}
    assert len({d["real_mask"].tobytes() for d in drawn}) == 2
    for sample in drawn:
        red = sample["real"][sample["real_mask"][..., 0] > 0]
        assert red[:, 0].mean() > 0.4 > -0.5 > red[:, 1].mean()


def test_an_adversarial_loss_wants_real_tops(renders, tmp_path):
    config = UniversalConfig(image_size=32, filters=16, blocks=1, lambda_adversarial=0.1)
    with pytest.raises(TryOnError, match="no photo shows a large top"):
        list(train_universal([renders], tmp_path / "out", config, 1, 1, 2, views=1))
