"""`tryon segment`: mattes, cut-outs and detections of any number of photos."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tryon.cli.shared import (
    FOLDER,
    MODELS,
    PIPE,
    expand_pictures,
    is_quiet,
    progress,
    quiet_start,
    read_input,
    read_models,
    stem_of,
    user_errors,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tryon.segment import Segmentation, Segmenter
    from tryon.types import GarmentMask, Instance, Photo
    from tryon.zoo import ModelCard

ANY_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("photos", nargs=-1, required=True, type=ANY_PATH, metavar="PHOTO...")
@click.option(
    "-o",
    "--out",
    type=FOLDER,
    required=True,
    metavar="DIR",
    help="Folder for the files; - writes one photo's cut-out (PNG) to stdout.",
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
@MODELS
@click.pass_context
@user_errors
def segment(
    context: click.Context,
    photos: tuple[Path, ...],
    out: Path,
    instance: int | None,
    preview: bool,
    models: tuple[str, ...],
) -> None:
    """Cut the short-sleeve top out of each PHOTO: a file, a folder of them, - for stdin.

    Writes <stem>.mask.png (matte; all zero without a garment), <stem>.cutout.png and
    <stem>.json to DIR and prints their paths. Photos that cannot be read are named on
    stderr; the others are done.
    """
    from tryon.errors import TryOnError

    paths = expand_pictures(photos, partial(_tell_skipped, context))
    _check_stems(paths)
    if out == PIPE and (len(paths) > 1 or preview):
        raise click.UsageError("-o - takes one PHOTO, and no --preview")
    cards = read_models(models)
    failures, segmenter = [], None
    with progress(context, len(paths)) as tell:
        for path in paths:
            tell(path.name)
            try:
                photo = read_input(path)
                segmenter = segmenter or _load(context, cards)
                segmented = _segment(segmenter, photo, instance)
                if out == PIPE:
                    _write_cutout(segmented)
                    continue
                written = _write_files(segmented, out, preview)
            except TryOnError as error:
                failures.append(str(error))
                continue
            for name in written:
                click.echo(name)
    for failure in failures[:-1]:
        click.echo(f"Error: {failure}", err=True)
    if failures:
        raise TryOnError(failures[-1])


def _tell_skipped(context: click.Context, path: Path) -> None:
    from tryon.files import printable

    if not is_quiet(context):
        click.echo(f"Skipped: {printable(path)} is no picture", err=True)


def _check_stems(paths: list[Path]) -> None:
    counts = Counter(map(stem_of, paths))
    doubles = sorted(stem for stem, count in counts.items() if count > 1)
    if doubles:
        raise click.UsageError(
            f"several photos would write {doubles[0]}.mask.png; run them apart"
        )


def _load(context: click.Context, cards: "dict[str, ModelCard]") -> "Segmenter":
    """Load the networks; Keras is imported only where they need it."""
    from tryon.segment import Segmenter

    with quiet_start(context):
        return Segmenter.from_pretrained(cards.get("segmenter"), cards.get("refiner"))


class _Segmented(NamedTuple):
    """A photo, its copy at the working size, and what was detected there."""

    photo: "Photo"
    work: "NDArray[np.uint8]"
    segmentation: "Segmentation"


def _segment(segmenter: "Segmenter", photo: "Photo", instance: int | None) -> _Segmented:
    """Segment a photo.

    Raises:
        TryOnError: it has no detection of that index.
    """
    from tryon.errors import TryOnError
    from tryon.segment import describe_missing
    from tryon.stages import work_image

    work = work_image(photo)
    segmentation = segmenter.segment(work, instance)
    if instance is not None and segmentation.garment is None:
        reason = describe_missing(instance, len(segmentation.instances))
        raise TryOnError(f"{photo.name}: {reason}")
    return _Segmented(photo, work, segmentation)


def _write_cutout(segmented: _Segmented) -> None:
    """Write the cut-out to stdout, as PNG.

    Raises:
        TryOnError: there is no garment.
    """
    from tryon.errors import TryOnError
    from tryon.files import encode_image

    if segmented.segmentation.garment is None:
        raise TryOnError(f"{segmented.photo.name}: no short-sleeve top was found")
    click.echo(encode_image(_cut(segmented)[1], Path("cutout.png")), nl=False)


def _write_files(segmented: _Segmented, out: Path, preview: bool) -> list[Path]:
    """Write the files of one photo; returns their paths."""
    import json

    from tryon.files import write_image, write_text
    from tryon.preview import draw_preview

    photo, work, (instances, found) = segmented
    mask, cutout = _cut(segmented)
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


def _cut(segmented: _Segmented) -> "tuple[NDArray[np.uint8], NDArray[np.uint8]]":
    """Return matte and cut-out at the photo's own size; all zero without a garment."""
    import numpy as np

    from tryon.stages import DetectedGarment, prepare

    photo, work, (_, found) = segmented
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
