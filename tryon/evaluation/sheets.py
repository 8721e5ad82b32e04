"""Contact sheets of an evaluation: the worst masks, and try-on pairs beside the truth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from data_tools.contact_sheet import draw_cell, fit_picture, lay_out
from tryon.evaluation import segmentation, tryon
from tryon.files import write_image

WORST = 24  # photos on a sheet of masks
MASK_COLUMNS, PAIR_COLUMNS = 6, 4  # a pair is a row: user, shop, result, truth
PAIR_SCORE = "dE inside"  # pairs are ranked by it
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
    """Write a sheet of the worst results, truth green, prediction red.

    Raises:
        TryOnError: when the file's format is unknown or it cannot be written.
    """
    cells = [draw_result(result) for result in worst(results)]
    write_image(lay_out(cells, MASK_COLUMNS), path)


def draw_result(result: segmentation.Result) -> NDArray[np.uint8]:
    """Draw one photo with both outlines, its name and IoU beneath."""
    picture = fit_picture(result.read_image())
    image = np.array(picture)
    for instances, color in ((result.tops, _TRUTH), ([result.chosen], _PREDICTED)):
        for instance in instances:
            if instance is not None:
                image[_outline(instance.mask, picture.size)] = color
    text = f"IoU {result.iou:.3f}" if result.tops else "no top here"
    score = f", score {result.chosen.score:.2f}" if result.chosen else ", nothing found"
    return draw_cell(image, result.name, text + score)


def _outline(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the outline of a mask, resized to (width, height)."""
    small = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    return small & ~ndimage.binary_erosion(small, iterations=_LINE)


def rank_pairs(
    results: Sequence[tryon.Result],
) -> list[tuple[str, tryon.Result]]:
    """Return the best, median and worst of the results that were not refused.

    Two have no median; a single one is the best.
    """
    done = [r for r in results if PAIR_SCORE in r.metrics.get(tryon.PIPELINE, {})]
    done.sort(key=lambda result: result.metrics[tryon.PIPELINE][PAIR_SCORE])
    if len(done) < 3:
        return list(zip(("best", "worst"), done, strict=False))
    return [("best", done[0]), ("median", done[len(done) // 2]), ("worst", done[-1])]


def write_pair_sheet(results: Sequence[tryon.Result], path: Path) -> None:
    """Write a sheet of the best, median and worst pair, beside the truth.

    Raises:
        TryOnError: when the file's format is unknown or it cannot be written.
    """
    cells = []
    for name, result in rank_pairs(results):
        metrics = result.metrics[tryon.PIPELINE]
        text = f"{metrics[PAIR_SCORE]:.1f} dE, SSIM {metrics['SSIM inside']:.2f}"
        user, shop, out2, truth = result.render()
        cells += [
            draw_cell(user, f"{name}: {result.pair.user}", ", ".join(result.pair.tags)),
            draw_cell(shop, result.pair.shop),
            draw_cell(out2, "ours", text),
            draw_cell(truth, "truth"),
        ]
    write_image(lay_out(cells, PAIR_COLUMNS), path)
