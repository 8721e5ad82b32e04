"""Figures of one mask and of one garment's landmarks; average precision: `coco`."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

BOUNDARY_SHARE = 0.0075  # of the image diagonal: how far an outline may be off


def boundary_f(pred_mask: np.ndarray, gt_mask: np.ndarray) -> float:
    """Return the F-measure of two outlines within a small distance.

    Args:
        pred_mask: bool (H, W).
        gt_mask: bool (H, W).

    Returns:
        In [0, 1]: the harmonic mean of the shares of each outline that lies within
        `BOUNDARY_SHARE` of the image diagonal of the other. 0 when one has none.

    References:
        Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
        Segmentation", CVPR 2016.
    """
    reach = max(1.0, BOUNDARY_SHARE * float(np.hypot(*gt_mask.shape)))
    outlines = [_outline(pred_mask), _outline(gt_mask)]
    if not all(outline.any() for outline in outlines):
        return 0.0
    precision, recall = (_share_near(outlines[i], outlines[1 - i], reach) for i in (0, 1))
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def _share_near(outline: np.ndarray, other: np.ndarray, reach: float) -> float:
    """Return the share of an outline that lies within `reach` pixels of the other."""
    away = ndimage.distance_transform_edt(~other)
    return float((away[outline] <= reach).mean())


def _outline(mask: np.ndarray) -> np.ndarray:
    """Return the mask's outermost pixels; the frame is no outline."""
    return mask & ~ndimage.binary_erosion(mask, border_value=1)


def landmark_errors(
    pred: np.ndarray, truth: np.ndarray, box: Sequence[float]
) -> np.ndarray:
    """Return how far each landmark is off.

    Args:
        pred: (K, 2 or more), x and y in pixels first.
        truth: (K, 3) of x, y and v: 2 seen, 1 hidden, 0 outside the photo.
        box: xyxy of the true garment.

    Returns:
        (K,) distances as share of the box's diagonal; NaN where v is 0.
    """
    if len(pred) != len(truth):
        raise ValueError(f"expected {len(truth)} landmarks, got {len(pred)}")
    x1, y1, x2, y2 = box
    away = np.hypot(*(pred[:, :2] - truth[:, :2]).T) / np.hypot(x2 - x1, y2 - y1)
    return np.where(truth[:, 2] > 0, away, np.nan)
