"""Whether a pair can be done, and how well it was done: refusals and scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compositor import control_points
from compositor.mask.cutout import mask_box
from compositor.warp.corners import NAMES
from tryon.errors import FORCEABLE, Refusal
from tryon.stages import Garment, once
from tryon.types import GarmentMask

# How far a print is trusted to lie right, by what its warp was fitted to.
TRUST, LEAST_TRUST = {"chart": 1.0, "landmarks": 0.85}, 0.7
# Where landmarks come to lie, see `correspond.landmark_distance`: what is usual, and how
# much more than that takes the score to its e-th part.
PLACED, MISPLACED = 0.05, 0.1
FAR = 0.2  # and from where on the user is told
TUCKED = 0.3  # of a garment's length: so much may be tucked in


@dataclass(frozen=True)
class JudgeConfig:
    """Limits of what is done without `--force`."""

    frame_share: float = 0.4  # of the outline on the photo's edge: garment_cut_off
    sleeve_difference: float = 0.5  # of sleeve length / garment height
    narrowest: float = 0.4  # width / height of the garment: a side view is narrower
    confidence: float = 0.6  # class score of a garment
    agreement: float = 0.5  # IoU of the two looks
    distortion: float = 1.2  # of the warp, see `Warp`


def check_garment(garment: Garment, kind: str, config: JudgeConfig) -> list[Refusal]:
    """Return what speaks against a garment; `kind` is how its photo is called."""
    seen, name = garment.found, garment.photo.name
    found = []
    if frame_share(seen.mask) > config.frame_share:
        line = (
            f"the edge of the {kind} cuts much of the garment off; use one with all of it"
        )
        found.append(Refusal("garment_cut_off", f"{name}: {line}"))
    if proportion(seen.mask) < config.narrowest:
        line = "looks like a side view; use a front view"
        found.append(Refusal("view_mismatch", f"{name}: {line}"))
    score, agreement = seen.instance.score, seen.agreement
    if score < config.confidence or agreement < config.agreement:
        line = f"not sure where the garment is (score {score:.2f}, looks {agreement:.2f})"
        found.append(Refusal("low_confidence", f"{name}: {line}; use a clearer {kind}"))
    return found


def check_pair(user: Garment, shop: Garment, config: JudgeConfig) -> list[Refusal]:
    """Return what speaks against putting the shop's garment on the user."""
    mine, new = (sleeve_length(garment) for garment in (user, shop))
    if mine is None or new is None or abs(mine - new) <= config.sleeve_difference:
        return []
    line = f"its sleeves ({new:.2f} of its height) and the user's ({mine:.2f}) differ"
    message = f"{shop.photo.name}: {line} too much; use a garment with like sleeves"
    return [Refusal("sleeve_mismatch", message)]


def enforce(found: list[Refusal], force: bool) -> list[str]:
    """Raise the first refusal; with `force` the last three reasons only warn.

    Returns:
        The warnings.
    """
    for refusal in found:
        if not (force and refusal.reason in FORCEABLE):
            raise refusal
    return [str(refusal) for refusal in found]


def frame_share(mask: NDArray[np.bool_]) -> float:
    """Return which share of the mask's outline lies on the picture's edge."""
    padded = np.pad(mask, 1)
    edges = [padded[1:] != padded[:-1], padded[:, 1:] != padded[:, :-1]]
    total = sum(int(e.sum()) for e in edges)
    on_frame = mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()
    return float(on_frame / total) if total else 0.0


def proportion(mask: NDArray[np.bool_]) -> float:
    """Return the width of a garment's box over its height; 0 of an empty mask."""
    x1, y1, x2, y2 = mask_box(mask)
    return (x2 - x1) / max(y2 - y1, 1)


@once
def sleeve_length(garment: Garment) -> float | None:
    """Return armpit to sleeve hem over the garment's height; None when unseen."""
    mask = garment.found.mask
    points = control_points(mask)
    names = [(f"armpit_{s}", f"sleeve_inner_{s}") for s in ("left", "right")]
    seen = [
        float(np.linalg.norm(points[a] - points[b]))
        for a, b in names
        if points.found[NAMES.index(a)] and points.found[NAMES.index(b)]
    ]
    _, y1, _, y2 = mask_box(mask)
    return max(seen) / max(y2 - y1, 1) if seen else None


def completeness(seen: GarmentMask) -> float:
    """Return how much of a garment's length was found, 0 to 1.

    The lowest place of its chart tells, where the hem is 0: an edge far above it means
    that a part was missed. A shirt that is tucked in shows no hem either, hence `TUCKED`.
    What the photo's own edge cuts, or has no chart, counts as complete.
    """
    if seen.chart is None or seen.mask[-1].any() or seen.chart.back.all():
        return 1.0
    lowest = float(np.quantile(seen.chart.places[~seen.chart.back, 1], 0.02))
    return float(np.clip(1 - (lowest - TUCKED), 0.0, 1.0))


def total_score(
    user: GarmentMask,
    shop: GarmentMask,
    distortion: float,
    style_distance: float,
    way: str = "chart",
    landmark_distance: float = 0.0,
) -> float:
    """Return one figure in [0, 1] for a result.

    The product of how sure the segmenter is of both garments (class score times the
    agreement of its two looks, their geometric mean), how much of them was found, how
    evenly the print was warped, by what (`TRUST`) and how near to landmarks, and how near
    the colours of out1 are to the shop's. 0.5 is usual, below 0.2 look twice.
    """
    sure = np.sqrt(
        user.instance.score * user.agreement * shop.instance.score * shop.agreement
    )
    whole = completeness(user) * completeness(shop) * TRUST.get(way, LEAST_TRUST)
    misplaced = max(landmark_distance - PLACED, 0.0) / MISPLACED
    doubts = distortion / 2 + style_distance / 25 + misplaced
    return float(sure * whole * np.exp(-doubts))
