"""Blend the new garment over the photo by its matte. Start reading the room here.

A try-on uses the room in this order:

1. `mask/`: `repair` and `occluders` correct the network's hard mask, `matte` turns it
   into a soft matte, `cutout` cuts S1, S2 and S3 out, `foreground` separates the colours
   of garment and background at soft edges.
2. `light/`: `base_color` removes creases from the shop garment, `color` estimates the
   folds on the user's, `repetition` distinguishes checks from folds.
3. `warp/`: `collar` and `chart_matches` give corresponding points, `warp` fits a
   thin-plate spline to them and draws the shop garment where the user's is.
4. This file composites it over the photo. A pixel of alpha 0 stays bit for bit.

`blur`, `raster` and `colorspace` are the filters, the interpolation and the colour
conversions that all of these share.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compositor._checks import check_image, check_plane
from compositor.mask.cutout import Box

Rows = Callable[[slice], NDArray[Any]]


def composite(
    photo: NDArray[np.uint8],
    garment: NDArray[Any],
    alpha: NDArray[Any],
    background: NDArray[Any] | None = None,
) -> NDArray[np.uint8]:
    """Blend a garment over a photo.

    Args:
        photo: `(H, W, 3)` uint8 RGB photo; it is left untouched.
        garment: `(H, W, 3)` new garment in photo coordinates, 0 to 255.
        alpha: `(H, W)` matte in [0, 1].
        background: `(H, W, 3)` background colours without the old garment's spill at
            the rim, 0 to 255; the photo itself when left out.

    Returns:
        `(H, W, 3)` uint8 picture, equal to the photo wherever alpha is 0.

    Raises:
        ValueError: When the shapes do not agree.

    Example:
        >>> photo = np.zeros((1, 2, 3), np.uint8)
        >>> garment = np.full((1, 2, 3), 200, np.uint8)
        >>> composite(photo, garment, np.array([[0.0, 0.5]]))[..., 0]
        array([[  0, 100]], dtype=uint8)
    """
    check_image(photo, "photo")
    check_plane(alpha, "alpha", photo.shape[:2])
    _check_same_shape(garment, photo, "garment")
    if background is not None:
        _check_same_shape(background, photo, "background")
    result = photo.copy()
    _blend_into(result, garment, alpha, photo if background is None else background)
    return result


def composite_strips(
    photo: NDArray[np.uint8],
    box: Box,
    strip_rows: int,
    garment_rows: Rows,
    alpha_rows: Rows,
    background_rows: Rows | None = None,
) -> NDArray[np.uint8]:
    """Blend a garment over a large photo, a few rows at a time.

    Memory: one copy of the photo and whatever the callables make for one strip.

    Args:
        photo: `(H, W, 3)` uint8 RGB photo; it is left untouched.
        box: `(x1, y1, x2, y2)` part of the photo to blend, x2 and y2 exclusive.
        strip_rows: Rows per strip, at least 1.
        garment_rows: Called with a slice of photo rows (inside the box, in order);
            returns `(rows, x2 - x1, 3)` colours, 0 to 255.
        alpha_rows: The same for the matte: `(rows, x2 - x1)` in [0, 1]. It is called
            first; where a strip's matte is all 0, the others are not called.
        background_rows: The same for the background's colours; the photo's own when
            left out.

    Returns:
        `(H, W, 3)` uint8 picture, equal to the photo outside the box and wherever
        alpha is 0.

    Raises:
        ValueError: When the box reaches out of the photo, or a callable's shape is wrong.
    """
    check_image(photo, "photo")
    x1, y1, x2, y2 = _check_box(box, photo.shape[:2])
    if strip_rows < 1:
        raise ValueError(f"expected strip_rows >= 1, got {strip_rows}")
    result = photo.copy()
    for top in range(y1, y2, strip_rows):
        rows = slice(top, min(top + strip_rows, y2))
        view = result[rows, x1:x2]
        alpha = alpha_rows(rows)
        check_plane(alpha, "alpha rows", view.shape[:2])
        if not (alpha > 0).any():
            continue
        garment = garment_rows(rows)
        _check_same_shape(garment, view, "garment rows")
        background = view if background_rows is None else background_rows(rows)
        _check_same_shape(background, view, "background rows")
        _blend_into(view, garment, alpha, background)
    return result


def _blend_into(
    result: NDArray[np.uint8],
    garment: NDArray[Any],
    alpha: NDArray[Any],
    background: NDArray[Any],
) -> None:
    """Write the alpha blend into `result`, only where alpha is above 0."""
    inside = alpha > 0
    weight = np.clip(alpha[inside].astype(np.float32), 0.0, 1.0)[:, None]
    new = garment[inside].astype(np.float32)
    old = background[inside].astype(np.float32)
    blended = weight * new + (1.0 - weight) * old
    result[inside] = np.clip(np.rint(blended), 0, 255).astype(np.uint8)


def _check_same_shape(image: NDArray[Any], reference: NDArray[Any], name: str) -> None:
    """Raise unless `image` has the shape of `reference`."""
    check_image(image, name)
    if image.shape != reference.shape:
        raise ValueError(f"expected {name} of shape {reference.shape}, got {image.shape}")


def _check_box(box: Box, size: tuple[int, int]) -> Box:
    """Return the box when it lies inside the picture."""
    x1, y1, x2, y2 = box
    if not (0 <= x1 <= x2 <= size[1] and 0 <= y1 <= y2 <= size[0]):
        raise ValueError(f"expected a box inside size {size}, got {box}")
    return box
