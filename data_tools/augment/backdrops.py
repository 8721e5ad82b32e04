"""Surfaces to put garments on: pieces of photos without garments, and drawn ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from data_tools.annotations import AnnotatedPhoto, BadPhotoError

Picture = NDArray[np.uint8]
_LONGEST = 360  # pixels: pieces are kept small, there are many
_SIDES = (0.12, 1.0)  # of the photo's
_TRIES = 24


def cut_backdrops(
    photos: Sequence[AnnotatedPhoto], count: int, rng: np.random.Generator
) -> list[Picture]:
    """Cut pieces that show neither garment nor person out of photos.

    Args:
        photos: where to look; those without a known foreground are passed over.
        count: pieces at most.
        rng: source of chance.

    Returns:
        uint8 (h, w, 3) each. Photos that cannot be read give none.
    """
    pieces: list[Picture] = []
    for index in rng.permutation(len(photos))[: 2 * count]:
        try:
            piece = _cut_piece(photos[index], rng)
        except BadPhotoError:
            continue
        if piece is not None:
            pieces.append(piece)
        if len(pieces) == count:
            break
    return pieces


def _cut_piece(photo: AnnotatedPhoto, rng: np.random.Generator) -> Picture | None:
    taken = photo.foreground()
    if taken is None:
        return None
    height, width = taken.shape
    for _ in range(_TRIES):
        high, wide = (int(side * rng.uniform(*_SIDES)) for side in taken.shape)
        top, left = rng.integers(height - high + 1), rng.integers(width - wide + 1)
        place = np.s_[top : top + high, left : left + wide]
        if min(high, wide) > 0 and not taken[place].any():
            piece = Image.fromarray(photo.image()[place])
            piece.thumbnail((_LONGEST, _LONGEST))
            return np.asarray(piece)
    return None


def backdrop(size: int, pieces: Sequence[Picture], rng: np.random.Generator) -> Picture:
    """Return a surface, uint8 (size, size, 3): mostly a piece of a photo, else drawn."""
    if pieces and rng.random() < 0.75:
        piece = Image.fromarray(pieces[int(rng.integers(len(pieces)))])
        share = rng.uniform(0.6, 1.0)
        wide, high = (max(1, int(side * share)) for side in piece.size)
        left = int(rng.integers(piece.width - wide + 1))
        top = int(rng.integers(piece.height - high + 1))
        box = (left, top, left + wide, top + high)
        surface = piece.resize((size, size), Image.Resampling.BILINEAR, box=box)
        if rng.random() < 0.3:
            surface = surface.filter(ImageFilter.GaussianBlur(rng.uniform(1, 5)))
        return np.asarray(surface)
    return draw_surface(size, rng)


def draw_surface(size: int, rng: np.random.Generator) -> Picture:
    """Draw a plain, shaded or cloudy surface, uint8 (size, size, 3)."""
    corners = rng.uniform(20, 250, 3) + rng.normal(0, 25, (2, 2, 3))
    shade = Image.fromarray(np.clip(corners, 0, 255).astype(np.uint8))
    plain = np.asarray(shade.resize((size, size), Image.Resampling.BILINEAR), np.float32)
    cells = int(rng.integers(3, 40))
    clouds = rng.normal(0, rng.uniform(0, 14), (cells, cells)).astype(np.float32)
    grain = Image.fromarray(clouds).resize((size, size), Image.Resampling.BICUBIC)
    return np.clip(plain + np.asarray(grain)[..., None], 0, 255).astype(np.uint8)
