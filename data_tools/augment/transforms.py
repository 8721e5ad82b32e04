"""Transforms of a picture together with its annotations.

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
from data_tools.augment.occluders import apply_occluder, draw_occluder
from data_tools.augment.views import (
    GEOMETRIC_TRANSFORMS,
    GeometricTransform,
    Points,
    change_photo,
    draw_geometric,
)
from data_tools.outlines import (
    bounds,
    clip_ring,
    encode_mask,
    mask_of,
    polygons_of,
    signed_area,
    trace_mask,
)

MAX_SIDE = 8192  # pixels, of a picture
DECIMALS = 2  # of new coordinates, in pixels
# Parts that an edge is subdivided into, at most: a hostile file may claim any length.
MAX_SUBDIVISIONS = 100
_VISIBLE, _OCCLUDED = 2, 1  # values of a landmark's v
_UNLABELLED = (0, 0, 0)
_OPEN_SHAPES = ("polyline", "point")  # moved as they are; others become polygons
# What describes the old picture's file or the old outline, and does not hold any more.
_STALE_IMAGE_EXTRA = (
    "coco.id", "via.key", "via.size", "labelme.imagePath", "kfashion.name",
)  # fmt: skip
_STALE_ATTRIBUTES = ("imageData", "foreground")
_STALE_INSTANCE_EXTRA = (
    "coco.id", "coco.area", "coco.bbox", "coco.num_keypoints", "labelme.shape",
    "labelme.mask", "kfashion.sides", "kfashion.numbers",
)  # fmt: skip
View = tuple[ImageRecord, Picture]


def transform(
    record: ImageRecord, image: Picture, names: Sequence[str], rng: np.random.Generator
) -> View:
    """Apply transforms to a picture and its record.

    Args:
        record: the annotations of the picture.
        image: uint8 (H, W, 3).
        names: of `TRANSFORMS`, in the order in which they are applied.
        rng: random generator.

    Returns:
        The new record, without the garments that left the picture, and the new picture of
        the same size. Landmarks that left it become unlabelled, and covered ones
        occluded. Run lengths stay run lengths; circles, ellipses and rectangles become
        polygons.

    Raises:
        DataError: when the picture is not of the record's size, or when a shape cannot
            be moved, or when left and right of mirrored landmarks are not known.
    """
    record = _prepare(record, image)
    for name in names:
        record, image = TRANSFORMS[name](record, image, rng)
    size = image.shape[0], image.shape[1]
    instances = tuple(_restore_rle(one, size) for one in record.instances)
    return replace(record, instances=instances), image


def _prepare(record: ImageRecord, image: Picture) -> ImageRecord:
    """Return a record whose outlines can be moved, without what will be stale."""
    size = image.shape[0], image.shape[1]
    if record.size not in (None, size):
        raise DataError(f"expected a photo of {record.size}, as annotated, got {size}")
    if max(size) > MAX_SIDE:
        raise DataError(f"expected sides of at most {MAX_SIDE} pixels, got {size}")
    return replace(
        record,
        size=size,
        instances=tuple(map(_with_polygons, record.instances)),
        attributes=_without(record.attributes, _STALE_ATTRIBUTES),
        extra=_without(record.extra, _STALE_IMAGE_EXTRA),
    )


def _with_polygons(instance: Instance) -> Instance:
    """Return an instance with polygons as outline; its `rle` is kept as a marker."""
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
        extra=_without(extra, _STALE_INSTANCE_EXTRA),
    )


def _restore_rle(instance: Instance, size: tuple[int, int]) -> Instance:
    """Turn polygons back into run lengths, where the instance had these."""
    if not (instance.rle and instance.polygons):
        return instance
    return replace(instance, polygons=(), rle=encode_mask(mask_of(instance, size)))


def _without(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _move(
    name: str, record: ImageRecord, image: Picture, rng: np.random.Generator
) -> View:
    """Transform the geometry of a picture and its record."""
    size = image.shape[0], image.shape[1]
    move = draw_geometric(name, size, rng)
    moved = (_move_instance(instance, move, size) for instance in record.instances)
    instances = tuple(instance for instance in moved if instance is not None)
    return replace(record, instances=instances), move.transform_image(image)


def _move_instance(
    instance: Instance, move: GeometricTransform, size: tuple[int, int]
) -> Instance | None:
    """Transform an instance; None when nothing of it is left in the picture."""
    polygons = _move_polygons(instance.polygons, move)
    box = _move_box(instance, polygons, move)
    landmarks = mirror_landmarks(instance) if move.mirrors else instance.landmarks
    new = replace(
        instance,
        polygons=_clip_polygons(polygons, size),
        shape=_move_shape(instance.shape, move, size),
        box=None if box is None else _clip_box(box, size),
        landmarks=landmarks and _move_landmarks(landmarks, move, size),
    )
    placed = instance.polygons or instance.shape or instance.box
    return new if new.polygons or new.shape or new.box or not placed else None


def _rings(polygons: Sequence[Polygon]) -> Iterator[Ring]:
    for polygon in polygons:
        yield from (polygon.outer, *polygon.holes)


def _move_ring(ring: Sequence[float], move: GeometricTransform) -> Ring:
    points: Points = np.array(ring, np.float64).reshape(-1, 2)
    return tuple(move.transform_points(points).ravel().tolist())


def _move_polygons(
    polygons: Sequence[Polygon], move: GeometricTransform
) -> tuple[Polygon, ...]:
    # All rings in one call: a traced mask may have hundreds.
    rings = [_subdivide(ring, move.max_edge) for ring in _rings(polygons)]
    numbers = iter(_move_ring([value for ring in rings for value in ring], move))
    moved = (tuple(next(numbers) for _ in ring) for ring in rings)
    return tuple(
        Polygon(next(moved), tuple(next(moved) for _ in polygon.holes))
        for polygon in polygons
    )


def _subdivide(ring: Ring, max_edge: float | None) -> Ring:
    """Return a ring with points added, so that no edge is longer than that, in pixels."""
    if max_edge is None or len(ring) < 6:
        return ring
    points = np.reshape(ring, (-1, 2)).astype(np.float64)
    edges = np.roll(points, -1, axis=0) - points
    counts = np.ceil(np.hypot(*edges.T) / max_edge)
    counts = np.clip(counts, 1, MAX_SUBDIVISIONS).astype(int)
    shares = np.concatenate([np.arange(count) / count for count in counts])
    dense = np.repeat(points, counts, 0) + shares[:, None] * np.repeat(edges, counts, 0)
    return tuple(dense.ravel().tolist())


def _clip_polygons(
    polygons: Sequence[Polygon], size: tuple[int, int]
) -> tuple[Polygon, ...]:
    """Clip polygons to the picture; those without area are dropped."""
    clipped = []
    for polygon in polygons:
        outer, *holes = (
            _rounded(clip_ring(ring, size)) for ring in (polygon.outer, *polygon.holes)
        )
        if _has_area(outer):
            clipped.append(Polygon(outer, tuple(filter(_has_area, holes))))
    return tuple(clipped)


def _has_area(ring: Ring) -> bool:
    return len(ring) >= 6 and signed_area(ring) != 0


def _move_box(
    instance: Instance, polygons: Sequence[Polygon], move: GeometricTransform
) -> Ring | None:
    """Return the bounding box of a transformed box.

    That of a rotated box is too wide for the garment in it, so its margin around the
    outline is limited to the largest that it had before.
    """
    if instance.box is None:
        return None
    corners = _move_ring([instance.box[i] for i in (0, 1, 2, 1, 2, 3, 0, 3)], move)
    x1, y1, x2, y2 = bounds((Polygon(corners),)) or instance.box
    before, after = bounds(instance.polygons), bounds(polygons)
    if before is None or after is None:
        return x1, y1, x2, y2
    margin = max(abs(a - b) for a, b in zip(before, instance.box, strict=True))
    return (
        max(x1, after[0] - margin),
        max(y1, after[1] - margin),
        min(x2, after[2] + margin),
        min(y2, after[3] + margin),
    )


def _clip_box(box: Ring, size: tuple[int, int]) -> Ring | None:
    height, width = size
    sides = np.clip(box, 0, (width, height, width, height))
    x1, y1, x2, y2 = _rounded(sides.tolist())
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _shape_ring(shape: Mapping[str, Any]) -> list[float]:
    """Return the points of a polyline or point; none of another shape."""
    if shape.get("name") == "point":
        return [shape["cx"], shape["cy"]]
    xs, ys = shape.get("all_points_x", ()), shape.get("all_points_y", ())
    return [value for pair in zip(xs, ys, strict=True) for value in pair]


def _move_shape(
    shape: Mapping[str, Any] | None, move: GeometricTransform, size: tuple[int, int]
) -> Mapping[str, Any] | None:
    """Transform a point or a polyline, its points clipped to the picture."""
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


def _move_landmarks(
    landmarks: Ring, move: GeometricTransform, size: tuple[int, int]
) -> Ring:
    points = np.reshape(landmarks, (-1, 3))[:, :2].astype(np.float64)
    points = np.round(move.transform_points(points), DECIMALS)
    inside = (points == np.clip(points, 0, size[::-1])).all(axis=1).tolist()
    triples = zip(points.tolist(), landmarks[2::3], inside, strict=True)
    moved = (
        (*point, v) if v > 0 and is_in else _UNLABELLED for point, v, is_in in triples
    )
    return tuple(value for landmark in moved for value in landmark)


def _rounded(values: Sequence[float]) -> Ring:
    return tuple(round(value, DECIMALS) for value in values)


def _occlude(record: ImageRecord, image: Picture, rng: np.random.Generator) -> View:
    """Occlude one garment; the outlines of all lose what is hidden."""
    size = image.shape[0], image.shape[1]
    around = [one.box or bounds(one.polygons) for one in record.instances]
    boxes = [(box[0], box[1], box[2], box[3]) for box in around if box]
    if not boxes:
        return record, image
    box = boxes[int(rng.integers(len(boxes)))]
    alpha, colors = draw_occluder(max(size), box, (), rng)
    window = np.s_[: size[0], : size[1]]
    visible = np.ones((1, *size), bool)
    changed, visible = apply_occluder(image, visible, alpha[window], colors[window])
    cut = (_remove_hidden(instance, ~visible[0]) for instance in record.instances)
    return replace(record, instances=tuple(one for one in cut if one)), changed


def _remove_hidden(instance: Instance, hidden: np.ndarray) -> Instance | None:
    """Remove hidden pixels, bool (H, W), from an instance; None when nothing is left."""
    polygons = instance.polygons
    if polygons:
        mask = mask_of(instance, hidden.shape)
        if (mask & hidden).any():
            polygons = trace_mask(mask & ~hidden)
        if not polygons:
            return None
    landmarks = instance.landmarks
    if landmarks:
        triples = [landmarks[i : i + 3] for i in range(0, len(landmarks), 3)]
        landmarks = tuple(
            v for triple in triples for v in _occlude_landmark(triple, hidden)
        )
    return replace(instance, polygons=polygons, landmarks=landmarks)


def _occlude_landmark(landmark: Ring, hidden: np.ndarray) -> Ring:
    """Mark a landmark (x, y, v) as occluded where its pixel is hidden."""
    x, y, v = landmark
    row, column = np.clip((int(y), int(x)), 0, np.array(hidden.shape) - 1)
    return (x, y, _OCCLUDED) if v == _VISIBLE and hidden[row, column] else landmark


def _change_photo(record: ImageRecord, image: Picture, rng: np.random.Generator) -> View:
    return record, change_photo(image, rng)


TRANSFORMS: dict[str, Callable[[ImageRecord, Picture, np.random.Generator], View]] = {
    **{name: partial(_move, name) for name in GEOMETRIC_TRANSFORMS},
    "occlude": _occlude,
    "camera": _change_photo,
}
