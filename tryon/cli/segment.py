"""`tryon segment`: mattes, cut-outs and detections of any number of photos."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tryon.cli.shared import FOLDER, PHOTO, progress, quiet_start, user_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tryon.segment import Segmenter
    from tryon.types import GarmentMask, Instance, Photo


@click.command()
@click.argument("photos", nargs=-1, required=True, type=PHOTO, metavar="PHOTO...")
@click.option(
    "-o", "--out", type=FOLDER, required=True, metavar="DIR", help="Folder for the files."
)
@click.option(
    "--instance",
    type=click.IntRange(min=0),
    metavar="K",
    help="Take the K-th detection, from 0.  [default: the largest short-sleeve top]",
)
@click.option(
    "--preview",
    is_flag=True,
    help="Write <stem>.preview.jpg too: outline, boxes, landmarks, scores.",
)
@click.pass_context
@user_errors
def segment(
    context: click.Context,
    photos: tuple[Path, ...],
    out: Path,
    instance: int | None,
    preview: bool,
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
                written = _segment_one(segmenter, photo, out, instance, preview)
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
    segmenter: "Segmenter", photo: "Photo", out: Path, pick: int | None, preview: bool
) -> list[Path]:
    """Write the files of one photo; returns their paths."""
    import json

    from tryon.files import write_image, write_text
    from tryon.preview import draw_preview
    from tryon.stages import work_image

    work = work_image(photo)
    instances, found = segmenter.segment(work, pick)
    mask, cutout = _cut(photo, work, found)
    facts = _facts(instances, found, photo.size[1] / work.shape[1])
    assert photo.path is not None
    stem = photo.path.stem
    names = [out / f"{stem}{end}" for end in (".mask.png", ".cutout.png", ".json")]
    write_image(mask, names[0])
    write_image(cutout, names[1])
    write_text(json.dumps(facts, indent=1) + "\n", names[2])
    if preview:
        names.append(out / f"{stem}.preview.jpg")
        taken = (found.chosen, found.mask) if found else ()
        write_image(draw_preview(work, instances, *taken), names[-1])
    return names


def _cut(
    photo: "Photo", work: "NDArray[np.uint8]", found: "GarmentMask | None"
) -> "tuple[NDArray[np.uint8], NDArray[np.uint8]]":
    """Return matte and cut-out at the photo's own size; all zero without a garment."""
    import numpy as np

    from tryon.stages import DetectedGarment, prepare

    if found is None:
        return np.zeros(photo.size, np.uint8), np.zeros((*photo.size, 4), np.uint8)
    garment = prepare(DetectedGarment(photo, work, found))
    return garment.full_alpha, garment.cut()


def _facts(
    instances: "tuple[Instance, ...]", found: "GarmentMask | None", scale: float
) -> dict[str, Any]:
    from tryon.report import describe_detection, describe_instances

    if found is None:
        return {"instances": describe_instances(instances, scale), "chosen": None}
    return describe_detection(found, scale)
