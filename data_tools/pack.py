"""Pack annotated photos into one small zip of JPEG photos and COCO's JSON.

It serves to move training data to another machine: photos are scaled to a maximum side,
masks become run lengths at that size.
"""

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from data_tools.annotations import (
    CATEGORIES,
    LANDMARKS,
    SHORT_SLEEVE_TOP,
    AnnotatedPhoto,
    BadPhotoError,
    DataError,
    Garment,
)
from data_tools.files import whole_file
from data_tools.formats.coco_files import read_coco
from data_tools.garments import photos_of
from data_tools.outlines import encode_mask

ANNOTATIONS = "annotations.json"  # in the zip
_MEMBER = re.compile(r"images/\d{6,9}\.jpg")
# Bytes, unpacked: a hostile zip may claim any size.
_MAX_JSON, _MAX_PHOTO = 1 << 30, 1 << 25


def pack_photos(
    photos: list[AnnotatedPhoto], out: Path, max_size: int, quality: int
) -> Iterator[str]:
    """Write photos and annotations to a zip, which appears when it is complete.

    Args:
        photos: what to pack.
        out: the .zip to write.
        max_size: maximum side of a packed photo, pixels.
        quality: of the JPEGs, 1 to 95.

    Yields:
        For each photo "" when it was packed, or why it was left out.
    """
    images: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    with (
        whole_file(out) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for photo in photos:
            try:
                packed = _pack_one(photo, len(images) + 1, max_size, quality)
            except BadPhotoError as error:
                yield str(error)
                continue
            image, annotations, data = packed
            archive.writestr(image["file_name"], data, zipfile.ZIP_STORED)
            images.append(image)
            rows += [{"id": len(rows) + i, **row} for i, row in enumerate(annotations, 1)]
            yield ""
        archive.writestr(ANNOTATIONS, _document(images, rows))


def _document(images: list[dict[str, Any]], rows: list[dict[str, Any]]) -> str:
    names = ("unknown", *CATEGORIES)
    categories = [{"id": i, "name": name} for i, name in enumerate(names)]
    values = {"images": images, "annotations": rows, "categories": categories}
    return json.dumps(values, separators=(",", ":"))


def _pack_one(
    photo: AnnotatedPhoto, number: int, max_size: int, quality: int
) -> tuple[dict[str, Any], list[dict[str, Any]], bytes]:
    """Return COCO's image and annotations, and the JPEG, of one photo."""
    picture, garments = Image.fromarray(photo.image()), photo.garments()
    foreground = photo.foreground()
    scale = min(1.0, max_size / max(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    small = picture.resize((width, height), Image.Resampling.LANCZOS)
    image: dict[str, Any] = {
        "id": number,
        "file_name": f"images/{number:06d}.jpg",
        "height": height,
        "width": width,
        "source": photo.source,
    }
    if foreground is not None:
        image["foreground"] = _run_lengths(foreground, (width, height))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    rows = [_annotation(garment, number, (width, height)) for garment in garments]
    return image, rows, buffer.getvalue()


def _annotation(garment: Garment, number: int, size: tuple[int, int]) -> dict[str, Any]:
    lengths = _run_lengths(garment.mask, size)
    row: dict[str, Any] = {
        "image_id": number,
        "category_id": garment.label,
        "segmentation": lengths,
        "area": int(coco_mask.area(lengths)),
        "bbox": coco_mask.toBbox(lengths).tolist(),
        "iscrowd": 0,
    }
    points = garment.landmarks
    if (
        points is not None
        and garment.label == SHORT_SLEEVE_TOP
        and len(points) == LANDMARKS
    ):
        height, width = garment.mask.shape
        moved = points * np.array([size[0] / width, size[1] / height, 1])
        row["keypoints"] = [round(float(value), 2) for value in moved.ravel()]
    if garment.attributes:
        row["attributes"] = dict(garment.attributes)
    return row


def _run_lengths(mask: NDArray[np.bool_], size: tuple[int, int]) -> dict[str, Any]:
    """Return COCO's compressed run lengths of a mask, resized to (width, height)."""
    gray = Image.fromarray(mask.astype(np.uint8) * 255)
    return encode_mask(np.asarray(gray.resize(size, Image.Resampling.BOX)) >= 128)


def read_packed(path: Path, polygons: str = "segmentation") -> list[AnnotatedPhoto]:
    """Read a zip of `pack_photos`; photos are unpacked lazily.

    Raises:
        DataError: when the file is not such a zip.
    """
    try:
        # Stays open while its photos are in use: reading the list of members is slow.
        archive = zipfile.ZipFile(path)
        with tempfile.TemporaryDirectory() as folder:
            document = Path(folder, ANNOTATIONS)
            document.write_bytes(_read_member(archive, ANNOTATIONS, _MAX_JSON))
            records = read_coco(document).read_records()
            opener_of = partial(_opener, archive)
            return photos_of(records, "coco", polygons, path.joinpath, opener_of)
    except (
        zipfile.BadZipFile, ValueError, LookupError, TypeError, AttributeError,
    ) as error:  # fmt: skip
        raise DataError(
            f"{path}: expected a zip of `tryon data pack` ({error!r})"
        ) from error


def _opener(archive: zipfile.ZipFile, name: str) -> Callable[[], IO[bytes]]:
    if not _MEMBER.fullmatch(name):
        raise ValueError(f"expected images/<number>.jpg, got {name!r}")
    return lambda: io.BytesIO(_read_member(archive, name, _MAX_PHOTO))


def _read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Read a member of at most `limit` bytes, whatever its header claims."""
    with archive.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"expected at most {limit} bytes in {name}")
    return data
