"""Convert outlines of instances: shapes to polygons, polygons to masks and back."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from scipy import ndimage

from data_tools.annotations import DataError, Instance, Polygon, Ring
from data_tools.formats.shapes import decode_rle, fill_polygons, polygons_area

MAX_PIXELS = 1 << 27  # of a mask: a hostile file may claim any size
_ELLIPSE_POINTS = 90  # of the polygon that replaces a circle or an ellipse
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))  # right, down, left, up
Mask = NDArray[np.bool_]


def polygons_of(instance: Instance) -> tuple[Polygon, ...]:
    """Return the outline of an instance as polygons; run lengths are traced.

    Raises:
        DataError: when the shape or the run lengths are malformed.
    """
    if instance.polygons:
        return instance.polygons
    if instance.rle:
        return trace_mask(_decoded(instance.rle, rle_size(instance.rle)))
    if instance.shape:
        ring = shape_ring(instance.shape)
        return (Polygon(ring),) if ring else ()
    return ()


def mask_of(instance: Instance, size: tuple[int, int]) -> Mask:
    """Return the mask of an instance, bool (H, W).

    Args:
        instance: an instance of an image.
        size: (height, width) of the image.

    Raises:
        ValueError: when run lengths are of another size, or numbers are not finite.
    """
    check_pixels(size)
    if not instance.polygons and instance.rle:
        return _decoded(instance.rle, size)
    polygons = polygons_of(instance)
    mask = fill_polygons([p.outer for p in polygons if not p.holes], size)
    for polygon in polygons:
        if polygon.holes:
            mask |= fill_polygons([polygon.outer], size) & ~fill_polygons(
                polygon.holes, size
            )
    return mask


def area_of(instance: Instance, size: tuple[int, int] | None) -> float:
    """Return the area in pixels: of one polygon in closed form, else of the mask.

    Args:
        instance: an instance of an image.
        size: (height, width) of the image; without it, parts that overlap count twice.
    """
    if instance.rle and not instance.polygons:
        whole = size or rle_size(instance.rle)
        return float(np.count_nonzero(mask_of(instance, whole)))
    polygons = polygons_of(instance)
    if size is not None and len(polygons) > 1:
        check_pixels(size)
        if not any(polygon.holes for polygon in polygons):
            return _union_area(tuple(polygon.outer for polygon in polygons), size)
        return float(np.count_nonzero(mask_of(instance, size)))
    return float(
        sum(
            abs(signed_area(p.outer)) - sum(abs(signed_area(h)) for h in p.holes)
            for p in polygons
        )
    )


@lru_cache(maxsize=4)  # a writer parses its output again at once
def _union_area(rings: tuple[Ring, ...], size: tuple[int, int]) -> float:
    return polygons_area(rings, size)


def signed_area(ring: Ring) -> float:
    """Return the signed area of a ring (shoelace formula), positive if clockwise.

    Convention:
        Clockwise on the screen, where y points down.

    Raises:
        DataError: when a coordinate is not finite: JSON cannot hold it.
    """
    points = _points(ring)
    if not np.isfinite(points).all():
        raise DataError("expected finite numbers in an outline")
    x, y = points.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def bounds(polygons: Sequence[Polygon]) -> Ring | None:
    """Return the bounding box x1, y1, x2, y2 of polygons; None without any point."""
    xs = [x for p in polygons for x in p.outer[0::2]]
    ys = [y for p in polygons for y in p.outer[1::2]]
    return (min(xs), min(ys), max(xs), max(ys)) if xs else None


def joined_ring(polygons: Sequence[Polygon]) -> Ring:
    """Join polygons into one ring of the same area, by bridges of zero width.

    Convention:
        Parts have the first one's orientation and holes the opposite one, so that the
        even-odd and the non-zero rule fill the same, unless parts overlap.
    """
    joined: list[float] = []
    clockwise = bool(polygons) and signed_area(polygons[0].outer) >= 0
    for polygon in polygons:
        if not polygon.outer:
            continue
        joined = _bridge(joined, polygon.outer, clockwise)
        for hole in filter(None, polygon.holes):
            joined = _bridge(joined, hole, not clockwise)
    return tuple(joined)


def _bridge(joined: list[float], ring: Ring, clockwise: bool) -> list[float]:
    """Insert a ring at the point of `joined` that is nearest to the ring's first."""
    turned = list(ring)
    if joined and (signed_area(ring) >= 0) != clockwise:
        turned = [v for i in range(len(ring) - 2, -1, -2) for v in ring[i : i + 2]]
    if not joined:
        return turned
    distances = np.hypot(*(_points(joined) - turned[:2]).T)
    at = 2 * int(distances.argmin())
    return [*joined[: at + 2], *turned, *turned[:2], *joined[at:]]


def trace_mask(mask: Mask) -> tuple[Polygon, ...]:
    """Trace polygons along the borders of a mask's pixels; they fill to the same mask.

    Args:
        mask: bool (H, W); pixel (row, column) covers x from column to column + 1.

    Returns:
        One polygon for each 4-connected component, row by row, with its holes.
    """
    components, count = ndimage.label(mask)
    outers: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = defaultdict(list)
    for ring in _trace_rings(mask):
        # A ring starts with a step to the right, above a pixel of its component.
        component = int(components[ring[1], ring[0]])
        if signed_area(ring) > 0:
            outers[component] = ring
        else:
            holes[component].append(ring)
    return tuple(Polygon(outers[i], tuple(holes[i])) for i in range(1, count + 1))


def _trace_rings(mask: Mask) -> list[Ring]:
    """Follow all borders with the mask on the right; only corners are kept."""
    padded = np.pad(mask, 1)
    inner = padded[1:-1, 1:-1]
    edges: dict[tuple[int, int], dict[int, bool]] = defaultdict(dict)
    sides = (
        (padded[:-2, 1:-1], 0, 0),  # above: a step right from the upper left corner
        (padded[1:-1, 2:], 1, 0),
        (padded[2:, 1:-1], 1, 1),
        (padded[1:-1, :-2], 0, 1),
    )
    starts = []
    for step, (beside, right, down) in enumerate(sides):
        ys, xs = np.nonzero(inner & ~beside)
        corners = list(zip((xs + right).tolist(), (ys + down).tolist(), strict=True))
        for corner in corners:
            edges[corner][step] = True
        if step == 0:
            starts = corners
    return [_follow(edges, corner) for corner in starts if 0 in edges[corner]]


def _follow(
    edges: dict[tuple[int, int], dict[int, bool]], start: tuple[int, int]
) -> Ring:
    """Follow one border from a corner until it closes, and remove its edges."""
    ring: list[float] = []
    (x, y), step, before = start, 0, -1
    while step in edges[x, y]:
        del edges[x, y][step]
        if step != before:
            ring += [x, y]
        before = step
        x, y = x + _STEPS[step][0], y + _STEPS[step][1]
        # Right before ahead before left: pixels that touch at a corner stay separate.
        turns = ((step + 1) % 4, step, (step + 3) % 4)
        step = next((turn for turn in turns if turn in edges[x, y]), 0)
    return tuple(ring)


def shape_ring(shape: Mapping[str, Any]) -> Ring:
    """Return the ring of a shape in VIA's form; empty for a point.

    Raises:
        DataError: when the shape is unknown or incomplete.
    """
    kind = shape.get("name")
    try:
        if kind in ("polygon", "polyline"):
            pairs = zip(shape["all_points_x"], shape["all_points_y"], strict=True)
            return tuple(value for pair in pairs for value in pair)
        if kind == "rect":
            x, y, width, height = (shape[key] for key in ("x", "y", "width", "height"))
            return (x, y, x + width, y, x + width, y + height, x, y + height)
        if kind in ("circle", "ellipse"):
            return _ellipse(shape)
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(f"expected a complete {kind}, got {dict(shape)}") from error
    if kind == "point":
        return ()
    raise DataError(f"expected polygon, rect, circle, ellipse or point, got {kind!r}")


def _ellipse(shape: Mapping[str, Any]) -> Ring:
    rx, ry = shape.get("rx", shape.get("r")), shape.get("ry", shape.get("r"))
    theta = shape.get("theta", 0)
    angles = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)
    circle = np.column_stack([np.cos(angles) * rx, np.sin(angles) * ry])
    cos, sin = math.cos(theta), math.sin(theta)
    points = circle @ [[cos, sin], [-sin, cos]] + (shape["cx"], shape["cy"])
    return tuple(points.ravel().tolist())


def _points(ring: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray(ring, np.float64).reshape(-1, 2)


def rle_size(rle: Mapping[str, Any]) -> tuple[int, int]:
    """Return (height, width) of COCO's run lengths.

    Raises:
        DataError: when they are not in COCO's form.
    """
    size: Any = rle.get("size")
    is_pair = isinstance(size, list) and len(size) == 2
    if not (is_pair and all(type(side) is int and side > 0 for side in size)):
        raise DataError(f"expected run lengths with a size, got {str(size)[:60]}")
    if not isinstance(rle.get("counts"), list | str):
        raise DataError(f"expected counts in run lengths, got {sorted(rle)}")
    return size[0], size[1]


def _decoded(rle: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    check_pixels(size)
    return decode_rle(rle, size)


def check_pixels(size: tuple[int, int]) -> None:
    """Refuse a mask of a size (height, width) that no photo has.

    Raises:
        DataError: when it has more than `MAX_PIXELS`.
    """
    if size[0] * size[1] > MAX_PIXELS:
        raise DataError(f"expected at most {MAX_PIXELS} pixels, got {size}")


def encode_mask(mask: Mask) -> dict[str, Any]:
    """Return COCO's compressed run lengths of a mask, bool (H, W)."""
    found = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(found["size"]), "counts": found["counts"].decode("ascii")}


def clip_ring(ring: Ring, size: tuple[int, int]) -> Ring:
    """Clip a ring to an image; a ring inside is returned unchanged.

    Parts that are cut apart stay one ring, joined along the image's edge.

    References:
        I. Sutherland and G. Hodgman, "Reentrant Polygon Clipping", CACM 1974.
    """
    height, width = size
    for axis, edge, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        points = _points(ring)
        depths = sign * (points[:, axis] - edge)
        if (depths >= 0).all():
            continue
        kept: list[float] = []
        for i in range(len(points)):
            before, after = depths[i - 1], depths[i]
            if (before < 0) != (after < 0):
                share = before / (before - after)
                kept += (points[i - 1] + share * (points[i] - points[i - 1])).tolist()
            if after >= 0:
                kept += points[i].tolist()
        ring = tuple(kept)
    return ring
