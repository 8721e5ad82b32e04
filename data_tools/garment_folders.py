"""Cut K-Fashion's tops and bottoms out, into a folder per category and colour."""

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

COLOR = "색상"
# Names of folders by K-Fashion's labels.
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
COLORS = {
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


@dataclass(frozen=True)
class GarmentFolderConfig:
    """Sizes and quality of the pictures."""

    photo_side: int = 800  # pixels, of a square photo
    garment_side: int = 400  # pixels, of a square picture of a garment
    quality: int = 95  # of the JPEGs


DEFAULT = GarmentFolderConfig()


@dataclass(frozen=True)
class Written:
    """What was written of one image.

    Attributes:
        folders: of its garments, as "tops/t-shirt/black".
        skipped: reasons of garments that were not written, as "아우터" or "no colour".
    """

    folders: tuple[str, ...]
    skipped: tuple[str, ...]


def write_garments(
    dataset: Dataset, folder: Path, out: Path, config: GarmentFolderConfig = DEFAULT
) -> Iterator[Written | BadFile]:
    """Write photos to `photos`, and each top and bottom to its own folder.

    Args:
        dataset: K-Fashion's annotations.
        folder: holds the annotations; photos are searched by `find_photo`.
        out: an existing folder.
        config: sizes and quality.

    Yields:
        What was written of each image, or why nothing was.
    """
    for record in dataset.read_records():
        if isinstance(record, BadFile):
            yield record
            continue
        try:
            yield _write_image(record, folder, out, config)
        except FILE_ERRORS as error:
            yield BadFile.of(record.file_name, error)


def _write_image(
    record: ImageRecord, folder: Path, out: Path, config: GarmentFolderConfig
) -> Written:
    folders = [_folder_of(instance) for instance in record.instances]
    written = [i for i, (name, _) in enumerate(folders) if name]
    skipped = tuple(reason for name, reason in folders if not name)
    if not written:
        return Written((), skipped)
    image = AnnotatedPhoto(find_photo(folder, record.file_name), "").image()
    square, scale, shift = pad_resize(image, config.photo_side)
    cuts = [
        cut_garment(square, record.instances[i], scale, shift, config) for i in written
    ]
    name = safe_path(record.file_name).with_suffix(".jpg")
    _save(square, out / "photos" / name, config)
    for index, garment in zip(written, cuts, strict=True):
        numbered = name.with_stem(f"{name.stem}_{index + 1}")
        _save(garment, out / PurePosixPath(folders[index][0]) / numbered, config)
    return Written(tuple(folders[i][0] for i in written), skipped)


def _folder_of(instance: Instance) -> tuple[str, str]:
    """Return the folder of a garment and ""; or "" and why it has none."""
    kind = kind_of(instance)
    if kind not in KINDS:
        return "", kind
    category = CATEGORIES[kind].get(str(instance.attributes.get(CATEGORY)))
    color = COLORS.get(str(instance.attributes.get(COLOR)))
    if category is None or color is None:
        return "", "no category" if category is None else "no colour"
    return f"{KINDS[kind]}/{category}/{color}", ""


def pad_resize(
    image: NDArray[np.uint8], side: int
) -> tuple[NDArray[np.uint8], float, tuple[int, int]]:
    """Resize a picture into a white square, centred, with its aspect ratio kept.

    Args:
        image: uint8 (H, W, 3).
        side: of the square, pixels.

    Returns:
        uint8 (side, side, 3), the scale, and the shift (x, y) in pixels: a point p of the
        image comes to p * scale + shift.
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
    square: NDArray[np.uint8],
    instance: Instance,
    scale: float,
    shift: tuple[int, int],
    config: GarmentFolderConfig = DEFAULT,
) -> NDArray[np.uint8]:
    """Cut a garment out by its polygon, onto a white square.

    Args:
        square: uint8 (S, S, 3), a photo of `pad_resize`.
        instance: the garment, in pixels of the original photo.
        scale: of `pad_resize`.
        shift: of `pad_resize`, pixels.
        config: size of the new square.

    Returns:
        uint8 (400, 400, 3).

    Raises:
        DataError: when nothing of the garment is in the photo.
    """
    ring = np.reshape(joined_ring(polygons_of(instance)), (-1, 2)) * scale + shift
    mask = fill_polygons([ring.ravel().tolist()], square.shape[:2])
    if not mask.any():
        raise DataError(f"the {instance.category} is outside the photo")
    ys, xs = np.nonzero(mask)
    box = slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)
    cut = np.where(mask[box][..., None], square[box], np.uint8(_WHITE))
    return pad_resize(cut, config.garment_side)[0]


def _save(image: NDArray[np.uint8], path: Path, config: GarmentFolderConfig) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, "JPEG", quality=config.quality, subsampling=0)
