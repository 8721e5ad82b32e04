"""Errors of the chart network's coordinates, on the renders of the val people.

    python benchmarks/chart.py CARD --data RENDERS

Distances on the chart (a panel is 1 wide and 1 high, the torso about .6 wide), with the
true mask and with the segmenter's. Points on the wrong panel are included, and their
fraction is printed.
"""

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from mrcnn.chart.data import Charted
from mrcnn.chart.inference import predict_chart
from mrcnn.runtime import Predictor
from tryon.networks import load_network
from tryon.segment import Segmenter
from tryon.training.samples.chart import find_charted, read_charted
from tryon.zoo import load_card


@click.command()
@click.argument("card", type=click.Path(exists=True, path_type=Path))
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
def main(card: Path, data: Path) -> None:
    """Print a row for worn and for shop pictures, and for both kinds of masks."""
    network, segmenter = (
        load_network(load_card(card), "chart"),
        Segmenter.from_pretrained(),
    )
    print(f"{'':<24}{'pictures':>9}{'median':>8}{'mean':>8}{'p90':>8}{'panel':>8}")
    stems = find_charted([data], "val")
    for kind in ("worn", "shop"):
        members = [s for s in stems if s.name.endswith("_shop") == (kind == "shop")]
        pictures = [read_charted(stem) for stem in members]
        show(f"{kind}, true mask", [errors(network, p, p.mask) for p in pictures])
        detected = [(p, segmenter(p.image)) for p in pictures]
        show(
            f"{kind}, mask found",
            [errors(network, p, d.mask) for p, d in detected if d is not None],
        )


def errors(
    network: Predictor, picture: Charted, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Return the errors of points on the garment, and whether their panel is wrong."""
    chart = predict_chart(network, picture.image, mask)
    x, y = np.rint(chart.points).astype(np.intp).T
    inside = picture.mask[y, x]
    distance = np.linalg.norm(chart.uv - picture.chart[y, x], axis=1)
    return distance[inside], (chart.back != picture.back[y, x])[inside]


def show(name: str, rows: list[tuple[NDArray[np.floating], NDArray[np.bool_]]]) -> None:
    """Print one row of metrics."""
    distances = np.concatenate([distance for distance, _ in rows])
    wrong = np.concatenate([panel for _, panel in rows])
    values = np.median(distances), distances.mean(), np.percentile(distances, 90)
    numbers = "".join(f"{value:8.4f}" for value in values)
    print(f"{name:<24}{len(rows):>9}{numbers}{wrong.mean():8.4f}")


if __name__ == "__main__":
    main()
