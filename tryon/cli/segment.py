"""`tryon segment`: mattes, cut-outs and finds of any number of photos."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tryon.cli.shared import FOLDER, PHOTO, progress, quiet_start, user_errors

if TYPE_CHECKING:
    from tryon.segment import Segmenter


@click.command()
@click.argument("photos", nargs=-1, required=True, type=PHOTO, metavar="PHOTO...")
@click.option(
    "-o", "--out", type=FOLDER, required=True, metavar="DIR", help="Folder for the files."
)
@click.option(
    "--instance",
    type=click.IntRange(min=0),
    metavar="K",
    help="Take the K-th find.  [default: the largest short-sleeve top]",
)
@click.pass_context
@user_errors
def segment(
    context: click.Context, photos: tuple[Path, ...], out: Path, instance: int | None
) -> None:
    """Cut the short-sleeve top out of each PHOTO.

    Writes <stem>.mask.png (matte; all zero without a garment), <stem>.cutout.png and
    <stem>.json to DIR and prints their paths. Photos that cannot be read are named on
    stderr; the others are done.
    """
    from tryon.errors import TryOnError
    from tryon.images import read_photo

    _check_stems(photos)
    failures, segmenter = [], None
    with progress(context, len(photos)) as tell:
        for path in photos:
            tell(path.name)
            try:
                photo = read_photo(path)
                segmenter = segmenter or _load(context)
                written = _segment_one(segmenter, photo, out, instance)
            except TryOnError as error:
                failures.append(str(error))
                continue
            for name in written:
                click.echo(name)
    for failure in failures[:-1]:
        click.echo(f"Error: {failure}", err=True)
    if failures:
        raise TryOnError(failures[-1])


def _check_stems(photos: tuple[Path, ...]) -> None:
    stems = [path.stem for path in photos]
    doubles = sorted({stem for stem in stems if stems.count(stem) > 1})
    if doubles:
        raise click.UsageError(
            f"several photos would write {doubles[0]}.mask.png; run them apart"
        )


def _load(context: click.Context) -> "Segmenter":
    """Load the networks; Keras is imported only where they need it."""
    from tryon.segment import Segmenter

    with quiet_start(context):
        return Segmenter.from_pretrained()


def _segment_one(
    segmenter: "Segmenter", photo: Any, out: Path, instance: int | None
) -> list[Path]:
    import json

    import numpy as np

    from tryon.images import write_image, write_text
    from tryon.report import describe_found, describe_instances
    from tryon.segment import describe
    from tryon.stages import Garment, work_image

    work = work_image(photo)
    everything = segmenter.find(work)
    found = segmenter.choose(work, everything, instance)
    if found is None:
        mask = np.zeros(photo.size, np.uint8)
        cutout = np.zeros((*photo.size, 4), np.uint8)
        instances = describe(everything)
        scale = photo.size[1] / work.shape[1]
        facts = {"instances": describe_instances(instances, scale), "chosen": None}
    else:
        garment = Garment(photo, work, found)
        mask, cutout = garment.full_alpha, garment.cut()
        facts = describe_found(found, photo.size[1] / work.shape[1])
    stem = out / photo.path.stem
    names = [
        stem.with_name(stem.name + end) for end in (".mask.png", ".cutout.png", ".json")
    ]
    write_image(mask, names[0])
    write_image(cutout, names[1])
    write_text(json.dumps(facts, indent=1) + "\n", names[2])
    return names
