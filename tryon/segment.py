"""Detect garments in a photo and segment the selected one: a cascade of two networks.

A garment may be a tenth of a street photo. Mask R-CNN proposes garments in the whole
photo; the refiner looks at a crop around each proposal at its full input size and
predicts outline, landmarks and class. The class probabilities of both networks are
averaged, and joined with what the wearer's arms show of the sleeves. The selected garment
is refined once more, with a mirrored view, in a crop around its better mask.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from compositor import (
    clean_mask,
    drop_unrelated_components,
    fill_notches,
    fill_print_holes,
    fill_similar_holes,
    mask_box,
    separate_occluders,
)
from compositor.blur import box_mean
from compositor.mask.pieces import add_missed_pieces
from data_tools.annotations import CATEGORIES, SHORT_SLEEVE_TOP
from mrcnn.chart.inference import predict_chart
from mrcnn.detections import Detections, mask_iou
from mrcnn.matting.inference import predict_alpha
from mrcnn.pose.body import bare_parts, roll, torso_share
from mrcnn.predictor import detect
from mrcnn.refiner.inference import Refinement, refine
from mrcnn.runtime import Predictor
from mrcnn.windows import box_or_frame
from tryon.clothes import (
    Wearer,
    add_lower_garments,
    dress,
    find_agreed_top,
    find_wearer,
    measure_support,
    propose_tops,
    weigh_clothes,
)
from tryon.networks import load_network
from tryon.pose import PoseReader
from tryon.sleeves import weigh_sleeves
from tryon.types import GarmentMask, Instance
from tryon.zoo import ModelCard, shipped_card

LOWER = (7, 8, 9)  # of shorts, trousers and skirts, which lie on no torso
NECKLINE = slice(1, 6)  # landmarks along the front neckline, from shoulder to shoulder
SLEEVES = (7, 8, 9, 10, 20, 21, 22, 23)  # landmarks of both sleeves, without armpits
MIN_VISIBILITY = 0.5  # minimum probability of a landmark that is used


@dataclass(frozen=True)
class SegmentConfig:
    """Thresholds of the cascade; all are probabilities or shares in [0, 1]."""

    proposal_threshold: float = 0.1  # minimum Mask R-CNN score of a proposal
    max_proposals: int = 5  # proposals that the refiner looks at
    proposal_overlap: float = 0.85  # of two proposals nested so far, the better is kept
    # Weight of Mask R-CNN in the mean of both networks' class probabilities; compared on
    # the val split and on 46 photos beside it (docs/experiments/segmentation.md).
    first_share: float = 0.45
    score_threshold: float = 0.5  # minimum mean class probability of a detection
    # The same for a short-sleeve top on somebody's torso, where the pose has seen to it
    # that it is no other thing.
    worn_threshold: float = 0.25
    # Below score_threshold, detections from here on are named for `--instance`.
    doubt_threshold: float = 0.2
    # Minimum class probability where Mask R-CNN proposes nothing and the refiner looks at
    # the whole frame: walls and floors that fill a photo stay below it.
    frame_threshold: float = 0.7
    mask_threshold: float = 0.5  # minimum garment probability of a mask's pixel
    overlap_threshold: float = 0.6  # of two detections nested so far, the better is kept
    # Where people are seen, a top or dress that covers less of every torso is none.
    torso_threshold: float = 0.1
    # Minimum share of skin in a garment's view where somebody wears it. In 159 rendered
    # shop pictures it is at most .008, in 100 renders of people .005, then .013.
    skin_share: float = 0.01
    skin_threshold: float = 0.5  # minimum probability of skin that lies before a garment
    # How far from the refiner's mask the matting network may find more of the garment,
    # as share of the square root of the mask's area.
    edge_reach: float = 0.08


class Segmentation(NamedTuple):
    """All detections of a photo, best score first, and the selected garment."""

    instances: tuple[Instance, ...]
    garment: GarmentMask | None


class Segmenter:
    """Detects garments and segments one of them.

    Args:
        predictor: a trained Mask R-CNN, see `networks.load_network`.
        refiner: a trained refiner.
        config: thresholds.
        charts: a trained chart network; None predicts no charts.
        poses: reads people's poses; None looks at garments alone.
        clothes: a trained semantic network, which looks at people whose pose is read.
        edges: a trained matting network; None leaves the edge to colours.
    """

    def __init__(
        self,
        predictor: Predictor,
        refiner: Predictor,
        config: SegmentConfig | None = None,
        charts: Predictor | None = None,
        poses: PoseReader | None = None,
        clothes: Predictor | None = None,
        edges: Predictor | None = None,
    ):
        self.predictor = predictor
        self.refiner = refiner
        self.config = config or SegmentConfig()
        self.charts = charts
        self.poses, self.clothes = poses, clothes
        self.edges = edges

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
            poses=PoseReader.from_pretrained(),
            clothes=load_network(shipped_card("semantic"), "semantic"),
            edges=load_network(shipped_card("matting"), "matting"),
        )

    def __call__(
        self, image: np.ndarray, instance: int | None = None
    ) -> GarmentMask | None:
        """Segment the short-sleeve top of a photo.

        Args:
            image: uint8 (h, w, 3), the photo at its working size.
            instance: index of the detection; None takes the largest short-sleeve top.

        Returns:
            The garment, or None when there is none (or no detection of that index).
        """
        return self.segment(image, instance).garment

    def segment(
        self,
        image: np.ndarray,
        instance: int | None = None,
        others: tuple[int, ...] = (),
    ) -> Segmentation:
        """Detect all garments of a photo and segment the selected one.

        Args:
            image: uint8 (h, w, 3), the photo at its working size.
            instance: index of the detection; None takes the largest short-sleeve top.
            others: category ids, of which the best detection is taken where there is no
                short-sleeve top.

        Returns:
            The detections, and the garment or None. Where none reaches the threshold,
            the detections are doubtful ones, which only `instance` selects.
        """
        config = self.config
        least = min(config.doubt_threshold, config.score_threshold)
        detections = self.detect(image, least)
        confident = detections[self.is_confident(detections)]
        offered = confident if len(confident) else detections
        candidates = confident if instance is None else offered
        if instance is None and not (confident.labels == SHORT_SLEEVE_TOP).any():
            named = np.flatnonzero(np.isin(confident.labels, others))
            instance = int(named[0]) if len(named) else None
        garment = self.select(image, candidates, instance)
        instances = garment.instances if garment else as_instances(offered)
        return Segmentation(instances, garment)

    def is_confident(self, detections: Detections) -> np.ndarray:
        """Tell which detections are taken without being asked for, bool (N,)."""
        thresholds = np.full(len(detections), self.config.score_threshold)
        if detections.wearers is not None:
            worn = np.array([pose is not None for pose in detections.wearers], bool)
            is_top = detections.labels == SHORT_SLEEVE_TOP
            thresholds[worn & is_top] = self.config.worn_threshold
        return detections.scores >= thresholds

    def select(
        self, image: np.ndarray, detections: Detections, instance: int | None = None
    ) -> GarmentMask | None:
        """Select one of the detections of a photo and segment it.

        Args:
            image: uint8 (h, w, 3).
            detections: those of `detect`.
            instance: see the call.
        """
        candidates = np.flatnonzero(detections.labels == SHORT_SLEEVE_TOP).tolist()
        if instance is not None:
            candidates = [instance] if 0 <= instance < len(detections) else []
        if not candidates:
            return None
        areas = detections.masks.sum(axis=(1, 2))
        chosen = max(candidates, key=lambda index: areas[index])
        return self.refine_selected(image, detections, chosen)

    def detect(self, image: np.ndarray, threshold: float | None = None) -> Detections:
        """Detect all garments of a photo, best score first: both stages of the cascade.

        Args:
            image: uint8 (h, w, 3).
            threshold: minimum score; None takes the config's.
        """
        config, size = self.config, image.shape[:2]
        min_score = config.score_threshold if threshold is None else threshold
        poses = [] if self.poses is None else self.poses(image)
        people = dress(self.clothes, image, poses)
        first = self._propose(image)
        tops = propose_tops(people, first, size)
        if len(first) or len(tops):
            refined, people = self._refine_proposals(image, first, tops, people)
        else:  # a shirt so close that the frame shows no outline, or no shirt
            refined, people = self._refine_frame(image, people)
            min_score = max(min_score, config.frame_threshold)
        detections = as_detections(refined, size)
        detections = add_lower_garments(detections, people, size)
        detections = find_wearers(detections, people)
        detections = drop_off_torso(detections, people, config.torso_threshold)
        detections = drop_nested(detections, config.overlap_threshold)
        return detections[detections.scores >= min_score]

    def _refine_proposals(
        self, image: np.ndarray, first: Detections, tops: Detections, people: list[Wearer]
    ) -> tuple[list[Refinement], list[Wearer]]:
        """Refine proposals, and weigh their classes.

        Args:
            image: uint8 (h, w, 3).
            first: proposals of Mask R-CNN.
            tops: those of the semantic network.
            people: who the photo seems to show.

        Returns:
            The garments, and the people that are real, see `_real`.
        """
        proposals = first + tops
        wearers = [find_wearer(people, mask >= 0.5) for mask in proposals.masks]
        bodies = [None if wearer is None else wearer.pose.body for wearer in wearers]
        refined = refine(self.refiner, image, proposals.masks, bodies=bodies)
        people = self._real(people, refined)
        refined = average_classes(refined, proposals, self.config.first_share)
        if not people:  # nor does anybody wear what the semantic network proposed
            return refined[: len(first)], people
        refined = list(map(weigh_clothes, refined, wearers))
        poses = [None if wearer is None else wearer.pose for wearer in wearers]
        return list(map(weigh_sleeves, refined, poses)), people

    def _refine_frame(
        self, image: np.ndarray, people: list[Wearer]
    ) -> tuple[list[Refinement], list[Wearer]]:
        """Refine the whole frame as one garment; returns as `_refine_proposals`."""
        whole = np.full((1, *image.shape[:2]), 0.5, np.float32)
        bodies = [people[0].pose.body] if people else []
        refined = refine(self.refiner, image, whole, bodies=bodies)
        return refined, self._real(people, refined)

    def _real(self, people: list[Wearer], refined: list[Refinement]) -> list[Wearer]:
        """Return the people, or none of them where no garment's view shows skin.

        The pose networks also see people in garments that nobody wears, above all in
        those that a ghost mannequin fills.
        """
        least = self.config.skin_share
        return people if any(r.share("skin") >= least for r in refined) else []

    def _propose(self, image: np.ndarray) -> Detections:
        """Return Mask R-CNN's detections in the whole photo."""
        config = self.config
        proposals = detect(self.predictor, image, config.proposal_threshold)[0]
        return drop_nested(proposals, config.proposal_overlap)[: config.max_proposals]

    def refine_selected(
        self, image: np.ndarray, detections: Detections, chosen: int
    ) -> GarmentMask | None:
        """Refine a detection again, with a mirrored view, in a crop around its mask.

        Returns:
            The garment; its agreement is the IoU of the masks before and after. None
            when nothing is left of the mask.
        """
        first = detections.masks[chosen]
        wearer = None if detections.wearers is None else detections.wearers[chosen]
        pose = None if wearer is None else wearer.pose
        bodies = [] if pose is None else [pose.body]
        (refined,) = refine(self.refiner, image, first[None], mirror=True, bodies=bodies)
        angle = 0.0 if pose is None else roll(pose.points)
        mask = clean_mask(refined.mask >= self.config.mask_threshold)
        mask = repair_mask(mask, image, refined.landmarks)
        worn = find_agreed_top(wearer, mask.shape)
        if worn is not None:
            skin = refined.part("skin") > self.config.skin_threshold
            mask = add_missed_pieces(mask, image, worn & ~skin)
        mask = separate_occluders(mask, image)
        alpha = self._find_edge(image, mask, angle)
        if alpha is not None:
            mask = clean_mask(alpha > 127)
        if pose is not None:
            skin = refined.part("skin") > self.config.skin_threshold
            mask = mask & ~bare_parts(pose, skin, mask)
        if not mask.any():
            return None
        if alpha is not None:
            alpha = keep_near(alpha, mask)
        instances = list(as_instances(detections))
        x1, y1, x2, y2 = map(float, mask_box(mask))
        instances[chosen] = replace(
            instances[chosen],
            box=(x1, y1, x2, y2),
            area=float(mask.mean()),
            landmarks=refined.landmarks,
        )
        agreement = mask_iou(mask, first >= self.config.mask_threshold)
        chart = None
        if self.charts is not None:
            chart = predict_chart(self.charts, image, mask, angle)
        support = measure_support(mask, wearer)
        finds = tuple(instances)
        return GarmentMask(mask, finds, chosen, agreement, chart, pose, support, alpha)

    def _find_edge(
        self, image: np.ndarray, mask: np.ndarray, angle: float
    ) -> np.ndarray | None:
        """Return the alpha of a garment near its mask, uint8 (h, w); see `edges`."""
        if self.edges is None or not mask.any():
            return None
        alpha = predict_alpha(self.edges, image, mask, angle)
        reach = max(2, round(self.config.edge_reach * float(np.sqrt(mask.sum()))))
        near = box_mean(mask.astype(np.float32), 2 * reach + 1) > 1e-4
        return np.rint(alpha * near * 255).astype(np.uint8)


def keep_near(alpha: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return alpha without what does not touch a mask, and full of what it holds.

    Args:
        alpha: uint8 (h, w).
        mask: bool (h, w), where alpha should be above a half.
    """
    grown = ndimage.binary_propagation(mask, mask=(alpha > 0) & ~_cut_off(alpha, mask))
    kept = np.where(grown, alpha, np.uint8(0))
    return np.where(mask, np.maximum(kept, np.uint8(128)), kept)


def _cut_off(alpha: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return where alpha is above a half and the mask does not hold it."""
    return (alpha > 127) & ~mask


def describe_missing(instance: int, count: int) -> str:
    """Say why a photo has no garment of an index.

    Args:
        instance: the index that was asked for.
        count: of the photo's detections.

    Example:
        >>> describe_missing(7, 2)
        'there is no instance 7: 2 garments were detected, 0 to 1'
    """
    if not count:
        return f"there is no instance {instance}: no garment was detected"
    if instance >= count:
        kinds = "1 garment was" if count == 1 else f"{count} garments were"
        numbers = "number 0" if count == 1 else f"0 to {count - 1}"
        return f"there is no instance {instance}: {kinds} detected, {numbers}"
    return f"nothing is left of instance {instance}; take another one"


def find_wearers(detections: Detections, people: list[Wearer]) -> Detections:
    """Add to each detection who wears it."""
    wearers = np.empty(len(detections), object)
    wearers[:] = [find_wearer(people, mask >= 0.5) for mask in detections.masks]
    return replace(detections, wearers=wearers)


def drop_off_torso(
    detections: Detections, people: list[Wearer], threshold: float
) -> Detections:
    """Drop tops, coats and dresses that lie on nobody's torso.

    Shorts that were taken for a shirt are such. Where the photo shows no torso, as in a
    shop's picture, all are kept.

    Args:
        detections: of a photo.
        people: who the photo shows.
        threshold: minimum share of a torso that a garment covers.
    """
    frame = np.ones(detections.masks.shape[1:], bool)
    seen = [p for p in people if torso_share(p.pose.points, frame) > 0]
    if not seen:
        return detections
    keep = [
        label in LOWER
        or max(torso_share(p.pose.points, mask >= 0.5) for p in seen) >= threshold
        for label, mask in zip(detections.labels, detections.masks, strict=True)
    ]
    return detections[np.array(keep, bool)]


def repair_mask(mask: np.ndarray, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Drop components that do not look like the garment, and fill gaps that do.

    Gaps are holes, and notches at a visible neckline. A component with a visible sleeve
    landmark is kept whatever it looks like.

    Args:
        mask: bool (h, w).
        image: uint8 (h, w, 3).
        landmarks: float32 (25, 3), see `Instance`.
    """
    sleeves = landmarks[list(SLEEVES)]
    visible = sleeves[sleeves[:, 2] >= MIN_VISIBILITY, :2]
    mask = fill_similar_holes(drop_unrelated_components(mask, image, visible), image)
    neckline = landmarks[NECKLINE]
    if (neckline[:, 2] < MIN_VISIBILITY).any():
        return mask
    mask = fill_print_holes(mask, image, neckline[:, :2])
    return fill_notches(mask, image, neckline[:, :2])


def average_classes(
    refined: list[Refinement], proposals: Detections, first_share: float
) -> list[Refinement]:
    """Average the class probabilities of both stages of the cascade.

    Args:
        refined: the refiner's output, one for each proposal.
        proposals: those of Mask R-CNN, which gives each one class and its score.
        first_share: weight of that score, 0 to 1.

    References:
        Cai and Vasconcelos, "Cascade R-CNN", CVPR 2018: the stages' classifiers are
        averaged at inference.
    """
    averaged = []
    for second, label, score in zip(
        refined, proposals.labels, proposals.scores, strict=True
    ):
        first = np.zeros_like(second.classes)
        first[[0, label]] = 1 - score, score
        classes = (1 - first_share) * second.classes + first_share * first
        averaged.append(replace(second, classes=classes))
    return averaged


def as_detections(refined: list[Refinement], size: tuple[int, int]) -> Detections:
    """Join the refiner's outputs to detections, best score first."""
    masks = np.array([r.mask for r in refined], np.float32).reshape(-1, *size)
    classes = np.array([r.classes[1:] for r in refined], np.float32)
    if not len(classes):
        return Detections.empty(size)
    scores = classes.max(axis=1)
    detections = Detections(
        np.array([box_or_frame(mask) for mask in masks], np.float32),
        classes.argmax(axis=1) + 1,
        scores,
        masks,
        np.array([r.landmarks for r in refined], np.float32),
    )
    return detections[np.argsort(-scores, kind="stable")]


def drop_nested(detections: Detections, threshold: float) -> Detections:
    """Drop detections that lie mostly inside a better one, or around it.

    Args:
        detections: best score first.
        threshold: minimum overlap, as share of the smaller mask's area.
    """
    kept: list[int] = []
    solid = detections.masks >= 0.5
    areas = np.maximum(solid.sum(axis=(1, 2)), 1)
    for index in range(len(detections)):
        overlaps = [
            (solid[index] & solid[k]).sum() / min(areas[index], areas[k]) for k in kept
        ]
        if solid[index].any() and max(overlaps, default=0.0) < threshold:
            kept.append(index)
    return detections[np.array(kept, np.int64)]


def as_instances(detections: Detections) -> tuple[Instance, ...]:
    """Return detections as plain records."""
    total = detections.masks[0].size if len(detections) else 1
    return tuple(
        Instance(
            int(label),
            CATEGORIES[int(label) - 1],
            float(score),
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            float((detections.masks[i] >= 0.5).sum() / total),
            None if detections.landmarks is None else detections.landmarks[i],
        )
        for i, (box, label, score) in enumerate(
            zip(detections.boxes, detections.labels, detections.scores, strict=True)
        )
    )
