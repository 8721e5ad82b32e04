"""How well light is told from print, on garments that the network never saw.

    python benchmarks/shading.py CARD --data RENDERS --photos PHOTOS

Two figures for every way: the deviation of its log light from the truth, the level left
out, and the correlation of both lights' steps from pixel to pixel. Seen are val people
as they are and painted anew, the rendered shop pictures of plain tees, and plain tees of
real photos, painted anew, whose own light is the truth. What is painted on them are the
val people's designs.
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
    """Print both figures of every way, for every kind of garment."""
    found = load_card(card)
    network = load_network(found, "shading")

    def learned(view: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Plane:
        return network(shading_input(view, mask)[None])[0, ..., 0]

    ways = {"network": learned, "classical": classical, "even light": even}
    print(
        "| garments | n | " + " | ".join(f"{way}: error, slopes" for way in ways) + " |"
    )
    print("| --- " * (2 + len(ways)) + "|")
    for kind, cases in gather(data, photos, network.config.image_size).items():
        cells = ["{:.3f}, {:.3f}".format(*measure(way, cases)) for way in ways.values()]
        print(f"| {kind} | {len(cases)} | " + " | ".join(cells) + " |", flush=True)


def gather(data: Path, photos: Path, size: int) -> dict[str, list[Case]]:
    """Return views with what is known of them, by kind."""
    rng = np.random.default_rng(0)
    stems = find_renders([data], "val")
    textures = [designs.read_texture(s.with_name(s.name + ".tex.jpg")) for s in stems]
    worn = list(seen(map(read_worn, stems), True, size, rng))
    shop = list(seen(map(find_plain_shop, stems), True, size, rng))
    real = list(seen(map(find_plain_top, read_folder(photos, "val")), False, size, rng))
    return {
        "worn renders": [(garment.photo, garment) for garment in worn],
        "the same, painted": list(painted(worn, textures, 1, rng)),
        "rendered shop pictures, plain": [(garment.photo, garment) for garment in shop],
        "the same, painted ": list(painted(shop, textures, 1, rng)),
        "plain tees of photos": [(garment.photo, garment) for garment in real],
        "the same,  painted": list(painted(real, textures, DESIGNS, rng)),
    }


def seen(
    found: Iterator[RelightableGarment | None],
    drawn: bool,
    size: int,
    rng: np.random.Generator,
) -> Iterator[LitGarment]:
    """Look at each garment that there is."""
    for worn in found:
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
        for place in rng.permutation(len(textures))[:count]:
            chart, light = (p.astype(np.float32) for p in (garment.chart, garment.light))
            view = designs.paint(textures[place], chart, light)
            yield np.rint(view).astype(np.uint8), garment


def classical(view: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Plane:
    """Tell light from print by the size of steps."""
    return np.log(shading(view, mask.astype(np.float32)))


def even(view: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Plane:
    """Take all that is seen for print."""
    del view
    return np.zeros(mask.shape, np.float32)


def measure(
    way: Callable[[NDArray[np.uint8], NDArray[np.bool_]], Plane], cases: list[Case]
) -> NDArray[np.floating]:
    """Return the mean over all cases of a way's error and correlation of slopes."""
    return np.mean([compare(way(v, g.mask), g) for v, g in cases], axis=0)


def compare(logs: Plane, garment: LitGarment) -> tuple[float, float]:
    """Return the deviation from a garment's log light, and the correlation of slopes."""
    tone = garment.light.astype(np.float32).mean(axis=-1)
    known = garment.mask & (tone > RelitPairsConfig.min_light)
    truth = np.log(np.maximum(tone, RelitPairsConfig.min_light))
    mine, theirs = slopes(logs, known), slopes(truth, known)
    alike = np.corrcoef(mine, theirs)[0, 1] if mine.any() else 0.0
    return float((logs - truth)[known].std()), float(alike)


def slopes(plane: Plane, known: NDArray[np.bool_]) -> Plane:
    """Return the steps between neighbours that are both known."""
    down, across = np.diff(plane, axis=0), np.diff(plane, axis=1)
    return np.concatenate(
        [down[known[1:] & known[:-1]], across[known[:, 1:] & known[:, :-1]]]
    )


if __name__ == "__main__":
    main()
