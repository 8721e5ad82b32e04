"""Draw a contact sheet of annotated photos: outlines, boxes, landmarks, categories."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from data_tools.annotations import (
    FILE_ERRORS,
    AnnotatedPhoto,
    BadFile,
    Dataset,
    ImageRecord,
    Instance,
    Ring,
)
from data_tools.contact_sheet import DEFAULT, draw_cell, fit_picture, lay_out
from data_tools.files import find_photo
from data_tools.outlines import polygons_of

_COLORS = ("#e60078", "#00a0e6", "#2fb344", "#f08c00", "#8b5cf6", "#e03131")
_VISIBLE, _OCCLUDED = "#ffd200", "#ffffff"  # colours of landmarks
_DOT = 2  # pixels, radius of a landmark


def sample_records(dataset: Dataset, count: int, seed: int) -> list[ImageRecord]:
    """Draw records uniformly at random, in their order, by reservoir sampling.

    At most `count` records are held in memory; bad files are skipped.

    References:
        J. Vitter, "Random Sampling with a Reservoir", ACM TOMS 1985 (algorithm R).
    """
    rng = np.random.default_rng(seed)
    kept: list[tuple[int, ImageRecord]] = []
    seen = 0
    for record in dataset.read_records():
        if isinstance(record, BadFile):
            continue
        seen += 1
        if len(kept) < count:
            kept.append((seen, record))
        elif (index := int(rng.integers(seen))) < count:
            kept[index] = (seen, record)
    return [record for _, record in sorted(kept, key=lambda pair: pair[0])]


def draw_sheet(records: Sequence[ImageRecord], folder: Path) -> NDArray[np.uint8]:
    """Draw records over their photos, in rows of six.

    Args:
        records: what to draw; a photo that cannot be read is replaced by the reason.
        folder: holds the annotations; photos are searched by `find_photo`.

    Returns:
        uint8 (H, W, 3).
    """
    return lay_out([draw_record(record, folder) for record in records])


def draw_record(record: ImageRecord, folder: Path) -> NDArray[np.uint8]:
    """Draw one record over its photo, with name and categories beneath."""
    picture = None
    text = ", ".join(instance.category for instance in record.instances) or "nothing"
    try:
        picture = _draw_photo(record, folder)
    except FILE_ERRORS as error:
        text = str(error)
    name = record.file_name[-DEFAULT.max_characters :]
    return draw_cell(picture, name, " ".join(text.split()))


def _draw_photo(record: ImageRecord, folder: Path) -> NDArray[np.uint8]:
    image = AnnotatedPhoto(find_photo(folder, record.file_name), "").image()
    picture = fit_picture(image)
    draw = ImageDraw.Draw(picture)
    for index, instance in enumerate(record.instances):
        color = _COLORS[index % len(_COLORS)]
        _draw_instance(draw, instance, color, picture.width / image.shape[1])
    return np.asarray(picture)


def _draw_instance(
    draw: ImageDraw.ImageDraw, instance: Instance, color: str, scale: float
) -> None:
    for polygon in polygons_of(instance):
        for ring in (polygon.outer, *polygon.holes):
            if len(ring) >= 4:
                draw.line(_scaled((*ring, *ring[:2]), scale), fill=color, width=2)
    if instance.box is not None:
        x1, y1, x2, y2 = _scaled(instance.box, scale)
        draw.line((x1, y1, x2, y1, x2, y2, x1, y2, x1, y1), fill=color)
    points = instance.landmarks or ()
    for x, y, v in zip(points[0::3], points[1::3], points[2::3], strict=True):
        if v > 0:
            x, y = _scaled((x, y), scale)
            dot = (x - _DOT, y - _DOT, x + _DOT, y + _DOT)
            draw.ellipse(dot, fill=_VISIBLE if v == 2 else _OCCLUDED, outline=color)


def _scaled(ring: Ring, scale: float) -> list[float]:
    """Return a ring in pixels of the small picture; points far outside are clipped."""
    limit = DEFAULT.cell[1]
    values = np.clip(np.asarray(ring, np.float64) * scale, -limit, 2 * limit)
    return np.nan_to_num(values).tolist()
