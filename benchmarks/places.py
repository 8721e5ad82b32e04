"""How exact the places must be: from our own warp to the true one, step by step.

    python benchmarks/places.py

The shipped pairs are done with warps between that of the charts (share 1) and one fitted
to the true charts (share 0), across and down the shop picture, under the universal
generator's light: what a better chart network would bring, and what no chart can. Then
how far down the shirt our own warp is how far off.
"""

from dataclasses import replace
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from data_tools.paint.rendered_pairs import Truth, find_pairs
from tryon.cli.evaluate import SHIPPED_PAIRS
from tryon.correspond import MATCHING, Matches, warp_by_matches
from tryon.evaluation.baselines import photo_raster, true_places
from tryon.evaluation.metrics import compare, coordinate_errors, zones
from tryon.evaluation.tryon import read_pair
from tryon.pipeline import Options, TryOnPipeline, composite
from tryon.stages import Garment
from tryon.transfer import Relit

# Of our own warp, across and down.
SHARES = [(share, share) for share in (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)]
SHARES += [(1.0, 0.0), (0.0, 1.0)]
BANDS = 6  # of a shirt's height that errors down are told of
FIGURES = ("SSIM inside", "dE inside", "gradients inside")


@click.command()
def main() -> None:
    """Print a row for each pair of shares."""
    pipeline = TryOnPipeline.from_pretrained()
    rows: dict[tuple[float, float], list[list[float]]] = {both: [] for both in SHARES}
    down: list[NDArray[np.floating]] = []
    for pair in find_pairs(SHIPPED_PAIRS):
        user_photo, shop_photo, true_photo, truth = read_pair(pair)
        user, shop, _ = pipeline.find_pair(user_photo, shop_photo, Options())
        ours = pipeline.transfer(user, shop)
        assert isinstance(ours, Relit)
        true_warp, _, _ = warp_by_matches(user, shop, true_points(user, shop, truth))
        parts = zones(truth.tee)
        down.append(errors_down(ours.warp.grid, true_warp.grid, shop))
        for both in SHARES:
            grid = true_warp.grid + np.array(both) * (ours.warp.grid - true_warp.grid)
            drawn = replace(ours, warp=replace(ours.warp, grid=grid.astype(np.float32)))
            figures = compare(composite(user, drawn), true_photo.image, parts)
            away = placed(user, drawn, truth)
            rows[both].append([away, *(figures[name] for name in FIGURES)])
    head = ("across", "down", "coordinates", "SSIM", "dE", "gradients")
    print("{:<8}{:<8}{:>12}{:>8}{:>8}{:>11}".format(*head))
    for both, found in rows.items():
        away, ssim, difference, gradients = np.mean(found, axis=0)
        figures = f"{away:12.4f}{ssim:8.3f}{difference:8.1f}{gradients:11.3f}"
        print(f"{both[0]:<8}{both[1]:<8}{figures}")
    print("off down S1, % of its height, in bands from collar to hem: mean, worst pair")
    for name, figures in (("mean", np.mean(down, 0)), ("worst", np.max(down, 0))):
        print(f"{name:<8}" + "".join(f"{figure:8.2f}" for figure in 100 * figures))


def true_points(user: Garment, shop: Garment, truth: Truth) -> Matches:
    """Pair spots of the user's front with their true spots in the shop picture."""
    y, x = np.nonzero(truth.front)
    chosen = np.linspace(0, len(x) - 1, MATCHING.max_points).astype(np.intp)
    spots = np.stack([x, y], axis=-1)[chosen]
    places = true_places(truth)[y[chosen], x[chosen]]
    return Matches(
        _to_work(places, truth.shop_tee.shape, shop),
        _to_work(spots, truth.tee.shape, user),
        "chart",
    )


def errors_down(
    ours: NDArray[np.float32], true: NDArray[np.float32], shop: Garment
) -> NDArray[np.floating]:
    """Return how far a warp's middle is off, up or down S1, as shares of S1's height.

    Args:
        ours: lattice (rows, columns, 2), see `Warp`.
        true: the same.
        shop: has S1.

    Returns:
        (BANDS,), from the collar to the hem.
    """
    third = ours.shape[1] // 3
    off = (ours - true)[1:-1, third:-third, 1].mean(axis=1) / (shop.box[3] - shop.box[1])
    return np.array([np.abs(band).mean() for band in np.array_split(off, BANDS)])


def _to_work(
    spots: NDArray[Any], size: tuple[int, ...], garment: Garment
) -> NDArray[np.float32]:
    """Bring pixels (x, y) of a photo to its working size."""
    scale = np.array(garment.work.shape[1::-1]) / np.array(size[1::-1])
    return ((spots + 0.5) * scale - 0.5).astype(np.float32)


def placed(user: Garment, drawn: Relit, truth: Truth) -> float:
    """Return the median coordinate error of the front."""
    errors = coordinate_errors(drawn.shop_coordinates(*photo_raster(user)), truth)
    return float(np.median(errors[truth.front]))


if __name__ == "__main__":
    main()
