import numpy as np
import pytest

from compositor import relight, seam_energy, shading, style_distance

ONES = np.ones((40, 40), np.float32)


def plain(colour, size=40):
    return np.broadcast_to(np.array(colour, np.uint8), (size, size, 3)).copy()


def test_relight_by_hand():
    grey = np.full((1, 1, 3), 188.0, np.float32)
    assert relight(grey, np.array([[0.5]]))[0, 0, 0] == pytest.approx(137.3, abs=0.5)
    assert np.allclose(relight(grey, np.ones((1, 1, 3))), grey, atol=0.01)
    assert relight(grey, np.array([[9.0]])).max() == pytest.approx(255)


def test_relight_wrong_gain():
    with pytest.raises(ValueError, match="expected gain"):
        relight(np.zeros((2, 2, 3)), np.ones((3, 2)))


def test_shading_of_flat_cloth_is_one():
    assert np.allclose(shading(plain((80, 120, 40)), ONES), 1, atol=1e-3)


def test_shading_follows_a_fold():
    gain = 1 + 0.4 * np.sin(np.linspace(0, 6, 40))[None].repeat(40, axis=0)
    image = relight(plain((120, 120, 120)), gain.astype(np.float32))
    found = shading(image, ONES)
    assert np.corrcoef(found.ravel(), gain.ravel())[0, 1] > 0.97
    assert found.mean() == pytest.approx(1, abs=0.05)


def test_shading_ignores_a_print():
    image = plain((200, 200, 200), 120)
    image[40:80, 40:80] = (30, 30, 160)
    found = shading(image, np.ones((120, 120), np.float32))
    ratio = found[55:65, 55:65].mean() / found[10:20, 10:20].mean()
    assert 0.7 < ratio < 1.4


def test_shading_is_one_outside():
    alpha = np.zeros((40, 40), np.float32)
    alpha[10:30, 10:30] = 1
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert (shading(image, alpha)[alpha == 0] == 1).all()


@pytest.mark.parametrize("count", [0, 1, 1600])
def test_shading_of_hostile_mattes(count):
    alpha = np.zeros(1600, np.float32)
    alpha[:count] = 1
    found = shading(plain((0, 0, 0)), alpha.reshape(40, 40))
    assert np.isfinite(found).all()


def test_shading_wrong_scale():
    with pytest.raises(ValueError, match="sigma_share"):
        shading(plain((1, 2, 3)), ONES, 0.0)


def test_style_distance_of_the_same_colours_is_zero():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert style_distance(image, ONES, image, ONES) == pytest.approx(0, abs=1e-6)


def test_style_distance_ignores_the_shape():
    striped, halves = plain((200, 0, 0)), plain((200, 0, 0))
    striped[::2] = (0, 0, 200)
    halves[:20] = (0, 0, 200)
    assert style_distance(striped, ONES, halves, ONES) < 0.5


def test_style_distance_by_hand():
    black, white = plain((0, 0, 0)), plain((255, 255, 255))
    assert style_distance(black, ONES, white, ONES) == pytest.approx(100, abs=0.1)
    mixed = plain((0, 0, 0))
    mixed[:20] = 255
    assert style_distance(black, ONES, mixed, ONES) == pytest.approx(50, abs=0.5)


def test_style_distance_without_pixels():
    image = plain((1, 2, 3))
    assert style_distance(image, 0 * ONES, image, ONES) == float("inf")


def rim_pictures(halo):
    alpha = np.zeros((60, 60), np.float32)
    alpha[20:40, 20:40] = 1
    alpha[19, 20:40] = alpha[40, 20:40] = 0.5
    photo = plain((40, 120, 40), 60)
    result = photo.copy()
    result[20:40, 20:40] = (200, 200, 200)
    for row in (19, 40):
        result[row, 20:40] = (250, 20, 250) if halo else (120, 160, 120)
    return result, photo, alpha


def test_seam_energy_sees_a_halo():
    clean, halo = (seam_energy(*rim_pictures(flag)) for flag in (False, True))
    assert clean < 3
    assert halo > clean + 10


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_seam_energy_without_a_rim(value):
    image = plain((10, 20, 30))
    assert seam_energy(image, image, ONES * value) == 0
