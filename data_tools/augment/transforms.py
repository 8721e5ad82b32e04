"""Changes of a picture together with its annotations: everything lands where it was.

Convention:
    Points are x, y in pixels; the pixel of column 0 covers x from 0 to 1.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from data_tools.annotations import DataError, ImageRecord, Instance, Polygon, Ring
from data_tools.augment.backdrops import Picture
from data_tools.augment.landmarks import mirror_landmarks
from data_tools.augment.occluders import cover, draw_occluder
from data_tools.augment.views import Move, Points, change_photo, draw_move
from data_tools.outlines import (
    bounds,
    clip_ring,
    encode_mask,
    mask_of,
    polygons_of,
    signed_area,
    trace_mask,
)

_MAX_SIDE = 8192  # pixels
_DECIMALS = 2  # of a pixel
_MAX_STEPS = 100  # of an edge, which may claim any length
_SEEN, _HIDDEN = 2, 1
_NO_MARK = (0, 0, 0)
_OPEN_SHAPES = ("polyline", "point")  # moved as they are; others become polygons
# What was said of the old picture's bytes, place or pixels, or of the old outline.
_OLD_OF_IMAGE = ("coco.id", "via.key", "via.size", "labelme.imagePath", "kfashion.name")
_OLD_ATTRIBUTES = ("imageData", "foreground")
_OLD_OF_INSTANCE = (
    "coco.id", "coco.area", "coco.bbox", "coco.num_keypoints", "labelme.shape",
    "labelme.mask", "kfashion.sides", "kfashion.numbers",
)  # fmt: skip
View = tuple[ImageRecord, Picture]


def transform(
    record: ImageRecord, image: Picture, names: Sequence[str], rng: np.random.Generator
) -> View:
    """Change a picture and its record by the named transforms, in that order.

    Args:
        record: the annotations of the picture.
        image: uint8 (H, W, 3).
        names: among `TRANSFORMS`.
        rng: source of chance.

    Returns:
        The new record, without the garments that left the picture, and the new picture of
        the same size. Landmarks that left it are not marked any more, and covered ones
        are hidden. Run lengths stay run lengths; circles, ellipses and rectangles become
        polygons.

    Raises:
        DataError: when the picture is not of the record's size, or when something cannot
            be moved, or when left and right of mirrored landmarks are not known.
    """
    record = _prepared(record, image)
    for name in names:
        record, image = TRANSFORMS[name](record, image, rng)
    size = image.shape[0], image.shape[1]
    found = tuple(_as_given(instance, size) for instance in record.instances)
    return replace(record, instances=found), image


def _prepared(record: ImageRecord, image: Picture) -> ImageRecord:
    """Return a record whose outlines can be moved, without what will be out of date."""
    size = image.shape[0], image.shape[1]
    if record.size not in (None, size):
        raise DataError(f"expected a photo of {record.size}, as annotated, got {size}")
    if max(size) > _MAX_SIDE:
        raise DataError(f"expected sides of at most {_MAX_SIDE} pixels, got {size}")
    return replace(
        record,
        size=size,
        instances=tuple(map(_with_polygons, record.instances)),
        attributes=_without(record.attributes, _OLD_ATTRIBUTES),
        extra=_without(record.extra, _OLD_OF_IMAGE),
    )


def _with_polygons(instance: Instance) -> Instance:
    """Return an instance with polygons as outline; `rle` says that it was run lengths."""
    extra, drawn = instance.extra, instance.polygons or instance.rle
    if "labelme.shape" in extra and not (drawn or instance.shape):
        kind = extra["labelme.shape"][0]
        raise DataError(f"expected a shape that can be moved, got LabelMe's {kind}")
    shape: Mapping[str, Any] = {} if drawn else instance.shape or {}
    shape = shape if shape.get("name") in _OPEN_SHAPES else {}
    polygons = () if shape else polygons_of(instance)
    numbers = [value for ring in _rings(polygons) for value in ring]
    numbers += [*(instance.box or ()), *(instance.landmarks or ()), *_shape_ring(shape)]
    if not np.isfinite(np.array(numbers, np.float64)).all():
        raise DataError(f"expected finite numbers in {instance.category}")
    return replace(
        instance,
        polygons=polygons,
        rle=None if instance.polygons else instance.rle,
        shape=shape or None,
        extra=_without(extra, _OLD_OF_INSTANCE),
    )


def _as_given(instance: Instance, size: tuple[int, int]) -> Instance:
    if not (instance.rle and instance.polygons):
        return instance
    return replace(instance, polygons=(), rle=encode_mask(mask_of(instance, size)))


def _without(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _move(
    name: str, record: ImageRecord, image: Picture, rng: np.random.Generator
) -> View:
    """Change the geometry of a picture and its record."""
    size = image.shape[0], image.shape[1]
    move = draw_move(name, size, rng)
    moved = (_moved(instance, move, size) for instance in record.instances)
    found = tuple(instance for instance in moved if instance is not None)
    return replace(record, instances=found), move.image(image)


def _moved(instance: Instance, move: Move, size: tuple[int, int]) -> Instance | None:
    """Return an instance that moved; None when nothing of it is in the picture."""
    polygons = _moved_polygons(instance.polygons, move)
    box = _moved_box(instance, polygons, move)
    landmarks = mirror_landmarks(instance) if move.mirrors else instance.landmarks
    new = replace(
        instance,
        polygons=_clipped(polygons, size),
        shape=_moved_shape(instance.shape, move, size),
        box=None if box is None else _clipped_box(box, size),
        landmarks=landmarks and _moved_landmarks(landmarks, move, size),
    )
    placed = instance.polygons or instance.shape or instance.box
    return new if new.polygons or new.shape or new.box or not placed else None


def _rings(polygons: Sequence[Polygon]) -> Iterator[Ring]:
    for polygon in polygons:
        yield from (polygon.outer, *polygon.holes)


def _move_ring(ring: Sequence[float], move: Move) -> Ring:
    points: Points = np.array(ring, np.float64).reshape(-1, 2)
    return tuple(move.points(points).ravel().tolist())


def _moved_polygons(polygons: Sequence[Polygon], move: Move) -> tuple[Polygon, ...]:
    # All rings in one call: a traced mask may have hundreds.
    rings = [_with_steps(ring, move.longest) for ring in _rings(polygons)]
    numbers = iter(_move_ring([value for ring in rings for value in ring], move))
    moved = (tuple(next(numbers) for _ in ring) for ring in rings)
    return tuple(
        Polygon(next(moved), tuple(next(moved) for _ in polygon.holes))
        for polygon in polygons
    )


def _with_steps(ring: Ring, longest: float | None) -> Ring:
    """Return a ring with points between, so that no edge is longer, in pixels."""
    if longest is None or len(ring) < 6:
        return ring
    points = np.reshape(ring, (-1, 2)).astype(np.float64)
    edges = np.roll(points, -1, axis=0) - points
    counts = np.clip(np.ceil(np.hypot(*edges.T) / longest), 1, _MAX_STEPS).astype(int)
    shares = np.concatenate([np.arange(count) / count for count in counts])
    stepped = np.repeat(points, counts, 0) + shares[:, None] * np.repeat(edges, counts, 0)
    return tuple(stepped.ravel().tolist())


def _clipped(polygons: Sequence[Polygon], size: tuple[int, int]) -> tuple[Polygon, ...]:
    """Return what of polygons lies in the picture and has an area."""
    found = []
    for polygon in polygons:
        outer, *holes = (
            _rounded(clip_ring(ring, size)) for ring in (polygon.outer, *polygon.holes)
        )
        if _has_area(outer):
            found.append(Polygon(outer, tuple(filter(_has_area, holes))))
    return tuple(found)


def _has_area(ring: Ring) -> bool:
    return len(ring) >= 6 and signed_area(ring) != 0


def _moved_box(
    instance: Instance, polygons: Sequence[Polygon], move: Move
) -> Ring | None:
    """Return the box around a box that moved.

    A box that is turned needs a wider one, and its garment does not: it lies no farther
    from the outline than it did.
    """
    if instance.box is None:
        return None
    corners = _move_ring([instance.box[i] for i in (0, 1, 2, 1, 2, 3, 0, 3)], move)
    x1, y1, x2, y2 = bounds((Polygon(corners),)) or instance.box
    before, after = bounds(instance.polygons), bounds(polygons)
    if before is None or after is None:
        return x1, y1, x2, y2
    slack = max(abs(a - b) for a, b in zip(before, instance.box, strict=True))
    return (
        max(x1, after[0] - slack),
        max(y1, after[1] - slack),
        min(x2, after[2] + slack),
        min(y2, after[3] + slack),
    )


def _clipped_box(box: Ring, size: tuple[int, int]) -> Ring | None:
    height, width = size
    sides = np.clip(box, 0, (width, height, width, height))
    x1, y1, x2, y2 = _rounded(sides.tolist())
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _shape_ring(shape: Mapping[str, Any]) -> list[float]:
    """Return the points of a shape without area; none of another."""
    if shape.get("name") == "point":
        return [shape["cx"], shape["cy"]]
    xs, ys = shape.get("all_points_x", ()), shape.get("all_points_y", ())
    return [value for pair in zip(xs, ys, strict=True) for value in pair]


def _moved_shape(
    shape: Mapping[str, Any] | None, move: Move, size: tuple[int, int]
) -> Mapping[str, Any] | None:
    """Return a point or a line that moved, drawn along the edge where it left."""
    if shape is None:
        return None
    points = np.reshape(_move_ring(_shape_ring(shape), move), (-1, 2))
    inside = np.clip(points, 0, size[::-1])
    if (points != inside).any(axis=1).all():
        return None
    xs, ys = (list(_rounded(column.tolist())) for column in inside.T)
    if shape["name"] == "point":
        return {**shape, "cx": xs[0], "cy": ys[0]}
    return {**shape, "all_points_x": xs, "all_points_y": ys}


def _moved_landmarks(landmarks: Ring, move: Move, size: tuple[int, int]) -> Ring:
    marks = np.reshape(landmarks, (-1, 3))
    points = np.round(move.points(marks[:, :2].astype(np.float64)), _DECIMALS)
    inside = (points == np.clip(points, 0, size[::-1])).all(axis=1).tolist()
    triples = zip(points.tolist(), landmarks[2::3], inside, strict=True)
    placed = ((*point, v) if v > 0 and seen else _NO_MARK for point, v, seen in triples)
    return tuple(value for mark in placed for value in mark)


def _rounded(values: Sequence[float]) -> Ring:
    return tuple(round(value, _DECIMALS) for value in values)


def _occlude(record: ImageRecord, image: Picture, rng: np.random.Generator) -> View:
    """Lay something over one garment; outlines are cut where it hides them."""
    size = image.shape[0], image.shape[1]
    found = [one.box or bounds(one.polygons) for one in record.instances]
    boxes = [(box[0], box[1], box[2], box[3]) for box in found if box]
    if not boxes:
        return record, image
    box = boxes[int(rng.integers(len(boxes)))]
    alpha, colours = draw_occluder(max(size), box, (), rng)
    place = np.s_[: size[0], : size[1]]
    nothing = np.zeros((0, *size), bool)
    changed, _ = cover(image, nothing, alpha[place], colours[place])
    hidden = alpha[place] >= 0.5
    cut = (_cut(instance, hidden) for instance in record.instances)
    return replace(record, instances=tuple(one for one in cut if one)), changed


def _cut(instance: Instance, hidden: np.ndarray) -> Instance | None:
    """Return what is seen of an instance beside what is hidden, bool (H, W)."""
    polygons = instance.polygons
    if polygons:
        mask = mask_of(instance, hidden.shape)
        if (mask & hidden).any():
            polygons = trace_mask(mask & ~hidden)
        if not polygons:
            return None
    landmarks = instance.landmarks
    if landmarks:
        limits = np.array(hidden.shape) - 1
        marks = [landmarks[i : i + 3] for i in range(0, len(landmarks), 3)]
        landmarks = tuple(v for mark in marks for v in _hide(mark, hidden, limits))
    return replace(instance, polygons=polygons, landmarks=landmarks)


def _hide(mark: Ring, hidden: np.ndarray, limits: np.ndarray) -> Ring:
    x, y, v = mark
    row, column = np.clip((int(y), int(x)), 0, limits)
    return (x, y, _HIDDEN) if v == _SEEN and hidden[row, column] else mark


def _change_light(record: ImageRecord, image: Picture, rng: np.random.Generator) -> View:
    return record, change_photo(image, rng)


TRANSFORMS: dict[str, Callable[[ImageRecord, Picture, np.random.Generator], View]] = {
    "flip": partial(_move, "flip"),
    "translate": partial(_move, "translate"),
    "scale": partial(_move, "scale"),
    "rotate": partial(_move, "rotate"),
    "bend": partial(_move, "bend"),
    "occlude": _occlude,
    "camera": _change_light,
}
