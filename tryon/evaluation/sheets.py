"""A sheet of the worst photos of an evaluation: truth green, what was found red."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from tryon.evaluation.segmentation import Result
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
    write_image(tile([draw_cell(result) for result in worst(results)], COLUMNS), path)


def tile(cells: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Lay cells out row by row, the last row filled up with white; no cell, one row."""
    blank = np.full((CELL[1], CELL[0], 3), 255, np.uint8)
    full = [*cells, *[blank] * (-len(cells) % columns if cells else columns)]
    rows = [np.hstack(full[i : i + columns]) for i in range(0, len(full), columns)]
    return np.vstack(rows)


def draw_cell(result: Result) -> NDArray[np.uint8]:
    """Draw one photo with both outlines, its name and IoU beneath."""
    picture = _fit(result.look())
    image = np.array(picture)
    for pieces, colour in ((result.tops, _TRUTH), ([result.chosen], _FOUND)):
        for piece in pieces:
            if piece is not None:
                image[_outline(piece.mask, picture.size)] = colour
    said = f"IoU {result.iou:.3f}" if result.tops else "no top here"
    score = f", score {result.chosen.score:.2f}" if result.chosen else ", nothing found"
    return caption(image, result.name, said + score)


def caption(image: NDArray[np.uint8], *lines: str) -> NDArray[np.uint8]:
    """Draw a picture into a cell, with two lines of text at most beneath it.

    Args:
        image: uint8 (H, W, 3), of any size.
        lines: letters beyond ASCII are shown as `?`.

    Returns:
        uint8, a cell of the size `CELL`.
    """
    picture = _fit(image)
    cell = Image.new("RGB", CELL, "white")
    cell.paste(picture, ((CELL[0] - picture.width) // 2, 2))
    text = "\n".join(line.encode("ascii", "replace").decode()[:38] for line in lines)
    ImageDraw.Draw(cell).text((4, CELL[1] - _TEXT), text, fill="black")
    return np.asarray(cell)


def _fit(image: NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(image)
    picture.thumbnail((CELL[0] - 4, CELL[1] - _TEXT - 2))
    return picture


def _outline(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the rim of a mask, drawn at another size (width, height)."""
    small = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    return small & ~ndimage.binary_erosion(small, iterations=_LINE)
