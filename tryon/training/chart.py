"""Train the chart network on rendered garments, and on photos of others."""

from collections.abc import Callable, Iterator, Sequence
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
from tryon.errors import TryOnError
from tryon.files import write_image
from tryon.networks import load_network
from tryon.training.run import Trainee, TrainingRun, build_trainee, one_line, train
from tryon.training.samples.chart import (
    ChartLoader,
    chart_augmenter,
    consistency_augmenter,
    find_charted,
    read_charted,
)
from tryon.training.samples.chart_consistency import ConsistencyPairLoader, find_tops
from tryon.training.samples.photos import TrainingPhotos
from tryon.zoo import ModelCard, shipped_card

BACKDROPS = 150
HELD_OUT = 24  # pictures of the last people, that are not trained on
SHOWN = 8  # of them in a sheet


def train_chart(
    run: TrainingRun,
    backdrops: Sequence[Path] = (),
    features: ModelCard | None = None,
    photos: Sequence[Path] = (),
    tell: Callable[[str], None] = lambda name: None,
    on_step: Callable[[], None] = lambda: None,
) -> Iterator[dict[str, float]]:
    """Train on rendered pictures with charts, and on photos without.

    Args:
        run: what to do; its config is a `ChartConfig`, its data folders of renders.
        backdrops: annotated photos; pieces of them lie behind the garments.
        features: a refiner whose backbone the training starts from.
        photos: folders of annotated photos; short-sleeve tops in them take part, see
            `mrcnn.chart_twins`.
        tell: called with every such photo's name while tops are looked for.
        on_step: called after every step.

    Yields:
        The log row of every epoch, with `worn_error` and `shop_error`: the median
        distance on the chart, in held-out pictures.

    Raises:
        TryOnError: as `train_segmenter`.
    """
    yield from one_line(_train(run, backdrops, features, photos, tell, on_step))


def _train(
    run: TrainingRun,
    backdrops: Sequence[Path],
    features: ModelCard | None,
    photos: Sequence[Path],
    tell: Callable[[str], None],
    on_step: Callable[[], None],
) -> Iterator[dict[str, float]]:
    config, seed = run.config, run.recipe.seed
    assert isinstance(config, ChartConfig)
    folders = [part.path for part in run.data.parts]
    stems = find_charted(folders, "train")
    held = stems[-HELD_OUT:] if len(stems) > 2 * HELD_OUT else []
    stems = stems[: len(stems) - len(held)]
    textures = [designs.read_texture(path) for path in _designs(stems)]
    behind = [p for folder in backdrops for p in read_folder(folder, "train")]
    pieces = cut_backdrops(behind, BACKDROPS, np.random.default_rng(seed))
    twins = make_twins(photos, config.image_size, pieces, tell)
    run.out_dir.mkdir(parents=True, exist_ok=True)
    trainee = build_trainee(run, lambda: make_trainee(run, features))
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
            twins,
        )

    def look(epoch: int) -> dict[str, float]:
        return look_at_held_out(trainee.model, held, run.out_dir, epoch)

    data = TrainingPhotos([AnnotatedPhoto(s, "rendered") for s in stems], [], [])
    yield from train(run, trainee, data, make_batches, look, on_step)


def make_twins(
    folders: Sequence[Path],
    size: int,
    pieces: Sequence[NDArray[np.uint8]],
    tell: Callable[[str], None],
) -> ConsistencyPairLoader | None:
    """Find the tops of photos that take part without a chart; None without folders.

    Raises:
        FileNotFoundError: when no photo shows a short-sleeve top.
    """
    if not folders:
        return None
    photos = [p for folder in folders for p in read_folder(folder, "train")]
    tops = find_tops(photos, load_network(shipped_card("refiner"), "refiner"), tell)
    if not tops:
        raise FileNotFoundError(
            "expected photos with masks of short-sleeve tops in "
            + ", ".join(map(str, folders))
        )
    return ConsistencyPairLoader(tops, size, consistency_augmenter(pieces))


def _designs(stems: Sequence[Path]) -> list[Path]:
    """Return the flat designs of the worn pictures among stems."""
    paths = [stem.with_name(stem.name + ".tex.jpg") for stem in stems]
    found = [path for path in paths if path.exists()]
    if not found:
        raise FileNotFoundError("expected designs (pNNN_A.tex.jpg) beside the charts")
    return found


def make_trainee(run: TrainingRun, features: ModelCard | None) -> Trainee:
    """Build the chart network with its losses."""
    config = run.config
    assert isinstance(config, ChartConfig)
    model = ChartTrainer(config, run.recipe)
    if features is not None:
        take_features(model, features)
    return Trainee(
        "chart", model, lambda: build_chart_network(config), lambda m: m.network
    )


def take_features(model: ChartTrainer, card: ModelCard) -> None:
    """Copy the backbone of a refiner.

    Raises:
        TryOnError: when it has another backbone.
    """
    config = RefinerConfig.from_dict(card.values["config"])
    if config.backbone != model.config.backbone:
        raise TryOnError(
            f"{card.path}: expected a {model.config.backbone}, got a {config.backbone}"
        )
    refiner = build_refiner(config)
    refiner.load_weights(card.path)
    theirs = refiner.get_layer(f"{config.backbone}_backbone")
    model.backbone.set_weights(theirs.get_weights())


def look_at_held_out(
    model: ChartTrainer, stems: Sequence[Path], out_dir: Path, epoch: int
) -> dict[str, float]:
    """Write a sheet of held-out pictures with their charts; returns median errors."""
    if not stems:
        return {}
    errors: dict[str, list[NDArray[np.floating]]] = {"worn_error": [], "shop_error": []}
    rows = []
    for stem in stems:
        away, row = _look_at_one(model, read_charted(stem))
        kind = "shop_error" if stem.name.endswith("_shop") else "worn_error"
        errors[kind].append(away)
        rows.append(row)
    sheet = np.vstack(rows[:: max(1, len(rows) // SHOWN)])
    (out_dir / "held-out").mkdir(exist_ok=True)
    write_image(sheet, out_dir / "held-out" / f"epoch-{epoch:03d}.jpg")
    return {k: float(np.median(np.concatenate(v))) for k, v in errors.items() if v}


def _look_at_one(
    model: ChartTrainer, picture: Charted
) -> tuple[NDArray[np.floating], NDArray[np.uint8]]:
    """Return the distances of a picture's places, and its row of a sheet."""
    rng = np.random.default_rng(0)
    view = random_view(picture, model.config.image_size, rng, strength=0)
    row = pack_view(view)
    pred = model.network.predict_on_batch(row["views"][None])
    places, truth = np.asarray(pred["places"], np.float32)[0], row["gt_chart"]
    known, back = truth[..., 3:] > 0, truth[..., 2].astype(np.intp)
    seen = np.take_along_axis(places, back[..., None, None], axis=2)[..., 0, :]
    away = np.linalg.norm(seen - truth[..., :2], axis=-1)[known[..., 0]]
    return away, _draw(view.image, truth[..., :2] * known, seen * known)


def _draw(image: NDArray[np.uint8], *charts: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Draw charts as colours beside a picture."""
    size = len(image)
    planes = [image]
    for chart in charts:
        colours = np.zeros((*chart.shape[:2], 3), np.float32)
        colours[..., :2] = np.clip(chart, 0, 1) * 255
        step = size // len(colours)
        planes.append(colours.repeat(step, 0).repeat(step, 1).astype(np.uint8))
    return np.hstack(planes)
