"""Lay pictures out in a contact sheet: cells of equal size with captions, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class SheetConfig:
    """Layout of a contact sheet; sizes are in pixels."""

    cell: tuple[int, int] = (240, 300)  # width, height, with the caption
    margin: int = 2  # around a picture
    caption_height: int = 28  # two lines of text beneath a picture
    max_characters: int = 38  # of a line of the caption
    columns: int = 6


DEFAULT = SheetConfig()
_WHITE = 255


def fit_picture(image: Picture, config: SheetConfig = DEFAULT) -> Image.Image:
    """Scale a picture, uint8 (H, W, 3), down to a cell; smaller ones keep their size."""
    width, height = config.cell
    picture = Image.fromarray(image)
    picture.thumbnail(
        (width - 2 * config.margin, height - config.caption_height - config.margin)
    )
    return picture


def draw_cell(
    image: Picture | None, *lines: str, config: SheetConfig = DEFAULT
) -> Picture:
    """Draw a picture with a caption beneath it.

    Args:
        image: uint8 (H, W, 3), of any size; None leaves the cell white.
        lines: at most two; letters beyond ASCII, which Pillow's own font lacks, are shown
            as `?`.
        config: layout.

    Returns:
        uint8 (h, w, 3), of the size `config.cell`.
    """
    width, height = config.cell
    cell = Image.new("RGB", config.cell, "white")
    if image is not None:
        picture = fit_picture(image, config)
        cell.paste(picture, ((width - picture.width) // 2, config.margin))
    ascii_lines = (line.encode("ascii", "replace").decode() for line in lines)
    text = "\n".join(line[: config.max_characters] for line in ascii_lines)
    ImageDraw.Draw(cell).text((4, height - config.caption_height), text, fill="black")
    return np.asarray(cell)


def lay_out(
    cells: Sequence[Picture],
    columns: int | None = None,
    gap: int = 0,
    config: SheetConfig = DEFAULT,
) -> Picture:
    """Lay cells out row by row, on white.

    Args:
        cells: uint8 (h, w, 3) each; smaller ones are put into the upper left corner of
            their place. Without any, the sheet is one white row.
        columns: cells in a row. Defaults to `config.columns`.
        gap: white pixels to the right of and beneath each cell.
        config: size of the cells where there are none.

    Returns:
        uint8 (H, W, 3).
    """
    columns = columns or config.columns
    rows = max(1, -(-len(cells) // columns))
    height = max((cell.shape[0] for cell in cells), default=config.cell[1])
    width = max((cell.shape[1] for cell in cells), default=config.cell[0])
    size = rows * (height + gap), columns * (width + gap)
    sheet = np.full((*size, 3), _WHITE, np.uint8)
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        top, left = row * (height + gap), column * (width + gap)
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet
