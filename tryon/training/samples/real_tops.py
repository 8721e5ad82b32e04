"""Cut tops out of photos, as the discriminator's real examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cyclegan.data import to_model_range
from data_tools.annotations import AnnotatedPhoto
from tryon.frames import LIGHT_MARGIN, crop
from tryon.training.samples.relit_pairs import (
    RelitPairsConfig,
    jittered_frame,
    largest_top,
)

Array = NDArray[np.float32]


@dataclass(frozen=True)
class RealCutout:
    """A square crop of a photo around a worn top.

    Attributes:
        image: uint8 (S, S, 3), RGB.
        mask: bool (S, S), the top.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def find_cutouts(
    photos: Sequence[AnnotatedPhoto],
    size: int,
    seed: int,
    min_area: int = RelitPairsConfig.min_area,
) -> list[RealCutout]:
    """Cut the largest top out of every photo of people.

    Args:
        photos: with the masks of their garments; those without a large top are left out.
        size: S, side of the crops in pixels.
        seed: of the crops' random position and scale.
        min_area: pixels of the smallest mask that is taken.
    """
    rng = np.random.default_rng(seed)
    cutouts = []
    for photo in photos:
        mask = largest_top(photo)
        if mask is None or mask.sum() < min_area:
            continue
        frame = jittered_frame(mask, size, LIGHT_MARGIN, rng)
        image = np.rint(crop(frame, photo.image(), 0.0)).astype(np.uint8)
        visible = crop(frame, mask[..., None], 0.0)[..., 0] > 0.5
        cutouts.append(RealCutout(image, visible))
    return cutouts


def draw_cutout(
    cutouts: Sequence[RealCutout], rng: np.random.Generator
) -> dict[str, Array]:
    """Draw one at random for `UniversalTrainer`, mirrored half of the time.

    Returns:
        real float32 (S, S, 3) in [-1, 1]; real_mask float32 (S, S, 1).
    """
    chosen = cutouts[int(rng.integers(len(cutouts)))]
    columns = slice(None, None, -1 if rng.random() < 0.5 else 1)
    return {
        "real": to_model_range(chosen.image[:, columns]),
        "real_mask": chosen.mask[:, columns, None].astype(np.float32),
    }
