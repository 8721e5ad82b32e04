"""Train the CycleGAN of one garment pattern.

The segmenter cuts S1 out of the shop's pictures and S2 out of photos of people. Beside
the unpaired CycleGAN losses, what the universal generator makes of S1 and each S2 is a
paired target: it makes a few hundred steps on a CPU enough. Every sixth person is held
out; the weights of the epoch that does best on them are kept.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cyclegan.config import CycleGANConfig, to_dict
from cyclegan.data import Garments, to_model_range, unpaired_batches
from cyclegan.model import CycleGAN
from cyclegan.train import resume, train
from cyclegan.weights import load_weights, save_float16
from data_tools.augment.views import cutout_augmenter
from tryon.correspond import UV_SIZE, chart_warp
from tryon.errors import Refusal, TryOnError
from tryon.files import write_image
from tryon.frames import Frame, crop
from tryon.images import read_photo
from tryon.segment import Segmenter
from tryon.stages import DetectedGarment, Garment, prepare, work_image
from tryon.training.pattern_score import PatternJudge, split_users
from tryon.training.run import open_board
from tryon.training.texture import unwrap
from tryon.transfer import UniversalTransfer, garment_uv
from tryon.zoo import ModelCard, user_home, write_card

SHIPPED_USERS = Path(__file__).parent / "users"
SCORE = "held_out_score"
TEXTURE = 512  # texels across the chart
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class PatternRun:
    """What a pattern is trained from.

    Attributes:
        name: of the pattern.
        shop: pictures of the garment.
        users: photos of people in short-sleeve tops.
        out_dir: gets checkpoint, log, sheets, TensorBoard files, weights and card.
        epochs: in all, at most.
        steps_per_epoch: steps between checkpoints and sheets.
        patience: epochs without a better held-out score after which training ends.
        start: a pattern that the way to the pattern starts from; None starts at random.
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
        """Where the best weights are kept."""
        return self.out_dir / f"{self.name}.weights.h5"


def expand(paths: Sequence[Path]) -> list[Path]:
    """Replace folders by the pictures in them, sorted.

    Raises:
        TryOnError: when nothing is left.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [p for p in inside if not path.is_dir() or _is_photo(p)]
    if not found:
        raise TryOnError(f"{', '.join(map(str, paths))}: no pictures there")
    return found


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in PHOTO_ENDINGS


def pattern_folder(name: str) -> Path:
    """Return where a pattern of the user's own is trained."""
    return user_home() / "training" / name


def find_garments(
    segmenter: Segmenter,
    paths: Sequence[Path],
    skipped: Callable[[str], None],
    done: Callable[[str], None],
) -> list[Garment]:
    """Find the garment of each picture; pictures without one are told to `skipped`."""
    garments = []
    for path in paths:
        done(path.name)
        try:
            photo = read_photo(path)
        except Refusal as refusal:
            skipped(str(refusal))
            continue
        work = work_image(photo)
        found = segmenter(work)
        if found is None:
            skipped(f"{path}: no short-sleeve top was found")
        else:
            garments.append(prepare(DetectedGarment(photo, work, found)))
    return garments


def frame_all(garments: Sequence[Garment], config: CycleGANConfig) -> Garments:
    """Return all garments as the CycleGAN takes them: all of them in frames."""
    framed = [(g, Frame.around(g.box, config.image_size)) for g in garments]
    images = [_as_picture(crop(frame, g.work, 127.0)) for g, frame in framed]
    masks = [_mask(g, frame) for g, frame in framed]
    if not config.texture:
        return Garments(images, masks)
    return Garments(images, masks, [garment_uv(g, frame) for g, frame in framed])


def frame_targets(
    users: Sequence[Garment],
    shop: Sequence[Garment],
    config: CycleGANConfig,
    transfer: UniversalTransfer,
) -> Garments:
    """Return a shop garment on each user, the users' frames as of `frame_all`.

    With a texture the garment lies where the texture will: the universal generator's
    light is to be learned, not how its warp differs.
    """
    drawn, masks = [], []
    unwrapped = cache(lambda index: _unwrap(shop[index], transfer, UV_SIZE))
    for index, user in enumerate(users):
        frame = Frame.around(user.box, config.image_size)
        out1 = transfer(user, shop[index % len(shop)])
        if config.texture:
            style = unwrapped(index % len(shop))
            out1 = replace(out1, warp=chart_warp(user), style=style)
        # At the working size first: read straight through the frame, prints would alias.
        height, width = user.alpha.shape
        colours = out1.draw(np.arange(height), np.arange(width))
        drawn.append(_as_picture(crop(frame, colours, 127.0)))
        masks.append(_mask(user, frame))
    return Garments(drawn, masks)


def _unwrap(shop: Garment, transfer: UniversalTransfer, size: int) -> NDArray[np.uint8]:
    return _as_picture(unwrap(shop, transfer.shading, size))


def _as_picture(colours: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


def _mask(garment: Garment, frame: Frame) -> NDArray[np.bool_]:
    return crop(frame, garment.detection.mask[..., None], 0.0)[..., 0] > 0.5


def train_pattern(
    run: PatternRun,
    segmenter: Segmenter,
    transfer: UniversalTransfer,
    config: CycleGANConfig,
    tell: Callable[[str], None],
) -> Iterator[dict[str, float]]:
    """Train a pattern; resumes where an earlier run in `out_dir` stopped.

    Args:
        run: what to train from.
        segmenter: cuts the garments out.
        transfer: makes the paired targets.
        config: the recipe.
        tell: gets a line for each picture that is left out.

    Yields:
        The log of each epoch, with the figures of `PatternJudge`. After the last,
        `<name>.weights.h5` (float16, the generator from shirts to the pattern, of the
        best epoch) and `<name>.json` lie in `out_dir`.

    Raises:
        TryOnError: when no shop picture or no user photo shows a garment, or the pattern
            to start from has another architecture.
    """
    shop = find_garments(segmenter, run.shop, tell, lambda name: None)
    everyone = find_garments(segmenter, run.users, tell, lambda name: None)
    for kind, found in (("shop pictures", shop), ("user photos", everyone)):
        if not found:
            raise TryOnError(f"no short-sleeve top was found in the {kind}")
    users, held_out = split_users(everyone)
    judge = PatternJudge(held_out, shop[0], segmenter)
    model = CycleGAN(config)
    if not resume(model, run.out_dir):
        begin(model, run.start, shop[0], transfer)
    batches = unpaired_batches(
        frame_all(users, config),
        frame_all(shop, config),
        batch_size=1,
        seed=config.seed,
        augment=cutout_augmenter(),
        paired_b=frame_targets(users, shop, config, transfer)
        if config.lambda_paired
        else None,
        start_step=model.step,
    )
    board = open_board(model.generator_a2b, run.out_dir)

    def measure() -> dict[str, float]:
        figures = judge(model)
        if not figures or figures[SCORE] > max(read_scores(run.out_dir), default=-1.0):
            save_pattern(model, run, len(users))
        return figures

    def on_epoch(epoch: int, log: dict[str, float], sheet: NDArray[np.uint8]) -> None:
        write_image(sheet, run.out_dir / f"sheet-{epoch:03d}.png")
        if board is not None:
            board.on_epoch_end(epoch, log)

    for log in train(
        model, batches, run.epochs, run.steps_per_epoch, run.out_dir, on_epoch, measure
    ):
        yield log
        if on_plateau(read_scores(run.out_dir), run.patience):
            break


def begin(
    model: CycleGAN, start: ModelCard | None, shop: Garment, transfer: UniversalTransfer
) -> None:
    """Give the generator that makes the pattern its first weights.

    Args:
        model: the CycleGAN.
        start: a pattern whose generator it starts from; None leaves it at random.
        shop: the garment that its texture, if it has one, is taken from.
        transfer: has the network that relieves the garment of its folds.

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
    """Return the held-out scores in a run's log, epoch by epoch; none of no log."""
    path = out_dir / "log.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [float(row[SCORE]) for row in csv.DictReader(file) if row.get(SCORE)]


def on_plateau(scores: Sequence[float], patience: int) -> bool:
    """Tell whether the best score lies `patience` epochs or more back."""
    return bool(scores) and len(scores) - 1 - int(np.argmax(scores)) >= patience


def save_pattern(model: CycleGAN, run: PatternRun, users: int) -> Path:
    """Write the pattern's weights and card; returns the card's path."""
    run.out_dir.mkdir(parents=True, exist_ok=True)
    save_float16(model.generator_a2b, run.weights)
    facts: dict[str, object] = {
        "name": run.name,
        "kind": "pattern",
        "licence": "as the pictures it was trained on",
        "config": to_dict(model.config),
        "data": [f"{len(run.shop)} shop pictures", f"{users} user photos"],
        "steps": model.step,
    }
    if run.start is not None:
        facts["start"] = run.start.values["name"]
    return write_card(run.weights, facts)
