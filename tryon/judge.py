"""Decide whether a pair can be done, and score how well it was: refusals and scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import special

from compositor import control_points, mask_box
from compositor.warp.corners import NAMES
from mrcnn.pose.body import turn
from tryon.errors import FORCEABLE, Refusal
from tryon.stages import DetectedGarment, cached
from tryon.types import GarmentMask, Placement

# Sleeves of DeepFashion2's category ids. Nobody labels those of dresses here: all are
# called short.
SLEEVES = {
    **dict.fromkeys((1, 3, 10, 11, 12, 13), "short"),
    **dict.fromkeys((2, 4), "long"),
    **dict.fromkeys((5, 6), "none"),
}


@dataclass(frozen=True)
class JudgeConfig:
    """Limits of what is done without `--force`, and from where a result is warned of."""

    frame_share: float = 0.4  # of the outline on the photo's edge: garment_cut_off
    sleeve_difference: float = 0.5  # of sleeve length / garment height
    # Width at the sleeves / width of the torso, of a garment that nobody wears: below it
    # has no sleeves. 1.3 is usual; of 300 training tees that lie flat 3 are narrower, of
    # 230 with their sleeves cut off 210.
    sleeveless: float = 0.93
    narrowest: float = 0.4  # width / height of the garment: a side view is narrower
    side: float = 75.0  # degrees that a wearer is turned from the front: view_mismatch
    back: float = 110.0  # likewise, from where the message says "from behind"
    confidence: float = 0.6  # minimum class score of a garment that nobody wears
    agreement: float = 0.5  # minimum IoU of the refiner's first and second mask
    distortion: float = 1.2  # of the warp, see `Warp`
    # Median distance of landmarks, see `correspond.landmark_distance`. About 0.05 is
    # usual (docs/evaluation.md); above this the user is warned.
    max_landmark_distance: float = 0.2


SWAPPED = (
    "the two pictures seem swapped: the shop's shows a person, and the user's nobody; "
    "exchange them"
)


@dataclass(frozen=True)
class WidthConfig:
    """Where a garment's widths are measured: shares of its height, from the top."""

    sleeves: tuple[float, float] = (0.08, 0.22)
    torso: tuple[float, float] = (0.5, 0.9)


def _weights() -> Mapping[str, float]:
    return MappingProxyType(
        {
            "class": 1.5,
            "agreement": 4.0,
            "support": 1.0,
            "completeness": 23.0,
            "turn": 0.005,
            "on frame": 5.8,
            "landmark distance": 15.0,
            "distortion": 9.9,
            "color distance": 0.096,
        }
    )


@dataclass(frozen=True)
class ScoreConfig:
    """Weights of what speaks against a result, see `doubts`.

    Fitted by `benchmarks/calibrate_score.py` to rendered people, with faults and without.
    """

    bias: float = 5.2
    weights: Mapping[str, float] = field(default_factory=_weights)
    usual_landmark_distance: float = 0.05  # speaks against nothing
    # Warps without a chart bend less, whether they are right or not: all count as this.
    unread_distortion: float = 0.36
    tucked: float = 0.3  # share of a garment's length that may be tucked in


def check_garment(
    garment: DetectedGarment, kind: str, config: JudgeConfig
) -> list[Refusal]:
    """Return the reasons against a garment; `kind` is what its photo is called."""
    detection, name = garment.detection, garment.photo.name
    refusals = []
    if frame_share(detection.mask) > config.frame_share:
        line = (
            f"the edge of the {kind} cuts much of the garment off; use one with all of it"
        )
        refusals.append(Refusal("garment_cut_off", f"{name}: {line}"))
    view = seen_from(detection, config)
    if view != "the front":
        line = f"shows its wearer from {view}; use a {kind} that shows the front"
        refusals.append(Refusal("view_mismatch", f"{name}: {line}"))
    score, agreement = detection.instance.score, detection.agreement
    # On somebody's torso, what was selected is a top: `SegmentConfig.worn_threshold`.
    is_unsure = score < config.confidence and detection.pose is None
    if is_unsure or agreement < config.agreement:
        line = (
            f"not sure where the garment is (score {score:.2f}, agreement of two masks "
            f"{agreement:.2f})"
        )
        line = f"{line}; use a clearer {kind}"
        refusals.append(Refusal("low_confidence", f"{name}: {line}"))
    return refusals


def check_pair(
    user: DetectedGarment, shop: DetectedGarment, config: JudgeConfig
) -> list[Refusal]:
    """Return the reasons against putting the shop's garment on the user."""
    refusals = _compare_classes(user, shop)
    if refusals:
        return refusals
    is_flat = shop.detection.pose is None
    if is_flat and sleeve_width(shop.detection.mask) < config.sleeveless:
        message = f"{shop.photo.name}: has no sleeves; use a top with short sleeves"
        return [Refusal("sleeve_mismatch", message)]
    worn, new = sleeve_length(user), sleeve_length(shop)
    if worn is None or new is None or abs(worn - new) <= config.sleeve_difference:
        return []
    line = f"its sleeves ({new:.2f} of its height) and the user's ({worn:.2f}) differ"
    message = f"{shop.photo.name}: {line} too much; use a garment with like sleeves"
    return [Refusal("sleeve_mismatch", message)]


def _compare_classes(user: DetectedGarment, shop: DetectedGarment) -> list[Refusal]:
    """Return the reason against two garments whose classes have other sleeves."""
    worn, new = user.detection.instance, shop.detection.instance
    if SLEEVES.get(worn.label) == SLEEVES.get(new.label):
        return []
    message = (
        f"{shop.photo.name}: shows a {new.label_name}, and the user wears a "
        f"{worn.label_name}; use a garment with like sleeves"
    )
    return [Refusal("sleeve_mismatch", message)]


def enforce(refusals: list[Refusal], force: bool) -> list[str]:
    """Raise the first refusal; with `force` the last three reasons only warn.

    Returns:
        The warnings.
    """
    for refusal in refusals:
        if not (force and refusal.reason in FORCEABLE):
            raise refusal
    return [str(refusal) for refusal in refusals]


def placement_warnings(placement: Placement, config: JudgeConfig) -> list[str]:
    """Warn of a print that a fallback placed, or that landmarks speak against."""
    warnings = []
    if placement.method != "chart":
        source = "landmarks" if placement.method == "landmarks" else "outlines"
        warnings.append(
            f"the print was placed by {source}: the cloth's own places could not be read"
        )
    if placement.landmark_distance > config.max_landmark_distance:
        warnings.append(
            "the print may lie off: collar, sleeves and hem do not meet the shop's"
        )
    return warnings


def frame_share(mask: NDArray[np.bool_]) -> float:
    """Return which share of the mask's outline lies on the picture's edge.

    Example:
        >>> frame_share(np.array([[0, 1], [0, 1]], bool))
        0.6666666666666666
    """
    padded = np.pad(mask, 1)
    edges = [padded[1:] != padded[:-1], padded[:, 1:] != padded[:, :-1]]
    total = sum(int(e.sum()) for e in edges)
    on_frame = mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()
    return float(on_frame / total) if total else 0.0


def sleeve_width(mask: NDArray[np.bool_], config: WidthConfig | None = None) -> float:
    """Return the width of a garment where its sleeves are, over that of its torso.

    A vest is narrower at its armholes than below, a tee wider by both sleeves.

    Args:
        mask: bool (H, W), a garment that stands upright.
        config: where both are measured.

    Returns:
        1 for an empty mask.
    """
    config = config or WidthConfig()
    rows = mask[mask.any(axis=1)]
    if not len(rows):
        return 1.0
    first, last = rows.argmax(axis=1), rows[:, ::-1].argmax(axis=1)
    widths = rows.shape[1] - first - last
    sleeves, torso = (
        widths[round(low * len(rows)) : max(round(high * len(rows)), 1)]
        for low, high in (config.sleeves, config.torso)
    )
    if not (len(sleeves) and len(torso)):
        return 1.0
    return float(sleeves.max() / np.median(torso))


def aspect_ratio(mask: NDArray[np.bool_]) -> float:
    """Return the width of a garment's box over its height; 0 of an empty mask."""
    x1, y1, x2, y2 = mask_box(mask)
    return (x2 - x1) / max(y2 - y1, 1)


def seen_from(detection: GarmentMask, config: JudgeConfig, is_worn: bool = True) -> str:
    """Return from where a garment is seen: "the front", "the side" or "behind".

    Read from the wearer's pose; without one, a garment that is very narrow for its height
    is seen from the side.
    """
    pose = detection.pose
    if pose is not None:
        angle = turn(pose.points, pose.depths)
        if angle > config.side:
            return "behind" if angle > config.back else "the side"
    is_narrow = aspect_ratio(detection.mask) < config.narrowest
    return "the side" if is_narrow else "the front"


@cached
def sleeve_length(garment: DetectedGarment) -> float | None:
    """Return armpit to sleeve hem over the garment's height; None when unseen."""
    mask = garment.detection.mask
    points = control_points(mask)
    names = [(f"armpit_{s}", f"sleeve_inner_{s}") for s in ("left", "right")]
    seen = [
        float(np.linalg.norm(points[a] - points[b]))
        for a, b in names
        if points.found[NAMES.index(a)] and points.found[NAMES.index(b)]
    ]
    _, y1, _, y2 = mask_box(mask)
    return max(seen) / max(y2 - y1, 1) if seen else None


def completeness(detection: GarmentMask, config: ScoreConfig | None = None) -> float:
    """Return how much of a garment's length was found, 0 to 1.

    Read from the lowest point of its chart, whose hem is at 0: an edge far above means
    that a part was missed. A shirt that is tucked in shows no hem either, hence
    `ScoreConfig.tucked`. What the photo's own edge cuts, or has no chart, counts as
    complete.
    """
    config = config or ScoreConfig()
    chart = detection.chart
    if chart is None or detection.mask[-1].any() or chart.back.all():
        return 1.0
    lowest = float(np.quantile(chart.uv[~chart.back, 1], 0.02))
    return float(np.clip(1 - (lowest - config.tucked), 0.0, 1.0))


def are_swapped(user: GarmentMask, shop: GarmentMask) -> bool:
    """Tell whether the user's picture and the shop's seem to be in each other's place.

    A shop's picture may show a person, and a close-up of the user no pose: both at once
    is what a swap looks like, so it is said and not refused.
    """
    return user.pose is None and shop.pose is not None


def doubts(
    user: GarmentMask,
    shop: GarmentMask | None,
    placement: Placement,
    color_distance: float | None,
    config: ScoreConfig | None = None,
) -> dict[str, float]:
    """Return what speaks against a result, by the names of `ScoreConfig.weights`.

    All are 0 for a perfect one. Probabilities and shares p become -ln p, so that a sum
    of them is a product.
    """
    config = config or ScoreConfig()
    excess = placement.landmark_distance - config.usual_landmark_distance
    has_chart = placement.method == "chart"
    certainties = {
        "class": user.instance.score,
        "agreement": user.agreement,
        "support": 1.0 if user.support is None else user.support,
        "completeness": completeness(user, config),
    }
    if shop is not None:
        certainties["class"] *= shop.instance.score
        certainties["agreement"] *= shop.agreement
        certainties["completeness"] *= completeness(shop, config)
    return {
        **{name: -float(np.log(max(p, 0.01))) for name, p in certainties.items()},
        "turn": 0.0 if user.pose is None else turn(user.pose.points, user.pose.depths),
        "on frame": frame_share(user.mask),
        "landmark distance": max(excess, 0.0),
        "distortion": placement.distortion if has_chart else config.unread_distortion,
        "color distance": color_distance or 0.0,
    }


def total_score(
    user: GarmentMask,
    shop: GarmentMask | None,
    placement: Placement,
    color_distance: float | None,
    config: ScoreConfig | None = None,
) -> float:
    """Return the probability in [0, 1] that a result is good.

    Good is what was measured on rendered people: a mask of the right garment with an IoU
    of .9 and more, its front seen, its print less than .03 of a panel off. See `doubts`,
    of which this is the logistic function, and docs/experiments/scores.md.
    """
    config = config or ScoreConfig()
    against = doubts(user, shop, placement, color_distance, config)
    total = sum(config.weights[name] * value for name, value in against.items())
    return float(special.expit(config.bias - total))
