"""Accuracy of the universal generator's level of light.

    python benchmarks/level.py --data RENDERS

RENDERS has rendered people in tees A, B and C (without --data, the shipped pairs are
used); best people whose photo in tee C the generator was not trained on. The true level
of a pair is the mean log gain over the shirt that makes it as bright as the photo in the
shop's tee. Printed are its regression on the level that the network predicts, which
`transfer.shrunk_level` should apply, and the errors without and with that. Then the same
with photos and truth darkened in linear light: how much of it the level follows.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from compositor.colorspace import from_linear, to_linear
from data_tools.paint.rendered_pairs import RenderedPair, find_pairs, pairs_of
from tryon.cli.evaluate import SHIPPED_PAIRS
from tryon.evaluation.metrics import zones
from tryon.evaluation.tryon import read_pair
from tryon.light import mask_in_frame
from tryon.pipeline import Options, TryOnPipeline, composite
from tryon.transfer import Relit, shrunk_level
from tryon.types import Photo

EXPOSURES = (1.0, 0.7, 0.5, 0.35, 0.2)  # factors of a photo's light


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(data: Path | None) -> None:
    """Print the regression line, and the errors without and with shrinkage."""
    pairs = find_pairs(SHIPPED_PAIRS) if data is None else pairs_in(data)
    levels = measure(TryOnPipeline.from_pretrained(), pairs)
    predicted, used, true = levels[:, 0].T
    kept, shift = np.polyfit(predicted, true, 1)
    click.echo(f"{len(pairs)} pairs; true levels {true.mean():.2f} +- {true.std():.2f}")
    click.echo(f"the line that fits: kept {kept:.2f}, usual {shift / (1 - kept):.2f}")
    for index, exposure in enumerate(EXPOSURES):
        report(exposure, levels[:, index], levels[:, 0])


def report(exposure: float, levels: np.ndarray, full: np.ndarray) -> None:
    """Print the errors at one exposure; levels (pairs, 3) at it and at full light."""
    click.echo(f"{exposure:.2f} of the light")
    for name, level, before in zip(
        ("predicted", "used"), levels.T[:2], full.T[:2], strict=True
    ):
        error = levels[:, 2] - level
        spread = np.sqrt((error**2).mean())
        line = f"  {name:<10} error {error.mean():+.3f}, root mean square {spread:.3f}"
        if exposure < 1:
            followed = (level - before) / np.log(exposure)
            line += f", follows {followed.mean():.2f} +- {followed.std():.2f}"
        click.echo(line)


def pairs_in(renders: Path) -> list[RenderedPair]:
    """Return the pairs of all people with a photo in tee C."""
    people = sorted(path.name.split("_")[0] for path in renders.glob("p*_C.jpg"))
    return [pair for name in people for pair in pairs_of(renders, name)]


def measure(pipeline: TryOnPipeline, pairs: Sequence[RenderedPair]) -> np.ndarray:
    """Return the predicted, the used and the true level: (pairs, exposures, 3)."""
    return np.array(
        [[level_of(pipeline, pair, light) for light in EXPOSURES] for pair in pairs]
    )


def level_of(
    pipeline: TryOnPipeline, pair: RenderedPair, exposure: float
) -> tuple[float, float, float]:
    """Return the level that the network predicts, the level used, and the true one."""
    user_photo, shop_photo, true_photo, truth = read_pair(pair)
    user_photo, true_photo = (expose(p, exposure) for p in (user_photo, true_photo))
    user, shop, _ = pipeline.find_pair(user_photo, shop_photo, Options(force=True))
    relit = pipeline.transfer(user, shop)
    assert isinstance(relit, Relit)
    inside = zones(truth.tee)["inside"]
    mean, true_mean = (
        to_linear(image[inside].astype(np.float32)).mean(axis=0)
        for image in (composite(user, relit), true_photo.image)
    )
    used = float(relit.prediction[mask_in_frame(user, relit.frame)][:, :3].mean())
    grid = np.linspace(-6, 3, 901)  # `shrunk_level` is monotonic, so it can be inverted
    predicted = float(np.interp(used, shrunk_level(grid), grid))
    return predicted, used, used + float(np.log(true_mean / mean).mean())


def expose(photo: Photo, exposure: float) -> Photo:
    """Return a photo with its linear light multiplied by a factor."""
    lit = from_linear(to_linear(photo.image) * exposure)
    return replace(photo, image=np.rint(lit).astype(np.uint8))


if __name__ == "__main__":
    main()
