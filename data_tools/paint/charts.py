"""The canonical chart of a short-sleeve top, from the flat patterns of rendered ones.

A rendered picture has (u, v) on the flat pattern of its own tee, whose torso is longer or
narrower there than another tee's, and its shoulders with it. Patterns are stretched so
that what a photo shows of any cut (hems, sides, armpits, shoulders, collars, cuffs) has
the same coordinates on the canonical chart.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_tools.formats.deepfashion2 import read_record
from data_tools.garments import landmarks_of
from data_tools.paint.canonical import CANONICAL, SHOULDER_HEIGHT, Cut
from data_tools.paint.designs import extend_nearest, read_chart, read_tee

Array = NDArray[np.float32]


# Pairs of landmarks: ends of the collar, shoulders, armpits.
COLLAR_ENDS, SHOULDERS, ARMPITS = (1, 5), (6, 24), (11, 19)
# Coordinates (x, y) of landmarks on the canonical chart, worn or flat, by index: of those
# that lie within .015 of them in nearly all renders.
CANONICAL_LANDMARKS = {
    1: (0.415, CANONICAL.collar),
    5: (0.585, CANONICAL.collar),
    6: (0.5 - CANONICAL.shoulder, SHOULDER_HEIGHT),
    24: (0.5 + CANONICAL.shoulder, SHOULDER_HEIGHT),
    15: (0.5, 0.015),
}


def read_panels(stem: Path) -> tuple[Array, NDArray[np.bool_]]:
    """Read `….uv.png` as coordinates on the front and the back panel.

    Returns:
        float32 (H, W, 2), x and y in [0, 1] on the panel that is seen, x from the
        wearer's right to the left on both; bool (H, W), where that is the back.
    """
    chart = read_chart(stem.with_name(stem.name + ".uv.png"))
    back = chart[..., 0] >= 0.5
    x = np.where(back, 2 * chart[..., 0] - 1, 2 * chart[..., 0])
    return np.stack([x, chart[..., 1]], axis=-1).astype(np.float32), back


def read_cut(stem: Path) -> Cut:
    """Measure a rendered garment's cut in its shop picture.

    Args:
        stem: path of a picture of it, worn or the shop's, without ending.

    Raises:
        FileNotFoundError: when there is no shop picture.
        ValueError: when it shows no tee.
    """
    shop = stem.with_name(stem.name.removesuffix("_shop") + "_shop")
    tee = read_tee(shop.with_name(shop.name + ".labels.png"))
    coordinates, _ = read_panels(shop)
    record = read_record(shop.with_name(shop.name + ".json"), shop.parent)
    points = landmarks_of(record.instances[0])
    if points is None or not tee.any():
        raise ValueError(f"{shop}: expected a tee with landmarks")
    chart = extend_nearest(coordinates, tee)
    collar, armpit, shoulder = (
        _mean_position(chart, points[list(pair), :2])
        for pair in (COLLAR_ENDS, ARMPITS, SHOULDERS)
    )
    return Cut(collar[1], armpit[1], armpit[0], shoulder[0])


def _mean_position(chart: Array, points: NDArray[np.floating]) -> tuple[float, float]:
    """Return the mean distance from the middle and height of points (N, 2), x and y."""
    height, width = chart.shape[:2]
    x, y = np.rint(points).astype(np.intp).T
    found = chart[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return float(np.abs(found[:, 0] - 0.5).mean()), float(found[:, 1].mean())
