"""Cut the sleeves off a top in a shop's picture: a vest, of which there are no photos.

The photo still shows the sleeves beside the cut garment, so it must be laid on another
background: `Region.cut` says so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from compositor import control_points
from compositor.warp.corners import NAMES
from mrcnn.refiner.data import Region

VEST = 5  # DeepFashion2's category id
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SleevelessConfig:
    """Where sleeves are cut off: shares of the distance from shoulder to armpit."""

    inward: tuple[float, float] = (0.0, 0.9)  # of the cut's upper end, to the collar
    down: tuple[float, float] = (-0.05, 0.35)  # of its lower end, along the side
    bulge: tuple[float, float] = (0.02, 0.22)  # how far it bends to the middle
    max_inward: float = 0.7  # of the shoulder's length: what stays is a strap
    # Share of the area that is cut off: less or more was no pair of sleeves.
    cut_off: tuple[float, float] = (0.04, 0.5)
    beyond: float = 0.2  # how far a cut goes on outside of the garment
    steps: int = 20  # straight pieces of a cut


DEFAULT = SleevelessConfig()


def make_sleeveless(
    image: NDArray[np.uint8],
    mask: Mask,
    rng: np.random.Generator,
    config: SleevelessConfig = DEFAULT,
) -> Region | None:
    """Cut the sleeves off a top that nobody wears.

    Args:
        image: uint8 (H, W, 3).
        mask: bool (H, W), a short-sleeve top that stands upright.
        rng: random generator.
        config: where the cuts lie.

    Returns:
        The vest; None where shoulders or armpits are not found.
    """
    points = control_points(mask)
    corners = {
        name: points[name]
        for name, found in zip(NAMES, points.found, strict=True)
        if found
    }
    shape = tuple(rng.uniform(*r) for r in (config.inward, config.down, config.bulge))
    cuts = Image.new("1", mask.shape[::-1])
    for side in ("left", "right"):
        names = [f"{part}_{side}" for part in ("shoulder", "armpit", "collar")]
        if not corners.keys() >= {*names}:
            return None
        line = _armhole(np.array([corners[name] for name in names]), shape, config)
        ImageDraw.Draw(cuts).line([tuple(map(float, p)) for p in line], fill=1, width=3)
    pieces, count = ndimage.label(mask & ~np.asarray(cuts))
    if not count:
        return None
    sizes = ndimage.sum_labels(pieces > 0, pieces, range(1, count + 1))
    body = pieces == 1 + int(np.argmax(sizes))
    removed = 1 - body.sum() / mask.sum()
    if not config.cut_off[0] <= removed <= config.cut_off[1]:
        return None
    return Region(image, body, None, VEST, foreground=body, cut=True)


def _armhole(
    corners: NDArray[np.float32],
    shape: tuple[float, ...],
    config: SleevelessConfig,
) -> NDArray[np.float64]:
    """Return the line of a cut, (N, 2), from above the shoulder to beside the armpit.

    Args:
        corners: (3, 2), shoulder, armpit and collar.
        shape: drawn shares, see `SleevelessConfig`: inward, down and bulge.
        config: how far the cut goes inwards at most.
    """
    shoulder, armpit, collar = corners.astype(np.float64)
    inward, down, bulge = shape
    length = float(np.linalg.norm(armpit - shoulder))
    width = float(np.linalg.norm(collar - shoulder))
    along = (collar - shoulder) / max(width, 1.0)
    start = shoulder + along * min(inward * length, config.max_inward * width)
    end = armpit + np.array([0.0, down * length])
    outward = np.array([-np.sign(along[0]), 0.0]) * length
    steps = np.linspace(0, 1, config.steps)[:, None]
    curve = start + (end - start) * steps - outward * bulge * np.sin(np.pi * steps)
    beyond = config.beyond * length  # the cut must not stop inside of the cloth
    return np.vstack([start - [0.0, beyond], curve, end + config.beyond * outward])
