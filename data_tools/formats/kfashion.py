"""K-Fashion of AI-Hub: one JSON beside each image, with Korean keys.

References:
    AI-Hub, "K-Fashion image", https://aihub.or.kr (dataset 51).
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_tools.annotations import (
    DataError,
    Dataset,
    ImageRecord,
    Instance,
    Polygon,
    Ring,
    WriteRecord,
    as_numbers,
)
from data_tools.formats.folder_files import (
    implied_name,
    json_writer,
    read_json_folder,
    write_header,
)
from data_tools.formats.names import CATEGORY_IDS, category_of
from data_tools.outlines import bounds, joined_ring, polygons_of
from data_tools.passthrough import (
    KEY,
    image_leftovers,
    instance_leftovers,
    restore_instance,
    restore_record,
    same_json,
    without_measured,
)

# Keys of the format, in Korean: kinds of garments, their labels, parts of the file.
TOP, BOTTOM, DRESS, OUTER = "상의", "하의", "원피스", "아우터"
CATEGORY, SLEEVE, LENGTH, STYLE = "카테고리", "소매기장", "기장", "스타일"
_KINDS = (OUTER, BOTTOM, DRESS, TOP)
_IMAGE, _SET, _DETAIL = "이미지 정보", "데이터셋 정보", "데이터셋 상세설명"
_HEIGHT, _WIDTH, _NAME = "이미지 높이", "이미지 너비", "이미지 파일명"
_FOLDER = "label"  # beside `image`, as AI-Hub unpacks
KEYS = (_IMAGE, _SET)  # of every file
_BOXES, _POLYGONS, _LABELS = "렉트좌표", "폴리곤좌표", "라벨링"
_SECTIONS = (_BOXES, _POLYGONS, _LABELS)
_BOX = ("X좌표", "Y좌표", "가로", "세로")
_POINT = re.compile(r"([XY])좌표([1-9]\d{0,5})")
_ORDER = f"{KEY}_order"
# DeepFashion2's categories by kind and sleeve length (short, long, none).
_SLEEVES = {
    (TOP, "반팔"): "short sleeve top",
    (TOP, "긴팔"): "long sleeve top",
    (TOP, "민소매"): "vest",
    (OUTER, "반팔"): "short sleeve outwear",
    (OUTER, "긴팔"): "long sleeve outwear",
    (DRESS, "반팔"): "short sleeve dress",
    (DRESS, "긴팔"): "long sleeve dress",
    (DRESS, "민소매"): "vest dress",
}
_TROUSERS = ("팬츠", "청바지", "조거팬츠", "레깅스")  # pants, jeans, joggers, leggings
_SHORT = ("미니", "니렝스")  # lengths of trousers that end at the knee or above
_KIND_OF = {CATEGORY_IDS[name]: kind for (kind, _), name in _SLEEVES.items()} | {
    CATEGORY_IDS["sling"]: TOP,
    CATEGORY_IDS["shorts"]: BOTTOM,
    CATEGORY_IDS["trousers"]: BOTTOM,
    CATEGORY_IDS["skirt"]: BOTTOM,
    CATEGORY_IDS["sling dress"]: DRESS,
}
# Labels of a garment by which `category_by_rule` returns a category.
_LABELS_OF = {name: {SLEEVE: sleeve} for (_, sleeve), name in _SLEEVES.items()} | {
    "shorts": {CATEGORY: "팬츠", LENGTH: "미니"},
    "trousers": {CATEGORY: "팬츠"},
    "skirt": {CATEGORY: "스커트"},
}


def category_by_rule(kind: str, labels: Mapping[str, Any]) -> str:
    """Return DeepFashion2's category of a garment, or its kind where no rule applies.

    Args:
        kind: the garment's key, as "상의".
        labels: the garment's labels, as {"소매기장": "반팔"}.
    """
    sleeve, category = str(labels.get(SLEEVE)), labels.get(CATEGORY)
    if kind == BOTTOM and category == "스커트":
        return "skirt"
    if kind == BOTTOM and category in _TROUSERS:
        return "shorts" if labels.get(LENGTH) in _SHORT else "trousers"
    return _SLEEVES.get((kind, sleeve), kind)


def parse_image(values: Mapping[str, Any], file_name: str) -> ImageRecord:
    """Turn the JSON of one image into a record.

    Args:
        values: the parsed JSON.
        file_name: of the image.

    Raises:
        DataError: when it is not in K-Fashion's form.
    """
    native = _parse_native_image(values, file_name)
    record = restore_record(native, values[_SET].get(KEY))
    parts = values[_SET][_DETAIL]
    found = [
        parse_garment(kind, index, *garment) for kind, index, garment in _garments(parts)
    ]
    order = values[_SET].get(_ORDER)
    if isinstance(order, list) and sorted(order) == list(range(len(found))):
        found = [found[index] for index in order]
    return replace(record, instances=tuple(found))


def _garments(parts: Mapping[str, Any]) -> Iterator[tuple[str, int, list[Any]]]:
    """Yield kind, index in its list, and box, points and labels of each garment."""
    sections = [parts.get(name) or {} for name in _SECTIONS]
    kinds = dict.fromkeys(kind for section in sections for kind in section)
    for kind in kinds:
        if kind == STYLE:
            continue
        lists = [section.get(kind) or [] for section in sections]
        for index in range(max(map(len, lists))):
            garment = [one[index] if index < len(one) else {} for one in lists]
            if any(garment):
                yield kind, index, garment


def format_image(record: ImageRecord) -> dict[str, Any]:
    """Turn a record into the JSON of one image; the inverse of `parse_image`."""
    record = without_measured(record, "kfashion")
    extra = record.extra
    height, width = record.size or (None, None)
    style = record.attributes.get(STYLE, [{}])
    parts: dict[str, Any] = {name: {} for name in (_BOXES, _POLYGONS)}
    parts[_LABELS] = {STYLE: style if isinstance(style, list) else [{}]}
    for kind in _KINDS:
        for name in (_BOXES, _POLYGONS, _LABELS):
            parts[name][kind] = [{}]
    order = _place_garments(record, parts)
    detail = {**_mapping(extra.get("kfashion.detail")), **parts}
    image = {**_mapping(extra.get("kfashion.image")), _HEIGHT: height, _WIDTH: width}
    image[_NAME] = extra.get("kfashion.name", record.file_name)
    values = {
        **_mapping(extra.get("kfashion.other")),
        _IMAGE: image,
        _SET: {**_mapping(extra.get("kfashion.dataset")), _DETAIL: detail},
    }
    name = implied_name(record.file_name)
    native = _parse_native_image(values, name)
    if kept := image_leftovers(record, native):
        values[_SET][KEY] = kept
    if order != sorted(order):
        values[_SET][_ORDER] = order
    return values


def _place_garments(record: ImageRecord, parts: dict[str, Any]) -> list[int]:
    """Insert the garments into the lists of their kinds; return their order when read."""
    taken: dict[tuple[str, int], int] = {}
    for number, instance in enumerate(record.instances):
        kind = kind_of(instance)
        index = instance.extra.get("kfashion.index", 0)
        index = index if type(index) is int and 0 <= index < 1000 else 0
        while (kind, index) in taken:
            index += 1
        taken[kind, index] = number
        for name, value in zip(
            (_BOXES, _POLYGONS, _LABELS),
            format_garment(instance, kind, index),
            strict=True,
        ):
            rows = parts[name].setdefault(kind, [])
            rows.extend({} for _ in range(index + 1 - len(rows)))
            rows[index] = value
    read = [taken[kind, index] for kind, index, _ in _garments(parts)]
    return [read.index(number) for number in range(len(read))]


def kind_of(instance: Instance) -> str:
    """Return the kind under which a garment is listed, as "상의"."""
    kind = instance.extra.get("kfashion.kind")
    if isinstance(kind, str) and kind != STYLE:
        return kind
    found = _KIND_OF.get(category_of(instance.category) or 0, instance.category)
    return found if found != STYLE else TOP


def _parse_native_image(values: Mapping[str, Any], file_name: str) -> ImageRecord:
    """Return the record of the fields that K-Fashion itself has."""
    image, dataset = values[_IMAGE], values[_SET]
    detail = dataset[_DETAIL]
    sides: Any = image.get(_HEIGHT), image.get(_WIDTH)
    if not any(name in detail for name in _SECTIONS):
        raise DataError(f"expected {_LABELS}, {_BOXES} or {_POLYGONS}")
    style = (detail.get(_LABELS) or {}).get(STYLE, [{}])
    rest = {
        "image": _without(image, _HEIGHT, _WIDTH, _NAME),
        "dataset": _without(dataset, _DETAIL, KEY, _ORDER),
        "detail": _without(detail, *_SECTIONS),
        "other": _without(values, _IMAGE, _SET),
    }
    extra: dict[str, Any] = {f"kfashion.{name}": one for name, one in rest.items() if one}
    if image.get(_NAME) != file_name:
        extra["kfashion.name"] = image.get(_NAME)
    return ImageRecord(
        file_name,
        None if sides == (None, None) else sides,
        (),
        {} if style == [{}] else {STYLE: style},
        extra,
    )


def parse_garment(kind: str, index: int, box: Any, points: Any, labels: Any) -> Instance:
    """Turn one garment into an instance; its category is that of `category_by_rule`.

    Args:
        kind: the garment's key, as "상의".
        index: its index in the lists of that kind.
        box: {"X좌표", "Y좌표", "가로", "세로"}, or empty.
        points: {"X좌표1", "Y좌표1", ...} in any order, or empty.
        labels: the garment's labels.

    Raises:
        DataError: when it is not in K-Fashion's form.
    """
    return restore_instance(
        _parse_native_garment(kind, index, box, points, labels), labels.get(KEY)
    )


def format_garment(
    instance: Instance, kind: str, index: int
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Turn an instance into box, points and labels of one garment."""
    polygons = polygons_of(instance)
    labels = {k: v for k, v in instance.attributes.items() if k != KEY}
    if category_by_rule(kind, labels) != instance.category:
        labels |= _LABELS_OF.get(instance.category, {})
    numbers = instance.extra.get("kfashion.numbers")
    points = _format_points(joined_ring(polygons), numbers)
    box = _format_box(instance, bounds(polygons))
    native = _parse_native_garment(kind, index, box, points, labels)
    if kept := instance_leftovers(instance, native):
        labels[KEY] = kept
    return box, points, labels


def _parse_native_garment(
    kind: str, index: int, box: Any, points: Any, labels: Any
) -> Instance:
    """Return the instance of the fields that K-Fashion itself has."""
    if not all(isinstance(each, dict) for each in (box, points, labels)):
        raise DataError(f"expected objects in the lists of {kind}")
    extra: dict[str, Any] = {"kfashion.index": index} if index else {}
    ring = _parse_points(points, extra)
    found = _parse_box(box, extra)
    attributes = _without(labels, KEY)
    category = category_by_rule(kind, attributes)
    polygons = (Polygon(ring),) if ring else ()
    instance = Instance(category, polygons, box=found, attributes=attributes)
    if kind_of(instance) != kind:
        extra["kfashion.kind"] = kind
    return replace(instance, extra=extra)


def _parse_points(points: Mapping[str, Any], extra: dict[str, Any]) -> Ring:
    """Return the polygon of numbered points, which come in any order."""
    found: dict[str, dict[int, Any]] = {"X": {}, "Y": {}}
    for name, value in points.items():
        if match := _POINT.fullmatch(name):
            found[match[1]][int(match[2])] = value
        else:
            raise DataError(f"expected X좌표1, Y좌표1 ..., got {name!r}")
    if found["X"].keys() != found["Y"].keys():
        raise DataError("expected as many X좌표 as Y좌표, with the same numbers")
    numbers = sorted(found["X"])
    if numbers != list(range(1, len(numbers) + 1)):
        extra["kfashion.numbers"] = numbers
    pairs = [value for n in numbers for value in (found["X"][n], found["Y"][n])]
    return as_numbers(pairs, 2, _POLYGONS)


def _format_points(ring: Ring, numbers: Any) -> dict[str, Any]:
    count = len(ring) // 2
    if not isinstance(numbers, list) or len(set(numbers)) != count:
        numbers = range(1, count + 1)
    xs = {f"X좌표{n}": x for n, x in zip(numbers, ring[0::2], strict=True)}
    return xs | {f"Y좌표{n}": y for n, y in zip(numbers, ring[1::2], strict=True)}


def _parse_box(box: Mapping[str, Any], extra: dict[str, Any]) -> Ring | None:
    if not box:
        return None
    x, y, width, height = as_numbers([box[name] for name in _BOX], 4, _BOXES)
    found = (x, y, x + width, y + height)
    if rest := _without(box, *_BOX):
        extra["kfashion.box"] = rest
    if not same_json([found[2] - x, found[3] - y], [width, height]):
        extra["kfashion.sides"] = [width, height]
    return found


def _format_box(instance: Instance, around: Ring | None) -> dict[str, Any]:
    box = instance.box or around
    if box is None:
        return {}
    sides = [box[2] - box[0], box[3] - box[1]]
    given = instance.extra.get("kfashion.sides", ())
    if tuple(map(sum, zip(box[:2], given, strict=False))) == box[2:]:
        sides = given
    rest = _mapping(instance.extra.get("kfashion.box"))
    return dict(zip(_BOX, (*box[:2], *sides), strict=True)) | rest


def _without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def read_kfashion(folder: Path) -> Dataset:
    """Return the annotations of a folder; images have the same names.

    They are beside the annotations; or the folder has `label` with the annotations and
    `image` with the images.
    """
    files = folder / _FOLDER if (folder / _FOLDER).is_dir() else folder
    numeric = (_HEIGHT, _WIDTH, _BOXES, _POLYGONS)
    return read_json_folder(folder, files, parse_image, {}, numeric, "kfashion")


@contextmanager
def write_kfashion(folder: Path, dataset: Dataset) -> Iterator[WriteRecord]:
    """Write records into an empty folder; yields a function that writes one."""
    yield json_writer(folder, format_image)
    write_header(folder, dataset, {})
