"""Figures of a segmenter: IoU, boundary F and average precision."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
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


def average_precision(
    gt_masks: Sequence[Sequence[np.ndarray]],
    pred_masks: Sequence[Sequence[np.ndarray]],
    pred_scores: Sequence[Sequence[float]],
) -> dict[str, float]:
    """Return COCO's mask AP of one class.

    Args:
        gt_masks: for each image its bool masks (H, W).
        pred_masks: for each image the masks that were found.
        pred_scores: for each image their scores.

    Returns:
        "AP" (mean over IoU .50 to .95), "AP50" and "AP75", in [0, 1]; -1 without truth.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        truth = _coco_truth(gt_masks)
        rows = _coco_rows(pred_masks, pred_scores)
        if not rows:
            nothing = 0.0 if truth.anns else -1.0
            return dict.fromkeys(("AP", "AP50", "AP75"), nothing)
        run = COCOeval(truth, truth.loadRes(rows), "segm")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return dict(zip(("AP", "AP50", "AP75"), map(float, run.stats[:3]), strict=True))


def _coco_truth(gt_masks: Sequence[Sequence[np.ndarray]]) -> COCO:
    annotations = [
        {"image_id": i, "category_id": 1, "iscrowd": 0, "area": int(mask.sum())}
        | {"segmentation": _encode(mask), "bbox": rle.toBbox(_encode(mask)).tolist()}
        for i, masks in enumerate(gt_masks)
        for mask in masks
    ]
    truth = COCO()
    truth.dataset = {
        "info": {},
        # Sizes are asked for but not used: the masks are run-length coded already.
        "images": [{"id": i, "height": 0, "width": 0} for i in range(len(gt_masks))],
        "categories": [{"id": 1}],
        "annotations": [{"id": n, **a} for n, a in enumerate(annotations, 1)],
    }
    truth.createIndex()
    return truth


def _coco_rows(
    pred_masks: Sequence[Sequence[np.ndarray]], pred_scores: Sequence[Sequence[float]]
) -> list[dict]:
    return [
        {
            "image_id": i,
            "category_id": 1,
            "segmentation": _encode(mask),
            "score": float(score),
        }
        for i, masks in enumerate(pred_masks)
        for mask, score in zip(masks, pred_scores[i], strict=True)
    ]


def _encode(mask: np.ndarray) -> dict:
    return rle.encode(np.asfortranarray(mask.astype(np.uint8)))
