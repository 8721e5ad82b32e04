import numpy as np
import pytest
from scipy import ndimage
from skimage import draw

from compositor import (
    composite,
    estimate_foreground_background,
    fit_warp,
    mask_box,
    refine_alpha,
    relight,
    shading,
    warp_image,
)

# Corners of a flat tee, (x, y) on a 100 x 100 picture, clockwise.
FLAT = [
    (40, 12), (60, 12), (70, 16), (94, 34), (84, 48), (72, 40),
    (72, 88), (28, 88), (28, 40), (16, 48), (6, 34), (30, 16),
]  # fmt: skip
# The same tee as it is worn: sleeves hang, a neckline is seen.
WORN = [
    (38, 14), (44, 22), (56, 22), (62, 14), (76, 20), (90, 50), (78, 54), (72, 44),
    (70, 86), (30, 86), (28, 44), (22, 54), (10, 50), (24, 20),
]  # fmt: skip


def polygon_mask(corners, scale=1.0, size=(100, 100), shift=(0, 0)):
    points = np.array(corners, float) * scale + shift
    height, width = round(size[0] * scale), round(size[1] * scale)
    return draw.polygon2mask((height, width), points[:, ::-1])


def drawn_shop():
    mask = polygon_mask(FLAT, 2.0)
    image = np.full((200, 200, 3), 245, np.uint8)
    ys = np.arange(200)[:, None].repeat(200, axis=1)
    stripes = (ys // 12) % 2 == 0
    image[mask & stripes] = (30, 60, 150)
    image[mask & ~stripes] = (235, 225, 200)
    return image, mask


def drawn_user():
    mask = polygon_mask(WORN, 2.4)
    ys, xs = np.mgrid[0:240, 0:240]
    image = np.stack([90 + ys // 4, 130 + 0 * ys, 160 - xs // 6], axis=-1)
    skin = (np.hypot(ys - 28, xs - 120) < 34) | ((np.abs(xs - 120) < 100) & (ys > 90))
    image[skin] = (205, 160, 130)
    light = 1.0 + 0.25 * np.sin(xs / 12.0 + ys / 40.0)
    shirt = np.array([150.0, 40, 50]) * light[..., None]
    soft = ndimage.gaussian_filter(mask.astype(float), 0.7)[..., None]
    image = soft * shirt + (1 - soft) * image
    return np.clip(image, 0, 255).astype(np.uint8), mask


@pytest.fixture(scope="module")
def result():
    shop, shop_mask = drawn_shop()
    user, user_mask = drawn_user()
    alpha = refine_alpha(user, user_mask)
    warp = fit_warp(shop_mask, user_mask)
    inset = ndimage.binary_erosion(shop_mask)
    garment, _ = warp_image(shop, inset, warp, np.arange(240), np.arange(240))
    garment = relight(garment, shading(user, alpha))
    _, background = estimate_foreground_background(user, alpha)
    return composite(user, garment, alpha, background), user, alpha


def test_drawn_shirt_on_drawn_torso(golden, result):
    golden("drawn_tryon.png", result[0])


def test_matte_of_the_drawn_torso(golden, result):
    golden("drawn_matte.png", np.rint(result[2] * 255).astype(np.uint8))


def test_drawn_result_keeps_the_photo(result):
    image, user, alpha = result
    assert np.array_equal(image[alpha == 0], user[alpha == 0])
    x1, y1, x2, y2 = mask_box(alpha)
    assert (image[y1:y2, x1:x2] != user[y1:y2, x1:x2]).any()
