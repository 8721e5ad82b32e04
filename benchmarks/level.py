"""How far the universal generator's level of light can be trusted.

    python benchmarks/level.py --data RENDERS

RENDERS holds rendered people in tees A, B and C, or the pairs that ship (without --data);
best people whose photo in tee C the generator has not seen. Told is how the true level of
each pair, the mean log gain over the shirt that makes it as bright as the photo in the
shop's very tee, hangs on the level that the network predicts: what `transfer.USUAL_LEVEL`
and `KEPT_LEVEL` should be, and what they leave.
"""

from pathlib import Path

import click
import numpy as np

from compositor.color import to_linear
from data_tools.rendered_pairs import RenderedPair, find_pairs, pairs_of
from tryon.cli.evaluate import SHIPPED_PAIRS
from tryon.evaluate_tryon import read_pair
from tryon.fidelity import zones
from tryon.light import dimness, mask_in
from tryon.pipeline import Options, TryOnPipeline, composite
from tryon.transfer import KEPT_LEVEL, USUAL_LEVEL, Relit


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(data: Path | None) -> None:
    """Print the line that fits best, and the errors before and after."""
    pipeline = TryOnPipeline.from_pretrained()
    pairs = find_pairs(SHIPPED_PAIRS) if data is None else pairs_in(data)
    levels = [level_of(pipeline, pair) for pair in pairs]
    predicted, true = np.array(levels).T
    kept, shift = np.polyfit(predicted, true, 1)
    used = USUAL_LEVEL + KEPT_LEVEL * (predicted - USUAL_LEVEL)
    click.echo(f"{len(levels)} pairs; true levels {true.mean():.2f} +- {true.std():.2f}")
    click.echo(f"the line that fits: kept {kept:.2f}, usual {shift / (1 - kept):.2f}")
    for name, guess in (("predicted", predicted), ("used", used)):
        error = true - guess
        spread = np.sqrt((error**2).mean())
        click.echo(f"{name:<10} error {error.mean():+.3f}, root mean square {spread:.3f}")


def pairs_in(renders: Path) -> list[RenderedPair]:
    """Return the pairs of all people who are seen in tee C."""
    people = sorted(path.name.split("_")[0] for path in renders.glob("p*_C.jpg"))
    return [pair for name in people for pair in pairs_of(renders, name)]


def level_of(pipeline: TryOnPipeline, pair: RenderedPair) -> tuple[float, float]:
    """Return the level that the network predicts, and the true one.

    Those of a dim photo are as if it were lit well, see `dimness`.
    """
    user_photo, shop_photo, true_photo, truth = read_pair(pair)
    user, shop, _ = pipeline.find_pair(user_photo, shop_photo, Options(force=True))
    relit = pipeline.transfer(user, shop)
    assert isinstance(relit, Relit)
    inside = zones(truth.tee)["inside"]
    ours, true = (
        to_linear(image[inside].astype(np.float32)).mean(axis=0)
        for image in (composite(user, relit), true_photo.image)
    )
    drawn = float(relit.prediction[mask_in(user, relit.frame)][:, :3].mean())
    used = drawn + dimness(user)
    predicted = USUAL_LEVEL + (used - USUAL_LEVEL) / KEPT_LEVEL
    return predicted, used + float(np.log(true / ours).mean())


if __name__ == "__main__":
    main()
