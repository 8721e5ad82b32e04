import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import ndimage

from compositor import (
    Warp,
    clean_mask,
    composite,
    composite_strips,
    cutout_rgba,
    mask_box,
    refine_alpha,
    separate_occluders,
    warp_image,
)
from compositor.mask.occluders import OccluderConfig

SIDES = st.integers(1, 9)
QUICK = settings(max_examples=40, deadline=None)


@st.composite
def scenes(draw):
    size = (draw(SIDES), draw(SIDES))
    image = npst.arrays(np.uint8, (*size, 3))
    alpha = npst.arrays(np.float32, size, elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    return draw(image), draw(image), draw(alpha)


@QUICK
@given(scenes())
def test_alpha_zero_keeps_the_photo_and_one_takes_the_garment(scene):
    photo, garment, alpha = scene
    result = composite(photo, garment, alpha)
    assert np.array_equal(result[alpha == 0], photo[alpha == 0])
    assert np.array_equal(result[alpha == 1], garment[alpha == 1])


@QUICK
@given(scenes(), st.integers(1, 9))
def test_strips_equal_the_whole(scene, strip_rows):
    photo, garment, alpha = scene
    box = mask_box(alpha)
    columns = slice(box[0], box[2])
    result = composite_strips(
        photo,
        box,
        strip_rows,
        lambda rows: garment[rows, columns],
        lambda rows: alpha[rows, columns],
    )
    assert np.array_equal(result, composite(photo, garment, alpha))


@QUICK
@given(scenes())
def test_identity_warp_returns_the_image(scene):
    image = scene[0]
    height, width = image.shape[:2]
    xs, ys = np.arange(max(width, 2)), np.arange(max(height, 2))
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).astype(np.float32)
    warp = Warp(grid, (0, 0, len(xs), len(ys)))
    valid = np.ones((height, width), bool)
    colors, validity = warp_image(image, valid, warp, np.arange(height), np.arange(width))
    assert np.allclose(colors, image, atol=1e-2)
    assert (validity == 1).all()


@QUICK
@given(scenes())
def test_cutout_over_nothing_keeps_alpha(scene):
    image, _, alpha = scene
    rgba = cutout_rgba(image, alpha)
    assert np.abs(rgba[..., 3] / 255.0 - alpha).max() < 0.003
    assert np.array_equal(rgba[alpha > 0, :3], image[alpha > 0])


@QUICK
@given(scenes())
def test_clean_mask_twice_is_clean_mask_once(scene):
    cleaned = clean_mask(scene[2] > 0.3)
    assert np.array_equal(clean_mask(cleaned), cleaned)


@QUICK
@given(scenes())
def test_matte_stays_within_its_band(scene):
    image, _, alpha = scene
    mask = alpha > 0.3
    matte = refine_alpha(image, mask, band=1)
    near = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        near[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = True
    assert (matte[~near] == 0).all()
    assert matte.min() >= 0
    assert matte.max() <= 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_only_pixels_near_the_outline_change(seed, colors):
    rng = np.random.default_rng(seed)
    blocks = rng.random((9, 8)) < 0.7
    mask = blocks.repeat(12, 0).repeat(12, 1)
    palette = rng.integers(0, 256, (colors, 3))
    image = palette[rng.integers(0, colors, mask.shape)].astype(np.uint8)
    before = mask.copy()
    changed = separate_occluders(mask, image) ^ mask
    assert np.array_equal(mask, before)
    inside, outside = (ndimage.distance_transform_edt(m) for m in (mask, ~mask))
    config = OccluderConfig()
    reach = config.closing_radius + config.reach
    max_distance = reach * np.sqrt(mask.sum()) + 2
    assert (np.maximum(inside, outside)[changed] <= max_distance).all()
