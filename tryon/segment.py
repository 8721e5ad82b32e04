"""Photo -> garment mask: a cascade of two networks.

A garment may be a tenth of a street photo. Mask R-CNN finds what may be one in the whole
photo; the refiner reads the surroundings of each find again at full input size and says
where its outline and its landmarks are; what it is, both say. The chosen garment is read
once more, and mirrored too, in a view around its better mask.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from compositor import (
    clean_mask,
    drop_strangers,
    fill_alike,
    fill_notches,
    fill_prints,
    part_from_front,
)
from mrcnn.chart.inference import read_chart
from mrcnn.config import CLASS_NAMES
from mrcnn.detections import Detections, mask_iou
from mrcnn.predictor import Predictor, detect
from mrcnn.refiner.inference import Reading, refine
from mrcnn.windows import mask_bounds
from tryon.networks import load_network
from tryon.types import GarmentMask, Instance
from tryon.zoo import ModelCard, shipped_card

SHORT_SLEEVE_TOP = 1
NECKLINE = slice(1, 6)  # landmarks along the front neckline, from shoulder to shoulder
SLEEVES = (7, 8, 9, 10, 20, 21, 22, 23)  # landmarks of both sleeves, armpits left out
LEAST_SEEN = 0.5  # probability from which a landmark is used


@dataclass(frozen=True)
class SegmentConfig:
    """How garments are looked for."""

    proposal_threshold: float = 0.1  # Mask R-CNN's score from which a find is read again
    proposals: int = 5  # finds that are read again, at most
    first_share: float = 0.45  # of Mask R-CNN in what both networks say of the class
    # Their probability from which a find counts: more likely so than not.
    score_threshold: float = 0.5
    # Where nothing counts, what may be a garment from here on is named, to be picked.
    doubt_threshold: float = 0.2
    # The same of the whole frame, when Mask R-CNN finds nothing: walls and floors that
    # fill a photo stay below it.
    frame_threshold: float = 0.7
    mask_threshold: float = 0.5  # probability from which a pixel is garment
    overlap_threshold: float = 0.6  # of two finds nested so far, the better stays


class Sight(NamedTuple):
    """What is seen in a photo: all finds, best score first, and the chosen garment."""

    instances: tuple[Instance, ...]
    garment: GarmentMask | None


class Segmenter:
    """Finds garments.

    Args:
        predictor: a trained Mask R-CNN behind its seam.
        refiner: a trained refiner behind its seam.
        config: thresholds.
        charts: a trained chart network behind its seam; None reads no charts.
    """

    def __init__(
        self,
        predictor: Predictor,
        refiner: Predictor,
        config: SegmentConfig | None = None,
        charts: Predictor | None = None,
    ):
        self.predictor = predictor
        self.refiner = refiner
        self.config = config or SegmentConfig()
        self.charts = charts

    @classmethod
    def from_pretrained(
        cls,
        card: ModelCard | None = None,
        refiner: ModelCard | None = None,
        chart: ModelCard | None = None,
    ) -> "Segmenter":
        """Load the shipped networks, or those of the cards; charts only with a card."""
        return cls(
            load_network(card or shipped_card("segmenter"), "segmenter"),
            load_network(refiner or shipped_card("refiner"), "refiner"),
            charts=None if chart is None else load_network(chart, "chart"),
        )

    def __call__(self, image: np.ndarray, pick: int | None = None) -> GarmentMask | None:
        """Find the short-sleeve top of a photo.

        Args:
            image: uint8 (h, w, 3), the photo at its working size.
            pick: index among the finds; None takes the largest short-sleeve top.

        Returns:
            The garment, or None when there is none (or no find of that index).
        """
        return self.look(image, pick).garment

    def look(self, image: np.ndarray, pick: int | None = None) -> Sight:
        """Find all garments of a photo and read the chosen one closer; see the call.

        Returns:
            The finds, and the garment or None. Where no find is sure they are doubtful
            ones, of which none is taken unless it is picked.
        """
        sure_from = self.config.score_threshold
        found = self.find(image, min(self.config.doubt_threshold, sure_from))
        sure = found[found.scores >= sure_from]
        offered = sure if len(sure) else found
        garment = self.choose(image, sure if pick is None else offered, pick)
        return Sight(garment.instances if garment else describe(offered), garment)

    def choose(
        self, image: np.ndarray, found: Detections, pick: int | None = None
    ) -> GarmentMask | None:
        """Choose among the finds of a photo and read the chosen one closer.

        Args:
            image: uint8 (h, w, 3).
            found: what `find` gave for it.
            pick: see the call.
        """
        order = [i for i, k in enumerate(found.labels) if k == SHORT_SLEEVE_TOP]
        if pick is not None:
            order = [pick] if 0 <= pick < len(found) else []
        if not order:
            return None
        areas = found.masks.sum(axis=(1, 2))
        chosen = max(order, key=lambda i: areas[i])
        return self.look_closer(image, found, chosen)

    def find(self, image: np.ndarray, threshold: float | None = None) -> Detections:
        """Look at the whole photo, then at every find; returns all finds, best first.

        Args:
            image: uint8 (h, w, 3).
            threshold: of the scores; None takes the config's.
        """
        first, least = self._propose(image), self.config.score_threshold
        least = least if threshold is None else threshold
        if len(first):
            readings = refine(self.refiner, image, first.masks)
            readings = average_classes(readings, first, self.config.first_share)
        else:  # a shirt from so close that it has no outline, or none
            whole = np.full((1, *image.shape[:2]), 0.5, np.float32)
            readings = refine(self.refiner, image, whole)
            least = max(least, self.config.frame_threshold)
        found = as_detections(readings, image.shape[:2])
        found = drop_nested(found, self.config.overlap_threshold)
        return found[found.scores >= least]

    def _propose(self, image: np.ndarray) -> Detections:
        """Return what Mask R-CNN takes for garments in the whole photo."""
        first = detect(self.predictor, image, self.config.proposal_threshold)[0]
        return drop_nested(first, 0.85)[: self.config.proposals]

    def look_closer(
        self, image: np.ndarray, found: Detections, chosen: int
    ) -> GarmentMask | None:
        """Read a find once more, and its mirror image, in a view around its mask.

        Returns:
            The garment; its agreement is the IoU of both readings.
        """
        first = found.masks[chosen]
        (reading,) = refine(self.refiner, image, first[None], mirror=True)
        mask = clean_mask(reading.mask >= self.config.mask_threshold)
        mask = mend_slips(mask, image, reading.landmarks)
        mask = part_from_front(mask, image)
        if not mask.any():
            return None
        instances = list(describe(found))
        x1, y1, x2, y2 = map(float, mask_bounds(mask))
        instances[chosen] = replace(
            instances[chosen],
            box=(x1, y1, x2, y2),
            area=float(mask.mean()),
            landmarks=reading.landmarks,
        )
        agreement = mask_iou(mask, first >= self.config.mask_threshold)
        chart = None if self.charts is None else read_chart(self.charts, image, mask)
        return GarmentMask(mask, tuple(instances), chosen, agreement, chart)


def mend_slips(mask: np.ndarray, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Drop parts that look like no part of a garment, and fill gaps that look like one.

    Gaps are holes, and notches at a neck that is seen; a part with a sleeve's landmark
    stays, whatever it looks like.

    Args:
        mask: bool (h, w).
        image: uint8 (h, w, 3).
        landmarks: float32 (25, 3), see `Instance`.
    """
    sleeves = landmarks[list(SLEEVES)]
    sure = sleeves[sleeves[:, 2] >= LEAST_SEEN, :2]
    mask = fill_alike(drop_strangers(mask, image, sure), image)
    neckline = landmarks[NECKLINE]
    if (neckline[:, 2] < LEAST_SEEN).any():
        return mask
    mask = fill_prints(mask, image, neckline[:, :2])
    return fill_notches(mask, image, neckline[:, :2])


def average_classes(
    readings: list[Reading], first: Detections, first_share: float
) -> list[Reading]:
    """Average what both stages of the cascade say of the class of each find.

    Args:
        readings: of the refiner, one for each find.
        first: the finds of Mask R-CNN, which tells of each one class and its score.
        first_share: weight of its word, 0 to 1.

    References:
        Cai and Vasconcelos, "Cascade R-CNN", CVPR 2018: the stages' classifiers are
        averaged in use.
    """
    averaged = []
    for reading, label, score in zip(readings, first.labels, first.scores, strict=True):
        told = np.zeros_like(reading.classes)
        told[[0, label]] = 1 - score, score
        classes = (1 - first_share) * reading.classes + first_share * told
        averaged.append(replace(reading, classes=classes))
    return averaged


def as_detections(readings: list[Reading], size: tuple[int, int]) -> Detections:
    """Join readings that name a class to detections, best score first."""
    masks = np.array([r.mask for r in readings], np.float32).reshape(-1, *size)
    classes = np.array([r.classes[1:] for r in readings], np.float32)
    if not len(classes):
        return Detections.empty(size)
    scores = classes.max(axis=1)
    found = Detections(
        np.array([mask_bounds(mask) for mask in masks], np.float32),
        classes.argmax(axis=1) + 1,
        scores,
        masks,
        np.array([r.landmarks for r in readings], np.float32),
    )
    return found[np.argsort(-scores, kind="stable")]


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
            float((found.masks[i] >= 0.5).sum() / total),
            None if found.landmarks is None else found.landmarks[i],
        )
        for i, (box, label, score) in enumerate(
            zip(found.boxes, found.labels, found.scores, strict=True)
        )
    )
