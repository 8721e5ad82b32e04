"""A contact sheet of annotated photos: outlines, boxes, landmarks and categories."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from data_tools.annotations import (
    FILE_ERRORS,
    AnnotatedPhoto,
    BadFile,
    Dataset,
    ImageRecord,
    Instance,
    Ring,
)
from data_tools.files import find_photo
from data_tools.outlines import polygons_of

COLUMNS = 6
CELL = (240, 300)  # width, height, with the text
_TEXT = 28  # pixels beneath a picture
_COLOURS = ("#e60078", "#00a0e6", "#2fb344", "#f08c00", "#8b5cf6", "#e03131")
_SEEN, _HIDDEN = "#ffd200", "#ffffff"
_DOT = 2  # pixels


def choose_records(dataset: Dataset, count: int, seed: int) -> list[ImageRecord]:
    """Return so many records, each as likely as any other, in their order.

    Holds no more than these at a time; what cannot be read is passed over.
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
        elif (place := int(rng.integers(seen))) < count:
            kept[place] = (seen, record)
    return [record for _, record in sorted(kept, key=lambda pair: pair[0])]


def draw_sheet(records: Sequence[ImageRecord], folder: Path) -> Image.Image:
    """Draw records over their photos, in rows of six.

    Args:
        records: what to draw; a photo that cannot be read is said to be so.
        folder: of the annotations; photos lie as `find_photo` looks for them.
    """
    rows = max(1, -(-len(records) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * CELL[0], rows * CELL[1]), "white")
    for index, record in enumerate(records):
        row, column = divmod(index, COLUMNS)
        sheet.paste(draw_cell(record, folder), (column * CELL[0], row * CELL[1]))
    return sheet


def draw_cell(record: ImageRecord, folder: Path) -> Image.Image:
    """Draw one record over its photo, with name and categories beneath."""
    cell = Image.new("RGB", CELL, "white")
    said = ", ".join(instance.category for instance in record.instances) or "nothing"
    try:
        picture = _draw_photo(record, folder)
    except FILE_ERRORS as error:
        said = str(error)
    else:
        cell.paste(picture, ((CELL[0] - picture.width) // 2, 2))
    # Pillow's own font knows no other letters.
    lines = [
        text.encode("ascii", "replace").decode() for text in (record.file_name, said)
    ]
    text = f"{lines[0][-38:]}\n{' '.join(lines[1].split())[:38]}"
    ImageDraw.Draw(cell).text((4, CELL[1] - _TEXT), text, fill="black")
    return cell


def _draw_photo(record: ImageRecord, folder: Path) -> Image.Image:
    path = find_photo(folder, record.file_name)
    picture = Image.fromarray(AnnotatedPhoto(path, "").image())
    full = picture.width
    picture.thumbnail((CELL[0] - 4, CELL[1] - _TEXT - 2))
    draw = ImageDraw.Draw(picture)
    for index, instance in enumerate(record.instances):
        colour = _COLOURS[index % len(_COLOURS)]
        _draw_instance(draw, instance, colour, picture.width / full)
    return picture


def _draw_instance(
    draw: ImageDraw.ImageDraw, instance: Instance, colour: str, scale: float
) -> None:
    for polygon in polygons_of(instance):
        for ring in (polygon.outer, *polygon.holes):
            if len(ring) >= 4:
                draw.line(_scaled((*ring, *ring[:2]), scale), fill=colour, width=2)
    if instance.box is not None:
        x1, y1, x2, y2 = _scaled(instance.box, scale)
        draw.line((x1, y1, x2, y1, x2, y2, x1, y2, x1, y1), fill=colour)
    points = instance.landmarks or ()
    for x, y, v in zip(points[0::3], points[1::3], points[2::3], strict=True):
        if v > 0:
            x, y = _scaled((x, y), scale)
            dot = (x - _DOT, y - _DOT, x + _DOT, y + _DOT)
            draw.ellipse(dot, fill=_SEEN if v == 2 else _HIDDEN, outline=colour)


def _scaled(ring: Ring, scale: float) -> list[float]:
    """Return a ring in pixels of the small picture; far points are brought near."""
    values = np.clip(np.asarray(ring, np.float64) * scale, -CELL[1], 2 * CELL[1])
    return np.nan_to_num(values).tolist()
