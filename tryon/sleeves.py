"""Read the sleeves of a garment along its wearer's arms: bare skin, or cloth.

A network that has seen a hundred tees knows their photos by heart. Where the pose shows
the arms, the sleeves can be read directly: short ones end above the elbow, long ones
reach the wrist, and without sleeves the shoulder is bare.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special
from skimage import transform

from data_tools.annotations import SHORT_SLEEVE_TOP
from mrcnn.config import PART_NAMES
from mrcnn.pose.body import ELBOWS, SHOULDERS, WRISTS
from mrcnn.pose.inference import Pose
from mrcnn.refiner.inference import Refinement
from mrcnn.windows import PART_STRIDE

_SKIN = PART_NAMES.index("skin")
_CLOTH = [PART_NAMES.index(name) for name in ("top", "outwear", "dress")]
_STEPS = np.linspace(0.05, 0.95, 10)  # along a bone
# Which of these steps tell the shoulder, the arm above the elbow, and the forearm.
_SHOULDER, _ELBOW, _FOREARM = slice(1, 4), slice(6, 10), slice(2, 8)


class Sleeves(NamedTuple):
    """How bare an arm is, the mean over both: 0 is cloth, 1 skin, NaN is unseen."""

    shoulder: float
    elbow: float
    forearm: float


@dataclass(frozen=True)
class SleeveConfig:
    """How sleeves are read, and what they say about the class.

    The log-odds were fitted to rendered people in tees, vests, long sleeves and dresses
    by `benchmarks/sleeves.py`.
    """

    visibility: float = 0.5  # minimum probability that both ends of a bone are seen
    body: float = 0.3  # minimum probability of skin or cloth, else another thing is seen
    # Log-odds of a short-sleeve top for each, from all cloth to all skin; linear in
    # between, and 0 in the middle.
    elbow_odds: float = 0.75
    forearm_odds: float = 1.25
    bare_shoulder: float = 0.3  # from here on a bare shoulder speaks against sleeves
    shoulder_odds: float = 2.0  # log-odds that it takes, for a wholly bare one


DEFAULT = SleeveConfig()


def read_sleeves(
    refined: Refinement, pose: Pose, config: SleeveConfig = DEFAULT
) -> Sleeves:
    """Read how bare the arms of a garment's wearer are.

    Args:
        refined: the garment, with the parts of its view.
        pose: of the wearer.
        config: which samples count.
    """
    values = np.full((2, 3), np.nan)  # of both arms
    for side in (0, 1):
        shoulder, elbow, wrist = SHOULDERS[side], ELBOWS[side], WRISTS[side]
        upper = _bareness(refined, pose, shoulder, elbow, config)
        lower = _bareness(refined, pose, elbow, wrist, config)
        for place, part in enumerate((upper[_SHOULDER], upper[_ELBOW], lower[_FOREARM])):
            if not np.isnan(part).all():
                values[side, place] = np.nanmean(part)
    seen = ~np.isnan(values)
    totals = np.where(seen, values, 0).sum(axis=0)
    counts = seen.sum(axis=0)
    means = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
    return Sleeves(*map(float, means))


def _bareness(
    refined: Refinement, pose: Pose, start: int, end: int, config: SleeveConfig
) -> NDArray[np.float64]:
    """Return how bare a bone is at each step, NaN where it is not seen."""
    bare = np.full(len(_STEPS), np.nan)
    if min(pose.visibility[[start, end]]) < config.visibility:
        return bare
    first, last = pose.points[[start, end]].astype(float)
    points = first + (last - first) * _STEPS[:, None]
    to_view = np.linalg.inv(refined.window)
    cells = transform.matrix_transform(points, to_view) / PART_STRIDE
    height, width = refined.mask.shape
    inside = ((points >= 0) & (points < (width, height))).all(axis=1)
    inside &= ((cells >= 0) & (cells < len(refined.parts))).all(axis=1)
    columns, rows = cells[inside].astype(int).T
    parts = refined.parts[rows, columns]
    skin, cloth = parts[:, _SKIN], parts[:, _CLOTH].sum(axis=1)
    total = skin + cloth
    bare[inside] = np.where(total >= config.body, skin / np.maximum(total, 1e-6), np.nan)
    return bare


def sleeve_log_odds(sleeves: Sleeves, config: SleeveConfig = DEFAULT) -> float:
    """Return what the arms say for (above 0) or against a short-sleeve top.

    Example:
        >>> sleeve_log_odds(Sleeves(0.0, 1.0, 1.0)) > 0
        True
        >>> sleeve_log_odds(Sleeves(float("nan"), float("nan"), float("nan")))
        0.0
    """
    elbow, forearm = (
        0.0 if np.isnan(value) else value - 0.5
        for value in (sleeves.elbow, sleeves.forearm)
    )
    bare = 0.0 if np.isnan(sleeves.shoulder) else sleeves.shoulder - config.bare_shoulder
    against = config.shoulder_odds * max(bare, 0.0) / (1 - config.bare_shoulder)
    return config.elbow_odds * elbow + config.forearm_odds * forearm - against


def weigh_sleeves(
    refined: Refinement, pose: Pose | None, config: SleeveConfig = DEFAULT
) -> Refinement:
    """Join a garment's class probabilities with what its wearer's arms say.

    Args:
        refined: the garment.
        pose: of the wearer; None changes nothing.
        config: the log-odds.
    """
    if pose is None:
        return refined
    classes = refined.classes.astype(np.float64)
    before = np.clip(classes[SHORT_SLEEVE_TOP], 1e-6, 1 - 1e-6)
    odds = sleeve_log_odds(read_sleeves(refined, pose, config), config)
    after = special.expit(special.logit(before) + odds)
    weighed = classes * (1 - after) / (1 - before)
    weighed[SHORT_SLEEVE_TOP] = after
    return replace(refined, classes=weighed.astype(np.float32))
