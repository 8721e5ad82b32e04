"""Train the chart network on rendered garments, and on photos without charts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_tools.annotations import AnnotatedPhoto
from data_tools.augment.backdrops import cut_backdrops
from data_tools.folders import read_folder
from data_tools.paint import designs
from mrcnn.chart.data import ChartBatches, Charted, pack_view, random_view
from mrcnn.chart.model import build_chart_network
from mrcnn.chart.train import ChartTrainer
from mrcnn.config import ChartConfig, RefinerConfig
from mrcnn.refiner.model import build_refiner
from mrcnn.weights import load_weights
from tryon.errors import TryOnError
from tryon.files import write_image
from tryon.networks import load_network
from tryon.training.run import (
    NetworkInTraining,
    TrainingRun,
    build_network,
    report_user_errors,
    train,
)
from tryon.training.samples.chart import (
    ChartLoader,
    chart_augmenter,
    consistency_augmenter,
    find_charted,
    read_charted,
)
from tryon.training.samples.chart_consistency import ConsistencyPairLoader, find_tops
from tryon.training.samples.photos import TrainingPhotos
from tryon.training.steps import Steps
from tryon.zoo import ModelCard, shipped_card


@dataclass(frozen=True)
class ChartDataConfig:
    """Data of the chart network's training."""

    backdrops: int = 150  # pieces of photos that are pasted behind the garments
    held_out: int = 24  # renders, of the last people; none of less than twice as many
    shown: int = 8  # held-out renders on a sheet


DEFAULT = ChartDataConfig()


def train_chart(
    run: TrainingRun,
    backdrops: Sequence[Path] = (),
    features: ModelCard | None = None,
    photos: Sequence[Path] = (),
    on_photo: Callable[[str], None] = lambda name: None,
    steps: Steps | None = None,
) -> Iterator[dict[str, float]]:
    """Train on renders with charts, and on photos without.

    Args:
        run: what to do; its config is a `ChartConfig`, its data folders of renders.
        backdrops: annotated photos; pieces of them are pasted behind the garments.
        features: a refiner whose backbone the training starts from.
        photos: folders of annotated photos; short-sleeve tops in them have consistency
            losses, see `mrcnn.chart.consistency`.
        on_photo: called with each such photo's name when its tops are refined.
        steps: counts the steps, and tells how many are left.

    Yields:
        The log row of every epoch, with `worn_error` and `shop_error`: the median
        distance on the chart, in held-out renders.

    Raises:
        TryOnError: as `train_segmenter`.
    """
    yield from report_user_errors(
        _train(run, backdrops, features, photos, on_photo, steps or Steps())
    )


def _train(
    run: TrainingRun,
    backdrops: Sequence[Path],
    features: ModelCard | None,
    photos: Sequence[Path],
    on_photo: Callable[[str], None],
    steps: Steps,
) -> Iterator[dict[str, float]]:
    config, seed = run.config, run.recipe.seed
    assert isinstance(config, ChartConfig)
    stems, held_out = split_renders([part.path for part in run.data.parts])
    textures = [designs.read_texture(path) for path in _designs(stems)]
    behind = [p for folder in backdrops for p in read_folder(folder, "train")]
    pieces = cut_backdrops(behind, DEFAULT.backdrops, np.random.default_rng(seed))
    sample_pair = make_pair_sampler(photos, config.image_size, pieces, on_photo)
    run.out_dir.mkdir(parents=True, exist_ok=True)
    network = build_network(run, lambda: make_network(run, features))
    load, augment = ChartLoader(stems, textures), chart_augmenter(pieces)

    def make_batches(epoch: int, steps: int) -> ChartBatches:
        return ChartBatches(
            load,
            len(stems),
            config.image_size,
            run.recipe.batch_size,
            steps,
            seed,
            augment,
            run.workers,
            epoch,
            sample_pair,
        )

    def evaluate(epoch: int) -> dict[str, float]:
        return evaluate_held_out(network.model, held_out, run.out_dir, epoch)

    data = TrainingPhotos([AnnotatedPhoto(s, "rendered") for s in stems], [], [])
    yield from train(run, network, data, make_batches, evaluate, steps)


def split_renders(
    folders: Sequence[Path], config: ChartDataConfig = DEFAULT
) -> tuple[list[Path], list[Path]]:
    """Return the renders to train on and those that are held out."""
    stems = find_charted(folders, "train")
    count = config.held_out
    held_out = stems[-count:] if len(stems) > 2 * count else []
    return stems[: len(stems) - len(held_out)], held_out


def make_pair_sampler(
    folders: Sequence[Path],
    size: int,
    pieces: Sequence[NDArray[np.uint8]],
    on_photo: Callable[[str], None],
) -> ConsistencyPairLoader | None:
    """Return the source of paired views of photos' tops; None without folders.

    Raises:
        FileNotFoundError: when no photo shows a short-sleeve top.
    """
    if not folders:
        return None
    photos = [p for folder in folders for p in read_folder(folder, "train")]
    tops = find_tops(photos, load_network(shipped_card("refiner"), "refiner"), on_photo)
    if not tops:
        raise FileNotFoundError(
            "expected photos with masks of short-sleeve tops in "
            + ", ".join(map(str, folders))
        )
    return ConsistencyPairLoader(tops, size, consistency_augmenter(pieces))


def _designs(stems: Sequence[Path]) -> list[Path]:
    """Return the flat designs of the renders of worn tees."""
    paths = [stem.with_name(stem.name + ".tex.jpg") for stem in stems]
    designs = [path for path in paths if path.exists()]
    if not designs:
        raise FileNotFoundError("expected designs (pNNN_A.tex.jpg) beside the charts")
    return designs


def make_network(run: TrainingRun, features: ModelCard | None) -> NetworkInTraining:
    """Build the chart network with its losses."""
    config = run.config
    assert isinstance(config, ChartConfig)
    model = ChartTrainer(config, run.recipe)
    if features is not None:
        load_features(model, features)
    return NetworkInTraining(
        "chart", model, lambda: build_chart_network(config), lambda m: m.network
    )


def load_features(model: ChartTrainer, card: ModelCard) -> None:
    """Copy the weights of a refiner's backbone.

    Raises:
        TryOnError: when it has another backbone.
    """
    config = RefinerConfig.from_dict(card.values["config"])
    if config.backbone != model.config.backbone:
        raise TryOnError(
            f"{card.path}: expected a {model.config.backbone}, got a {config.backbone}"
        )
    refiner = build_refiner(config)
    load_weights(refiner, card.path)
    backbone = refiner.get_layer(f"{config.backbone}_backbone")
    model.backbone.set_weights(backbone.get_weights())


def evaluate_held_out(
    model: ChartTrainer,
    stems: Sequence[Path],
    out_dir: Path,
    epoch: int,
    config: ChartDataConfig = DEFAULT,
) -> dict[str, float]:
    """Write a sheet of held-out renders with their charts; returns median errors."""
    if not stems:
        return {}
    errors: dict[str, list[NDArray[np.floating]]] = {"worn_error": [], "shop_error": []}
    rows = []
    for stem in stems:
        distances, row = _evaluate_render(model, read_charted(stem))
        kind = "shop_error" if stem.name.endswith("_shop") else "worn_error"
        errors[kind].append(distances)
        rows.append(row)
    sheet = np.vstack(rows[:: max(1, len(rows) // config.shown)])
    (out_dir / "held-out").mkdir(exist_ok=True)
    write_image(sheet, out_dir / "held-out" / f"epoch-{epoch:03d}.jpg")
    return {k: float(np.median(np.concatenate(v))) for k, v in errors.items() if v}


def _evaluate_render(
    model: ChartTrainer, garment: Charted
) -> tuple[NDArray[np.floating], NDArray[np.uint8]]:
    """Return the errors of a render's coordinates, and its row of a sheet."""
    rng = np.random.default_rng(0)
    view = random_view(garment, model.config.image_size, rng, strength=0)
    row = pack_view(view)
    pred = model.network.predict_on_batch(row["views"][None])
    uv, truth = np.asarray(pred["places"], np.float32)[0], row["gt_chart"]
    known, back = truth[..., 3:] > 0, truth[..., 2].astype(np.intp)
    uv = np.take_along_axis(uv, back[..., None, None], axis=2)[..., 0, :]
    distances = np.linalg.norm(uv - truth[..., :2], axis=-1)[known[..., 0]]
    return distances, _draw_row(view.image, truth[..., :2] * known, uv * known)


def _draw_row(
    image: NDArray[np.uint8], *charts: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Draw chart coordinates as colours beside an image."""
    size = len(image)
    planes = [image]
    for chart in charts:
        colors = np.zeros((*chart.shape[:2], 3), np.float32)
        colors[..., :2] = np.clip(chart, 0, 1) * 255
        step = size // len(colors)
        planes.append(colors.repeat(step, 0).repeat(step, 1).astype(np.uint8))
    return np.hstack(planes)
