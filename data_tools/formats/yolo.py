"""YOLO's lines: the instances of one image, to records and back.

A line is the number of the class and then, as shares of width and height,

- the polygon x, y, x, y ...; of four points it may be an oriented box, or
- the box (centre, width, height), with keypoints behind it where `data.yaml` has their
  `kpt_shape`.

References:
    Ultralytics' documentation of its datasets, https://docs.ultralytics.com/datasets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_tools.annotations import DataError, ImageRecord, Instance, Polygon, Ring
from data_tools.outlines import bounds, clip_ring, joined_ring, polygons_of

_DECIMALS = 6  # of coordinates in pixels, so that 7 / 30 * 30 is 7 again
_VISIBLE = 2  # of a keypoint that has no number for it
# What is reported where a line has less than the outline or the box.
CLIPPED = "outline beyond the photo, clipped to it"
Size = tuple[int, int]


@dataclass(frozen=True)
class KeypointShape:
    """YOLO's `kpt_shape`: how many keypoints a line has, of how many numbers each."""

    count: int
    numbers: int  # 2: x, y; 3: x, y, v


def parse_lines(
    text: str,
    file_name: str,
    size: Size,
    names: Mapping[int, str],
    keypoints: KeypointShape | None = None,
) -> ImageRecord:
    """Turn the lines of one image into a record.

    Args:
        text: of the .txt.
        file_name: of the image.
        size: (height, width) of the image.
        names: of classes, by number.
        keypoints: of each line; None where lines are polygons or boxes.

    Raises:
        DataError: when a line is not in YOLO's form.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    instances = tuple(_parse_line(words, size, names, keypoints) for words in lines)
    return ImageRecord(file_name, size, instances)


def format_lines(
    record: ImageRecord,
    numbers: Mapping[str, int],
    keypoints: KeypointShape | None = None,
) -> str:
    """Turn a record into the lines of one image; parts are joined into one polygon.

    What lies beyond the image is clipped.

    Args:
        record: what to write; instances without outline and box get no line.
        numbers: of classes, by name.
        keypoints: of each line; None writes polygons, or boxes where there are none.

    Raises:
        DataError: when the image's size is not known.
    """
    size = record.known_size()
    lines = []
    for instance in record.instances:
        if values := _shares(instance, size, keypoints):
            number = numbers[instance.category]
            lines.append(" ".join(map(repr, (number, *values))))
    return "".join(f"{line}\n" for line in lines)


def is_clipped(instance: Instance, size: Size) -> bool:
    """Say whether a line has less than an instance's outline, or its box."""
    if instance.rle and not instance.polygons:
        return False  # run lengths are of the image's pixels
    polygons = polygons_of(instance)
    if sum(len(polygon.outer) for polygon in polygons) < 6:
        box = instance.box
        return box is not None and not _within(_box_shares(box, size))
    return _is_beyond(polygons, size)


def _is_beyond(polygons: Sequence[Polygon], size: Size) -> bool:
    around = bounds(polygons)
    return around is not None and not _within(_to_shares(around, size))


def _parse_line(
    words: Sequence[str],
    size: Size,
    names: Mapping[int, str],
    keypoints: KeypointShape | None,
) -> Instance:
    line = " ".join(words)[:60]
    shares = [float(word) for word in words[1:]]
    if not words[0].isdigit() or len(shares) < 4:
        raise DataError(f"expected a class and x, y, x, y ..., got {line!r}")
    name = names.get(int(words[0]), f"class {words[0]}")
    if keypoints is not None:
        _check_keypoints(shares, keypoints, line)
        box = _box_of(shares[:4], size)
        return Instance(name, box=box, landmarks=_landmarks(shares[4:], keypoints, size))
    if len(shares) == 4:
        return Instance(name, box=_box_of(shares, size))
    if len(shares) % 2 or _has_visibilities(shares):
        raise DataError(
            f"expected a class and x, y, x, y ..., got {line!r}; if these are keypoints, "
            "data.yaml must have their kpt_shape"
        )
    return Instance(name, (Polygon(_pixels(shares, size)),))


def _check_keypoints(shares: Sequence[float], shape: KeypointShape, line: str) -> None:
    if len(shares) not in (4, 4 + shape.count * shape.numbers):
        raise DataError(
            f"expected a class, a box and {shape.count} keypoints of {shape.numbers} "
            f"numbers, got {line!r}"
        )


def _has_visibilities(shares: Sequence[float]) -> bool:
    """Say whether numbers are a box and x, y, v ...: no share of a polygon is a 2."""
    seen = shares[6::3]
    return len(shares) % 3 == 1 and _VISIBLE in seen and {0, 1, _VISIBLE}.issuperset(seen)


def _landmarks(shares: Sequence[float], shape: KeypointShape, size: Size) -> Ring | None:
    """Return x, y, v ... in pixels; without numbers for v, 0, 0 is not labelled."""
    if not shares:
        return None
    xs, ys = shares[0 :: shape.numbers], shares[1 :: shape.numbers]
    seen: Sequence[float] = [
        _VISIBLE if x or y else 0 for x, y in zip(xs, ys, strict=True)
    ]
    if shape.numbers == 3:
        seen = [int(v) if v.is_integer() else v for v in shares[2::3]]
    points = _pixels([v for pair in zip(xs, ys, strict=True) for v in pair], size)
    triples = zip(points[0::2], points[1::2], seen, strict=True)
    return tuple(value for triple in triples for value in triple)


def _box_of(shares: Sequence[float], size: Size) -> Ring:
    x, y, w, h = shares
    return _pixels((x - w / 2, y - h / 2, x + w / 2, y + h / 2), size)


def _pixels(shares: Sequence[float], size: Size) -> Ring:
    return tuple(round(v * size[1 - i % 2], _DECIMALS) for i, v in enumerate(shares))


def _shares(
    instance: Instance, size: Size, keypoints: KeypointShape | None
) -> list[float]:
    polygons = polygons_of(instance)
    if keypoints is not None:
        box = instance.box or bounds(polygons)
        return _clipped_box(box, size) + _keypoint_shares(instance, size, keypoints)
    ring = joined_ring(polygons)
    if _is_beyond(polygons, size):
        ring = clip_ring(ring, size)
    if len(ring) < 6:
        return _clipped_box(instance.box, size)
    return _to_shares(ring, size)


def _keypoint_shares(instance: Instance, size: Size, shape: KeypointShape) -> list[float]:
    points = instance.landmarks or ()
    if len(points) != 3 * shape.count or (
        instance.box is None and not polygons_of(instance)
    ):
        return []
    values = []
    for i in range(0, len(points), 3):
        values += [_within_one(v) for v in _to_shares(points[i : i + 2], size)]
        values += points[i + 2 : i + shape.numbers]
    return values


def _clipped_box(box: Ring | None, size: Size) -> list[float]:
    """Return a box's centre, width and height; of one beyond the image the part in it."""
    if box is None:
        return []
    shares = _box_shares(box, size)
    if _within(shares):
        return shares
    x1, y1, x2, y2 = (
        _within_one(v) * size[1 - i % 2] for i, v in enumerate(_to_shares(box, size))
    )
    return _box_shares((x1, y1, x2, y2), size) if x1 < x2 and y1 < y2 else []


def _box_shares(box: Ring, size: Size) -> list[float]:
    x1, y1, x2, y2 = box
    return _to_shares(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), size)


def _to_shares(values: Sequence[float], size: Size) -> list[float]:
    return [value / size[1 - i % 2] for i, value in enumerate(values)]


def _within(shares: Sequence[float]) -> bool:
    return all(0 <= share <= 1 for share in shares)


def _within_one(share: float) -> float:
    return min(max(share, 0.0), 1.0)
