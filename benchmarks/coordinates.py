"""Effect of the warp's accuracy: interpolate between the predicted warp and the true one.

    python benchmarks/coordinates.py

The shipped pairs are rendered with warps between that of the predicted charts (share 1)
and one fitted to the true charts (share 0), horizontally and vertically, under the
universal generator's light: what a better chart network would gain, and what no chart
can. Then the vertical errors of the predicted warp, from collar to hem.
"""

from dataclasses import replace
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from data_tools.paint.rendered_pairs import Truth, find_pairs
from tryon.cli.evaluate import SHIPPED_PAIRS
from tryon.correspond import MATCHING, Matches, warp_by_matches
from tryon.evaluation.baselines import photo_raster, true_coordinates
from tryon.evaluation.metrics import compare, coordinate_errors, zones
from tryon.evaluation.tryon import read_pair
from tryon.pipeline import Options, TryOnPipeline, composite
from tryon.stages import Garment
from tryon.transfer import Relit

# Of the predicted warp, horizontally and vertically.
SHARES = [(share, share) for share in (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)]
SHARES += [(1.0, 0.0), (0.0, 1.0)]
BANDS = 6  # of a shirt's height, for vertical errors
METRICS = ("SSIM inside", "dE inside", "gradients inside")


@click.command()
def main() -> None:
    """Print a row for each pair of shares."""
    pipeline = TryOnPipeline.from_pretrained()
    rows: dict[tuple[float, float], list[list[float]]] = {both: [] for both in SHARES}
    down: list[NDArray[np.floating]] = []
    for pair in find_pairs(SHIPPED_PAIRS):
        user_photo, shop_photo, true_photo, truth = read_pair(pair)
        user, shop, _ = pipeline.find_pair(user_photo, shop_photo, Options())
        out1 = pipeline.transfer(user, shop)
        assert isinstance(out1, Relit)
        true_warp, _, _ = warp_by_matches(user, shop, true_matches(user, shop, truth))
        parts = zones(truth.tee)
        down.append(vertical_errors(out1.warp.grid, true_warp.grid, shop))
        for both in SHARES:
            grid = true_warp.grid + np.array(both) * (out1.warp.grid - true_warp.grid)
            warp = replace(out1.warp, grid=grid.astype(np.float32))
            warped = replace(out1, warp=warp)
            metrics = compare(composite(user, warped), true_photo.image, parts)
            error = median_error(user, warped, truth)
            rows[both].append([error, *(metrics[name] for name in METRICS)])
    head = ("across", "down", "coordinates", "SSIM", "dE", "gradients")
    print("{:<8}{:<8}{:>12}{:>8}{:>8}{:>11}".format(*head))
    for both, values in rows.items():
        error, ssim, difference, gradients = np.mean(values, axis=0)
        cells = f"{error:12.4f}{ssim:8.3f}{difference:8.1f}{gradients:11.3f}"
        print(f"{both[0]:<8}{both[1]:<8}{cells}")
    print(
        "vertical error, % of S1's height, in bands from collar to hem: mean, worst pair"
    )
    for name, bands in (("mean", np.mean(down, 0)), ("worst", np.max(down, 0))):
        print(f"{name:<8}" + "".join(f"{error:8.2f}" for error in 100 * bands))


def true_matches(user: Garment, shop: Garment, truth: Truth) -> Matches:
    """Match points of the user's front with their true points in the shop picture."""
    y, x = np.nonzero(truth.front)
    chosen = np.linspace(0, len(x) - 1, MATCHING.max_points).astype(np.intp)
    points = np.stack([x, y], axis=-1)[chosen]
    shop_points = true_coordinates(truth)[y[chosen], x[chosen]]
    return Matches(
        _to_work(shop_points, truth.shop_tee.shape, shop),
        _to_work(points, truth.tee.shape, user),
        "chart",
    )


def vertical_errors(
    grid: NDArray[np.float32], true: NDArray[np.float32], shop: Garment
) -> NDArray[np.floating]:
    """Return the mean vertical errors of a warp's middle, fractions of S1's height.

    Args:
        grid: control points (rows, columns, 2), see `Warp`.
        true: the same.
        shop: has S1.

    Returns:
        (BANDS,), from the collar to the hem.
    """
    third, height = grid.shape[1] // 3, shop.box[3] - shop.box[1]
    errors = (grid - true)[1:-1, third:-third, 1].mean(axis=1) / height
    return np.array([np.abs(band).mean() for band in np.array_split(errors, BANDS)])


def _to_work(
    points: NDArray[Any], size: tuple[int, ...], garment: Garment
) -> NDArray[np.float32]:
    """Scale pixels (x, y) of a photo to its working size."""
    scale = np.array(garment.work.shape[1::-1]) / np.array(size[1::-1])
    return ((points + 0.5) * scale - 0.5).astype(np.float32)


def median_error(user: Garment, out1: Relit, truth: Truth) -> float:
    """Return the median coordinate error of the front."""
    errors = coordinate_errors(out1.shop_coordinates(*photo_raster(user)), truth)
    return float(np.median(errors[truth.front]))


if __name__ == "__main__":
    main()
