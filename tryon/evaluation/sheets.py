"""Contact sheets of an evaluation: the worst masks, and try-on pairs beside the truth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from tryon.evaluation import segmentation, tryon
from tryon.files import write_image

WORST = 24  # photos on a sheet of masks
MASK_COLUMNS, PAIR_COLUMNS = 6, 4  # a pair is a row: user, shop, ours, truth
PAIR_SCORE = "dE inside"  # pairs are ranked by it
CELL = (240, 300)  # width, height, with the text
_TEXT = 28  # pixels beneath a picture
_TRUTH, _PREDICTED = (0, 200, 0), (230, 0, 0)
_LINE = 2  # pixels


def worst(
    results: Sequence[segmentation.Result], count: int = WORST
) -> list[segmentation.Result]:
    """Return the worst results: false positives by score, then the lowest IoUs."""
    false = [r for r in results if not r.tops and r.chosen is not None]
    bad = sorted((r for r in results if r.tops), key=lambda r: r.iou)
    false.sort(key=lambda r: -r.chosen.score if r.chosen else 0.0)
    return (false + bad)[:count]


def write_mask_sheet(results: Sequence[segmentation.Result], path: Path) -> None:
    """Draw the worst results into a picture file, truth green, prediction red.

    Raises:
        TryOnError: when the file's format is not known or it cannot be written.
    """
    write_image(
        tile([draw_cell(result) for result in worst(results)], MASK_COLUMNS), path
    )


def tile(cells: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Lay cells out row by row, the last row filled up with white; no cell, one row."""
    blank = np.full((CELL[1], CELL[0], 3), 255, np.uint8)
    full = [*cells, *[blank] * (-len(cells) % columns if cells else columns)]
    rows = [np.hstack(full[i : i + columns]) for i in range(0, len(full), columns)]
    return np.vstack(rows)


def draw_cell(result: segmentation.Result) -> NDArray[np.uint8]:
    """Draw one photo with both outlines, its name and IoU beneath."""
    picture = _fit(result.look())
    image = np.array(picture)
    for pieces, colour in ((result.tops, _TRUTH), ([result.chosen], _PREDICTED)):
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


def rank_pairs(
    results: Sequence[tryon.Result],
) -> list[tuple[str, tryon.Result]]:
    """Return the best, median and worst of the results that were not refused.

    Two have no median; a single one is the best.
    """
    done = [
        result for result in results if PAIR_SCORE in result.figures.get(tryon.OURS, {})
    ]
    done.sort(key=lambda result: result.figures[tryon.OURS][PAIR_SCORE])
    if len(done) < 3:
        return list(zip(("best", "worst"), done, strict=False))
    return [("best", done[0]), ("median", done[len(done) // 2]), ("worst", done[-1])]


def write_pair_sheet(results: Sequence[tryon.Result], path: Path) -> None:
    """Draw the best, median and worst pair into a picture file, truth beside ours.

    Raises:
        TryOnError: when the file's format is not known or it cannot be written.
    """
    cells = []
    for name, result in rank_pairs(results):
        figures = result.figures[tryon.OURS]
        figures_text = f"{figures[PAIR_SCORE]:.1f} dE, SSIM {figures['SSIM inside']:.2f}"
        user, shop, ours, truth = result.look()
        cells += [
            caption(user, f"{name}: {result.pair.user}", ", ".join(result.pair.tags)),
            caption(shop, result.pair.shop),
            caption(ours, "ours", figures_text),
            caption(truth, "truth"),
        ]
    write_image(tile(cells, PAIR_COLUMNS), path)
