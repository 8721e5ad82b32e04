"""A sheet of try-on pairs: the best, the median and the worst, truth beside ours."""

from collections.abc import Sequence
from pathlib import Path

from tryon.evaluation.sheets import caption, tile
from tryon.evaluation.tryon import OURS, Result
from tryon.images import write_image

SCORE = "dE inside"  # pairs are ranked by it
COLUMNS = 4  # user, shop, ours, truth


def ranked(results: Sequence[Result]) -> list[tuple[str, Result]]:
    """Return the best, median and worst of the results that were not refused.

    Of two there is no median, one alone is the best.
    """
    done = [result for result in results if SCORE in result.figures.get(OURS, {})]
    done.sort(key=lambda result: result.figures[OURS][SCORE])
    if len(done) < 3:
        return list(zip(("best", "worst"), done, strict=False))
    return [("best", done[0]), ("median", done[len(done) // 2]), ("worst", done[-1])]


def write_sheet(results: Sequence[Result], path: Path) -> None:
    """Draw the sheet into a picture file, a row a pair.

    Raises:
        TryOnError: when the file's format is not known or it cannot be written.
    """
    cells = []
    for name, result in ranked(results):
        figures = result.figures[OURS]
        said = f"{figures[SCORE]:.1f} dE, SSIM {figures['SSIM inside']:.2f}"
        user, shop, ours, truth = result.look()
        cells += [
            caption(user, f"{name}: {result.pair.user}", ", ".join(result.pair.tags)),
            caption(shop, result.pair.shop),
            caption(ours, "ours", said),
            caption(truth, "truth"),
        ]
    write_image(tile(cells, COLUMNS), path)
