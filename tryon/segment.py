"""Photo -> garment mask: two looks, the second one closer.

A garment may be a tenth of a street photo. The first look finds it in the whole photo;
the second reads its surroundings again at the network's full size, once as it is and
once mirrored, so that the outline is drawn from many more pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor import clean_mask
from mrcnn.config import CLASS_NAMES, MaskRCNNConfig
from mrcnn.detections import Detections, mask_iou
from mrcnn.predictor import KerasPredictor, Predictor, detect
from tryon.types import GarmentMask, Instance
from tryon.zoo import ModelCard, shipped_card

SHORT_SLEEVE_TOP = 1
_ANY_SCORE = 0.05  # the second look knows already that a garment is there


@dataclass(frozen=True)
class SegmentConfig:
    """How garments are looked for."""

    score_threshold: float = 0.3  # class scores below it are no find (see JudgeConfig)
    seen_share: float = 0.3  # of a part of the garment that both looks must have seen
    mask_threshold: float = 0.5  # probability from which a pixel is garment
    overlap_threshold: float = 0.6  # of two finds nested so far, the better stays
    margin: float = 0.3  # surroundings of the second look, share of the box's side
    agreement: float = 0.3  # IoU below which the second look saw something else


class Segmenter:
    """Finds garments.

    Args:
        predictor: a trained Mask R-CNN behind its seam.
        config: thresholds.
    """

    def __init__(self, predictor: Predictor, config: SegmentConfig | None = None):
        self.predictor = predictor
        self.config = config or SegmentConfig()

    @classmethod
    def from_pretrained(cls, card: ModelCard | None = None) -> "Segmenter":
        """Load the shipped segmenter, or the one of a card."""
        card = card or shipped_card("segmenter")
        config = MaskRCNNConfig.from_dict(card.values["config"])
        return cls(KerasPredictor(config, card.path))

    def __call__(self, image: np.ndarray, pick: int | None = None) -> GarmentMask | None:
        """Find the short-sleeve top of a photo.

        Args:
            image: uint8 (h, w, 3), the photo at its working size.
            pick: index among the finds; None takes the largest short-sleeve top.

        Returns:
            The garment, or None when there is none (or no find of that index).
        """
        found = self.find(image)
        order = [i for i, k in enumerate(found.labels) if k == SHORT_SLEEVE_TOP]
        if pick is not None:
            order = [pick] if 0 <= pick < len(found) else []
        if not order:
            return None
        areas = found.masks.sum(axis=(1, 2))
        chosen = max(order, key=lambda i: areas[i])
        mask, agreement = self.look_closer(image, found, chosen)
        if not mask.any():
            return None
        return GarmentMask(mask, describe(found), chosen, agreement)

    def find(self, image: np.ndarray) -> Detections:
        """Look at the whole photo; returns all finds, best score first."""
        found = detect(self.predictor, image, self.config.score_threshold)[0]
        return drop_nested(found, self.config.overlap_threshold)

    def look_closer(
        self, image: np.ndarray, found: Detections, chosen: int
    ) -> tuple[np.ndarray, float]:
        """Draw a find's mask again from a closer view.

        Returns:
            bool (h, w), and the IoU of both looks; when the second look does not see
            the same garment, the first look's mask and the low IoU.
        """
        first = found.masks[chosen]
        x1, y1, x2, y2 = self._window(found.boxes[chosen], image.shape[:2])
        part = image[y1:y2, x1:x2]
        views = detect(self.predictor, part, _ANY_SCORE, mirror=True)
        looks = [best_match(view, first[y1:y2, x1:x2]) for view in views]
        seen = [mask for mask, iou in looks if iou >= self.config.agreement]
        agreement = float(np.mean([iou for _, iou in looks]))
        closer = first.copy()
        if seen:
            closer[:] = 0
            closer[y1:y2, x1:x2] = np.mean(seen, axis=0)
        solid = clean_mask(closer >= self.config.mask_threshold)
        return keep_seen(solid, first >= 0.5, self.config.seen_share), agreement

    def _window(
        self, box: np.ndarray, size: tuple[int, int]
    ) -> tuple[int, int, int, int]:
        x1, y1, x2, y2 = box
        margin = self.config.margin * max(x2 - x1, y2 - y1)
        height, width = size
        return (
            max(0, int(x1 - margin)),
            max(0, int(y1 - margin)),
            min(width, int(np.ceil(x2 + margin))),
            min(height, int(np.ceil(y2 + margin))),
        )


def keep_seen(mask: np.ndarray, first: np.ndarray, share: float) -> NDArray[np.bool_]:
    """Drop parts that the first look saw nothing of: a bag or skirt nearby.

    Args:
        mask: bool (h, w) of the closer look.
        first: bool (h, w) of the first one.
        share: of a part's area that must lie in `first`.

    Returns:
        bool (h, w); `mask` itself when nothing would be left.
    """
    parts, count = ndimage.label(mask)
    if count < 2:
        return mask
    seen = ndimage.mean(first, parts, np.arange(count + 1))
    kept = np.asarray(seen) >= share
    kept[0] = False
    return kept[parts] if kept.any() else mask


def best_match(found: Detections, mask: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the soft mask (h, w) that overlaps `mask` best, with the IoU."""
    best, best_iou = np.zeros(mask.shape, np.float32), 0.0
    for candidate in found.masks:
        iou = mask_iou(candidate >= 0.5, mask >= 0.5)
        if iou > best_iou:
            best, best_iou = candidate, iou
    return best, best_iou


def drop_nested(found: Detections, threshold: float) -> Detections:
    """Drop finds that lie mostly inside a better one, or around it."""
    kept: list[int] = []
    solid = found.masks >= 0.5
    areas = np.maximum(solid.sum(axis=(1, 2)), 1)
    for index in range(len(found)):
        shares = [
            (solid[index] & solid[k]).sum() / min(areas[index], areas[k]) for k in kept
        ]
        if solid[index].any() and max(shares, default=0.0) < threshold:
            kept.append(index)
    return found[np.array(kept, np.int64)]


def describe(found: Detections) -> tuple[Instance, ...]:
    """Turn finds into plain records."""
    total = found.masks[0].size if len(found) else 1
    return tuple(
        Instance(
            int(label),
            CLASS_NAMES[int(label) - 1],
            float(score),
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            float((mask >= 0.5).sum() / total),
        )
        for box, label, score, mask in zip(
            found.boxes, found.labels, found.scores, found.masks, strict=True
        )
    )
