"""`tryon train`: train each network, and the generator of a garment pattern."""

from pathlib import Path

import click

from tryon.cli.shared import FOLDER, expand_pictures, user_errors
from tryon.cli.train_networks import chart, matting, refiner, segmenter, semantic
from tryon.cli.train_options import (
    DATA,
    EXISTING,
    OUT,
    PRECISION,
    SEED,
    WEIGHTS,
    Options,
    combine,
    count_steps,
    load_training,
    print_row,
)


@click.group()
def train() -> None:
    """Train a model; checkpoints, log and sample sheets are written during the run."""


train.add_command(segmenter)
train.add_command(refiner)
train.add_command(chart)
train.add_command(semantic)
train.add_command(matting)


def _render_options(batch_size: int, photos_help: str) -> Options:
    """Return the options of networks that are trained on folders of renders."""
    return [
        click.argument("data", nargs=-1, required=True, type=DATA, metavar="DATA..."),
        OUT,
        click.option("--epochs", default=10, show_default=True, help="Epochs in all."),
        click.option("--steps", default=200, show_default=True, help="Steps an epoch."),
        click.option(
            "--batch-size",
            default=batch_size,
            show_default=True,
            help="Pictures a step.",
        ),
        click.option("--photos", multiple=True, type=DATA, help=photos_help),
    ]


_START_OPTIONS: Options = [
    click.option("--start", type=WEIGHTS, help="Start from these weights."),
    PRECISION,
    SEED,
]


@train.command()
@click.argument("name")
@click.option(
    "--shop",
    multiple=True,
    required=True,
    type=EXISTING,
    metavar="PHOTO_OR_DIR",
    help="Pictures of the garment. May be given several times.",
)
@click.option(
    "--users",
    type=EXISTING,
    metavar="DIR",
    help="Photos of people in short-sleeve tops.  [default: a shipped set of renders]",
)
@click.option(
    "-o",
    "--out",
    type=FOLDER,
    metavar="DIR",
    help="Folder for the run.  [default: training/NAME in the folder of your models]",
)
@click.option("--epochs", default=8, show_default=True, help="Maximum number of epochs.")
@click.option("--steps", default=100, show_default=True, help="Steps an epoch.")
@click.option(
    "--patience",
    default=3,
    show_default=True,
    type=click.IntRange(1),
    help="Stop after so many epochs without a better score on held-out people.",
)
@click.option(
    "--start",
    default="stripe",
    show_default=True,
    metavar="PATTERN",
    help="Pattern whose weights to start from; none: random weights.",
)
@PRECISION
@SEED
@click.pass_context
@user_errors
def pattern(
    context: click.Context,
    name: str,
    shop: tuple[Path, ...],
    users: Path | None,
    out: Path | None,
    epochs: int,
    steps: int,
    patience: int,
    start: str,
    precision: str,
    seed: int,
) -> None:
    """Train the CycleGAN of pattern NAME; a run that was stopped is resumed.

    Every sixth of the users is held out; the epoch that does best on them is kept.

    Afterwards: tryon run --pattern NAME. Example: tryon train pattern stripe --shop
    examples/stripe
    """
    from tryon.pattern_files import NAME, install_pattern
    from tryon.zoo import pattern_card, shipped_card

    if not NAME.fullmatch(name):
        raise click.UsageError("NAME: use letters, digits, - and _, 64 at most")
    pictures = expand_pictures(shop)
    people = expand_pictures([users]) if users else None
    card = None if start == "none" else pattern_card(start)
    load_training(context, ())
    from cyclegan.config import CycleGANConfig
    from tryon.segment import Segmenter
    from tryon.training import pattern as training
    from tryon.transfer import UniversalTransfer

    run = training.PatternRun(
        name,
        pictures,
        people or expand_pictures([training.SHIPPED_USERS]),
        out or training.pattern_folder(name),
        epochs,
        steps,
        patience,
        card,
    )
    config = CycleGANConfig(
        texture=training.TEXTURE,
        seed=seed,
        decay_steps=epochs * steps,
        precision=precision,
    )
    segmenter = Segmenter.from_pretrained(chart=shipped_card("chart"))
    cards = shipped_card("shading"), shipped_card("universal")
    transfer = UniversalTransfer.from_cards(*cards)
    counter = count_steps(context)
    for row in training.train_pattern(run, segmenter, transfer, config, _warn, counter):
        print_row(row)
    click.echo(install_pattern(run.out_dir, name))


@train.command()
@combine(
    _render_options(
        4, "Annotated photos; people in plain light tops are repainted too. Repeatable."
    )
)
@click.option(
    "--adversarial",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Weight of the adversarial loss; its real examples are the tops in --photos. "
    "0: none.",
)
@combine(_START_OPTIONS)
@click.pass_context
@user_errors
def universal(
    context: click.Context,
    data: tuple[Path, ...],
    out: Path,
    epochs: int,
    steps: int,
    batch_size: int,
    photos: tuple[Path, ...],
    adversarial: float,
    start: Path | None,
    precision: str,
    seed: int,
) -> None:
    """Train the universal generator on folders of rendered people."""
    if adversarial and not photos:
        raise click.UsageError("--adversarial: give --photos, the real examples")
    load_training(context, [*data, *photos])
    from cyclegan.config import UniversalConfig
    from tryon.training.run import report_user_errors
    from tryon.training.universal import train_universal

    config = UniversalConfig(
        seed=seed,
        decay_steps=epochs * steps,
        precision=precision,
        lambda_adversarial=adversarial,
    )
    rows = train_universal(
        list(data),
        out,
        config,
        epochs,
        steps,
        batch_size,
        photos=photos,
        start=start,
        steps=count_steps(context),
    )
    for row in report_user_errors(rows):
        print_row(row)
    click.echo(out / "universal.json")


@train.command()
@combine(
    _render_options(8, "Annotated photos; plain tops are repainted too. Repeatable.")
)
@combine(_START_OPTIONS)
@click.pass_context
@user_errors
def shading(
    context: click.Context,
    data: tuple[Path, ...],
    out: Path,
    epochs: int,
    steps: int,
    batch_size: int,
    photos: tuple[Path, ...],
    start: Path | None,
    precision: str,
    seed: int,
) -> None:
    """Train the network that predicts a garment's shading, on folders of renders."""
    load_training(context, [*data, *photos])
    from cyclegan.config import ShadingConfig
    from tryon.training.run import report_user_errors
    from tryon.training.shading import train_shading

    config = ShadingConfig(seed=seed, decay_steps=epochs * steps, precision=precision)
    rows = train_shading(
        data,
        out,
        config,
        epochs,
        steps,
        batch_size,
        photos=photos,
        start=start,
        steps=count_steps(context),
    )
    for row in report_user_errors(rows):
        print_row(row)
    click.echo(out / "shading.json")


def _warn(line: str) -> None:
    click.echo(f"Left out: {line}", err=True)
