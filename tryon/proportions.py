"""Proportions of a worn print: as high for its width as in the shop's picture.

The chart gives the hem of every garment the same height, so that by the chart alone a
print is squashed on a shorter shirt, or on one whose hem the trousers or the photo's edge
hide, and stretched on a longer one. Here the heights of the user's shirt are changed
until a step down the shirt shows as much of S1 as a step across it. A shorter shirt then
shows less of S1; on a longer one the lower part of S1 is stretched.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_tools.paint.canonical import CANONICAL, SHOULDER_HEIGHT
from mrcnn.chart.inference import Chart

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ProportionConfig:
    """How proportions are measured and kept; heights and widths are in chart units.

    On rendered people seen from the front, the logarithm of S1's pixels a step down the
    shirt over those a step across it is -0.04 +- 0.04: the chest is curved.
    """

    center: float = 0.2  # half width of the strip that heights are measured in
    middle: float = 0.12  # half width of the part that faces as the wearer does
    chest: tuple[float, float] = (0.35, 0.72)  # where the print's width is measured
    min_points: int = 40  # of the front in each of these
    # Logs of the ratio within which the charts are believed: a wearer who is turned looks
    # narrower, one seen from above or below shorter.
    ratio: tuple[float, float] = (-0.09, 0.01)
    print_share: float = 0.65  # of S1's length: the part that is not stretched
    hem: float = 0.06  # height up to which the lowest cloth is the hem
    meet: float = 0.85  # share of S1's length from which on hems are made to meet
    # Absolute log of the length that the shirt shows over S1's: up to the first both are
    # as long, and the charts are right; from the second on they are not believed.
    misfit: tuple[float, float] = (0.1, 0.2)
    sleeve_ramp: float = 0.08  # width over which the change fades out on the sleeves
    steps: int = 200  # of the tables between heights and lengths


PROPORTIONS = ProportionConfig()


class Lengths(NamedTuple):
    """Lengths along a garment's front, from the shoulders down, as its picture has them.

    Attributes:
        heights: (K,), of the chart, from the shoulders down.
        pixels: (K,), the distance from the shoulders along the torso, rising.
        across: pixels a chart unit across the chest.
    """

    heights: Array
    pixels: Array
    across: float


def keep_proportions(
    user: Chart,
    shop: Chart,
    usable: NDArray[np.bool_],
    offered: NDArray[np.bool_],
    config: ProportionConfig = PROPORTIONS,
) -> Chart:
    """Change the heights of the user's chart so that the print keeps its proportions.

    Args:
        user: chart of S2.
        shop: chart of S1.
        usable: bool (N,), the points of `user` to measure with, of the front alone.
        offered: bool (M,), likewise of `shop`.
        config: how proportions are measured.

    Returns:
        The user's chart; as it was where either cannot be measured.
    """
    lengths = measure_lengths(user, usable, config)
    source = measure_lengths(shop, offered, config)
    if lengths is None or source is None:
        return user
    scale = _length_scale(lengths, source, config)
    change = _share_to_change(lengths, source, config)
    shown = _shown_length(lengths, source.pixels[-1], scale, config)
    table = np.interp(shown, source.pixels, source.heights)
    u, v = user.uv[:, 0], user.uv[:, 1]
    # Heights rise for np.interp; above the shoulders nothing changes.
    changed = np.interp(v, lengths.heights[::-1], table[::-1])
    changed = np.where(v > SHOULDER_HEIGHT, v, changed)
    weight = change * torso_weight(u, v, config)
    uv = np.stack([u, v + weight * (changed - v)], axis=-1)
    return replace(user, uv=uv.astype(np.float32))


def measure_lengths(
    chart: Chart, known: NDArray[np.bool_], config: ProportionConfig = PROPORTIONS
) -> Lengths | None:
    """Measure a garment's front along its middle; None where too little is seen."""
    uv, points = chart.uv[known].astype(np.float64), chart.points[known]
    away, v = np.abs(uv[:, 0] - 0.5), uv[:, 1]
    low, high = config.chest
    chest = (away < config.middle) & (v > low) & (v < high)
    strip = (away < config.center) & (v < CANONICAL.collar)
    if min(chest.sum(), strip.sum()) < config.min_points:
        return None
    design = np.column_stack([uv[chest], np.ones(chest.sum())])
    jacobian = np.linalg.lstsq(design, points[chest], rcond=None)[0][:2]
    down = -jacobian[1] / max(float(np.linalg.norm(jacobian[1])), 1e-6)
    # The middle of the neck shows no cloth: heights there come from both sides of it.
    x, y = uv[strip, 0] - 0.5, v[strip]
    design = np.column_stack([np.ones_like(x), y, y**2, y**3, x, x**2])
    terms = np.linalg.lstsq(design, points[strip] @ down, rcond=None)[0]
    heights = np.linspace(SHOULDER_HEIGHT, float(np.quantile(y, 0.01)), config.steps)
    pixels = np.polynomial.polynomial.polyval(heights, terms[:4])
    pixels = pixels - pixels[0]
    if (np.diff(pixels) <= 0).any():
        return None
    return Lengths(heights, pixels, float(np.linalg.norm(jacobian[0])))


def _length_scale(user: Lengths, shop: Lengths, config: ProportionConfig) -> float:
    """Return how many of S1's pixels a pixel down the user's shirt should show."""
    scale = shop.across / max(user.across, 1e-6)
    chest = config.chest[1], max(config.chest[0], user.heights[-1], shop.heights[-1])
    own = np.log(_length(shop, *chest) / _length(user, *chest) / scale)
    allowed = np.clip(own, *config.ratio)
    return float(scale * np.exp(allowed))


def _share_to_change(user: Lengths, shop: Lengths, config: ProportionConfig) -> float:
    """Return 0 where both garments are as long for their width, to 1 where not."""
    scale = shop.across / max(user.across, 1e-6) * np.exp(np.mean(config.ratio))
    misfit = abs(float(np.log(user.pixels[-1] * scale / shop.pixels[-1])))
    return float(np.interp(misfit, config.misfit, (0, 1)))


def _length(lengths: Lengths, top: float, bottom: float) -> float:
    """Return the pixels between two heights."""
    ends = np.interp((top, bottom), lengths.heights[::-1], lengths.pixels[::-1])
    return max(float(ends[1] - ends[0]), 1e-6)


def _shown_length(
    user: Lengths, whole: float, scale: float, config: ProportionConfig
) -> Array:
    """Return how far down S1 each length of the user's shirt shows.

    Args:
        user: lengths of the shirt.
        whole: length of S1, in its pixels.
        scale: of S1's pixels to the user's that keeps the print's proportions.
        config: where S1 is stretched.

    Returns:
        (K,), in S1's pixels; rising, at most `whole`.
    """
    shown = user.pixels * scale
    ends_at_hem = user.heights[-1] < config.hem
    if shown[-1] > whole or (ends_at_hem and shown[-1] > config.meet * whole):
        start = config.print_share * min(whole, shown[-1])
        share = (shown - start) / max(shown[-1] - start, 1e-6)
        lower = start + share * (whole - start)
        shown = np.where(shown < start, shown, lower)
    return shown


def torso_weight(
    u: NDArray[np.floating],
    v: NDArray[np.floating],
    config: ProportionConfig = PROPORTIONS,
) -> Array:
    """Return 1 on the torso and 0 on the sleeves, with a ramp between them."""
    cut, away = CANONICAL, np.abs(u - 0.5)
    rise = np.clip((v - cut.armpit) / (SHOULDER_HEIGHT - cut.armpit), 0, 1)
    edge = cut.side + rise * (cut.shoulder - cut.side)
    return np.asarray(np.clip(1 - (away - edge) / config.sleeve_ramp, 0, 1))
