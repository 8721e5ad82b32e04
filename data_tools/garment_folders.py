"""K-Fashion's tops and bottoms, cut out, in a folder for each category and colour."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_tools.annotations import (
    FILE_ERRORS,
    AnnotatedPhoto,
    BadFile,
    DataError,
    Dataset,
    ImageRecord,
    Instance,
)
from data_tools.files import find_photo, safe_path
from data_tools.formats.kfashion import BOTTOM, CATEGORY, TOP, kind_of
from data_tools.formats.shapes import fill_polygons
from data_tools.outlines import joined_ring, polygons_of

PHOTO_SIDE, GARMENT_SIDE = 800, 400  # pixels, of square pictures
COLOUR = "색상"
KINDS = {TOP: "tops", BOTTOM: "bottoms"}
CATEGORIES = {
    TOP: {
        "탑": "top",
        "블라우스": "blouse",
        "티셔츠": "t-shirt",
        "니트웨어": "knitwear",
        "셔츠": "shirt",
        "브라탑": "bra-top",
        "후드티": "hoodie",
    },
    BOTTOM: {
        "청바지": "jeans",
        "팬츠": "pants",
        "스커트": "skirt",
        "레깅스": "leggings",
        "조거팬츠": "jogger-pants",
    },
}
COLOURS = {
    "블랙": "black",
    "화이트": "white",
    "그레이": "grey",
    "레드": "red",
    "핑크": "pink",
    "오렌지": "orange",
    "베이지": "beige",
    "브라운": "brown",
    "옐로우": "yellow",
    "그린": "green",
    "카키": "khaki",
    "민트": "mint",
    "블루": "blue",
    "네이비": "navy",
    "스카이블루": "sky-blue",
    "퍼플": "purple",
    "라벤더": "lavender",
    "와인": "wine",
    "네온": "neon",
    "골드": "gold",
    "실버": "silver",
}
_WHITE = 255
_QUALITY = 95  # of the JPEGs


@dataclass(frozen=True)
class Written:
    """What was written of one image.

    Attributes:
        folders: of its garments, as "tops/t-shirt/black".
        passed_over: why garments were not, as "아우터" or "no colour".
    """

    folders: tuple[str, ...]
    passed_over: tuple[str, ...]


def write_garments(
    dataset: Dataset, folder: Path, out: Path
) -> Iterator[Written | BadFile]:
    """Write photos to `photos`, and each top and bottom to its own folder.

    Args:
        dataset: K-Fashion's annotations.
        folder: of the annotations; photos lie as `find_photo` looks for them.
        out: an existing folder.

    Yields:
        What was written of each image, or why nothing was.
    """
    for record in dataset.read_records():
        if isinstance(record, BadFile):
            yield record
            continue
        try:
            yield _write_image(record, folder, out)
        except FILE_ERRORS as error:
            yield BadFile.of(record.file_name, error)


def _write_image(record: ImageRecord, folder: Path, out: Path) -> Written:
    places = [_place_of(instance) for instance in record.instances]
    wanted = [i for i, (place, _) in enumerate(places) if place]
    missing = tuple(reason for place, reason in places if not place)
    if not wanted:
        return Written((), missing)
    image = AnnotatedPhoto(find_photo(folder, record.file_name), "").image()
    square, scale, shift = pad_resize(image, PHOTO_SIDE)
    cuts = [(i, cut_garment(square, record.instances[i], scale, shift)) for i in wanted]
    name = safe_path(record.file_name).with_suffix(".jpg")
    _save(square, out / "photos" / name)
    for index, garment in cuts:
        numbered = name.with_stem(f"{name.stem}_{index + 1}")
        _save(garment, out / PurePosixPath(places[index][0]) / numbered)
    return Written(tuple(places[i][0] for i in wanted), missing)


def _place_of(instance: Instance) -> tuple[str, str]:
    """Return the folder of a garment, "" where it has none, and why."""
    kind = kind_of(instance)
    if kind not in KINDS:
        return "", kind
    category = CATEGORIES[kind].get(str(instance.attributes.get(CATEGORY)))
    colour = COLOURS.get(str(instance.attributes.get(COLOUR)))
    if category is None or colour is None:
        return "", "no category" if category is None else "no colour"
    return f"{KINDS[kind]}/{category}/{colour}", ""


def pad_resize(
    image: NDArray[np.uint8], side: int
) -> tuple[NDArray[np.uint8], float, tuple[int, int]]:
    """Return a picture on a white square, in its own proportions, centred.

    Args:
        image: uint8 (H, W, 3).
        side: of the square, pixels.

    Returns:
        uint8 (side, side, 3), the scale, and where the upper left corner lies (x, y):
        a point p of the image is at p * scale + corner.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square = Image.new("RGB", (side, side), (_WHITE,) * 3)
    square.paste(small, (left, top))
    return np.asarray(square), scale, (left, top)


def cut_garment(
    square: NDArray[np.uint8], instance: Instance, scale: float, shift: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return what a garment's polygon holds, on a white square of its own.

    Args:
        square: uint8 (S, S, 3), a photo by `pad_resize`.
        instance: the garment, in the photo's own pixels.
        scale: of the square.
        shift: of the square, pixels.

    Returns:
        uint8 (400, 400, 3).

    Raises:
        DataError: when nothing of the garment is in the photo.
    """
    ring = np.reshape(joined_ring(polygons_of(instance)), (-1, 2)) * scale + shift
    mask = fill_polygons([ring.ravel().tolist()], square.shape[:2])
    if not mask.any():
        raise DataError(f"nothing of the {instance.category} is in the photo")
    ys, xs = np.nonzero(mask)
    box = slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)
    cut = np.where(mask[box][..., None], square[box], np.uint8(_WHITE))
    return pad_resize(cut, GARMENT_SIDE)[0]


def _save(image: NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, "JPEG", quality=_QUALITY, subsampling=0)
