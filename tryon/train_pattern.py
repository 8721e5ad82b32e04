"""Train the CycleGAN of one garment pattern.

The segmenter cuts S1 out of the shop's pictures and S2 out of photos of people. Beside
the unpaired CycleGAN losses, the classical warp of S1 onto each S2 is a paired target: it
makes a few hundred steps on a CPU enough.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cyclegan.config import CycleGANConfig, to_dict
from cyclegan.data import Garments, unpaired_batches
from cyclegan.model import CycleGAN
from cyclegan.train import resume, train
from cyclegan.weights import save_float16
from data_tools.augment import cutout_augmenter
from tryon.errors import Refusal, TryOnError
from tryon.images import read_photo, write_image
from tryon.segment import Segmenter
from tryon.stages import Garment, work_image
from tryon.transfer import Frame, classical_garment, look
from tryon.zoo import user_home, write_card

SHIPPED_USERS = Path(__file__).parent / "users"
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class PatternRun:
    """What a pattern is trained from.

    Attributes:
        name: of the pattern.
        shop: pictures of the garment.
        users: photos of people in short-sleeve tops.
        out_dir: gets checkpoint, log, sheets, weights and card.
        epochs: in all.
        steps_per_epoch: steps between checkpoints and sheets.
    """

    name: str
    shop: Sequence[Path]
    users: Sequence[Path]
    out_dir: Path
    epochs: int
    steps_per_epoch: int


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
            garments.append(Garment(photo, work, found))
    return garments


def frame_garment(
    garment: Garment, colours: NDArray[np.generic], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return colours (h, w, 3) and the garment's mask through the generator's frame."""
    frame = Frame.around(garment.box, size)
    image = np.clip(np.rint(look(frame, colours, 127.0)), 0, 255).astype(np.uint8)
    return image, look(frame, garment.found.mask[..., None], 0.0)[..., 0] > 0.5


def frame_all(garments: Sequence[Garment], size: int) -> Garments:
    """Return all garments as the CycleGAN takes them."""
    pairs = [frame_garment(g, g.work, size) for g in garments]
    return Garments([p[0] for p in pairs], [p[1] for p in pairs])


def frame_targets(
    users: Sequence[Garment], shop: Sequence[Garment], size: int
) -> Garments:
    """Return the classical warp of a shop garment onto each user's shirt."""
    pairs = [
        frame_garment(user, classical_garment(user, shop[i % len(shop)]), size)
        for i, user in enumerate(users)
    ]
    return Garments([p[0] for p in pairs], [p[1] for p in pairs])


def train_pattern(
    run: PatternRun,
    segmenter: Segmenter,
    config: CycleGANConfig,
    tell: Callable[[str], None],
) -> Iterator[dict[str, float]]:
    """Train a pattern; resumes where an earlier run in `out_dir` stopped.

    Args:
        run: what to train from.
        segmenter: cuts the garments out.
        config: the recipe.
        tell: gets a line for each picture that is left out.

    Yields:
        The log of each epoch. After the last, `<name>.weights.h5` (float16, the
        generator from shirts to the pattern) and `<name>.json` lie in `out_dir`.

    Raises:
        TryOnError: when no shop picture or no user photo shows a garment.
    """
    shop = find_garments(segmenter, run.shop, tell, lambda name: None)
    users = find_garments(segmenter, run.users, tell, lambda name: None)
    for kind, found in (("shop pictures", shop), ("user photos", users)):
        if not found:
            raise TryOnError(f"no short-sleeve top was found in the {kind}")
    model = CycleGAN(config)
    resume(model, run.out_dir)
    batches = unpaired_batches(
        frame_all(users, config.image_size),
        frame_all(shop, config.image_size),
        batch_size=1,
        seed=config.seed,
        augment=cutout_augmenter(),
        paired_b=frame_targets(users, shop, config.image_size)
        if config.lambda_paired
        else None,
        start_step=model.step,
    )

    def on_epoch(epoch: int, log: dict[str, float], sheet: NDArray[np.uint8]) -> None:
        del log
        write_image(sheet, run.out_dir / f"sheet-{epoch:03d}.png")

    yield from train(
        model, batches, run.epochs, run.steps_per_epoch, run.out_dir, on_epoch
    )
    save_pattern(model, run, len(users))


def save_pattern(model: CycleGAN, run: PatternRun, users: int) -> Path:
    """Write the pattern's weights and card; returns the card's path."""
    weights = run.out_dir / f"{run.name}.weights.h5"
    save_float16(model.generator_a2b, weights)
    facts = {
        "name": run.name,
        "kind": "pattern",
        "licence": "as the pictures it was trained on",
        "config": to_dict(model.config),
        "data": [f"{len(run.shop)} shop pictures", f"{users} user photos"],
        "steps": model.step,
    }
    return write_card(weights, facts)
