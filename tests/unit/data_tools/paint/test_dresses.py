import numpy as np

from data_tools.paint.dresses import make_dress, split_dress

RED, GREEN = (220, 20, 20), (20, 160, 20)


def parts(gap=2):
    """A red top above a green skirt."""
    image = np.full((100, 60, 3), 90, np.uint8)
    top, skirt = np.zeros((2, 100, 60), bool)
    top[10:40, 15:45] = True
    skirt[40 + gap : 90, 12:48] = True
    image[top], image[skirt] = RED, GREEN
    return image, top, skirt


def test_a_skirt_takes_on_the_cloth_of_the_top():
    image, top, skirt = parts()
    made, dress = make_dress(image, top, skirt, np.random.default_rng(0))
    np.testing.assert_array_equal(dress, top | skirt)
    np.testing.assert_allclose(made[50:80, 20:40].reshape(-1, 3), RED * np.ones((600, 1)))
    np.testing.assert_array_equal(made[:38], image[:38])


def test_a_skirt_elsewhere_makes_no_dress():
    rng = np.random.default_rng(0)
    image, top, skirt = parts(gap=20)
    assert make_dress(image, top, skirt, rng) is None
    assert make_dress(image, skirt, top, rng) is None, "upside down"
    nothing = np.zeros_like(top)
    assert make_dress(image, top, nothing, rng) is None
    assert make_dress(image, nothing, skirt, rng) is None


def test_a_dress_is_parted_at_its_waist():
    image, top, skirt = parts()
    dress = top | skirt
    shares = []
    for seed in range(20):
        made, upper = split_dress(image, dress, np.random.default_rng(seed))
        assert not (upper & ~dress).any()
        assert upper[10:35][top[10:35]].all()
        assert not upper[66:].any()
        np.testing.assert_array_equal(made[:34], image[:34])
        assert (made[~dress & (np.indices(dress.shape)[1] < 8)] == 90).all()
        skirt_colour = made[70:85, 20:40].mean(axis=(0, 1))
        assert np.abs(skirt_colour - RED).max() > 20
        shares.append(upper.sum() / dress.sum())
    assert np.std(shares) > 0.03


def test_a_dress_of_one_row_stays():
    image, dress = parts()[0], np.zeros((100, 60), bool)
    dress[5, 10:20] = True
    made, upper = split_dress(image, dress, np.random.default_rng(0))
    np.testing.assert_array_equal(made, image)
    np.testing.assert_array_equal(upper, dress)
