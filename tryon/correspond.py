"""Dense correspondence: which point of S1 belongs to each point of S2.

Both garments are mapped to one canonical tee (`mrcnn.chart`), where the same part of a
garment has the same coordinates (u, v). Where the chart cannot be trusted, the landmarks
of both garments are matched instead, and without those `compositor.fit_warp` matches
their outlines.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage, spatial

from compositor import (
    Warp,
    detect_neck_labels,
    fit_warp,
    match_chart_coordinates,
)
from tryon.images import shrink
from tryon.neckline import (
    NECK,
    NecklineConfig,
    trace_collar_edge,
    worn_neckline,
)
from tryon.proportions import keep_proportions
from tryon.segment import MIN_VISIBILITY
from tryon.stages import STYLE_SIZE, Garment, cached

UV_SIZE = 1024  # chart coordinates are fitted as pixels of a square of this side


@dataclass(frozen=True)
class CorrespondConfig:
    """Thresholds of the matches that a warp is fitted to."""

    max_points: int = 1500  # that a warp is fitted to
    max_scale: float = 0.08  # expected error of a point that is used, chart units
    min_matched: float = 0.5  # share of the user's points that must have a match
    min_chart_points: int = 30  # of a chart that a warp is fitted to
    min_landmarks: int = 14  # of 25, visible in both photos
    min_check_landmarks: int = 6  # visible in both, to check a warp by
    stretch_steps: int = 32  # points along each side, where its stretch is measured
    # Pixels at the garment's edge in the shop's picture whose colours are not trusted:
    # they hold some of the background.
    edge_margin: int = 2


MATCHING = CorrespondConfig()
StyleWarp: TypeAlias = tuple[Warp, NDArray[np.uint8], NDArray[np.bool_]]


class Matches(NamedTuple):
    """Matching points of both garments, row by row.

    Attributes:
        source: float32 (N, 2), x and y in S1's working pixels.
        target: float32 (N, 2), x and y in S2's.
        method: "chart" or "landmarks".
    """

    source: NDArray[np.float32]
    target: NDArray[np.float32]
    method: str


def match_points(user: Garment, shop: Garment) -> Matches | None:
    """Match points by the charts, or else by the landmarks; None when neither works.

    By the charts alone a low neckline would land below a high one, as a second
    neckline: where both are visible, they are made to meet.
    """
    matches = match_charts(user, shop)
    if matches is None:
        return match_landmarks(user, shop)
    user_neck, shop_neck = worn_neckline(user, shop), trace_collar_edge(shop)
    if user_neck is None or shop_neck is None:
        return matches
    return align_necklines(matches, user_neck, shop_neck)


def align_necklines(
    matches: Matches,
    target_neck: NDArray[np.float32],
    source_neck: NDArray[np.float32],
    config: NecklineConfig = NECK,
) -> Matches:
    """Move the source's points near the neckline until both necklines meet.

    Args:
        matches: points of both garments.
        target_neck: (K, 2), the target's neckline.
        source_neck: (K, 2), the source's, point by point.
        config: how far the move reaches.
    """
    width = float(np.linalg.norm(target_neck[-1] - target_neck[0]))
    placed = match_chart_coordinates(
        target_neck / width, matches.target / width, matches.source, config.match_radius
    )
    known = np.isfinite(placed).all(axis=1)
    if not known.any():
        return matches
    shift = (source_neck - placed)[known]
    scale = width / max(float(np.linalg.norm(source_neck[-1] - source_neck[0])), 1.0)
    largest = float(np.linalg.norm(shift, axis=1).max()) * scale
    distance, nearest = spatial.cKDTree(target_neck[known]).query(matches.target)
    reach = max(config.reach * width, config.spread * largest)
    weight = np.exp(-((distance / reach) ** 2))
    moved = matches.source + weight[:, None] * shift[nearest]
    return matches._replace(source=moved.astype(np.float32))


def match_charts(
    user: Garment, shop: Garment, config: CorrespondConfig = MATCHING
) -> Matches | None:
    """Match the user's points with those of the same chart coordinates in the shop's.

    Returns:
        The matches on the front; None when too few of the user's points have one.
    """
    user_chart, shop_chart = user.detection.chart, shop.detection.chart
    if user_chart is None or shop_chart is None:
        return None
    usable = ~user_chart.back & (user_chart.scales < config.max_scale)
    offered = ~shop_chart.back & (shop_chart.scales < config.max_scale)
    user_chart = keep_proportions(user_chart, shop_chart, usable, offered)
    chosen = np.flatnonzero(usable)
    chosen = chosen[:: -(-len(chosen) // config.max_points) or 1]
    source = match_chart_coordinates(
        user_chart.uv[chosen], shop_chart.uv[offered], shop_chart.points[offered]
    )
    matched = np.isfinite(source).all(axis=1)
    share = matched.sum() / max(len(chosen), 1) * usable.sum() / max(len(usable), 1)
    if share < config.min_matched:
        return None
    return Matches(source[matched], user_chart.points[chosen][matched], "chart")


@cached
def chart_warp(garment: Garment) -> Warp:
    """Fit the map from a garment's pixels to chart coordinates of its front.

    Returns:
        From the working size to a square of `UV_SIZE` pixels that is the chart's front,
        hem at the bottom. Without a usable chart the garment's box is mapped to it.
    """
    chart = garment.detection.chart
    if chart is not None:
        usable = ~chart.back & (chart.scales < MATCHING.max_scale)
        if usable.sum() >= MATCHING.min_chart_points:
            upright = np.abs(chart.uv[usable] - [0, 1])  # v runs upwards
            source = upright * UV_SIZE - 0.5
            everywhere = np.ones((UV_SIZE, UV_SIZE), bool)
            mask, target = garment.detection.mask, chart.points[usable]
            return fit_warp(everywhere, mask, source, target, "chart")
    corners = np.array([[0, 0], [UV_SIZE - 1, UV_SIZE - 1]], np.float32)
    grid = np.stack(np.meshgrid(corners[:, 0], corners[:, 1]), axis=-1)
    return Warp(grid, garment.box, method="box")


def match_landmarks(
    user: Garment, shop: Garment, min_count: int = MATCHING.min_landmarks
) -> Matches | None:
    """Match the landmarks that are visible in both photos; None of too few."""
    target = user.detection.instance.landmarks
    source = shop.detection.instance.landmarks
    if target is None or source is None:
        return None
    visible = (target[:, 2] >= MIN_VISIBILITY) & (source[:, 2] >= MIN_VISIBILITY)
    if visible.sum() < min_count:
        return None
    return Matches(source[visible, :2], target[visible, :2], "landmarks")


def landmark_distance(user: Garment, shop: Garment, warp: Warp) -> float:
    """Return how far from S1's landmarks a warp puts S2's: the median.

    Charts and landmarks are predicted by two networks: where they disagree, one of them
    is wrong. About 0.05 is usual.

    Args:
        user: has S2.
        shop: has S1.
        warp: of `fit_style_warp`, from S2 to S1.

    Returns:
        The distance over the square root of S1's area; 0 where too few landmarks are
        visible in both.
    """
    matches = match_landmarks(user, shop, MATCHING.min_check_landmarks)
    if matches is None:
        return 0.0
    style, mask, _ = style_of(shop)
    # On a raster of all their rows and columns landmarks lie on the diagonal.
    warped = warp.coordinates(matches.target[:, 1], matches.target[:, 0])
    warped = np.diagonal(warped).T
    expected = _to_style(matches.source, style, shop)
    distance = np.linalg.norm(warped - expected, axis=-1)
    area = max(int(np.count_nonzero(mask)), 1)
    return float(np.median(distance)) / area**0.5


def largest_stretch(
    garment: Garment, warp: Warp, config: CorrespondConfig = MATCHING
) -> float:
    """Return how much more S1 is stretched or squeezed in one place than as a rule.

    Args:
        garment: has S2.
        warp: of `fit_style_warp`, from S2 to S1.
        config: how densely it is measured.

    Returns:
        The largest factor, at least 1, between a singular value of the warp's Jacobian
        and their median, inside the garment; 1 where nothing of it can be measured.
    """
    x1, y1, x2, y2 = garment.box
    ys = np.linspace(y1, y2 - 1, config.stretch_steps)
    xs = np.linspace(x1, x2 - 1, config.stretch_steps)
    places = warp.coordinates(ys, xs).astype(np.float64)
    down, across = (np.gradient(places, axis, axis=i) for i, axis in enumerate((ys, xs)))
    rows, columns = (np.rint(axis).astype(np.intp) for axis in (ys, xs))
    inside = garment.detection.mask[np.ix_(rows, columns)]
    inside = ndimage.binary_erosion(inside)
    if not inside.any():
        return 1.0
    jacobians = np.stack([across, down], axis=-1)[inside]
    logs = np.log(np.maximum(np.linalg.svd(jacobians, compute_uv=False), 1e-3))
    return float(np.exp(np.abs(logs - np.median(logs)).max()))


def fit_style_warp(user: Garment, shop: Garment) -> StyleWarp:
    """Fit the warp from the user's shirt to S1 by the best matches there are."""
    return warp_by_matches(user, shop, match_points(user, shop))


def warp_by_matches(user: Garment, shop: Garment, matches: Matches | None) -> StyleWarp:
    """Fit the warp from the user's shirt to S1; returns it with S1's photo and mask.

    Args:
        user: has S2.
        shop: has S1.
        matches: points of both; None matches the outlines.
    """
    style, mask, inner = style_of(shop)
    if matches is None:
        warp = fit_warp(mask, user.detection.mask)
    else:
        source = _to_style(matches.source, style, shop)
        warp = fit_warp(mask, user.detection.mask, source, matches.target, matches.method)
    return warp, style, inner


def _to_style(
    points: NDArray[np.float32], style: NDArray[np.uint8], shop: Garment
) -> NDArray[np.float64]:
    """Map points (N, 2) from the shop's working picture to the one of `style_of`."""
    scale = np.array(style.shape[1::-1]) / np.array(shop.work.shape[1::-1])
    mapped: NDArray[np.float64] = (points + 0.5) * scale - 0.5
    return mapped


@cached
def style_of(
    shop: Garment,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return S1's photo at the size its colours are taken from, and where S1 is.

    The inside of its back collar, as a flat lay shows it, is in no mask: it must not
    land on the user's neck.

    Returns:
        uint8 (H, W, 3), the photo; bool (H, W), S1, which a warp is fitted to; bool
        (H, W), where colours may be taken from.
    """
    style = shrink(shop.photo.image, STYLE_SIZE)
    size = style.shape[:2]
    mask = _enlarge(front_of(shop), size) & _enlarge(shop.alpha > 0.9, size)
    inner = ndimage.binary_erosion(mask, iterations=MATCHING.edge_margin, border_value=1)
    return style, mask, inner if inner.any() else mask


@cached
def front_of(garment: Garment) -> NDArray[np.bool_]:
    """Return where a garment's front is visible, bool (h, w) at the working size.

    Not of the front are the inside of the back collar, which is what the chart calls
    back and what lies above the front neckline, and labels that hang from there over
    the front. Without a chart, or where no front is visible, all of the garment counts.
    """
    chart, mask = garment.detection.chart, garment.detection.mask
    if chart is None or chart.back.all():
        return mask
    step = _grid_step(chart.points) / 2 + 0.5
    plane = Image.fromarray(mask)
    draw = ImageDraw.Draw(plane)
    for x, y in chart.points[chart.back]:
        draw.rectangle((x - step, y - step, x + step, y + step), fill=0)
    curve = trace_collar_edge(garment)
    if curve is not None:
        top = [(float(curve[-1, 0]), 0.0), (float(curve[0, 0]), 0.0)]
        draw.polygon([*map(tuple, curve.tolist()), *top], fill=0)
    front = np.asarray(plane)
    if curve is not None:
        width = float(np.linalg.norm(curve[-1] - curve[0]))
        front = front & ~detect_neck_labels(garment.work, front, mask & ~front, width)
    return front if front.any() else mask


def _grid_step(points: NDArray[np.float32]) -> float:
    """Return the distance of neighbours in a grid of points."""
    xs = np.unique(np.round(points[:, 0], 2))
    return float(np.median(np.diff(xs))) if len(xs) > 1 else 1.0


def _enlarge(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Resize a mask to another (height, width)."""
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR)) > 127
