"""What a wearer's pose says of sleeves and view, on rendered people seen from close by.

    python benchmarks/sleeves.py RENDERS [--split train]

Fits the log-odds of `tryon.sleeves.SleeveConfig` to how bare the arms are, by logistic
regression, and prints how well the refiner's class tells short sleeves from other tops
and dresses (area under the ROC curve) without and with them. Then it prints which share
of fronts, and of sides and backs, is refused by the angle of `judge.JudgeConfig`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from data_tools.annotations import SHORT_SLEEVE_TOP, AnnotatedPhoto
from data_tools.folders import read_folder
from mrcnn.pose.body import turn
from mrcnn.refiner.inference import refine
from tryon.judge import JudgeConfig
from tryon.segment import Segmenter
from tryon.sleeves import SleeveConfig, Sleeves, read_sleeves

SIDE = 50.0  # degrees from the front, from which a view counts as a side view
TOPS = (1, 2, 5, 6, 10)  # classes that are compared
PENALTY = 0.01  # of the squared log-odds, so that rare cases do not rule them


@dataclass(frozen=True)
class Reading:
    """What was read of one person.

    Attributes:
        label: true class of the top or dress.
        score: probability of a short-sleeve top, without the sleeves.
        bare: shoulder, elbow and forearm, see `Sleeves`.
        view: true angle from the front, degrees.
        turn: of the pose, likewise.
    """

    label: int
    score: float
    bare: Sleeves
    view: float
    turn: float


def read_person(segmenter: Segmenter, photo: AnnotatedPhoto) -> Reading | None:
    """Read the person of a render; None where garment or pose is not found."""
    assert segmenter.poses is not None
    tops = [garment for garment in photo.garments() if garment.label in TOPS]
    image = photo.image()
    poses = segmenter.poses(image)
    if not tops or not poses:
        return None
    truth = tops[0].mask.astype(np.float32)
    pose = poses[0]
    (refined,) = refine(segmenter.refiner, image, truth[None], bodies=[pose.body])
    facts = json.loads(photo.image_path.with_suffix(".json").read_text())
    return Reading(
        tops[0].label,
        float(refined.classes[SHORT_SLEEVE_TOP]),
        read_sleeves(refined, pose),
        abs(float(facts.get("view", 0.0))),
        turn(pose.points, pose.depths),
    )


def features(readings: list[Reading], config: SleeveConfig) -> NDArray[np.float64]:
    """Return what the log-odds are linear in, (N, 3)."""
    bare = np.array([reading.bare for reading in readings])
    shoulder = np.maximum(bare[:, 0] - config.bare_shoulder, 0)
    columns = [bare[:, 1] - 0.5, bare[:, 2] - 0.5, -shoulder / (1 - config.bare_shoulder)]
    return np.nan_to_num(np.stack(columns, axis=1))


def fit(values: NDArray[np.float64], is_short: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the log-odds of each feature, with both kinds weighed alike."""
    weights = np.where(is_short, 0.5 / is_short.mean(), 0.5 / (~is_short).mean())
    signs = np.where(is_short, 1.0, -1.0)

    def loss(odds: NDArray[np.float64]) -> float:
        margins = signs * (values @ odds[:3] + odds[3])
        penalty = PENALTY * np.square(odds[:3]).sum()
        return float(np.mean(weights * np.logaddexp(0, -margins)) + penalty)

    return np.asarray(optimize.minimize(loss, np.zeros(4)).x)


def area(scores: NDArray[np.float64], is_short: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve."""
    short, other = scores[is_short], scores[~is_short]
    statistic = stats.mannwhitneyu(short, other).statistic
    return float(statistic / (len(short) * len(other)))


@click.command()
@click.argument("renders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(["train", "val"]), default="train")
def main(renders: tuple[Path, ...], split: str) -> None:
    """Read all people of RENDERS and print what was found."""
    segmenter, config, limits = (
        Segmenter.from_pretrained(),
        SleeveConfig(),
        JudgeConfig(),
    )
    photos = [photo for folder in renders for photo in read_folder(folder, split)]
    worn = [photo for photo in photos if "shop" not in photo.image_path.stem]
    found = [read_person(segmenter, photo) for photo in worn]
    readings = [reading for reading in found if reading is not None]
    print(f"{len(readings)} of {len(worn)} people have a pose")
    is_short = np.array([reading.label == SHORT_SLEEVE_TOP for reading in readings])
    values = features(readings, config)
    odds = fit(values, is_short)
    fitted = zip(("elbow", "forearm", "shoulder"), odds[:3], strict=True)
    print("fitted:", ", ".join(f"{name} {value:.2f}" for name, value in fitted))
    scores = special.logit(np.clip([r.score for r in readings], 1e-3, 1 - 1e-3))
    now = np.array([config.elbow_odds, config.forearm_odds, config.shoulder_odds])
    print(f"area, class alone {area(scores, is_short):.3f}")
    print(f"area, with the sleeves {area(scores + values @ now, is_short):.3f}")
    views = np.array([reading.view for reading in readings])
    refused = np.array([reading.turn > limits.side for reading in readings])
    for name, members in (("fronts", views < SIDE), ("sides and backs", views >= SIDE)):
        print(f"{name}: {refused[members].sum()} of {members.sum()} refused")


if __name__ == "__main__":
    main()
