"""A sheet of the worst photos of an evaluation: truth green, what was found red."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from tryon.evaluate_segmentation import Result
from tryon.images import write_image

WORST = 24
COLUMNS = 6
CELL = (240, 300)  # width, height, with the text
_TEXT = 28  # pixels beneath a picture
_TRUTH, _FOUND = (0, 200, 0), (230, 0, 0)
_LINE = 2  # pixels


def worst(results: Sequence[Result], count: int = WORST) -> list[Result]:
    """Return the worst results: false finds first, surest first, then the least IoU."""
    false = [r for r in results if not r.tops and r.chosen is not None]
    bad = sorted((r for r in results if r.tops), key=lambda r: r.iou)
    false.sort(key=lambda r: -r.chosen.score if r.chosen else 0.0)
    return (false + bad)[:count]


def write_sheet(results: Sequence[Result], path: Path) -> None:
    """Draw the worst results into a picture file.

    Raises:
        TryOnError: when the file's format is not known or it cannot be written.
    """
    cells = [draw_cell(result) for result in worst(results)]
    blank = np.full((CELL[1], CELL[0], 3), 255, np.uint8)
    cells += [blank] * (-len(cells) % COLUMNS if cells else COLUMNS)
    rows = [np.hstack(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)]
    write_image(np.vstack(rows), path)


def draw_cell(result: Result) -> NDArray[np.uint8]:
    """Draw one photo with both outlines, its name and IoU beneath."""
    picture = Image.fromarray(result.look())
    picture.thumbnail((CELL[0] - 4, CELL[1] - _TEXT - 2))
    image = np.array(picture)
    for pieces, colour in ((result.tops, _TRUTH), ([result.chosen], _FOUND)):
        for piece in pieces:
            if piece is not None:
                image[_outline(piece.mask, picture.size)] = colour
    cell = Image.new("RGB", CELL, "white")
    cell.paste(Image.fromarray(image), ((CELL[0] - picture.width) // 2, 2))
    said = f"IoU {result.iou:.3f}" if result.tops else "no top here"
    score = f", score {result.chosen.score:.2f}" if result.chosen else ", nothing found"
    draw = ImageDraw.Draw(cell)
    name = result.name.encode("ascii", "replace").decode()[:38]
    draw.text((4, CELL[1] - _TEXT), f"{name}\n{said}{score}", fill="black")
    return np.asarray(cell)


def _outline(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the rim of a mask, drawn at another size (width, height)."""
    small = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    return small & ~ndimage.binary_erosion(small, iterations=_LINE)
