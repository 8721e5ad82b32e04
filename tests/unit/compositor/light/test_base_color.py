import numpy as np
import pytest

from compositor import flatten_base_color

SIZE = 120, 100
MASK = np.zeros(SIZE, bool)
MASK[10:110, 10:90] = True


def tee(color=(150, 148, 143)):
    """A plain tee on a dark floor."""
    image = np.full((*SIZE, 3), 40, np.uint8)
    image[MASK] = color
    return image


def spread(image, part):
    """Largest deviation of a part's pixels from their mean, per channel."""
    pixels = image[part].reshape(-1, 3).astype(float)
    return np.abs(pixels - pixels.mean(axis=0)).max()


def test_creases_and_their_colour_cast_are_removed():
    image = tee()
    image[20:100, 40:43] = (146, 141, 127)  # a warm fold
    image[20:100, 60:62] = (136, 134, 129)  # a grey one
    flattened = flatten_base_color(image, MASK)
    middle = np.s_[30:90, 20:80]
    assert spread(image, middle) > 12
    assert spread(flattened, middle) < 0.5 * spread(image, middle)


@pytest.mark.parametrize(
    "print_", [(20, 20, 60), (230, 120, 120), (70, 70, 70)], ids=["navy", "pink", "grey"]
)
def test_prints_stay(print_):
    image = tee()
    image[40:60, 40:60] = print_
    flattened = flatten_base_color(image, MASK)
    np.testing.assert_array_equal(flattened[43:57, 43:57], image[43:57, 43:57])


def test_stripes_stay_bit_for_bit():
    image = tee()
    image[10:110:8, 10:90] = image[11:110:8, 10:90] = (30, 30, 90)
    image[12:110:8, 10:90] = image[13:110:8, 10:90] = (160, 40, 40)
    np.testing.assert_array_equal(flatten_base_color(image, MASK), image)


def test_slow_shading_stays():
    image = tee()
    ramp = np.linspace(0.92, 1.0, SIZE[0])[:, None, None]
    image = np.where(MASK[..., None], np.rint(image * ramp), image).astype(np.uint8)
    flattened = flatten_base_color(image, MASK).astype(int)
    assert flattened[100, 50].sum() - flattened[20, 50].sum() > 18


def test_outside_and_the_argument_stay():
    image = tee()
    image[20:100, 40:43] = (146, 141, 127)
    kept = image.copy()
    flattened = flatten_base_color(image, MASK)
    np.testing.assert_array_equal(image, kept)
    np.testing.assert_array_equal(flattened[~MASK], image[~MASK])
    assert flattened.dtype == np.uint8


@pytest.mark.parametrize("size", [1, 2, 700], ids=["no pixel", "one pixel", "large"])
def test_any_size(size):
    image = np.full((size, size, 3), 150, np.uint8)
    mask = np.zeros((size, size), bool)
    mask[1:, 1:] = True
    np.testing.assert_array_equal(flatten_base_color(image, mask), image)


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="expected mask of size"):
        flatten_base_color(tee(), MASK[:5])


@pytest.mark.parametrize(
    ("color", "brighter"),
    [
        ((216, 215, 212), True),
        ((250, 250, 250), False),
        ((150, 150, 150), False),
        ((225, 190, 120), False),
    ],
    ids=["white made grey", "white", "grey", "yellow"],
)
def test_underexposed_white_is_brightened(color, brighter):
    flattened = flatten_base_color(tee(color), MASK)[60, 50]
    assert (flattened.mean() > np.mean(color) + 10) == brighter
    assert flattened.max() <= 245 or not brighter
    if not brighter:
        np.testing.assert_allclose(flattened, color, atol=1)
