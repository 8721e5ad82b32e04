"""Snap a neckline onto the collar's edge, and detect labels that hang over it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor._checks import check_image, check_plane
from compositor.colorspace import are_common, subsample, to_lab
from compositor.raster import sample_points

Floats = NDArray[np.float64]

EIGHT = np.ones((3, 3), bool)  # 8-connectivity


@dataclass(frozen=True)
class SnapConfig:
    """Search band and path costs of `snap_curve`, where the clearest edge is worth 1."""

    steps: int = 40  # displacements tried for each point, across the curve
    backward: float = 0.4  # of the reach: how far a point may move the other way
    blur: tuple[float, float] = (2.0, 1.0)  # sigma along and across, points and steps
    half_contrast: float = 10.0  # CIE76 across an edge that is worth half
    displacement_cost: float = 0.4  # of the farthest displacement; grows quadratically
    bend_cost: float = 0.05  # of one step aside between neighbouring points


@dataclass(frozen=True)
class LabelConfig:
    """What counts as a label in the neck. Lengths are shares of the neck's width."""

    max_drop: float = 0.25  # how far below the collar's inside labels hang
    max_width: float = 0.4  # wider is a collar of another colour
    color_distance: float = 15.0  # CIE76: radius within which colours are neighbours
    # Share of the cloth's colours that must be neighbours of a colour of cloth or print.
    min_cloth_share: float = 0.1
    work_size: int = 64  # pixels across the neck at which labels are detected
    max_samples: int = 400  # colours of the cloth that are compared


SNAP, LABEL = SnapConfig(), LabelConfig()


def snap_curve(
    image: NDArray[Any],
    mask: NDArray[Any],
    curve: NDArray[Any],
    reach: float,
    config: SnapConfig = SNAP,
) -> Floats:
    """Move each point of a curve along its normal onto the clearest edge nearby.

    The band around the curve is unrolled to a strip, and the path along the strip with
    the best trade of contrast, displacement and bending is found by dynamic programming.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        mask: `(H, W)` bool, where edges count.
        curve: `(N, 2)` (x, y) in pixels, densely and about evenly spaced.
        reach: Largest displacement in pixels to the right of the curve's direction, as
            the picture shows it: down, when the curve runs from left to right. To the
            left it is `config.backward` of that.
        config: displacements and costs.

    Returns:
        `(N, 2)` (x, y), the moved points in the same order.

    Raises:
        ValueError: When there are fewer than three points, or the reach is not above 0.

    References:
        Amini, Weymouth, Jain: Using Dynamic Programming for Solving Variational
        Problems in Vision, PAMI 1990.
    """
    check_image(image)
    check_plane(mask, "mask", image.shape[:2])
    if len(curve) < 3 or reach <= 0:
        raise ValueError(f"expected 3 points and reach > 0, got {len(curve)}, {reach}")
    tangent = np.gradient(curve, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    moves = np.linspace(-config.backward, 1, config.steps + 1)
    points = curve[:, None] + normal[:, None] * (reach * moves)[None, :, None]
    strip = to_lab(_sample(image, points))  # (N, moves, 3)
    strip = ndimage.gaussian_filter(strip, (*config.blur, 0), mode="nearest")
    edge = np.linalg.norm(np.gradient(strip, axis=1) * 2, axis=-1)
    edge *= _sample(mask[..., None], points)[..., 0]
    strength = edge / (edge + config.half_contrast)
    path = _cheapest_path(config.displacement_cost * moves**2 - strength, config)
    return np.asarray(points[np.arange(len(curve)), path])


def _sample(planes: NDArray[Any], points: Floats) -> NDArray[np.float32]:
    """Sample `(H, W, C)` values at `(N, M, 2)` points (x, y); the frame is repeated."""
    ys, xs = points[..., 1], points[..., 0]
    sampled = [sample_points(plane, ys, xs) for plane in np.moveaxis(planes, -1, 0)]
    return np.stack(sampled, axis=-1)


def _cheapest_path(cost: Floats, config: SnapConfig) -> NDArray[np.intp]:
    """Return the column in each row of the cheapest path down, at most one step a row."""
    total, came_from = cost[0], np.zeros(cost.shape, np.intp)
    for row in range(1, len(cost)):
        padded = np.pad(total, 1, constant_values=np.inf)
        bend = config.bend_cost
        options = np.stack([padded[:-2] + bend, total, padded[2:] + bend])
        came_from[row] = options.argmin(axis=0) - 1
        total = options.min(axis=0) + cost[row]
    path = np.empty(len(cost), np.intp)
    path[-1] = total.argmin()
    for row in range(len(cost) - 1, 0, -1):
        path[row - 1] = path[row] + came_from[row, path[row]]
    return path


def detect_neck_labels(
    image: NDArray[Any],
    front: NDArray[Any],
    inside: NDArray[Any],
    width: float,
    config: LabelConfig = LABEL,
) -> NDArray[np.bool_]:
    """Detect labels that hang from the inside of a collar over the front.

    They have a colour that is rare in the cloth below, hang from the middle and are
    narrower than the neck: what is as wide, or at a side, is a collar of another colour.

    Args:
        image: `(H, W, 3)` RGB picture, 0 to 255.
        front: `(H, W)` bool, the garment's front.
        inside: `(H, W)` bool, the visible inside of its collar.
        width: of the neck, pixels.
        config: sizes and colour thresholds.

    Returns:
        `(H, W)` bool, a subset of the front.
    """
    check_image(image)
    check_plane(front, "front", image.shape[:2])
    check_plane(inside, "inside", image.shape[:2])
    step = max(1, round(width / config.work_size))
    grid = np.s_[::step, ::step]
    distance = ndimage.distance_transform_edt(~inside[grid]) * step / max(width, 1.0)
    near = front[grid] & (distance <= config.max_drop)
    cloth = front[grid] & (distance > config.max_drop)
    cloth &= distance <= 2 * config.max_drop
    if not (inside.any() and near.any() and cloth.any()):
        return np.zeros(front.shape, bool)
    lab = to_lab(image[grid])
    reference = subsample(lab[cloth], config.max_samples)
    foreign = np.zeros_like(near)
    foreign[near] = ~are_common(
        lab[near], reference, config.color_distance, config.min_cloth_share
    )
    max_width = config.max_width * width / step
    labels = _keep_hanging(foreign, inside[grid], max_width)
    labels = labels.repeat(step, axis=0).repeat(step, axis=1)
    return labels[: front.shape[0], : front.shape[1]] & front


def _keep_hanging(
    foreign: NDArray[np.bool_], inside: NDArray[np.bool_], max_width: float
) -> NDArray[np.bool_]:
    """Keep components that hang from the middle of the inside, dilated by 2 pixels.

    Their width, and twice their distance from the neck's middle, are at most `max_width`.
    """
    solid = ndimage.binary_opening(foreign, EIGHT)  # piping at the collar is thinner
    components, _ = ndimage.label(solid)
    touching = np.unique(components[ndimage.binary_dilation(inside, iterations=3)])
    middle = float(np.nonzero(inside)[1].mean())
    kept = []
    for number, (_, columns) in enumerate(ndimage.find_objects(components), 1):
        aside = abs((columns.start + columns.stop - 1) / 2 - middle)
        extent = max(columns.stop - columns.start, 2 * aside)
        if number in touching and extent <= max_width:
            kept.append(number)
    return np.asarray(ndimage.binary_dilation(np.isin(components, kept), EIGHT, 2), bool)
