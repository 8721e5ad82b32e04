"""Train the universal generator on painted renders.

A pair is a rendered person (chart and light known) and the rendered shop picture of any
tee. The classical warp lays the shop's chart on the person's shirt; then any two designs
give a sample: the shirt in design A (S2), the warped garment in design B, and the truth,
which is design B where the warp put it, under the shirt's true light. So the network
learns light, level and what the warp misses, and the print stays where it was put.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor import fit_warp
from cyclegan.config import UniversalConfig, to_dict
from cyclegan.data import to_model_range
from cyclegan.train import resume, train
from cyclegan.universal import UniversalTrainer
from cyclegan.weights import save_float16
from data_tools import paint
from data_tools.formats.label_maps import RENDERED_VAL
from tryon.images import write_image
from tryon.transfer import Frame
from tryon.zoo import write_card

Array = NDArray[np.float32]


@dataclass(frozen=True)
class PaintedPair:
    """A person and a shop picture, seen through one frame; arrays (S, S, ...).

    Attributes:
        mask: the person's shirt.
        chart: its place on its own design, float16.
        light: its light, linear, mean 1 inside the mask, float16.
        shop_chart: the shop tee's chart, warped onto the shirt, float16.
        valid: where the warp hits the shop's tee.
    """

    mask: NDArray[np.bool_]
    chart: NDArray[np.float16]
    light: NDArray[np.float16]
    shop_chart: NDArray[np.float16]
    valid: NDArray[np.bool_]


def find_renders(folders: list[Path], split: str) -> list[Path]:
    """Return the worn renders' stems (without ending) of a split, sorted."""
    stems = []
    for folder in folders:
        for light in sorted(folder.glob("p*.shade.png")):
            number = int(light.name[1:].split("_")[0])
            if (number in RENDERED_VAL) == (split == "val"):
                stems.append(light.with_name(light.name.removesuffix(".shade.png")))
    return stems


def make_pair(worn: Path, shop: Path, size: int, rng: np.random.Generator) -> PaintedPair:
    """Warp a shop tee's chart onto a worn shirt.

    Args:
        worn: stem of a worn render.
        shop: stem of the tee whose `_shop` picture is used.
        size: of the frame.
        rng: moves the frame a little.

    Raises:
        ValueError: when the render shows no tee.
    """
    mask = paint.read_tee(_file(worn, ".labels.png"))
    chart, light = (
        paint.read_chart(_file(worn, ".uv.png")),
        paint.read_light(_file(worn, ".shade.png")),
    )
    shop = shop.with_name(shop.name + "_shop")
    shop_mask = paint.read_tee(_file(shop, ".labels.png"))
    shop_chart = paint.spread_chart(paint.read_chart(_file(shop, ".uv.png")), shop_mask)
    warp = fit_warp(shop_mask, mask)
    ys, xs = _frame(mask, size, rng).places
    places = np.rint(warp.coordinates(ys, xs)).astype(np.intp)
    column = np.clip(places[..., 0], 0, shop_mask.shape[1] - 1)
    row = np.clip(places[..., 1], 0, shop_mask.shape[0] - 1)
    look = np.ix_(_index(ys, mask.shape[0]), _index(xs, mask.shape[1]))
    inside = mask[look] & _within(ys, mask.shape[0])[:, None] & _within(xs, mask.shape[1])
    level = max(float(light[mask].mean()), 1e-3)
    return PaintedPair(
        mask=inside,
        chart=chart[look].astype(np.float16),
        light=np.clip(light[look] / level, 0, 4).astype(np.float16),
        shop_chart=shop_chart[row, column].astype(np.float16),
        valid=shop_mask[row, column],
    )


def _file(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def _frame(mask: NDArray[np.bool_], size: int, rng: np.random.Generator) -> Frame:
    ys, xs = np.nonzero(mask)
    if not len(ys):
        raise ValueError("expected a tee in the render, got none")
    box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    frame = Frame.around(box, size)
    shift = rng.uniform(-0.05, 0.05, 2) * frame.side
    centre = frame.centre[0] + shift[0], frame.centre[1] + shift[1]
    return Frame(centre, frame.side * rng.uniform(0.95, 1.2), size)


def _index(places: Array, count: int) -> NDArray[np.intp]:
    return np.clip(np.rint(places), 0, count - 1).astype(np.intp)


def _within(places: Array, count: int) -> NDArray[np.bool_]:
    return (places >= -0.5) & (places <= count - 0.5)


def make_pairs(
    stems: list[Path], size: int, looks: int, seed: int
) -> Iterator[PaintedPair]:
    """Pair every worn render with its own tee and with others.

    Args:
        stems: of `find_renders`.
        size: of the frames.
        looks: pairs per worn render; the first is its own tee.
        seed: of the choice.

    Yields:
        The pairs; renders without a visible tee are passed over.
    """
    rng = np.random.default_rng(seed)
    for stem in stems:
        for number in range(looks):
            shop = stem if number == 0 else stems[rng.integers(len(stems))]
            try:
                yield make_pair(stem, shop, size, rng)
            except ValueError:
                break


def paint_sample(
    pair: PaintedPair,
    design_a: NDArray[np.uint8],
    design_b: NDArray[np.uint8],
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Paint two designs on a pair: one sample for `UniversalTrainer`.

    The room's light has a level and a tint; the shop's light is flat, a little
    over-exposed at times, and wrinkled by a soft random field.

    Returns:
        s2, warped_b, truth_b, warped_a float32 (S, S, 3) in [-1, 1]; mask, valid,
        valid_a float32 (S, S, 1).
    """
    mask = pair.mask[..., None]
    tint = rng.uniform(0.55, 1.15) * rng.uniform(0.9, 1.1, 3)
    contrast = rng.uniform(0.7, 1.4)
    light = np.maximum(pair.light.astype(np.float32), 0.02) ** contrast
    room = light[..., None] * tint
    chart, shop_chart = pair.chart.astype(np.float32), pair.shop_chart.astype(np.float32)
    s2 = paint.paint(design_a, chart, room) + rng.normal(0, 2.0, (*mask.shape[:2], 3))
    warped_b = paint.paint(design_b, shop_chart, _shop_light(mask.shape[:2], rng))
    warped_a = paint.paint(design_a, chart, _shop_light(mask.shape[:2], rng))
    truth_b = paint.paint(design_b, shop_chart, room)
    planes: dict[str, NDArray[np.generic]] = {"s2": s2 * mask, "truth_b": truth_b * mask}
    planes |= {"warped_b": warped_b, "warped_a": warped_a}
    scaled = {k: to_model_range(v) for k, v in planes.items()}
    scaled["s2"] = np.where(mask, scaled["s2"], np.float32(0))
    flags = {"mask": mask, "valid": pair.valid[..., None], "valid_a": mask}
    sample = scaled | {k: v.astype(np.float32) for k, v in flags.items()}
    if rng.random() < 0.5:
        sample = {k: v[:, ::-1] for k, v in sample.items()}
    return sample


def _shop_light(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    coarse = rng.normal(0, 0.1, (6, 6))
    zoom = (shape[0] / 6, shape[1] / 6)
    field = np.exp(ndimage.zoom(coarse, zoom, order=1))[..., None]
    lit = field * rng.uniform(0.8, 1.3) * rng.uniform(0.95, 1.05, 3)
    return lit.astype(np.float32)


def painted_batches(
    pairs: list[PaintedPair],
    designs: list[NDArray[np.uint8]],
    batch_size: int,
    seed: int,
    start_step: int = 0,
) -> Iterator[dict[str, Array]]:
    """Yield batches without end; any step is drawn from its own seed."""
    step = start_step
    while True:
        rng = np.random.default_rng([seed, step])
        samples = [
            paint_sample(
                pairs[rng.integers(len(pairs))],
                paint.vary_design(designs[rng.integers(len(designs))], rng),
                paint.vary_design(designs[rng.integers(len(designs))], rng),
                rng,
            )
            for _ in range(batch_size)
        ]
        yield {key: np.stack([s[key] for s in samples]) for key in samples[0]}
        step += 1


def train_universal(
    folders: list[Path],
    out_dir: Path,
    config: UniversalConfig,
    epochs: int,
    steps_per_epoch: int,
    batch_size: int = 4,
    looks: int = 4,
) -> Iterator[dict[str, float]]:
    """Train, one epoch a yield; the weights and their card end in `out_dir`.

    Args:
        folders: of renders.
        out_dir: gets checkpoint, log.csv, a sheet per epoch, weights and card.
        config: the recipe.
        epochs: in all, those of an earlier run in `out_dir` included.
        steps_per_epoch: steps between checkpoints.
        batch_size: pictures a step.
        looks: pairs per worn render.
    """
    stems = find_renders(folders, "train")
    pairs = list(make_pairs(stems, config.image_size, looks, config.seed))
    designs = [paint.read_texture(_file(stem, ".tex.jpg")) for stem in stems]
    trainer = UniversalTrainer(config)
    resume(trainer, out_dir)
    batches = painted_batches(pairs, designs, batch_size, config.seed, trainer.step)

    def on_epoch(epoch: int, log: dict[str, float], sheet: NDArray[np.uint8]) -> None:
        del log
        write_image(sheet, out_dir / f"sheet-{epoch:03d}.png")

    yield from train(trainer, batches, epochs, steps_per_epoch, out_dir, on_epoch)
    weights = out_dir / "universal.weights.h5"
    save_float16(trainer.generator, weights)
    write_card(weights, universal_card(config, len(stems), trainer.step, batch_size))


def universal_card(
    config: UniversalConfig, renders: int, steps: int, batch_size: int
) -> dict[str, object]:
    """Return the facts of the card."""
    return {
        "name": "universal",
        "kind": "universal",
        "licence": "Apache-2.0",
        "config": to_dict(config),
        "data": [f"{renders} rendered people in tees, painted anew (this project's own)"],
        "steps": steps,
        "batch_size": batch_size,
    }
