"""Train the CycleGAN of one garment pattern.

The segmenter cuts S1 out of the shop's pictures and S2 out of photos of people. Besides
the unpaired CycleGAN losses, the universal generator's result for S1 and each S2 is a
paired target, so that a few hundred steps on a CPU are enough. Every sixth person is held
out; the weights of the epoch with the best score on them are kept.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cyclegan.config import CycleGANConfig
from cyclegan.data import Garments, to_model_range, unpaired_batches
from cyclegan.model import CycleGAN
from cyclegan.train import resume
from cyclegan.weights import load_weights
from data_tools.augment.views import cutout_augmenter
from tryon.correspond import UV_SIZE, chart_warp
from tryon.errors import Refusal, TryOnError
from tryon.frames import Frame, crop
from tryon.images import read_photo
from tryon.segment import Segmenter
from tryon.stages import DetectedGarment, Garment, prepare, work_image
from tryon.training.generator_run import card_facts, save_with_card, train_with_sheets
from tryon.training.pattern_score import PatternJudge, split_users
from tryon.training.run import open_board
from tryon.training.steps import Steps
from tryon.training.texture import unwrap
from tryon.transfer import UniversalTransfer, garment_uv
from tryon.zoo import ModelCard, user_home

SHIPPED_USERS = Path(__file__).parent / "users"
SCORE = "held_out_score"  # column of the log
TEXTURE = 512  # side of the learned texture, texels: the whole front of the chart
GREY = 127.0  # colour outside a photo


@dataclass(frozen=True)
class PatternRun:
    """Inputs, outputs and length of a pattern's training.

    Attributes:
        name: of the pattern.
        shop: pictures of the garment.
        users: photos of people in short-sleeve tops.
        out_dir: gets checkpoint, log, sheets, TensorBoard files, weights and card.
        epochs: maximum, in total.
        steps_per_epoch: steps between checkpoints and sheets.
        patience: epochs without a better held-out score after which training stops.
        start: pattern whose weights generator_a2b starts from; None for random ones.
    """

    name: str
    shop: Sequence[Path]
    users: Sequence[Path]
    out_dir: Path
    epochs: int
    steps_per_epoch: int
    patience: int
    start: ModelCard | None = None

    @property
    def weights(self) -> Path:
        """The file of the best weights."""
        return self.out_dir / f"{self.name}.weights.h5"


def pattern_folder(name: str) -> Path:
    """Return the folder in which a user's pattern is trained."""
    return user_home() / "training" / name


def segment_garments(
    segmenter: Segmenter, paths: Sequence[Path], warn: Callable[[str], None]
) -> list[Garment]:
    """Segment the garment of each picture; `warn` gets a line for those without one."""
    garments = []
    for path in paths:
        try:
            photo = read_photo(path)
        except Refusal as refusal:
            warn(str(refusal))
            continue
        work = work_image(photo)
        detection = segmenter(work)
        if detection is None:
            warn(f"{path}: no short-sleeve top was found")
        else:
            garments.append(prepare(DetectedGarment(photo, work, detection)))
    return garments


def crop_garments(garments: Sequence[Garment], config: CycleGANConfig) -> Garments:
    """Return the garments cropped and resized to the CycleGAN's input."""
    framed = [(g, Frame.around(g.box, config.image_size)) for g in garments]
    images = [_to_uint8(crop(frame, g.work, GREY)) for g, frame in framed]
    masks = [_crop_mask(g, frame) for g, frame in framed]
    if not config.texture:
        return Garments(images, masks)
    return Garments(images, masks, [garment_uv(g, frame) for g, frame in framed])


def render_targets(
    users: Sequence[Garment],
    shop: Sequence[Garment],
    config: CycleGANConfig,
    transfer: UniversalTransfer,
) -> Garments:
    """Return a shop garment on each user, cropped as by `crop_garments`.

    With a texture, the garment is warped as the texture will be: the universal
    generator's shading is to be learned, not the difference between the warps.
    """
    images, masks = [], []
    unwrapped = cache(lambda index: _unwrap(shop[index], transfer, UV_SIZE))
    for index, user in enumerate(users):
        frame = Frame.around(user.box, config.image_size)
        out1 = transfer(user, shop[index % len(shop)])
        if config.texture:
            style = unwrapped(index % len(shop))
            out1 = replace(out1, warp=chart_warp(user), style=style)
        # Rendered at the working size, then cropped: prints would alias in the frame.
        height, width = user.alpha.shape
        colors = out1.draw(np.arange(height), np.arange(width))
        images.append(_to_uint8(crop(frame, colors, GREY)))
        masks.append(_crop_mask(user, frame))
    return Garments(images, masks)


def _unwrap(shop: Garment, transfer: UniversalTransfer, size: int) -> NDArray[np.uint8]:
    return _to_uint8(unwrap(shop, transfer.shading, size))


def _to_uint8(colors: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.clip(np.rint(colors), 0, 255).astype(np.uint8)


def _crop_mask(garment: Garment, frame: Frame) -> NDArray[np.bool_]:
    return crop(frame, garment.detection.mask[..., None], 0.0)[..., 0] > 0.5


def train_pattern(
    run: PatternRun,
    segmenter: Segmenter,
    transfer: UniversalTransfer,
    config: CycleGANConfig,
    warn: Callable[[str], None],
    steps: Steps | None = None,
) -> Iterator[dict[str, float]]:
    """Train a pattern; continues from an earlier run in `out_dir`.

    Args:
        run: inputs, outputs and length.
        segmenter: cuts the garments out.
        transfer: makes the paired targets.
        config: the recipe.
        warn: gets a line for each picture that is left out.
        steps: counts the steps, and tells how many are left.

    Yields:
        The log of each epoch, with the metrics of `PatternJudge`. After the last,
        `out_dir` has `<name>.weights.h5` (float16, generator_a2b of the best epoch) and
        `<name>.json`.

    Raises:
        TryOnError: when no shop picture or no user photo shows a garment, or the pattern
            to start from has another architecture.
    """
    shop = segment_garments(segmenter, run.shop, warn)
    everyone = segment_garments(segmenter, run.users, warn)
    for kind, garments in (("shop pictures", shop), ("user photos", everyone)):
        if not garments:
            raise TryOnError(f"no short-sleeve top was found in the {kind}")
    users, held_out = split_users(everyone)
    judge = PatternJudge(held_out, shop[0], segmenter)
    model = CycleGAN(config)
    if not resume(model, run.out_dir):
        initialize_generator(model, run.start, shop[0], transfer)
    batches = make_batches(users, shop, config, transfer, model.step)
    board = open_board(model.generator_a2b, run.out_dir)

    def measure() -> dict[str, float]:
        metrics = judge(model)
        if not metrics or metrics[SCORE] > max(read_scores(run.out_dir), default=-1.0):
            save_pattern(model, run, len(users))
        return metrics

    length, steps = (run.epochs, run.steps_per_epoch), steps or Steps()
    rows = train_with_sheets(model, batches, *length, run.out_dir, steps, measure, board)
    for log in rows:
        yield log
        if on_plateau(read_scores(run.out_dir), run.patience):
            break


def make_batches(
    users: Sequence[Garment],
    shop: Sequence[Garment],
    config: CycleGANConfig,
    transfer: UniversalTransfer,
    start_step: int,
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Return the batches from a step on, with targets if the config has paired loss."""
    has_targets = bool(config.lambda_paired)
    return unpaired_batches(
        crop_garments(users, config),
        crop_garments(shop, config),
        batch_size=1,
        seed=config.seed,
        augment=cutout_augmenter(),
        paired_b=render_targets(users, shop, config, transfer) if has_targets else None,
        start_step=start_step,
    )


def initialize_generator(
    model: CycleGAN, start: ModelCard | None, shop: Garment, transfer: UniversalTransfer
) -> None:
    """Initialize generator_a2b of a new run.

    Args:
        model: the CycleGAN.
        start: pattern whose weights it starts from; None keeps the random ones.
        shop: garment whose texture it starts from, if it has one.
        transfer: has the shading network, which removes the garment's folds.

    Raises:
        TryOnError: when the weights do not fit.
    """
    if start is not None:
        try:
            load_weights(model.generator_a2b, start.path)
        except ValueError as error:
            raise TryOnError(
                f"{start.path}: cannot be started from ({error}); use --start none"
            ) from error
    if model.config.texture:
        texture = _unwrap(shop, transfer, model.config.texture)
        model.set_texture(to_model_range(texture))


def read_scores(out_dir: Path) -> list[float]:
    """Return the held-out scores in a run's log, one per epoch; empty without a log."""
    path = out_dir / "log.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [float(row[SCORE]) for row in csv.DictReader(file) if row.get(SCORE)]


def on_plateau(scores: Sequence[float], patience: int) -> bool:
    """Tell whether the best score is `patience` epochs or more ago."""
    return bool(scores) and len(scores) - 1 - int(np.argmax(scores)) >= patience


def save_pattern(model: CycleGAN, run: PatternRun, users: int) -> Path:
    """Write the pattern's weights and card; returns the card's path."""
    run.out_dir.mkdir(parents=True, exist_ok=True)
    data = [f"{len(run.shop)} shop pictures", f"{users} user photos"]
    licence = "as the pictures it was trained on"
    facts = card_facts("pattern", model.config, data, model.step, run.name, licence)
    if run.start is not None:
        facts["start"] = run.start.values["name"]
    return save_with_card(model.generator_a2b, run.weights, facts)
