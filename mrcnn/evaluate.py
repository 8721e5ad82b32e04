"""Metrics of one mask and of one garment's landmarks; average precision: `coco`."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

BOUNDARY_TOLERANCE = 0.0075  # fraction of the image diagonal; DAVIS has .008


def boundary_f(pred_mask: np.ndarray, gt_mask: np.ndarray) -> float:
    """Return the boundary F-measure of two masks.

    Args:
        pred_mask: bool (H, W).
        gt_mask: bool (H, W).

    Returns:
        In [0, 1]: the harmonic mean of precision and recall, the fractions of each
        outline within `BOUNDARY_TOLERANCE` of the other. 0 when a mask has no outline.

    References:
        Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
        Segmentation", CVPR 2016.
    """
    tolerance = max(1.0, BOUNDARY_TOLERANCE * float(np.hypot(*gt_mask.shape)))
    pred, gt = _outline(pred_mask), _outline(gt_mask)
    if not pred.any() or not gt.any():
        return 0.0
    precision = _fraction_near(pred, gt, tolerance)
    recall = _fraction_near(gt, pred, tolerance)
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def _fraction_near(outline: np.ndarray, other: np.ndarray, tolerance: float) -> float:
    """Return the fraction of an outline within `tolerance` pixels of the other."""
    distance = ndimage.distance_transform_edt(~other)
    return float((distance[outline] <= tolerance).mean())


def _outline(mask: np.ndarray) -> np.ndarray:
    """Return the mask's outermost pixels; the image's edge is no outline."""
    return mask & ~ndimage.binary_erosion(mask, border_value=1)


def landmark_errors(
    pred: np.ndarray, gt: np.ndarray, gt_box: Sequence[float]
) -> np.ndarray:
    """Return the normalized error of each landmark.

    Args:
        pred: (K, 2 or more), x and y in pixels first.
        gt: (K, 3), x, y and visibility: 2 visible, 1 occluded, 0 outside the photo.
        gt_box: xyxy pixels of the garment.

    Returns:
        (K,) distances as fractions of the box's diagonal; NaN where visibility is 0.
    """
    if len(pred) != len(gt):
        raise ValueError(f"expected {len(gt)} landmarks, got {len(pred)}")
    x1, y1, x2, y2 = gt_box
    distance = np.hypot(*(pred[:, :2] - gt[:, :2]).T) / np.hypot(x2 - x1, y2 - y1)
    return np.where(gt[:, 2] > 0, distance, np.nan)
