"""Which spot of S1 belongs on which spot of S2.

Both garments are read into one chart (`mrcnn.chart`), where the same place has the same
coordinates. Where the chart cannot be trusted the landmarks of both garments stand in,
and without those `compositor.fit_warp` pairs the outlines.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import interpolate, ndimage, spatial

from compositor import Warp, find_labels, fit_warp, match_places, snap_curve
from tryon.images import shrink
from tryon.segment import LEAST_SEEN, NECKLINE
from tryon.stages import STYLE_SIZE, Garment, once

SPOTS = 1500  # pairs that a warp is fitted to, at most
MOST_SCALE = 0.08  # expected error, chart units, from which a spot is left out
LEAST_SHARE = 0.5  # of the user's spots that must have a match
LEAST_LANDMARKS = 14  # of 25
LEAST_WITNESSES = 6  # landmarks that can tell whether a map is right
LEAST_SPOTS = 30  # of a chart that a map is fitted to
UNIT = 1024  # places are fitted as pixels of a square so wide
NECK_SPOTS = 13  # of the curve through them
NECK_STEPS = 8  # points between two of them, where the curve follows the collar's edge
NECK_SNAP = 0.1  # of its width: the edge is looked for so far below
NECK_RIM = 0.05  # of its width: so near to the background no edge counts
NECK_NEAR = 0.3  # of its width: pairs this near to it tell where it would come from
NECK_REACH, NECK_SPREAD = 1.2, 1.6  # how far around it spots move: of width, of the move
RIM = 2  # pixels at the garment's edge in the shop's picture that are not trusted


StyleWarp: TypeAlias = tuple[Warp, NDArray[np.uint8], NDArray[np.bool_]]


class Points(NamedTuple):
    """Spots of both garments, row by row the same.

    Attributes:
        source: (N, 2), x and y in S1's working pixels.
        target: (N, 2), x and y in S2's.
        method: "chart" or "landmarks".
    """

    source: NDArray[np.float32]
    target: NDArray[np.float32]
    method: str


def find_points(user: Garment, shop: Garment) -> Points | None:
    """Pair spots by the charts, or else by the landmarks; None when neither can be.

    By the charts a low neckline would come to lie below a high one, as a second one:
    necklines that are seen are made to meet.
    """
    points = chart_points(user, shop)
    if points is None:
        return landmark_points(user, shop)
    mine, theirs = neckline(user), collar_edge(shop)
    if mine is None or theirs is None:
        return points
    return meet_necklines(points, mine, theirs)


def meet_necklines(
    points: Points, mine: NDArray[np.float32], theirs: NDArray[np.float32]
) -> Points:
    """Move the source's spots near the neckline until both necklines meet.

    Args:
        points: pairs of spots.
        mine: (K, 2), the target's neckline.
        theirs: (K, 2), the source's, spot by spot.
    """
    width = float(np.linalg.norm(mine[-1] - mine[0]))
    placed = match_places(mine / width, points.target / width, points.source, NECK_NEAR)
    known = np.isfinite(placed).all(axis=1)
    if not known.any():
        return points
    shift = (theirs - placed)[known]
    # Cloth is squeezed or stretched over a reach that no fold comes from.
    scale = width / max(float(np.linalg.norm(theirs[-1] - theirs[0])), 1.0)
    most = float(np.linalg.norm(shift, axis=1).max()) * scale
    away, nearest = spatial.cKDTree(mine[known]).query(points.target)
    near = np.exp(-((away / max(NECK_REACH * width, NECK_SPREAD * most)) ** 2))
    moved = points.source + near[:, None] * shift[nearest]
    return points._replace(source=moved.astype(np.float32))


def neckline(garment: Garment) -> NDArray[np.float32] | None:
    """Return the front neckline from end to end of the collar, (x, y) at working size.

    Returns:
        float32 (`NECK_SPOTS`, 2), a curve through the landmarks; None when one of them is
        not seen, or they are in no order.
    """
    points = garment.found.instance.landmarks
    if points is None or (points[NECKLINE, 2] < LEAST_SEEN).any():
        return None
    spots = points[NECKLINE, :2].astype(np.float64)
    if (np.diff(spots[:, 0]) <= 0).any():
        return None
    along = np.linspace(0, 1, len(spots))
    curve = interpolate.PchipInterpolator(along, spots)
    return curve(np.linspace(0, 1, NECK_SPOTS)).astype(np.float32)


@once
def collar_edge(garment: Garment) -> NDArray[np.float32] | None:
    """Return the front neckline, drawn onto the edge that the picture shows there.

    The landmarks of a flat lay are a tenth of the neck's width off at times: enough to
    show the inside of the back collar, or a label in it.

    Returns:
        float32 (`NECK_SPOTS`, 2), see `neckline`.
    """
    curve = neckline(garment)
    if curve is None:
        return None
    width = float(np.linalg.norm(curve[-1] - curve[0]))
    if width < 1:
        return curve
    spots = np.arange(NECK_SPOTS)
    dense = np.linspace(0, NECK_SPOTS - 1, (NECK_SPOTS - 1) * NECK_STEPS + 1)
    dense = interpolate.PchipInterpolator(spots, curve)(dense)
    # Farther from the curve than the rim and its moves together no pixel counts.
    mask = garment.found.mask
    near = _part_around(curve, (NECK_RIM + NECK_SNAP) * width + 2, mask.shape)
    clear = np.zeros_like(mask)
    away = ndimage.distance_transform_edt(mask[near])
    # Without any background there are no distances.
    clear[near] = mask[near].all() | (away > NECK_RIM * width)
    snapped = snap_curve(garment.work, clear, dense, NECK_SNAP * width)
    return snapped[::NECK_STEPS].astype(np.float32)


def _part_around(
    spots: NDArray[np.float32], margin: float, size: tuple[int, ...]
) -> tuple[slice, ...]:
    """Return the rows and columns of spots (x, y) and a margin, one pixel at least."""
    first = np.clip(np.floor(spots.min(axis=0) - margin), 0, np.array(size[::-1]) - 1)
    last = np.clip(np.ceil(spots.max(axis=0) + margin), first, np.array(size[::-1]) - 1)
    spans = zip(first[::-1], last[::-1], strict=True)
    return tuple(slice(int(start), int(end) + 1) for start, end in spans)


def chart_points(user: Garment, shop: Garment) -> Points | None:
    """Pair the user's spots with places of the shop's chart.

    Returns:
        The pairs on the front; None when too few of the user's spots have one.
    """
    mine, theirs = user.found.chart, shop.found.chart
    if mine is None or theirs is None:
        return None
    wanted = ~mine.back & (mine.scales < MOST_SCALE)
    given = ~theirs.back & (theirs.scales < MOST_SCALE)
    chosen = np.flatnonzero(wanted)
    chosen = chosen[:: -(-len(chosen) // SPOTS) or 1]
    source = match_places(mine.places[chosen], theirs.places[given], theirs.spots[given])
    found = np.isfinite(source).all(axis=1)
    share = found.sum() / max(len(chosen), 1) * wanted.sum() / max(len(wanted), 1)
    if share < LEAST_SHARE:
        return None
    return Points(source[found], mine.spots[chosen][found], "chart")


@once
def chart_warp(garment: Garment) -> Warp:
    """Fit the map from a garment's pixels to where on the garment's front they lie.

    Returns:
        From the working size to a square of `UNIT` pixels that is the chart's front, its
        hem below. Where the chart cannot be read the garment's box is taken for it.
    """
    chart = garment.found.chart
    if chart is not None:
        sure = ~chart.back & (chart.scales < MOST_SCALE)
        if sure.sum() >= LEAST_SPOTS:
            upright = np.abs(chart.places[sure] - [0, 1])  # on charts y runs upwards
            places = upright * UNIT - 0.5
            everywhere = np.ones((UNIT, UNIT), bool)
            mask, spots = garment.found.mask, chart.spots[sure]
            return fit_warp(everywhere, mask, places, spots, "chart")
    corners = np.array([[0, 0], [UNIT - 1, UNIT - 1]], np.float32)
    grid = np.stack(np.meshgrid(corners[:, 0], corners[:, 1]), axis=-1)
    return Warp(grid, garment.box, method="box")


def landmark_points(
    user: Garment, shop: Garment, least: int = LEAST_LANDMARKS
) -> Points | None:
    """Pair the landmarks that are seen in both photos; None when those are too few."""
    mine, theirs = user.found.instance.landmarks, shop.found.instance.landmarks
    if mine is None or theirs is None:
        return None
    seen = (mine[:, 2] >= LEAST_SEEN) & (theirs[:, 2] >= LEAST_SEEN)
    if seen.sum() < least:
        return None
    return Points(theirs[seen, :2], mine[seen, :2], "landmarks")


def landmark_distance(user: Garment, shop: Garment, warp: Warp) -> float:
    """Tell how far from S1's landmarks S2's come to lie by a map: the median.

    Charts and landmarks are read by two networks: where they disagree, one of them is
    wrong. About 0.05 is usual.

    Args:
        user: has S2.
        shop: has S1.
        warp: of `style_warp`, from S2 to S1.

    Returns:
        The distance over the root of S1's area; 0 where too few landmarks can tell.
    """
    points = landmark_points(user, shop, LEAST_WITNESSES)
    if points is None:
        return 0.0
    style, mask, _ = style_of(shop)
    # On a raster of all their rows and columns landmarks lie on the diagonal.
    landed = warp.coordinates(points.target[:, 1], points.target[:, 0])
    landed = np.diagonal(landed).T
    expected = _in_style(points.source, style, shop)
    away = np.linalg.norm(landed - expected, axis=-1)
    area = max(int(np.count_nonzero(mask)), 1)
    return float(np.median(away)) / area**0.5


def style_warp(user: Garment, shop: Garment) -> StyleWarp:
    """Fit the map from the user's shirt to S1 by the best points there are."""
    return fit_style(user, shop, find_points(user, shop))


def fit_style(user: Garment, shop: Garment, points: Points | None) -> StyleWarp:
    """Fit the map from the user's shirt to S1; returns it with S1's photo and mask.

    Args:
        user: has S2.
        shop: has S1.
        points: spots of both; None goes by the outlines.
    """
    style, mask, inner = style_of(shop)
    if points is None:
        warp = fit_warp(mask, user.found.mask)
    else:
        source = _in_style(points.source, style, shop)
        warp = fit_warp(mask, user.found.mask, source, points.target, points.method)
    return warp, style, inner


def _in_style(
    spots: NDArray[np.float32], style: NDArray[np.uint8], shop: Garment
) -> NDArray[np.float64]:
    """Bring spots (N, 2) of the shop's working picture to the one of `style_of`."""
    scale = np.array(style.shape[1::-1]) / np.array(shop.work.shape[1::-1])
    places: NDArray[np.float64] = (spots + 0.5) * scale - 0.5
    return places


@once
def style_of(
    shop: Garment,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return S1's photo as its colours are taken, and where S1 is.

    The inside of its back collar, as a flat lay shows it, is in no mask: it must not
    land on the user's neck.

    Returns:
        uint8 (H, W, 3), the photo; bool (H, W), S1, which a map is fitted to; bool
        (H, W), where colours may be taken from.
    """
    style = shrink(shop.photo.image, STYLE_SIZE)
    size = style.shape[:2]
    mask = _enlarge(front_of(shop), size) & _enlarge(shop.alpha > 0.9, size)
    # The outermost pixels hold some of the background: no colour is taken from them.
    inner = ndimage.binary_erosion(mask, iterations=RIM, border_value=1)
    return style, mask, inner if inner.any() else mask


@once
def front_of(garment: Garment) -> NDArray[np.bool_]:
    """Return where a garment's front is seen, bool (h, w) at the working size.

    The inside of the back collar is what the chart calls back, and what lies above the
    front neckline; labels that hang from there over the front are none of it either.
    Without a chart all of the garment counts, and so does what shows no front at all.
    """
    chart, mask = garment.found.chart, garment.found.mask
    if chart is None or chart.back.all():
        return mask
    step = _spacing(chart.spots) / 2 + 0.5
    plane = Image.fromarray(mask)
    draw = ImageDraw.Draw(plane)
    for x, y in chart.spots[chart.back]:
        draw.rectangle((x - step, y - step, x + step, y + step), fill=0)
    curve = collar_edge(garment)
    if curve is not None:
        top = [(float(curve[-1, 0]), 0.0), (float(curve[0, 0]), 0.0)]
        draw.polygon([*map(tuple, curve.tolist()), *top], fill=0)
    front = np.asarray(plane)
    if curve is not None:
        width = float(np.linalg.norm(curve[-1] - curve[0]))
        front = front & ~find_labels(garment.work, front, mask & ~front, width)
    return front if front.any() else mask


def _spacing(spots: NDArray[np.float32]) -> float:
    """Return the distance of neighbours in a grid of spots."""
    xs = np.unique(np.round(spots[:, 0], 2))
    return float(np.median(np.diff(xs))) if len(xs) > 1 else 1.0


def _enlarge(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Bring a mask to another (height, width)."""
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR)) > 127
