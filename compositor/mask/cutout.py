"""Cut a garment out of a photo, or erase it there; bounding boxes of masks.

The pictures S1, S2 and S3 of the documentation are made here.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compositor._checks import check_image, check_plane

Box = tuple[int, int, int, int]


def mask_box(mask: NDArray[Any]) -> Box:
    """Return the bounding box of a mask.

    Args:
        mask: `(H, W)` bool mask, or a matte: every value above 0 belongs to it.

    Returns:
        `(x1, y1, x2, y2)` in pixels, x2 and y2 exclusive; `(0, 0, 0, 0)` for an
        empty mask.

    Example:
        >>> mask_box(np.array([[0, 0, 0], [0, 1, 1]], bool))
        (1, 1, 3, 2)
    """
    check_plane(mask)
    inside = mask > 0
    rows = np.flatnonzero(inside.any(axis=1))
    columns = np.flatnonzero(inside.any(axis=0))
    if rows.size == 0:
        return (0, 0, 0, 0)
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def pad_box(box: Box, share: float, size: tuple[int, int]) -> Box:
    """Add a margin to a bounding box, clipped to the picture.

    Args:
        box: `(x1, y1, x2, y2)` in pixels, x2 and y2 exclusive.
        share: Margin as a share of the box's longer side, >= 0, rounded up to whole
            pixels.
        size: `(height, width)` of the picture.

    Returns:
        The padded box; an empty box is returned unchanged.

    Raises:
        ValueError: When the share is negative.
    """
    if share < 0:
        raise ValueError(f"expected share >= 0, got {share}")
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        return box
    margin = int(np.ceil(share * max(x2 - x1, y2 - y1)))
    height, width = size
    return (
        max(x1 - margin, 0),
        max(y1 - margin, 0),
        min(x2 + margin, width),
        min(y2 + margin, height),
    )


def cutout_rgba(
    image: NDArray[Any],
    alpha: NDArray[Any],
    foreground: NDArray[Any] | None = None,
) -> NDArray[np.uint8]:
    """Cut the garment out as an RGBA picture.

    Args:
        image: `(H, W, 3)` picture, 0 to 255.
        alpha: `(H, W)` matte in [0, 1], or a bool mask.
        foreground: `(H, W, 3)` garment colours, 0 to 255, without the background's
            spill at the rim (`estimate_foreground_background`); the picture itself when
            left out.

    Returns:
        `(H, W, 4)` uint8 RGBA, not premultiplied; all zero where alpha is 0.
    """
    check_image(image)
    check_plane(alpha, "alpha", image.shape[:2])
    colors = image if foreground is None else foreground
    check_image(colors, "foreground")
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    inside = alpha > 0
    rgba[..., :3][inside] = _to_uint8(colors[inside])
    rgba[..., 3][inside] = _to_uint8(alpha[inside].astype(np.float32) * 255.0)
    return rgba


def erase(image: NDArray[np.uint8], alpha: NDArray[Any]) -> NDArray[np.uint8]:
    """Erase the garment from the photo: S3.

    Args:
        image: `(H, W, 3)` uint8 RGB photo.
        alpha: `(H, W)` matte of the garment in [0, 1].

    Returns:
        `(H, W, 4)` uint8 RGBA: the photo's own colours, opacity 1 - alpha, and
        colour 0 where alpha is 1.
    """
    check_image(image)
    check_plane(alpha, "alpha", image.shape[:2])
    rgba = np.empty((*alpha.shape, 4), np.uint8)
    rgba[..., :3] = image
    rgba[..., :3][alpha >= 1] = 0
    rgba[..., 3] = _to_uint8((1.0 - alpha.astype(np.float32)) * 255.0)
    return rgba


def _to_uint8(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Round and clip to 0 to 255."""
    if values.dtype == np.uint8:
        return values
    return np.clip(np.rint(values.astype(np.float32)), 0, 255).astype(np.uint8)
