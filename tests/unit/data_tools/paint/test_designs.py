import numpy as np
import pytest
from PIL import Image

from data_tools.paint import camera, designs


def chart_of(u, v):
    return np.array([[[u, v]]], np.float32)


LIT = np.ones((1, 1, 1), np.float32)
TEXTURE = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)


@pytest.mark.parametrize(
    ("u", "v", "row", "column"),
    [(0, 1, 0, 0), (0.99, 1, 0, 3), (1, 0, 1, 3), (0.3, 0.4, 1, 1), (0, 0.6, 0, 0)],
)
def test_v_runs_upwards(u, v, row, column):
    colour = designs.paint(TEXTURE, chart_of(u, v), LIT)
    assert colour.dtype == np.float32
    np.testing.assert_allclose(colour[0, 0], TEXTURE[row, column])


def test_light_is_linear_before_gamma():
    texture = np.full((2, 2, 3), 200, np.uint8)
    half = designs.paint(texture, chart_of(0.5, 0.5), LIT * 0.5)
    np.testing.assert_allclose(half, 200 * 0.5 ** (1 / 2.2), rtol=1e-5)
    coloured = np.array([[[1.0, 0.0, -1.0]]], np.float32)
    colour = designs.paint(texture, chart_of(0.5, 0.5), coloured)
    np.testing.assert_allclose(colour[0, 0], [200, 0, 0])
    assert designs.paint(texture, chart_of(0.5, 0.5), LIT * 9).max() == 255


def test_charts_are_read(tmp_path):
    planes = np.zeros((6, 4), np.uint16)  # u above v, each 3 x 4
    planes[:3], planes[3:] = 4095, 1365
    Image.fromarray(planes).save(tmp_path / "a.uv.png")
    chart = designs.read_chart(tmp_path / "a.uv.png")
    assert chart.shape == (3, 4, 2)
    np.testing.assert_allclose(chart[..., 0], 1)
    np.testing.assert_allclose(chart[..., 1], 1 / 3)


def test_light_is_read(tmp_path):
    Image.fromarray(np.array([[0, 51, 255]], np.uint8)).save(tmp_path / "a.shade.png")
    light = designs.read_light(tmp_path / "a.shade.png")
    np.testing.assert_allclose(light, [[0, 0.04, 1]], atol=1e-6)


def test_the_tee_is_read(tmp_path):
    Image.fromarray(np.array([[0, 1, 2, 3]], np.uint8)).save(tmp_path / "a.labels.png")
    tee = designs.read_tee(tmp_path / "a.labels.png")
    assert tee.tolist() == [[False, False, True, False]]


def test_textures_are_read_at_one_size(tmp_path):
    Image.new("L", (30, 10), 99).save(tmp_path / "a.tex.jpg")
    texture = designs.read_texture(tmp_path / "a.tex.jpg")
    assert texture.shape == (256, 512, 3)
    assert np.abs(texture.astype(int) - 99).max() <= 1


def test_designs_vary_by_their_seed():
    texture = np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    plain, found = 0, set()
    for seed in range(40):
        design = designs.vary_design(texture, np.random.default_rng(seed))
        again = designs.vary_design(texture, np.random.default_rng(seed))
        assert design.shape == texture.shape
        assert design.dtype == np.uint8
        np.testing.assert_array_equal(design, again)
        plain += len(np.unique(design.reshape(-1, 3), axis=0)) == 1
        found.add(design.tobytes())
    assert 3 <= plain <= 20
    assert len(found) == 40


def test_a_filmed_design_is_developed_by_the_camera_of_the_renders():
    texture = np.full((2, 2, 3), (200, 40, 40), np.uint8)
    filmed = designs.paint(texture, chart_of(0.5, 0.5), LIT * 0.5, filmed=True)
    dye = camera.reflectance(texture[0, 0])
    np.testing.assert_allclose(filmed[0, 0], camera.develop(dye * 0.5), rtol=1e-5)
    assert designs.paint(texture, chart_of(0, 0), -LIT, filmed=True).max() < 1


def test_stripes_have_two_colours_and_a_period():
    config = designs.StripesConfig(
        period=(16, 16), duty=(0.5, 0.5), checks_share=0, diagonal_share=0
    )
    for seed in range(4):
        stripes = designs.draw_stripes(np.random.default_rng(seed), config)
        assert stripes.shape == (*designs.TEXTURE_SIZE, 3)
        assert len(np.unique(stripes.reshape(-1, 3), axis=0)) == 2
        line = stripes[0, :, 0] if np.ptp(stripes[0, :, 0]) else stripes[:, 0, 0]
        assert np.array_equal(line[:-16], line[16:])


def test_drawn_designs_are_stripes_and_textures():
    texture = np.zeros((32, 64, 3), np.uint8)
    drawn = [designs.draw_design([texture], np.random.default_rng(s)) for s in range(20)]
    assert {design.shape for design in drawn} == {(32, 64, 3), (*designs.TEXTURE_SIZE, 3)}
    assert designs.draw_design([], np.random.default_rng(0)).shape[0] == 256
