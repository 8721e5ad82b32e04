"""Join what the semantic network sees on the people of a photo with the cascade.

Mask R-CNN misses shirts that it sees from close by, and both networks of the cascade know
the photos of their training by heart. The semantic network looks at a body in the body's
own frame, with features that were learned from far more people: it proposes tops that
Mask R-CNN misses, has a say in the class of every garment, and names what is worn below.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mrcnn.config import CLOTHES
from mrcnn.detections import Detections, mask_iou
from mrcnn.pose.body import torso_area, torso_share
from mrcnn.pose.inference import Pose
from mrcnn.refiner.inference import Refinement
from mrcnn.runtime import Predictor
from mrcnn.semantic.inference import (
    LOWER,
    LOWER_BODY,
    NAMES,
    UPPER,
    UPPER_BODY,
    Clothes,
    see_clothes,
)
from mrcnn.windows import box_or_frame

_LOWER_LABELS = [label for name in LOWER for label in CLOTHES[name]]


@dataclass(frozen=True)
class ClothesConfig:
    """What the semantic network decides; shares and probabilities in [0, 1]."""

    max_people: int = 2  # of a photo, those with the largest torsos
    # Weight of the network in the mean of all class probabilities of a garment.
    weight: float = 0.4
    threshold: float = 0.5  # minimum probability of a garment's pixel
    agreed: float = 0.5  # likewise, in both views, of one that the cascade misses
    # A garment that overlaps a proposal with a higher IoU is the proposed one.
    same_iou: float = 0.4
    worn_torso: float = 0.2  # minimum share of a wearer's torso inside the garment
    min_torso: float = 0.25  # likewise, inside a proposed top
    min_area: float = 0.004  # of the photo, of a garment


@dataclass(frozen=True)
class Wearer:
    """A person and what they wear.

    Attributes:
        pose: of the person.
        upper: seen in a view of the upper body; None where nobody looked.
        lower: seen in a view from the belly down, likewise.
    """

    pose: Pose
    upper: Clothes | None = None
    lower: Clothes | None = None


DEFAULT = ClothesConfig()


def dress(
    network: Predictor | None,
    image: NDArray[np.uint8],
    poses: Sequence[Pose],
    config: ClothesConfig = DEFAULT,
) -> list[Wearer]:
    """See what the largest people of a photo wear.

    Args:
        network: the semantic network, see `networks.load_network`; None looks at nobody.
        image: uint8 (H, W, 3).
        poses: of its people.
        config: how many of them are looked at.

    Returns:
        All people, in the order of the poses.
    """
    people = list(map(Wearer, poses))
    if network is None:
        return people
    frame = np.ones(image.shape[:2], bool)
    areas = [torso_area(pose.points, frame) for pose in poses]
    for index in np.argsort(areas)[::-1][: config.max_people]:
        if areas[index] > 0:
            pose = poses[index]
            seen = see_clothes(network, image, pose.points, (UPPER_BODY, LOWER_BODY))
            people[index] = Wearer(pose, *seen)
    return people


def find_wearer(
    people: Sequence[Wearer], mask: NDArray[np.bool_], config: ClothesConfig = DEFAULT
) -> Wearer | None:
    """Return who wears a garment.

    That is whose torso it covers, and of several people the one of whom it covers the
    largest area: a person who is printed on a tee is smaller than its wearer.

    Args:
        people: of a photo.
        mask: bool (H, W), the garment in that photo.
        config: how much of the torso it must cover.
    """
    worn = [p for p in people if torso_share(p.pose.points, mask) >= config.worn_torso]
    return max(worn, key=lambda p: torso_area(p.pose.points, mask), default=None)


def propose_tops(
    people: Sequence[Wearer],
    proposals: Detections,
    size: tuple[int, int],
    config: ClothesConfig = DEFAULT,
) -> Detections:
    """Return what people wear above, where no proposal shows it.

    Args:
        people: of a photo.
        proposals: of Mask R-CNN.
        size: height and width of the photo.
        config: thresholds.
    """
    tops = Detections.empty(size)
    for person in people:
        if person.upper is None:
            continue
        top = as_garment(person.upper, UPPER, size, config)
        known = [mask_iou(m >= 0.5, top.masks[0] >= 0.5) for m in proposals.masks]
        worn = torso_area(person.pose.points, top.masks[0] >= 0.5)
        torso = torso_area(person.pose.points, np.ones(size, bool))
        if max(known, default=0.0) < config.same_iou and worn > config.min_torso * torso:
            tops += top
    return tops


def add_lower_garments(
    detections: Detections,
    people: Sequence[Wearer],
    size: tuple[int, int],
    config: ClothesConfig = DEFAULT,
) -> Detections:
    """Replace trousers, shorts and skirts by those that the semantic network sees.

    Args:
        detections: of the cascade, with landmarks.
        people: of the photo.
        size: height and width of the photo.
        config: thresholds.

    Returns:
        Detections, best score first.
    """
    seen = [person.lower for person in people if person.lower is not None]
    if not seen:
        return detections
    lower = Detections.empty(size)
    for clothes in seen:
        garment = as_garment(clothes, LOWER, size, config)
        if (garment.masks[0] >= config.threshold).mean() >= config.min_area:
            lower += garment
    kept = detections[~np.isin(detections.labels, _LOWER_LABELS)]
    assert kept.landmarks is not None
    unseen = np.zeros((len(lower), *kept.landmarks.shape[1:]), np.float32)
    landmarks = np.concatenate([kept.landmarks, unseen])
    joined = replace(kept + lower, landmarks=landmarks)
    return joined[np.argsort(-joined.scores, kind="stable")]


def as_garment(
    clothes: Clothes,
    names: tuple[str, ...],
    size: tuple[int, int],
    config: ClothesConfig = DEFAULT,
) -> Detections:
    """Return the one garment of some classes that a person wears, without landmarks."""
    plane = clothes.plane(names, size)
    shares = clothes.shares((plane >= config.threshold).astype(np.float32))
    shares = np.zeros(len(NAMES), np.float32) if shares is None else shares
    best = max(names, key=lambda name: shares[NAMES.index(name)])
    return Detections(
        box_or_frame(plane)[None].astype(np.float32),
        np.array([CLOTHES[best][0]]),
        shares[[NAMES.index(best)]],
        plane[None],
    )


def weigh_clothes(
    refined: Refinement, person: Wearer | None, config: ClothesConfig = DEFAULT
) -> Refinement:
    """Average a garment's class probabilities with those of the semantic network.

    Args:
        refined: the garment.
        person: who wears it; None changes nothing.
        config: weight of the network.
    """
    solid = (refined.mask >= config.threshold).astype(np.float32)
    if person is None or person.upper is None:
        return refined
    shares = person.upper.shares(solid)
    if shares is None:
        return refined
    seen = spread_classes(shares, refined.classes)
    classes = (1 - config.weight) * refined.classes + config.weight * seen
    return replace(refined, classes=classes.astype(np.float32))


def find_agreed_top(
    wearer: Wearer | None, size: tuple[int, ...], config: ClothesConfig = DEFAULT
) -> NDArray[np.bool_] | None:
    """Return where both views of a wearer show a top, as far as they reach.

    Args:
        wearer: who is looked at.
        size: height and width of the photo.
        config: thresholds.

    Returns:
        bool (H, W), in the view of the upper body; None where nobody was looked at.
    """
    if wearer is None or wearer.upper is None or wearer.lower is None:
        return None
    height, width = size
    upper, lower = (
        view.plane(UPPER, (height, width)) >= config.agreed
        for view in (wearer.upper, wearer.lower)
    )
    beyond = wearer.lower.plane(NAMES, (height, width)) < 0.5
    return upper & (lower | beyond)


def measure_support(
    mask: NDArray[np.bool_], wearer: Wearer | None, config: ClothesConfig = DEFAULT
) -> float | None:
    """Return the IoU of a garment with the top that the semantic network sees.

    Args:
        mask: bool (H, W), the garment in its photo.
        wearer: who wears it.
        config: thresholds.

    Returns:
        None where nobody was looked at.
    """
    if wearer is None or wearer.upper is None:
        return None
    height, width = mask.shape
    return mask_iou(mask, wearer.upper.plane(UPPER, (height, width)) >= config.threshold)


def spread_classes(
    shares: NDArray[np.float32], classes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the probabilities of DeepFashion2's categories from those of `CLOTHES`.

    Args:
        shares: (C,), of `CLOTHES`.
        classes: (14,), of the categories, index 0 is background: they tell apart what a
            class joins, as dresses by their sleeves.

    Returns:
        float32 (14,).

    Example:
        >>> shares = np.zeros(11, np.float32)
        >>> shares[10] = 1  # a dress
        >>> classes = np.zeros(14, np.float32)
        >>> classes[[10, 11]] = 0.1, 0.3
        >>> spread_classes(shares, classes)[[10, 11]].round(2).tolist()
        [0.25, 0.75]
    """
    spread = np.zeros_like(classes)
    for share, labels in zip(shares, CLOTHES.values(), strict=True):
        joined = list(labels or (0,))
        before = classes[joined] + 1e-6
        spread[joined] += share * before / before.sum()
    return spread
