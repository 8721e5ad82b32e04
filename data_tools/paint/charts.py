"""The canonical chart of a short-sleeve top, from the flat patterns of rendered ones.

A rendered picture has (u, v) on the flat pattern of its own tee, whose torso is longer or
narrower there than another tee's, and its shoulders with it. Stretched so that what a
photo shows of any cut meets (hems, sides, armpits, shoulders, collars, cuffs), one place
of the chart is one place on any garment.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_tools.formats.deepfashion2 import read_record
from data_tools.garments import landmarks_of
from data_tools.paint.designs import extend_nearest, read_chart, read_tee

Array = NDArray[np.float32]
# Where the parts of all garments lie on the canonical chart: heights, and distances from
# the middle.
COLLAR, ARMPIT, SHOULDER_HEIGHT = 0.85, 0.51, 0.8
SIDE, SHOULDER = 0.3, 0.2
# Landmarks: ends of the collar, shoulders, armpits.
COLLAR_ENDS, SHOULDERS, ARMPITS = (1, 5), (6, 24), (11, 19)
# Where landmarks lie on the canonical chart, worn or flat: those that lie there within
# .015 in nearly all renders, by their indices.
MARKS = {
    1: (0.415, COLLAR),
    5: (0.585, COLLAR),
    6: (0.5 - SHOULDER, SHOULDER_HEIGHT),
    24: (0.5 + SHOULDER, SHOULDER_HEIGHT),
    15: (0.5, 0.015),
}


@dataclass(frozen=True)
class Cut:
    """How a garment's pattern lies in its square, panel units.

    Attributes:
        collar: height of the ends of its collar.
        armpit: height of its armpits.
        side: distance of its armpits from the middle.
        shoulder: that of its shoulders.
    """

    collar: float = COLLAR
    armpit: float = ARMPIT
    side: float = SIDE
    shoulder: float = SHOULDER

    def __post_init__(self) -> None:
        """Check that it can be a tee."""
        heights = 0.2 < self.armpit < self.collar - 0.1 < 0.9
        if not (heights and 0.05 < self.shoulder < 0.45 and 0.1 < self.side < 0.45):
            raise ValueError(f"expected the cut of a tee, got {self}")


def read_panels(stem: Path) -> tuple[Array, NDArray[np.bool_]]:
    """Read `….uv.png` as places on panels that lie on top of each other.

    Returns:
        (H, W, 2), x and y in [0, 1] on the panel that is seen, x from the wearer's right
        to the left on both; bool (H, W), where that is the back.
    """
    chart = read_chart(stem.with_name(stem.name + ".uv.png"))
    back = chart[..., 0] >= 0.5
    x = np.where(back, 2 * chart[..., 0] - 1, 2 * chart[..., 0])
    return np.stack([x, chart[..., 1]], axis=-1).astype(np.float32), back


def read_cut(stem: Path) -> Cut:
    """Measure a rendered garment's cut in its shop picture.

    Args:
        stem: of a picture of it, worn or the shop's, without ending.

    Raises:
        FileNotFoundError: when there is no shop picture.
        ValueError: when it shows no tee.
    """
    shop = stem.with_name(stem.name.removesuffix("_shop") + "_shop")
    tee = read_tee(shop.with_name(shop.name + ".labels.png"))
    places, _ = read_panels(shop)
    record = read_record(shop.with_name(shop.name + ".json"), shop.parent)
    points = landmarks_of(record.instances[0])
    if points is None or not tee.any():
        raise ValueError(f"{shop}: expected a tee with landmarks")
    chart = extend_nearest(places, tee)
    collar, armpit, shoulder = (
        _read_at(chart, points[list(pair), :2])
        for pair in (COLLAR_ENDS, ARMPITS, SHOULDERS)
    )
    return Cut(collar[1], armpit[1], armpit[0], shoulder[0])


def _read_at(chart: Array, spots: NDArray[np.floating]) -> tuple[float, float]:
    """Return the mean distance from the middle, and height, of spots (N, 2), x and y."""
    height, width = chart.shape[:2]
    x, y = np.rint(spots).astype(np.intp).T
    found = chart[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return float(np.abs(found[:, 0] - 0.5).mean()), float(found[:, 1].mean())


def canonical(places: Array, cut: Cut) -> Array:
    """Bring places on a garment's own pattern to the canonical chart.

    Args:
        places: (..., 2), x and y on a panel.
        cut: of the garment.

    Returns:
        (..., 2): hems stay, armpits come to `ARMPIT`, collars to `COLLAR`; across, the
        line from the side seams by the armpits to the shoulders meets that of all
        garments, and the ends of the sleeves stay at the panel's sides.
    """
    away, height = np.abs(places[..., 0] - 0.5), places[..., 1]
    slope = (COLLAR - ARMPIT) / (cut.collar - cut.armpit)
    y = np.where(
        height < cut.armpit,
        height * (ARMPIT / cut.armpit),
        ARMPIT + (height - cut.armpit) * slope,
    )
    rise = np.clip((y - ARMPIT) / (SHOULDER_HEIGHT - ARMPIT), 0, 1)
    own = cut.side + rise * (cut.shoulder - cut.side)
    common = SIDE + rise * (SHOULDER - SIDE)
    sleeve = common + (away - own) * (0.5 - common) / (0.5 - own)
    across = np.where(away < own, away * common / own, sleeve)
    x = 0.5 + np.sign(places[..., 0] - 0.5) * across
    return np.stack([x, y], axis=-1).astype(np.float32)
