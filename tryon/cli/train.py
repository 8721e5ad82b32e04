"""`tryon train`: the segmenter, one pattern, the universal generator."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tryon.cli.data_options import FILTERS, POLYGONS, WeightedData, read_filters
from tryon.cli.shared import FOLDER, load_keras, progress, user_errors

if TYPE_CHECKING:
    from mrcnn.config import Stage

_WEIGHTS = click.Path(path_type=Path, dir_okay=False, exists=True)
_DATA = click.Path(path_type=Path, file_okay=False, exists=True)
_EXISTING = click.Path(path_type=Path, exists=True)
_OUT = click.option(
    "-o", "--out", type=FOLDER, required=True, metavar="DIR", help="Folder for the files."
)
_SEED = click.option(
    "--seed", type=int, default=0, show_default=True, help="Random seed."
)

_PRECISION = click.option(
    "--precision",
    type=click.Choice(["float32", "mixed_bfloat16"]),
    default="float32",
    show_default=True,
    help="mixed_bfloat16 is quicker where the processor knows it.",
)


@click.group()
def train() -> None:
    """Train a model; checkpoints, log and sample sheets are kept while it runs."""


@train.command()
@click.argument(
    "data", nargs=-1, required=True, type=WeightedData(), metavar="DATA[=WEIGHT]..."
)
@_OUT
@click.option("--backbone-weights", type=_WEIGHTS, help="ImageNet weights, .weights.h5.")
@click.option(
    "--backbone",
    type=click.Choice(["mobilenet_v2", "resnet50", "resnet101"]),
    default="mobilenet_v2",
    show_default=True,
    help="Backbone network.",
)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="LAYERS:STEPS:RATE",
    default=("heads:200:1e-3", "3+:2000:6e-4"),
    show_default=True,
    help="Layers: heads, 5+, 4+, 3+ or all. May be given several times.",
)
@click.option("--start", type=_WEIGHTS, help="Start from these weights.")
@click.option("--resume", is_flag=True, help="Go on with the run that lies in --out.")
@POLYGONS
@FILTERS
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Train on N photos alone, chosen by the seed.",
)
@click.option(
    "--image-size", default=320, show_default=True, help="Network input, pixels."
)
@click.option("--batch-size", default=8, show_default=True, help="Photos a step.")
@_PRECISION
@click.option(
    "--ema",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Momentum of a moving average of the weights, as 0.999; 0 keeps none.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads that prepare photos; more for a GPU.",
)
@_SEED
@click.pass_context
@user_errors
def segmenter(
    context: click.Context,
    data: tuple[tuple[Path, float | None], ...],
    out: Path,
    backbone_weights: Path | None,
    backbone: str,
    stages: tuple[str, ...],
    start: Path | None,
    resume: bool,
    polygons: str,
    filters: tuple[str, ...],
    limit: int | None,
    image_size: int,
    batch_size: int,
    precision: str,
    ema: float,
    workers: int,
    seed: int,
) -> None:
    """Fine-tune the Mask R-CNN on annotated photos.

    DATA is a folder of photos with masks, of rendered people or of DeepFashion2, a COCO
    or VIA .json, or a .zip of `tryon data pack`; WEIGHT says how often it is drawn.
    """
    recipe_stages = tuple(_stage(text) for text in stages)
    wanted = read_filters(filters)
    _load_training(context)
    from mrcnn.config import MaskRCNNConfig, TrainConfig
    from tryon.train_segmenter import SegmenterRun, train_segmenter
    from tryon.training_data import DataChoice, DataPart

    parts = [DataPart(path, weight) for path, weight in data]
    recipe = TrainConfig(
        stages=recipe_stages,
        batch_size=batch_size,
        ema=ema,
        precision=precision,
        seed=seed,
    )
    run = SegmenterRun(
        DataChoice(parts, polygons, wanted, limit),
        out,
        MaskRCNNConfig(backbone=backbone, image_size=image_size),
        recipe,
        backbone_weights,
        start,
        resume,
        workers,
    )
    with progress(context, run.steps) as tell:
        for row in train_segmenter(run, lambda: tell("")):
            _tell(row)
    click.echo(out / "segmenter.json")


def _load_training(context: click.Context) -> None:
    """Load Keras and imgaug, or say what is missing."""
    from tryon.errors import TryOnError

    load_keras(context)
    try:
        import data_tools.augment  # noqa: F401
    except ImportError as error:
        raise TryOnError(str(error)) from error


def _stage(text: str) -> "Stage":
    from mrcnn.config import TRAINABLE_FROM, Stage

    parts = re.fullmatch(r"([^:]+):(\d+):([-+.\deE]+)", text)
    if parts is None or parts[1] not in TRAINABLE_FROM or int(parts[2]) < 1:
        raise click.UsageError(
            f"--stage {text!r}: expected LAYERS:STEPS:RATE as in 4+:1000:5e-4, "
            f"LAYERS one of {', '.join(TRAINABLE_FROM)}"
        )
    return Stage(parts[1], int(parts[2]), float(parts[3]))


@train.command()
@click.argument("name")
@click.option(
    "--shop",
    multiple=True,
    required=True,
    type=_EXISTING,
    metavar="PHOTO_OR_DIR",
    help="Pictures of the garment. May be given several times.",
)
@click.option(
    "--users",
    type=_EXISTING,
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
@click.option("--epochs", default=8, show_default=True, help="Epochs in all.")
@click.option("--steps", default=100, show_default=True, help="Steps an epoch.")
@_PRECISION
@_SEED
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
    precision: str,
    seed: int,
) -> None:
    """Train the CycleGAN of pattern NAME; a run that was stopped is resumed.

    Afterwards: tryon run --pattern NAME. Example: tryon train pattern stripe --shop
    examples/stripe
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise click.UsageError("NAME: use letters, digits, - and _")
    _load_training(context)
    from cyclegan.config import CycleGANConfig
    from tryon import train_pattern as training
    from tryon.segment import Segmenter

    run = training.PatternRun(
        name,
        training.expand(shop),
        training.expand([users or training.SHIPPED_USERS]),
        out or training.pattern_folder(name),
        epochs,
        steps,
    )
    config = CycleGANConfig(seed=seed, decay_steps=epochs * steps, precision=precision)
    segmenter = Segmenter.from_pretrained()
    for row in training.train_pattern(run, segmenter, config, _warn):
        _tell(row)
    click.echo(training.install_pattern(run.out_dir, name))


@train.command()
@click.argument("data", nargs=-1, required=True, type=_DATA, metavar="DATA...")
@_OUT
@click.option("--epochs", default=10, show_default=True, help="Epochs in all.")
@click.option("--steps", default=200, show_default=True, help="Steps an epoch.")
@click.option("--batch-size", default=4, show_default=True, help="Pictures a step.")
@_PRECISION
@_SEED
@click.pass_context
@user_errors
def universal(
    context: click.Context,
    data: tuple[Path, ...],
    out: Path,
    epochs: int,
    steps: int,
    batch_size: int,
    precision: str,
    seed: int,
) -> None:
    """Train the universal generator on folders of rendered people."""
    _load_training(context)
    from cyclegan.config import UniversalConfig
    from tryon.train_universal import train_universal

    config = UniversalConfig(seed=seed, decay_steps=epochs * steps, precision=precision)
    for row in train_universal(list(data), out, config, epochs, steps, batch_size):
        _tell(row)
    click.echo(out / "universal.json")


def _warn(line: str) -> None:
    click.echo(f"Left out: {line}", err=True)


def _tell(row: dict[str, Any]) -> None:
    text = "  ".join(f"{key} {float(value):.4g}" for key, value in row.items())
    click.echo(text, err=True)
