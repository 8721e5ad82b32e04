"""`tryon run`: one pair."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tryon.cli.shared import (
    FOLDER,
    MODELS,
    PHOTO,
    PIPE,
    STAGES,
    Progress,
    echo_json,
    progress,
    quiet_start,
    read_input,
    read_models,
    stem_of,
    user_errors,
)

if TYPE_CHECKING:
    from tryon.types import Photo, TryOnResult


@click.command()
@click.option(
    "--user",
    "user_path",
    type=PHOTO,
    required=True,
    metavar="ME",
    help="Your photo; - for stdin.",
)
@click.option(
    "--shop",
    "shop_path",
    type=PHOTO,
    metavar="TEE",
    help="Shop picture; - for stdin. May be left out with --pattern.",
)
@click.option(
    "-o",
    "--out",
    type=PHOTO,
    metavar="OUT",
    help="Result; .png and .webp are lossless; - writes a PNG to stdout.  "
    "[default: <user>__<shop>.png here]",
)
@click.option(
    "--pattern", metavar="NAME", help="Use the generator trained for this pattern."
)
@click.option(
    "--artifacts",
    type=FOLDER,
    metavar="DIR",
    help="Write s1, s2, s3, out1, out2 and report.json there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report, not the path.")
@click.option(
    "--force",
    is_flag=True,
    help="Go on after sleeve_mismatch, view_mismatch and low_confidence.",
)
@click.option(
    "--instance",
    type=click.IntRange(min=0),
    metavar="K",
    help="Take the K-th garment detected in your photo.  [default: the largest]",
)
@MODELS
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@click.option("--no-clobber", is_flag=True, help="Leave an existing result alone.")
@click.pass_context
@user_errors
def run(
    context: click.Context,
    user_path: Path,
    shop_path: Path | None,
    out: Path | None,
    pattern: str | None,
    artifacts: Path | None,
    as_json: bool,
    force: bool,
    instance: int | None,
    models: tuple[str, ...],
    seed: int,
    no_clobber: bool,
) -> None:
    """Put the garment of TEE on the person of ME.

    Prints the path of the result. Examples: tryon run --user me.jpg --shop tee.jpg,
    tryon run --user me.jpg --pattern stripe

    In a pipe: cat me.jpg | tryon run --user - --shop tee.jpg -o - > out.png
    """
    from tryon.errors import Refusal

    if user_path == shop_path == PIPE:
        raise click.UsageError("stdin holds one picture: name a file for the other")
    if as_json and out == PIPE:
        raise click.UsageError("stdout takes the picture or --json: name a file for one")
    if shop_path is None and pattern is None:
        raise click.UsageError("missing --shop TEE; only with --pattern may it be absent")
    style = stem_of(shop_path or Path(str(pattern)))
    out = out or Path(f"{stem_of(user_path)}__{style}.png")
    if out != PIPE:
        _check_out(out, no_clobber)
    try:
        cards = read_models(models)
        with progress(context, len(STAGES)) as tell:
            photos = _read(user_path, shop_path, tell)
            tell("load")
            with quiet_start(context):  # Keras is imported where a network needs it
                from tryon.pipeline import Options, TryOnPipeline

                pipeline = TryOnPipeline.from_pretrained(pattern, models=cards)
            options = Options(force=force, instance=instance, seed=seed)
            result = pipeline(*photos, options, tell)
            tell("write")
            _write(result, out, artifacts)
    except Refusal as refusal:
        if as_json:
            from tryon.report import refusal_report

            echo_json(refusal_report(refusal))
        raise
    for warning in result.report["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
    if as_json:
        echo_json({**result.report, "output": str(out)})
    elif out != PIPE:
        click.echo(out)


def _check_out(out: Path, no_clobber: bool) -> None:
    from tryon.errors import TryOnError

    if out.suffix.lower() not in (".png", ".webp", ".jpg", ".jpeg"):
        raise TryOnError(f"{out}: expected an output name in .png, .webp or .jpg")
    if no_clobber and out.exists():
        raise TryOnError(f"{out}: exists already; leave out --no-clobber to replace it")


def _read(
    user_path: Path, shop_path: Path | None, tell: Progress
) -> tuple["Photo", "Photo | None"]:
    """Read both photos, before seconds go into loading models."""
    tell("read")
    shop = None if shop_path is None else read_input(shop_path)
    return read_input(user_path), shop


def _write(result: "TryOnResult", out: Path, artifacts: Path | None) -> None:
    import json

    from tryon.files import encode_image, write_image, write_text

    if out == PIPE:
        picture = encode_image(result.image, Path("out.png"), result.icc_profile)
        click.echo(picture, nl=False)
    else:
        write_image(result.image, out, result.icc_profile)
    if artifacts is None:
        return
    for name, draw in result.layers.items():
        write_image(draw(), artifacts / f"{name}.png")
    write_image(result.image, artifacts / "out2.png", result.icc_profile)
    write_text(
        json.dumps(dict(result.report), indent=1) + "\n", artifacts / "report.json"
    )
