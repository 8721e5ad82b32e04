"""Rasterize annotated outlines: polygons, run lengths and landmarks to masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from data_tools.annotations import LANDMARKS, SHORT_SLEEVE_TOP
from data_tools.pictures import open_picture

_EXIF_ORIENTATION = 0x0112
_ROTATED = (5, 6, 7, 8)  # EXIF orientations that swap height and width


def photo_size(file: Path | IO[bytes]) -> tuple[int, int]:
    """Return (height, width) of a photo turned upright; reads its header only."""
    with open_picture(file) as picture:
        width, height = picture.size
        rotated = picture.getexif().get(_EXIF_ORIENTATION, 1) in _ROTATED
    return (width, height) if rotated else (height, width)


def stored_size(file: Path | IO[bytes]) -> tuple[int, int]:
    """Return (height, width) of a photo as it is stored, not turned upright."""
    with open_picture(file) as picture:
        return picture.height, picture.width


def fill_polygons(
    polygons: Sequence[Sequence[float]], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return the union of polygons as a mask.

    Args:
        polygons: flat lists x, y, x, y ... in pixels; those of fewer than three points
            are ignored.
        size: (height, width) of the mask.

    Returns:
        bool (H, W).

    Raises:
        ValueError: when a coordinate is not finite.
    """
    joined = _run_lengths(polygons, size)
    return (
        np.zeros(size, bool) if joined is None else coco_mask.decode(joined).astype(bool)
    )


def polygons_area(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> float:
    """Return the number of pixels that `fill_polygons` would fill."""
    joined = _run_lengths(polygons, size)
    return 0.0 if joined is None else float(coco_mask.area(joined))


def _run_lengths(
    polygons: Sequence[Sequence[float]], size: tuple[int, int]
) -> dict[str, Any] | None:
    """Return COCO's run lengths of a union of polygons; None without any polygon."""
    height, width = size
    rings = []
    for polygon in polygons:
        points = np.asarray(polygon, np.float64).ravel()
        if not np.isfinite(points).all():
            raise ValueError("expected finite polygon coordinates")
        # pycocotools walks along every edge: far points would take all memory.
        points[0::2] = np.clip(points[0::2], -2 * width, 3 * width)
        points[1::2] = np.clip(points[1::2], -2 * height, 3 * height)
        if len(points) >= 6 and len(points) % 2 == 0:
            rings.append(points.tolist())
    if not rings:
        return None
    return coco_mask.merge(coco_mask.frPyObjects(rings, height, width))


def decode_rle(rle: Mapping[str, Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Decode COCO's run lengths, plain or compressed, to a mask.

    Args:
        rle: `size` [H, W] and `counts`, a list or a string.
        size: (height, width) of the photo.

    Returns:
        bool (H, W).

    Raises:
        ValueError: when the runs do not fill the photo.
    """
    counts = rle["counts"]
    if tuple(rle["size"]) != size or not counts:
        raise ValueError(f"expected run lengths of a mask {size}, got {rle['size']}")
    if isinstance(counts, list):
        if min(counts) < 0 or sum(counts) != size[0] * size[1]:
            raise ValueError(f"expected run lengths that fill {size}")
        return coco_mask.decode(coco_mask.frPyObjects(dict(rle), *size)).astype(bool)
    return coco_mask.decode({"size": list(size), "counts": counts}).astype(bool)


def landmark_polygon(landmarks: NDArray[np.float32], label: int) -> list[float]:
    """Return the polygon through the labelled landmarks, flat x, y, x, y ...

    The contour of a short sleeve top follows the front of the neck (landmarks 2 to 6), or
    its back (1) where that is visible, then 25 down to 7: sleeve, side, hem, side,
    sleeve. Other garments' landmarks are taken in their own order.

    Args:
        landmarks: float32 (K, 3) of x, y in pixels and v.
        label: DeepFashion2's category id.
    """
    order = list(range(len(landmarks)))
    if label == SHORT_SLEEVE_TOP and len(landmarks) == LANDMARKS:
        neck = [1, 0, 5] if landmarks[0, 2] == 2 else [1, 2, 3, 4, 5]
        order = [*neck, *range(24, 5, -1)]
    return [float(v) for i in order if landmarks[i, 2] > 0 for v in landmarks[i, :2]]
