"""Shirts of real photos, cut out: what the discriminator takes for real."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclegan.data import to_model_range
from data_tools.annotations import AnnotatedPhoto
from tryon.frames import LIGHT_MARGIN, crop
from tryon.training.samples.relit_pairs import LEAST_AREA, TOPS, shaken_frame

Array = NDArray[np.float32]


@dataclass(frozen=True)
class RealCutout:
    """A worn top in its photo, seen through a frame.

    Attributes:
        image: uint8 (S, S, 3).
        mask: bool (S, S).
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def find_cutouts(
    photos: Sequence[AnnotatedPhoto], size: int, seed: int
) -> list[RealCutout]:
    """Cut the largest top out of every photo of people.

    Args:
        photos: with the masks of their garments; those without a large top are left out.
        size: S, of the frames.
        seed: of the frames' places.
    """
    rng = np.random.default_rng(seed)
    cutouts = []
    for photo in photos:
        masks = [g.mask for g in photo.garments() if g.label in TOPS]
        mask = max(masks, key=np.count_nonzero, default=None)
        if mask is None or mask.sum() < LEAST_AREA:
            continue
        frame = shaken_frame(mask, size, LIGHT_MARGIN, rng)
        image = np.rint(crop(frame, photo.image(), 0.0)).astype(np.uint8)
        seen = crop(frame, mask[..., None], 0.0)[..., 0] > 0.5
        cutouts.append(RealCutout(image, seen))
    return cutouts


def draw_cutout(
    cutouts: Sequence[RealCutout], rng: np.random.Generator
) -> dict[str, Array]:
    """Draw one, mirrored half of the time, for `UniversalTrainer`.

    Returns:
        real float32 (S, S, 3) in [-1, 1]; real_mask float32 (S, S, 1).
    """
    chosen = cutouts[int(rng.integers(len(cutouts)))]
    turn = slice(None, None, -1 if rng.random() < 0.5 else 1)
    return {
        "real": to_model_range(chosen.image[:, turn]),
        "real_mask": chosen.mask[:, turn, None].astype(np.float32),
    }
