"""Evaluate the separation of shading from print, on garments of the val split.

    python benchmarks/shading.py CARD --data RENDERS --photos PHOTOS

Two metrics for every method: the standard deviation of the error of its log shading, and
the correlation of its gradients with the true ones. The garments are rendered people as
they are and painted anew, rendered shop pictures of plain tees, and plain tees of real
photos, painted anew, whose own shading is the truth. The designs are the val people's.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from compositor import shading
from data_tools.folders import read_folder
from data_tools.paint import designs
from tryon.light import shading_input
from tryon.networks import load_network
from tryon.training.samples.relit_pairs import (
    RelightableGarment,
    RelitPairsConfig,
    find_renders,
    read_worn,
)
from tryon.training.samples.shading import (
    LitGarment,
    crop_garment,
    find_plain_shop,
    find_plain_top,
)
from tryon.zoo import load_card

Plane = NDArray[np.float32]
Case = tuple[NDArray[np.uint8], LitGarment]
DESIGNS = 6  # painted on each real tee


@click.command()
@click.argument("card", type=click.Path(exists=True, path_type=Path))
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
def main(card: Path, data: Path, photos: Path) -> None:
    """Print both metrics of every method, for every kind of garment."""
    network = load_network(load_card(card), "shading")

    def learned(view: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Plane:
        return network(shading_input(view, mask)[None])[0, ..., 0]

    methods = {"network": learned, "classical": classical, "even light": constant}
    head = " | ".join(f"{name}: error, slopes" for name in methods)
    print(f"| garments | n | {head} |")
    print("| --- " * (2 + len(methods)) + "|")
    for kind, cases in gather(data, photos, network.config.image_size).items():
        cells = ["{:.3f}, {:.3f}".format(*measure(m, cases)) for m in methods.values()]
        print(f"| {kind} | {len(cases)} | " + " | ".join(cells) + " |", flush=True)


def gather(data: Path, photos: Path, size: int) -> dict[str, list[Case]]:
    """Return views with their ground truth, by kind of garment."""
    rng = np.random.default_rng(0)
    stems = find_renders([data], "val")
    textures = [designs.read_texture(s.with_name(s.name + ".tex.jpg")) for s in stems]
    worn = list(views(map(read_worn, stems), True, size, rng))
    shop = list(views(map(find_plain_shop, stems), True, size, rng))
    real = list(views(map(find_plain_top, read_folder(photos, "val")), False, size, rng))
    return {
        "worn renders": [(garment.photo, garment) for garment in worn],
        "the same, painted": list(painted(worn, textures, 1, rng)),
        "rendered shop pictures, plain": [(garment.photo, garment) for garment in shop],
        "the same, painted ": list(painted(shop, textures, 1, rng)),
        "plain tees of photos": [(garment.photo, garment) for garment in real],
        "the same,  painted": list(painted(real, textures, DESIGNS, rng)),
    }


def views(
    garments: Iterator[RelightableGarment | None],
    drawn: bool,
    size: int,
    rng: np.random.Generator,
) -> Iterator[LitGarment]:
    """Yield a view of each garment."""
    for worn in garments:
        if worn is not None:
            yield crop_garment(worn, drawn, size, rng)


def painted(
    garments: list[LitGarment],
    textures: list[NDArray[np.uint8]],
    count: int,
    rng: np.random.Generator,
) -> Iterator[Case]:
    """Paint designs on each garment."""
    for garment in garments:
        for index in rng.permutation(len(textures))[:count]:
            chart, light = (p.astype(np.float32) for p in (garment.chart, garment.light))
            view = designs.paint(textures[index], chart, light)
            yield np.rint(view).astype(np.uint8), garment


def classical(view: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Plane:
    """Return the log of the classical shading (Retinex)."""
    return np.log(shading(view, mask.astype(np.float32)))


def constant(view: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Plane:
    """Return constant shading: everything is print."""
    del view
    return np.zeros(mask.shape, np.float32)


def measure(
    method: Callable[[NDArray[np.uint8], NDArray[np.bool_]], Plane], cases: list[Case]
) -> NDArray[np.floating]:
    """Return a method's mean error and mean correlation of gradients over all cases."""
    return np.mean([compare(method(v, g.mask), g) for v, g in cases], axis=0)


def compare(logs: Plane, garment: LitGarment) -> tuple[float, float]:
    """Return the deviation from the true log shading, and the gradients' correlation."""
    tone = garment.light.astype(np.float32).mean(axis=-1)
    known = garment.mask & (tone > RelitPairsConfig.min_light)
    truth = np.log(np.maximum(tone, RelitPairsConfig.min_light))
    pred, true = gradients(logs, known), gradients(truth, known)
    correlation = np.corrcoef(pred, true)[0, 1] if pred.any() else 0.0
    return float((logs - truth)[known].std()), float(correlation)


def gradients(plane: Plane, known: NDArray[np.bool_]) -> Plane:
    """Return the differences between neighbours that are both known."""
    down, across = np.diff(plane, axis=0), np.diff(plane, axis=1)
    return np.concatenate(
        [down[known[1:] & known[:-1]], across[known[:, 1:] & known[:, :-1]]]
    )


if __name__ == "__main__":
    main()
