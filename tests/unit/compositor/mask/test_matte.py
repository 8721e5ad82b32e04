import numpy as np
import pytest
from PIL import Image

from compositor import (
    clean_mask,
    continue_background,
    enlarge_alpha,
    estimate_foreground_background,
    refine_alpha,
)


def square_mask(size=40, low=10, high=30):
    mask = np.zeros((size, size), bool)
    mask[low:high, low:high] = True
    return mask


def two_tone(mask, inside=(200, 40, 40), outside=(20, 60, 160)):
    return np.where(mask[..., None], inside, outside).astype(np.uint8)


def test_clean_mask_fills_pinholes_and_keeps_openings():
    mask = square_mask()
    mask[15, 15] = False
    mask[20:26, 20:26] = False
    cleaned = clean_mask(mask)
    assert cleaned[15, 15]
    assert not cleaned[22, 22]


def test_clean_mask_drops_specks_but_keeps_large_components():
    mask = square_mask()
    mask[:, 19] = False  # a strap cuts the shirt in two
    mask[2, 2] = True
    cleaned = clean_mask(mask)
    assert not cleaned[2, 2]
    assert cleaned[20, 12]
    assert cleaned[20, 28]
    assert not cleaned[20, 19]


def test_clean_mask_leaves_a_notch_at_the_frame_open():
    mask = np.ones((30, 30), bool)
    mask[0, 15] = False
    assert not clean_mask(mask)[0, 15]


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((6, 7), bool),
        np.ones((6, 7), bool),
        np.eye(7, dtype=bool)[:6] & (np.arange(7) == 3),
    ],
    ids=["empty", "full", "one pixel"],
)
def test_hostile_masks_pass_through(mask):
    image = np.full((6, 7, 3), 90, np.uint8)
    assert np.array_equal(clean_mask(mask), mask)
    alpha = refine_alpha(image, mask)
    assert alpha.dtype == np.float32
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    if mask.all() or not mask.any():
        assert np.array_equal(alpha, mask)


def test_refine_alpha_is_exact_outside_the_band():
    mask = square_mask()
    alpha = refine_alpha(two_tone(mask), mask, band=3)
    assert (alpha[13:27, 13:27] == 1).all()
    outer = np.ones_like(mask)
    outer[7:33, 7:33] = False
    assert (alpha[outer] == 0).all()


def test_refine_alpha_finds_the_true_edge_of_a_shifted_mask():
    truth = square_mask(80, 20, 60)
    image = two_tone(truth)
    given = np.roll(truth, 2, axis=1)
    alpha = refine_alpha(image, given, band=5)
    error = np.abs(alpha - truth).sum()
    assert error < 0.4 * np.abs(given ^ truth).sum()


def test_a_collar_of_another_colour_stays_garment():
    image = np.full((90, 90, 3), (110, 70, 50), np.uint8)  # skin
    image[40:] = (235, 232, 228)  # collar
    image[43:] = (25, 25, 28)  # shirt
    noise = np.random.default_rng(0).integers(0, 9, image.shape)
    mask = np.zeros((90, 90), bool)
    mask[40:] = True
    alpha = refine_alpha(image + noise.astype(np.uint8), mask, 5)
    assert alpha[40:43, 10:80].min() > 0.9, (
        "its colour is neither the shirt's nor the skin's"
    )
    assert alpha[:39].max() < 0.1


def test_refine_alpha_without_contrast_is_a_feather():
    mask = square_mask()
    alpha = refine_alpha(np.full((40, 40, 3), 128, np.uint8), mask, band=3)
    assert abs(float(alpha.sum()) - mask.sum()) < 0.05 * mask.sum()
    row = alpha[20, :20]
    assert (np.diff(row) >= -1e-5).all()


def test_frame_is_no_edge():
    mask = np.zeros((40, 40), bool)
    mask[20:, :] = True
    alpha = refine_alpha(two_tone(mask), mask, band=4)
    assert (alpha[30:] == 1).all()
    assert (alpha[-1] == 1).all()
    assert np.allclose(alpha[:, 0], alpha[:, 20], atol=1e-3)


def test_a_large_photo_gives_the_same_matte():
    truth = square_mask(80, 20, 60)
    small = refine_alpha(two_tone(truth), np.roll(truth, 1, axis=1), band=3)
    image = two_tone(truth).repeat(5, axis=0).repeat(5, axis=1)
    given = np.roll(truth, 1, axis=1).repeat(5, axis=0).repeat(5, axis=1)
    large = refine_alpha(image, given, band=15)
    assert np.abs(large[2::5, 2::5] - small).mean() < 0.01
    assert set(np.unique(large[150:250, 150:250])) == {1.0}


def shrunk(plane, factor):
    picture = Image.fromarray(plane.astype(np.uint8) * (255 if plane.ndim == 2 else 1))
    return np.asarray(picture.reduce(factor))


def test_an_enlarged_matte_is_as_sharp_as_the_photo():
    ys, xs = np.mgrid[:600, :700]
    truth = (xs + 0.37 * ys > 260) & (xs - 0.2 * ys < 480) & (ys > 90) & (ys < 510)
    image = two_tone(truth)
    mask = shrunk(truth, 4) > 127
    alpha = enlarge_alpha(image, shrunk(image, 4), mask)
    assert alpha.dtype == np.uint8
    assert alpha.shape == truth.shape
    small = refine_alpha(shrunk(image, 4), mask)
    soft = Image.fromarray(small).resize((700, 600), Image.Resampling.BILINEAR)
    error = np.abs(alpha / 255 - truth).mean()
    assert error < 0.35 * np.abs(np.asarray(soft) - truth).mean()


def test_enlarging_to_the_same_size_is_refining():
    truth = square_mask(80, 20, 60)
    image, given = two_tone(truth), np.roll(truth, 2, axis=1)
    expected = np.rint(refine_alpha(image, given) * 255)
    np.testing.assert_array_equal(enlarge_alpha(image, image, given), expected)


@pytest.mark.parametrize("size", [(601, 333), (64, 900), (3000, 41)])
def test_enlarging_full_and_empty_masks(size):
    image = np.zeros((*size, 3), np.uint8)
    small = np.asarray(Image.fromarray(image).resize((40, 50)))
    full, empty = np.ones((50, 40), bool), np.zeros((50, 40), bool)
    assert (enlarge_alpha(image, small, full) == 255).all()
    assert not enlarge_alpha(image, small, empty).any()


def test_background_estimate_is_free_of_the_garment():
    truth = square_mask(80, 20, 60)
    alpha = np.clip(_blur(truth.astype(np.float32)), 0, 1)
    fore = np.array([200.0, 40, 40])
    back = np.array([20.0, 60, 160])
    image = alpha[..., None] * fore + (1 - alpha[..., None]) * back
    got_fore, got_back = estimate_foreground_background(image, alpha)
    rim = (alpha > 0.1) & (alpha < 0.9)
    assert np.abs(got_back[rim] - back).mean() < 4
    assert np.abs(got_fore[rim] - fore).mean() < 4
    assert got_back.dtype == np.float32


def _blur(plane):
    kernel = np.ones(5) / 5
    for axis in (0, 1):
        plane = np.apply_along_axis(np.convolve, axis, plane, kernel, "same")
    return plane


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_estimate_returns_the_picture_where_it_is_pure(value):
    image = np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    alpha = np.full((20, 20), value, np.float32)
    fore, back = estimate_foreground_background(image, alpha)
    assert np.allclose(fore if value else back, image, atol=0.1)


@pytest.mark.parametrize(
    ("image", "mask", "error"),
    [
        (np.zeros((4, 4)), np.zeros((4, 4), bool), ValueError),
        (np.zeros((4, 4, 3)), np.zeros((4, 5), bool), ValueError),
        ([[1]], np.zeros((1, 1), bool), TypeError),
    ],
    ids=["grey", "other size", "list"],
)
def test_wrong_arguments(image, mask, error):
    with pytest.raises(error, match="expected"):
        refine_alpha(image, mask)


def test_band_below_one():
    with pytest.raises(ValueError, match="band"):
        refine_alpha(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool), band=0)


def test_a_predicted_alpha_takes_the_masks_place():
    """Stripes have the background's colours: these must not end the garment."""
    truth = square_mask()
    image = two_tone(truth & (np.arange(40) // 3 % 2 == 0)[None])
    rough = square_mask(40, 10, 28)
    prior = truth.astype(np.float32)
    alpha = refine_alpha(image, truth, prior=prior)
    assert alpha[12:28, 12:28].min() > 0.9
    assert alpha[:8].max() == 0
    by_colour = refine_alpha(image, rough)
    wrong, right = (np.abs(a - truth).mean() for a in (by_colour, alpha))
    assert right < 0.5 * wrong
    with pytest.raises(ValueError, match="prior"):
        refine_alpha(image, truth, prior=prior[1:])


def test_behind_a_soft_edge_lies_what_is_beside_it():
    """Nothing of the garment is left, whatever its colours."""
    alpha = _blur(square_mask(80, 20, 60).astype(np.float32))
    stripes = np.where(np.arange(80) // 3 % 2 == 0, 250.0, 10.0)[None, :, None]
    back = np.array([20.0, 60, 160])
    image = alpha[..., None] * stripes + (1 - alpha[..., None]) * back
    found = continue_background(image, alpha)
    rim = (alpha > 0.02) & (alpha < 0.98)
    error, before = (np.abs(x[rim] - back).mean() for x in (found, image))
    assert error < 0.15 * before
    assert np.array_equal(found[alpha == 0], image[alpha == 0].astype(np.float32))
    assert found.dtype == np.float32


def test_a_predicted_alpha_of_a_copy_follows_the_large_photos_edge():
    small_mask, mask = square_mask(40, 10, 30), square_mask(160, 40, 120)
    stripes = np.arange(160) // 4 % 2 == 0  # inside, a print of both sides' colours
    image = two_tone(mask & stripes[None])
    small = np.asarray(Image.fromarray(image).resize((40, 40), Image.Resampling.BOX))
    prior = small_mask.astype(np.float32)
    alpha = enlarge_alpha(image, small, small_mask, prior=prior)
    assert alpha[60:100, 60:100].min() == 255
    assert alpha[:30].max() == 0
    assert ((alpha > 127) == mask).mean() > 0.98
