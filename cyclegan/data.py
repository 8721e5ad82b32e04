"""Scaling of images to the networks' range, and seeded batches. Numpy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import numpy as np

GAMMA = 2.2  # display gamma: encoded = linear ** (1 / GAMMA), near sRGB
UV = np.ndarray | None
Augment = Callable[
    [np.ndarray, np.ndarray, UV, np.random.Generator],
    tuple[np.ndarray, np.ndarray, UV],
]


@dataclass(frozen=True)
class Garments:
    """Cut-out garments of one domain, all of the model's size.

    Args:
        images: uint8 (S, S, 3) each.
        masks: bool (S, S) each.
        uv: float32 (S, S, 2) each, chart coordinates in [0, 1]; None when unknown.
    """

    images: Sequence[np.ndarray]
    masks: Sequence[np.ndarray]
    uv: Sequence[np.ndarray] | None = None

    def __post_init__(self) -> None:
        """Reject empty lists, lists of unequal length and wrong shapes."""
        if not len(self.images) or len(self.images) != len(self.masks):
            raise ValueError(
                "expected as many images as masks, at least one, "
                f"got {len(self.images)} and {len(self.masks)}"
            )
        size = np.shape(self.masks[0])
        for image, mask in zip(self.images, self.masks, strict=True):
            shapes = (np.shape(image), np.shape(mask))
            if shapes != ((*size, 3), size) or len(size) != 2:
                raise ValueError(f"expected {(*size, 3)} and {size}, got {shapes}")
            if image.dtype != np.uint8 or mask.dtype != np.bool_:
                raise TypeError(
                    f"expected uint8 images and bool masks, "
                    f"got {image.dtype} and {mask.dtype}"
                )
        if self.uv is None:
            return
        uv_shapes = [np.shape(plane) for plane in self.uv]
        if uv_shapes != [(*size, 2)] * len(self.images):
            raise ValueError(f"expected uv {(*size, 2)} for each image, got {uv_shapes}")


def to_model_range(image: np.ndarray) -> np.ndarray:
    """Scale uint8 (or float in 0..255) images to float32 in [-1, 1]."""
    return np.asarray(image, np.float32) / np.float32(127.5) - np.float32(1.0)


def to_coordinate_range(coordinates: np.ndarray) -> np.ndarray:
    """Scale coordinates in [0, 1] to float32 in [-1, 1], clipped."""
    return np.clip(np.asarray(coordinates, np.float32) * 2 - 1, -1, 1)


def from_model_range(values: np.ndarray) -> np.ndarray:
    """Scale images in [-1, 1] to uint8, rounded and clipped."""
    scaled = (np.asarray(values, np.float32) + 1.0) * 127.5
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def apply_prediction_numpy(
    warped: np.ndarray, log_gain: np.ndarray, residual: np.ndarray
) -> np.ndarray:
    """Apply a prediction as `networks.apply_prediction` does, in 0..255, at any size.

    Args:
        warped: (..., H, W, 3) float32 warped S1 in 0..255 at the photo's own size.
        log_gain: same shape, natural log of the linear-light factor, [-2, 2],
            resized to the photo.
        residual: same shape, added in sRGB, [-1, 1], resized to the photo.

    Returns:
        Same shape, float32 in 0..255.

    Raises:
        ValueError: the three shapes differ, or the last axis is not 3.
    """
    shapes = [np.shape(warped), np.shape(log_gain), np.shape(residual)]
    if len(set(shapes)) != 1 or shapes[0][-1:] != (3,):
        raise ValueError(f"expected three equal shapes (..., H, W, 3), got {shapes}")
    gain = np.exp(np.asarray(log_gain, np.float32) / np.float32(GAMMA))
    out = np.asarray(warped, np.float32) * gain
    out += np.asarray(residual, np.float32) * np.float32(127.5)
    return np.clip(out, 0.0, 255.0, out=out)


def batch_indices(count: int, batch_size: int, seed: int, step: int) -> np.ndarray:
    """Return the indices of a step's batch.

    Every epoch has its own permutation. Each step's batch depends on its number alone, so
    that a resumed run continues with the same batches.

    Args:
        count: number of items.
        batch_size: items per batch.
        seed: of the permutations.
        step: from 0.

    Returns:
        (batch_size,) int.
    """
    if count < 1 or batch_size < 1 or step < 0:
        raise ValueError(
            "expected count >= 1, batch_size >= 1, step >= 0, "
            f"got {count}, {batch_size}, {step}"
        )
    positions = np.arange(step * batch_size, (step + 1) * batch_size)
    orders = {
        int(epoch): np.random.default_rng([seed, int(epoch)]).permutation(count)
        for epoch in np.unique(positions // count)
    }
    return np.array([orders[int(p // count)][p % count] for p in positions])


def unpaired_batches(
    side_a: Garments,
    side_b: Garments,
    batch_size: int,
    seed: int,
    augment: Augment | None = None,
    paired_b: Garments | None = None,
    start_step: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield batches for `CycleGAN.train_step`, indefinitely.

    Args:
        side_a: the user's shirts S2.
        side_b: the pattern's S1 cut-outs.
        batch_size: images of each side.
        seed: of order and augmentation.
        augment: `(image uint8, mask bool, uv or None, rng)` -> the first three, of the
            same shapes. With `paired_b` it is called with an equal rng on an image of
            `side_a` and on its target.
        paired_b: the target for each image of `side_a`, in order.
        start_step: steps to skip, after a resume.

    Yields:
        `real_a`, `real_b` float32 (B, S, S, 3) in [-1, 1]; `mask_a`, `mask_b`
        float32 (B, S, S, 1); with `paired_b` also `paired_b`, `paired_mask`; with `uv`
        also `places_a`, `places_b` float32 (B, S, S, 2), chart coordinates in [-1, 1].
    """
    if paired_b is not None and len(paired_b.images) != len(side_a.images):
        raise ValueError(
            f"expected {len(side_a.images)} paired targets, got {len(paired_b.images)}"
        )
    step = start_step
    while True:
        in_a = batch_indices(len(side_a.images), batch_size, seed, step)
        in_b = batch_indices(len(side_b.images), batch_size, seed + 1, step)
        batch = {
            **_gather(side_a, in_a, [seed, step, 0], augment, "a"),
            **_gather(side_b, in_b, [seed, step, 1], augment, "b"),
        }
        if paired_b is not None:
            pair = _gather(paired_b, in_a, [seed, step, 0], augment, "b")
            batch.update(paired_b=pair["real_b"], paired_mask=pair["mask_b"])
        yield batch
        step += 1


def array_batches(
    arrays: Mapping[str, np.ndarray], batch_size: int, seed: int, start_step: int = 0
) -> Iterator[dict[str, np.ndarray]]:
    """Yield shuffled batches of arrays of equal length, indefinitely.

    Args:
        arrays: by name, (N, ...) each, for example the universal trainer's.
        batch_size: items per batch.
        seed: of the order.
        start_step: steps to skip, after a resume.

    Yields:
        The same names, (batch_size, ...) each.
    """
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"expected arrays of one length, got {counts}")
    step = start_step
    while True:
        chosen = batch_indices(min(counts.values()), batch_size, seed, step)
        yield {name: np.asarray(array)[chosen] for name, array in arrays.items()}
        step += 1


def sampled_batches(
    sample: Callable[[np.random.Generator], Mapping[str, np.ndarray]],
    batch_size: int,
    seed: int,
    start_step: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield batches of random samples, indefinitely.

    Each step has its own seed. The next batch is prepared in a thread while the network
    is trained on this one.

    Args:
        sample: returns one random sample, arrays by name.
        batch_size: samples per batch.
        seed: of all random numbers.
        start_step: steps to skip, after a resume.

    Yields:
        The same names, (batch_size, ...) each.
    """

    def make_batch(step: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([seed, step])
        samples = [sample(rng) for _ in range(batch_size)]
        return {key: np.stack([s[key] for s in samples]) for key in samples[0]}

    with ThreadPoolExecutor(max_workers=1) as pool:
        upcoming = pool.submit(make_batch, start_step)
        for step in count(start_step + 1):
            batch, upcoming = upcoming.result(), pool.submit(make_batch, step)
            yield batch


def _gather(
    side: Garments,
    chosen: np.ndarray,
    seed: list[int],
    augment: Augment | None,
    name: str,
) -> dict[str, np.ndarray]:
    """Augment and stack the chosen garments of a side; `name` is "a" or "b"."""
    rows = []
    for position, index in enumerate(chosen):
        uv = None if side.uv is None else side.uv[index]
        row = side.images[index], side.masks[index], uv
        if augment is not None:
            row = augment(*row, np.random.default_rng([*seed, position]))
        rows.append(row)
    images, masks, uvs = zip(*rows, strict=True)
    batch = {
        f"real_{name}": np.stack([to_model_range(image) for image in images]),
        f"mask_{name}": np.stack([np.asarray(m, np.float32)[..., None] for m in masks]),
    }
    if side.uv is not None:
        batch[f"places_{name}"] = to_coordinate_range(np.stack(uvs))
    return batch
