"""COCO's average precision of masks, boxes and landmarks, computed by pycocotools."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

Kind = Literal["segm", "bbox", "keypoints"]
Row = dict[str, Any]
# Per-landmark constant of OKS, as a fraction of the garment's size. COCO measured its own
# on people; nobody has on garments, so all landmarks have one between COCO's eye and hip.
LANDMARK_SIGMA = 0.05


@dataclass(frozen=True)
class EncodedInstance:
    """A garment of a photo, ground truth or detection, with a run-length encoded mask.

    Attributes:
        rle: the mask in COCO's run-length encoding.
        box: xyxy pixels.
        score: in [0, 1]; 1 for ground truth.
        landmarks: float32 (K, 3), x and y in pixels, and visibility: of ground truth
            DeepFashion2's (2 visible, 1 occluded, 0 outside the photo), of a detection a
            probability. None when unknown.
    """

    rle: Row
    box: tuple[float, float, float, float]
    score: float = 1.0
    landmarks: np.ndarray | None = None

    @classmethod
    def from_mask(
        cls,
        mask: np.ndarray,
        box: Sequence[float] | None = None,
        score: float = 1.0,
        landmarks: np.ndarray | None = None,
    ) -> "EncodedInstance":
        """Encode a bool mask (H, W); the default box is the mask's bounding box."""
        rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        if box is None:
            x, y, width, height = coco_mask.toBbox(rle)
            box = x, y, x + width, y + height
        x1, y1, x2, y2 = map(float, box)
        return cls(rle, (x1, y1, x2, y2), float(score), landmarks)

    @property
    def mask(self) -> np.ndarray:
        """The decoded mask, bool (H, W)."""
        return coco_mask.decode(self.rle).astype(bool)


def average_precision(
    gt: Sequence[Sequence[EncodedInstance]],
    detections: Sequence[Sequence[EncodedInstance]],
    kind: Kind,
) -> dict[str, float]:
    """Return COCO's average precision of one class.

    Args:
        gt: the ground truth of each photo.
        detections: the detections of each photo.
        kind: "segm" or "bbox" compare by the IoU of masks or boxes, "keypoints" by the
            similarity of landmarks (OKS, `LANDMARK_SIGMA` for all). For the latter,
            instances without landmarks are left out, as are photos whose ground truth
            has none.

    Returns:
        "AP" (mean over the thresholds .50 to .95), "AP50" and "AP75", in [0, 1]; -1
        without ground truth.
    """
    if kind == "keypoints":
        gt, detections = _with_landmarks(gt, detections)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        dataset = _to_coco(gt)
        rows: list[Row] = [
            {"image_id": i, "category_id": 1, "score": instance.score}
            | _shape(instance, kind)
            for i, instances in enumerate(detections)
            for instance in instances
        ]
        if not rows or not dataset.anns:
            value = 0.0 if dataset.anns else -1.0
            return dict.fromkeys(("AP", "AP50", "AP75"), value)
        evaluation = COCOeval(dataset, dataset.loadRes(rows), kind)
        if kind == "keypoints":
            count = len(rows[0]["keypoints"]) // 3
            evaluation.params.kpt_oks_sigmas = np.full(count, LANDMARK_SIGMA)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    stats = map(float, evaluation.stats[:3])
    return dict(zip(("AP", "AP50", "AP75"), stats, strict=True))


def _with_landmarks(
    gt: Sequence[Sequence[EncodedInstance]],
    detections: Sequence[Sequence[EncodedInstance]],
) -> tuple[list[list[EncodedInstance]], list[list[EncodedInstance]]]:
    """Drop instances without landmarks, and photos whose ground truth has none."""
    photos = [
        tuple([i for i in instances if i.landmarks is not None] for instances in pair)
        for pair in zip(gt, detections, strict=True)
    ]
    kept = [pair for pair in photos if pair[0]]
    return [pair[0] for pair in kept], [pair[1] for pair in kept]


def _to_coco(gt: Sequence[Sequence[EncodedInstance]]) -> COCO:
    instances = [(i, instance) for i, row in enumerate(gt) for instance in row]
    dataset = COCO()
    dataset.dataset = {
        "info": {},
        # Sizes are required but not used: the masks are run-length encoded already.
        "images": [{"id": i, "height": 0, "width": 0} for i in range(len(gt))],
        "categories": [{"id": 1}],
        "annotations": [
            {"id": n, "image_id": i, "category_id": 1, "iscrowd": 0}
            | {"area": int(coco_mask.area(instance.rle)), **_gt_shapes(instance)}
            for n, (i, instance) in enumerate(instances, 1)
        ],
    }
    dataset.createIndex()
    return dataset


def _gt_shapes(instance: EncodedInstance) -> Row:
    shapes = _shape(instance, "segm") | _shape(instance, "bbox")
    if instance.landmarks is not None:
        labeled = int((instance.landmarks[:, 2] > 0).sum())
        shapes |= _shape(instance, "keypoints") | {"num_keypoints": labeled}
    return shapes


def _shape(instance: EncodedInstance, kind: Kind) -> Row:
    if kind == "segm":
        return {"segmentation": instance.rle}
    if kind == "bbox":
        x1, y1, x2, y2 = instance.box
        return {"bbox": [x1, y1, x2 - x1, y2 - y1]}
    assert instance.landmarks is not None
    return {"keypoints": np.ravel(instance.landmarks).astype(float).tolist()}
