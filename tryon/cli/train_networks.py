"""`tryon train segmenter, refiner, chart, semantic`: networks that analyse photos."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tryon.cli.data_options import FILTERS, POLYGONS, WeightedData, read_filters
from tryon.cli.shared import user_errors
from tryon.cli.train_options import (
    EXISTING,
    OUT,
    PRECISION,
    SEED,
    WEIGHTS,
    combine,
    count_steps,
    load_training,
    print_row,
    read_stage,
)

if TYPE_CHECKING:
    from mrcnn.config import MaskRCNNConfig
    from tryon.training.run import TrainingRun

_PHOTO_OPTIONS = [
    POLYGONS,
    FILTERS,
    click.option(
        "--limit",
        type=click.IntRange(min=1),
        metavar="N",
        help="Train on only N photos, chosen by the seed.",
    ),
]


def network_options(
    stages: tuple[str, ...],
    image_size: int,
    photos: bool = True,
    layers: str = "heads, 5+, 4+, 3+ or all",
    backbones: tuple[str, ...] = ("mobilenet_v2", "resnet50", "resnet101", "blazepose"),
    start: str = "Start from these weights.",
) -> Callable[..., Any]:
    """Return a decorator that adds the options of all networks to a command.

    Args:
        stages: default of --stage.
        image_size: default of --image-size, pixels.
        photos: also add the options that select annotated photos.
        layers: help on the layers of --stage.
        backbones: choices of --backbone, the default first.
        start: help of --start.
    """
    options = [
        click.argument(
            "data",
            nargs=-1,
            required=True,
            type=WeightedData(),
            metavar="DATA[=WEIGHT]...",
        ),
        OUT,
        click.option(
            "--backbone-weights",
            type=WEIGHTS,
            help="Pretrained weights: ImageNet's, or the pose network's, .weights.h5.",
        ),
        click.option(
            "--backbone",
            type=click.Choice(backbones),
            default=backbones[0],
            show_default=True,
            help="Backbone network.",
        ),
        click.option(
            "--stage",
            "stages",
            multiple=True,
            metavar="LAYERS:STEPS:RATE",
            default=stages,
            show_default=True,
            help=f"Layers: {layers}. May be given several times.",
        ),
        click.option("--start", type=WEIGHTS, help=start),
        click.option("--resume", is_flag=True, help="Continue the run in --out."),
        *(_PHOTO_OPTIONS if photos else ()),
        click.option(
            "--image-size",
            default=image_size,
            show_default=True,
            help="Network input, pixels.",
        ),
        click.option("--batch-size", default=8, show_default=True, help="Photos a step."),
        PRECISION,
        click.option(
            "--ema",
            type=click.FloatRange(0, 1, max_open=True),
            default=0.0,
            show_default=True,
            help="Momentum of a moving average of the weights, as 0.999; 0: no average.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Threads that prepare photos; more for a GPU.",
        ),
        SEED,
    ]
    return combine(options)


@click.command()
@network_options(
    ("heads:200:1e-3", "3+:2000:6e-4"),
    320,
    start="Start from these weights: of tryon, or of the classic Keras Mask R-CNN as "
    "mask_rcnn_coco.h5, with the same --backbone.",
)
@click.pass_context
@user_errors
def segmenter(context: click.Context, **options: Any) -> None:
    """Fine-tune the Mask R-CNN on annotated photos.

    DATA is a folder of photos with masks, of rendered people or of DeepFashion2, a COCO
    or VIA .json, or a .zip of `tryon data pack`; WEIGHT says how often it is drawn.
    """
    run = _read_run(context, options, "MaskRCNNConfig")
    from tryon.training.segmenter import train_segmenter

    for row in train_segmenter(run, count_steps(context)):
        print_row(row)
    click.echo(run.out_dir / "segmenter.json")


@click.command()
@network_options(
    ("heads:200:1e-3", "3+:5000:6e-4"),
    256,
    layers="outlines (no layer that tells the class), heads, 5+, 4+, 3+ or all",
)
@click.option(
    "--segmenter",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="CARD",
    help="Card of the Mask R-CNN that detects garments.  [default: the shipped one]",
)
@click.option(
    "--tops",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Photos of people in short-sleeve tops, without masks.",
)
@click.pass_context
@user_errors
def refiner(
    context: click.Context, segmenter: Path | None, tops: Path | None, **options: Any
) -> None:
    """Train the refiner, which refines each detection of the Mask R-CNN in a crop.

    It learns outlines, classes and landmarks from DATA (see `tryon train segmenter`); its
    input masks are corrupted true masks and predictions of the Mask R-CNN.
    """
    run = _read_run(context, options, "RefinerConfig")
    from data_tools.pictures import list_pictures
    from tryon.networks import load_network
    from tryon.pose import PoseReader
    from tryon.training.refiner import train_refiner
    from tryon.zoo import load_card, shipped_card

    card = shipped_card("segmenter") if segmenter is None else load_card(segmenter)
    photos = [] if tops is None else list_pictures(tops).pictures
    on_photo = _counter("photos searched for garments")
    rows = train_refiner(
        run,
        lambda: load_network(card, "segmenter"),
        PoseReader.from_pretrained,
        photos,
        on_photo,
        count_steps(context),
    )
    for row in rows:
        print_row(row)
    click.echo(run.out_dir / "refiner.json")


@click.command()
@network_options(("3+:3000:8e-4",), 256, photos=False)
@click.option(
    "--backdrops",
    multiple=True,
    type=EXISTING,
    metavar="PHOTOS",
    help="Annotated photos; pieces of them become backgrounds of the garments.",
)
@click.option(
    "--features",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="CARD",
    help="Card of a refiner; start from its backbone.",
)
@click.option(
    "--photos",
    multiple=True,
    type=EXISTING,
    metavar="PHOTOS",
    help="Annotated photos; their tops are trained on with landmarks and a consistency "
    "loss between two views.",
)
@click.pass_context
@user_errors
def chart(
    context: click.Context,
    backdrops: tuple[Path, ...],
    features: Path | None,
    photos: tuple[Path, ...],
    **options: Any,
) -> None:
    """Train the chart network, which predicts dense garment coordinates.

    DATA is a folder of rendered tees with charts (pNNN_A.uv.png).
    """
    run = _read_run(context, options, "ChartConfig")
    from tryon.training.chart import train_chart
    from tryon.zoo import load_card

    card = None if features is None else load_card(features)
    on_photo = _counter("photos searched for tops")
    steps = count_steps(context)
    for row in train_chart(run, backdrops, card, photos, on_photo, steps):
        print_row(row)
    click.echo(run.out_dir / "chart.json")


@click.command()
@network_options(("heads:600:2e-3", "3+:800:5e-4"), 256, backbones=("blazepose",))
@click.pass_context
@user_errors
def semantic(context: click.Context, **options: Any) -> None:
    """Train the semantic network, which names what people wear, pixel by pixel.

    It learns the classes of clothes from DATA (see `tryon train segmenter`), where the
    photos have skin and foreground labelled too. Give the shipped pose network as
    --backbone-weights.
    """
    run = _read_run(context, options, "SemanticConfig")
    from tryon.pose import PoseReader
    from tryon.training.semantic import train_semantic

    on_photo = _counter("photos searched for people")
    steps = count_steps(context)
    for row in train_semantic(run, PoseReader.from_pretrained, on_photo, steps):
        print_row(row)
    click.echo(run.out_dir / "semantic.json")


@click.command()
@network_options(("heads:200:1e-3", "3+:1500:6e-4"), 320, backbones=("mobilenet_v2",))
@click.pass_context
@user_errors
def matting(context: click.Context, **options: Any) -> None:
    """Train the matting network, which finds the soft edge of a garment.

    It learns from DATA (see `tryon train segmenter`): rendered people, whose shirts are
    painted anew, and photos with masks.
    """
    run = _read_run(context, options, "MattingConfig")
    from tryon.training.matting import train_matting

    for row in train_matting(run, count_steps(context)):
        print_row(row)
    click.echo(run.out_dir / "matting.json")


def _read_run(
    context: click.Context, options: dict[str, Any], kind: str
) -> "TrainingRun":
    """Build a training run from options; `kind` names the network's config class."""
    from mrcnn import config as configs

    stages = tuple(read_stage(text) for text in options["stages"])
    outlines = any(stage.layers == configs.OUTLINES for stage in stages)
    if outlines and kind != "RefinerConfig":
        raise click.UsageError("--stage outlines: only the refiner has such a stage")
    wanted = read_filters(options.get("filters", ()))
    load_training(context, [path for path, _ in options["data"]])
    from tryon.training.run import TrainingRun
    from tryon.training.samples.photos import DataChoice, DataPart

    parts = [DataPart(path, weight) for path, weight in options["data"]]
    recipe = configs.TrainConfig(
        stages=stages,
        batch_size=options["batch_size"],
        ema=options["ema"],
        precision=options["precision"],
        seed=options["seed"],
    )
    network = getattr(configs, kind)(
        backbone=options["backbone"], image_size=options["image_size"]
    )
    if kind == "MaskRCNNConfig" and options["start"]:
        network = _fit_classic(network, options["start"])
    return TrainingRun(
        DataChoice(
            parts, options.get("polygons", "segmentation"), wanted, options.get("limit")
        ),
        options["out"],
        network,
        recipe,
        options["backbone_weights"],
        options["start"],
        options["resume"],
        options["workers"],
    )


def _fit_classic(config: "MaskRCNNConfig", start: Path) -> "MaskRCNNConfig":
    """Return the config that fits weights of the classic Mask R-CNN, or else this one.

    Raises:
        TryOnError: the file holds no weights, or those of another backbone.
    """
    from mrcnn.classic import classic_config, is_classic
    from mrcnn.weights import WeightsError
    from tryon.errors import TryOnError

    try:
        return classic_config(config, start) if is_classic(start) else config
    except WeightsError as error:
        raise TryOnError(str(error)) from error


def _counter(what: str) -> Callable[[str], None]:
    """Return a function that counts its calls and prints every hundredth count."""
    calls = itertools.count(1)

    def count_call(name: str) -> None:
        del name
        if (count := next(calls)) % 100 == 0:
            click.echo(f"{count} {what}", err=True)

    return count_call
