import numpy as np
import pytest

from compositor import composite, composite_strips

RANDOM = np.random.default_rng(0)
PHOTO = RANDOM.integers(0, 256, (9, 8, 3), dtype=np.uint8)
GARMENT = RANDOM.uniform(0, 255, (9, 8, 3)).astype(np.float32)
BACKGROUND = RANDOM.uniform(0, 255, (9, 8, 3)).astype(np.float32)


def ramp():
    alpha = np.zeros((9, 8), np.float32)
    alpha[2:7, 2:6] = np.linspace(0.2, 1.0, 4)
    return alpha


def test_known_values():
    photo = np.full((1, 3, 3), 100, np.uint8)
    garment = np.full((1, 3, 3), 200, np.uint8)
    alpha = np.array([[0.0, 0.25, 1.0]], np.float32)
    assert composite(photo, garment, alpha)[0, :, 0].tolist() == [100, 125, 200]


def test_background_replaces_the_photo_at_the_rim():
    photo = np.full((1, 2, 3), 100, np.uint8)
    garment = np.full((1, 2, 3), 200, np.uint8)
    behind = np.zeros((1, 2, 3), np.uint8)
    alpha = np.array([[0.0, 0.5]], np.float32)
    assert composite(photo, garment, alpha, behind)[0, :, 0].tolist() == [100, 100]


def test_outside_is_bit_identical_and_the_photo_untouched():
    before = PHOTO.copy()
    alpha = ramp()
    result = composite(PHOTO, GARMENT, alpha, BACKGROUND)
    assert np.array_equal(result[alpha == 0], PHOTO[alpha == 0])
    assert np.array_equal(PHOTO, before)
    assert result.dtype == np.uint8


@pytest.mark.parametrize("strip_rows", [1, 2, 4, 100])
@pytest.mark.parametrize("background", [None, BACKGROUND], ids=["photo", "given"])
def test_strips_equal_the_whole(strip_rows, background):
    alpha = ramp()
    x1, x2 = 1, 7
    behind = None if background is None else lambda rows: background[rows, x1:x2]
    result = composite_strips(
        PHOTO,
        (x1, 1, x2, 9),
        strip_rows,
        lambda rows: GARMENT[rows, x1:x2],
        lambda rows: alpha[rows, x1:x2],
        behind,
    )
    assert np.array_equal(result, composite(PHOTO, GARMENT, alpha, background))


def test_strips_of_alpha_zero_call_for_no_garment():
    def never(rows):
        raise AssertionError("called for rows")

    result = composite_strips(
        PHOTO, (0, 0, 8, 9), 3, never, lambda rows: np.zeros((3, 8)), never
    )
    assert np.array_equal(result, PHOTO)
    assert result is not PHOTO


def test_empty_box_gives_a_copy():
    result = composite_strips(PHOTO, (0, 0, 0, 0), 3, lambda r: 0, lambda r: 0)
    assert np.array_equal(result, PHOTO)


@pytest.mark.parametrize(
    ("box", "strip_rows", "word"),
    [
        ((0, 0, 9, 9), 2, "box"),
        ((-1, 0, 4, 4), 2, "box"),
        ((0, 0, 8, 9), 0, "strip_rows"),
    ],
)
def test_wrong_strips(box, strip_rows, word):
    with pytest.raises(ValueError, match=word):
        composite_strips(
            PHOTO, box, strip_rows, lambda r: GARMENT[r], lambda r: ramp()[r]
        )


def test_wrong_shapes():
    with pytest.raises(ValueError, match="expected garment"):
        composite(PHOTO, GARMENT[:4], ramp())
    with pytest.raises(ValueError, match="expected alpha"):
        composite(PHOTO, GARMENT, ramp()[:4])
