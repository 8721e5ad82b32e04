"""The canonical chart of a short-sleeve top, from the flat patterns of rendered ones.

A rendered picture has (u, v) on the flat pattern of its own tee, whose torso is longer or
narrower there than another tee's. Stretched so that collars, sides and hems meet, one
place of the chart is one place on any garment.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_tools.formats.deepfashion2 import read_record
from data_tools.garments import landmarks_of
from data_tools.paint import read_chart, read_tee, spread_chart

Array = NDArray[np.float32]
COLLAR, SIDE = 0.85, 0.3  # where collars and sides lie on the canonical chart
COLLAR_ENDS = (1, 5)  # landmarks where the collar meets the shoulders
TORSO = (0.05, 0.35)  # rows of the pattern that no sleeve reaches down to
WIDEST = 99.5  # percentile: single pixels at the outline may be off


@dataclass(frozen=True)
class Cut:
    """How a garment's pattern lies in its square.

    Attributes:
        collar: height of the ends of its collar, panel units.
        side: distance of its side seams from the middle, panel units.
    """

    collar: float
    side: float

    def __post_init__(self) -> None:
        """Check that it can be a tee."""
        if not (0.4 < self.collar < 1 and 0.1 < self.side < 0.5):
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
    height, width = tee.shape
    x, y = np.rint(points[list(COLLAR_ENDS), :2]).astype(np.intp).T
    ends = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    collar = spread_chart(places, tee)[ends][:, 1].mean()
    torso = tee & (places[..., 1] > TORSO[0]) & (places[..., 1] < TORSO[1])
    if not torso.any():
        raise ValueError(f"{shop}: expected a torso, found none")
    side = np.percentile(np.abs(places[torso][:, 0] - 0.5), WIDEST)
    return Cut(float(collar), float(side))


def canonical(places: Array, cut: Cut) -> Array:
    """Bring places on a garment's own pattern to the canonical chart.

    Args:
        places: (..., 2), x and y on a panel.
        cut: of the garment.

    Returns:
        (..., 2): hems stay, collars come to `COLLAR`, side seams to `SIDE` beside the
        middle, the ends of the sleeves stay at the panel's sides.
    """
    away = places[..., 0] - 0.5
    across = np.interp(np.abs(away), [0, cut.side, 0.5], [0, SIDE, 0.5])
    x = 0.5 + np.sign(away) * across
    y = places[..., 1] * (COLLAR / cut.collar)
    return np.stack([x, y], axis=-1).astype(np.float32)
