"""Annotated photos in one small file: JPEG photos and COCO's JSON in a zip.

Made to move data to another machine: photos shrink to a largest side, masks become run
lengths at that size.
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
from data_tools.formats.coco_files import read_coco
from data_tools.garments import photos_of

ANNOTATIONS = "annotations.json"
_MEMBER = re.compile(r"images/\d{6,9}\.jpg")
_MAX_JSON, _MAX_PHOTO = 1 << 30, 1 << 25  # bytes, unpacked: a zip may promise anything


def pack_photos(
    photos: list[AnnotatedPhoto], out: Path, max_size: int, quality: int
) -> Iterator[str]:
    """Write photos and annotations to a zip; it appears when it is whole.

    Args:
        photos: what to pack.
        out: the .zip to write.
        max_size: largest side of a packed photo, pixels.
        quality: of the JPEGs, 1 to 95.

    Yields:
        For each photo "" when it was packed, or why it was left out.
    """
    images: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    with tempfile.NamedTemporaryFile(dir=out.parent, delete=False) as file:
        temporary = Path(file.name)
        try:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for photo in photos:
                    try:
                        packed = _pack_one(photo, len(images) + 1, max_size, quality)
                    except BadPhotoError as error:
                        yield str(error)
                        continue
                    image, found, data = packed
                    archive.writestr(image["file_name"], data, zipfile.ZIP_STORED)
                    images.append(image)
                    rows += [
                        {"id": len(rows) + i, **row} for i, row in enumerate(found, 1)
                    ]
                    yield ""
                archive.writestr(ANNOTATIONS, _document(images, rows))
            file.close()
            temporary.chmod(0o644)
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)


def _document(images: list[dict[str, Any]], rows: list[dict[str, Any]]) -> str:
    names = ("unknown", *CATEGORIES)
    categories = [{"id": i, "name": name} for i, name in enumerate(names)]
    values = {"images": images, "annotations": rows, "categories": categories}
    return json.dumps(values, separators=(",", ":"))


def _pack_one(
    photo: AnnotatedPhoto, number: int, max_size: int, quality: int
) -> tuple[dict[str, Any], list[dict[str, Any]], bytes]:
    """Return COCO's image, its annotations and the JPEG of one photo."""
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
    """Return COCO's compressed run lengths of a mask, at another (width, height)."""
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    small = np.asarray(grey.resize(size, Image.Resampling.BOX)) >= 128
    found = coco_mask.encode(np.asfortranarray(small, np.uint8))
    return {"size": list(found["size"]), "counts": found["counts"].decode("ascii")}


def read_packed(path: Path, polygons: str = "segmentation") -> list[AnnotatedPhoto]:
    """Read what `pack_photos` wrote; photos are unpacked one by one, when they are used.

    Raises:
        DataError: when the file is no such zip.
    """
    try:
        # Open as long as its photos are: to read the list of members takes a while.
        archive = zipfile.ZipFile(path)
        with tempfile.TemporaryDirectory() as folder:
            document = Path(folder, ANNOTATIONS)
            document.write_bytes(_read_member(archive, ANNOTATIONS, _MAX_JSON))
            records = read_coco(document).read_records()
            opener = partial(_opener, archive)
            return photos_of(records, "coco", polygons, path.joinpath, opener)
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
    """Read a member of at most `limit` bytes, whatever its header promises."""
    with archive.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"expected at most {limit} bytes in {name}")
    return data
