"""Backgrounds to put garments on: crops of photos without garments, and drawn ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from data_tools.annotations import AnnotatedPhoto, BadPhotoError

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class BackdropConfig:
    """How backgrounds are cropped from photos and drawn."""

    max_side: int = 360  # pixels of a crop: many are kept in memory
    crop_sides: tuple[float, float] = (0.12, 1.0)  # of a crop, share of the photo's
    max_tries: int = 24  # random crops of a photo until one shows no foreground
    photo_share: float = 0.75  # of backgrounds taken from a crop; others are drawn
    zoom: tuple[float, float] = (0.6, 1.0)  # part of a crop's sides that is used
    blurred_share: float = 0.3  # of backgrounds from crops
    blur_sigma: tuple[float, float] = (1, 5)  # pixels


@dataclass(frozen=True)
class SwapConfig:
    """How a foreground is put on another background."""

    min_foreground: float = 0.03  # share of the view: with less the view stays
    edge_sigma: float = 0.7  # pixels, of the Gaussian that softens the edge
    shadow_reach: tuple[float, float] = (0.005, 0.05)  # share of the size
    max_shadow: float = 0.4  # share of the light that a shadow takes


DEFAULT, SWAP = BackdropConfig(), SwapConfig()


def cut_backdrops(
    photos: Sequence[AnnotatedPhoto],
    count: int,
    rng: np.random.Generator,
    config: BackdropConfig = DEFAULT,
) -> list[Picture]:
    """Crop pieces that show neither garment nor person from photos.

    Args:
        photos: those without a known foreground are skipped.
        count: maximum number of pieces.
        rng: random generator.
        config: size of the pieces.

    Returns:
        uint8 (h, w, 3) each. Photos that cannot be read give none.
    """
    pieces: list[Picture] = []
    for index in rng.permutation(len(photos))[: 2 * count]:
        try:
            piece = _cut_piece(photos[index], rng, config)
        except BadPhotoError:
            continue
        if piece is not None:
            pieces.append(piece)
        if len(pieces) == count:
            break
    return pieces


def _cut_piece(
    photo: AnnotatedPhoto, rng: np.random.Generator, config: BackdropConfig
) -> Picture | None:
    foreground = photo.foreground()
    if foreground is None:
        return None
    height, width = foreground.shape
    for _ in range(config.max_tries):
        high, wide = (
            int(side * rng.uniform(*config.crop_sides)) for side in foreground.shape
        )
        top, left = rng.integers(height - high + 1), rng.integers(width - wide + 1)
        window = np.s_[top : top + high, left : left + wide]
        if min(high, wide) > 0 and not foreground[window].any():
            piece = Image.fromarray(photo.image()[window])
            piece.thumbnail((config.max_side, config.max_side))
            return np.asarray(piece)
    return None


def draw_backdrop(
    size: int,
    pieces: Sequence[Picture],
    rng: np.random.Generator,
    config: BackdropConfig = DEFAULT,
) -> Picture:
    """Return a background: mostly a piece of a photo, else a drawn surface.

    Args:
        size: height and width, pixels.
        pieces: of `cut_backdrops`; may be empty.
        rng: random generator.
        config: how often it is a piece, and how that is changed.

    Returns:
        uint8 (size, size, 3).
    """
    if pieces and rng.random() < config.photo_share:
        piece = Image.fromarray(pieces[int(rng.integers(len(pieces)))])
        zoom = rng.uniform(*config.zoom)
        wide, high = (max(1, int(side * zoom)) for side in piece.size)
        left = int(rng.integers(piece.width - wide + 1))
        top = int(rng.integers(piece.height - high + 1))
        box = (left, top, left + wide, top + high)
        surface = piece.resize((size, size), Image.Resampling.BILINEAR, box=box)
        if rng.random() < config.blurred_share:
            sigma = rng.uniform(*config.blur_sigma)
            surface = surface.filter(ImageFilter.GaussianBlur(sigma))
        return np.asarray(surface)
    return draw_surface(size, rng)


def draw_surface(size: int, rng: np.random.Generator) -> Picture:
    """Draw a plain, shaded or cloudy surface, uint8 (size, size, 3)."""
    corners = rng.uniform(20, 250, 3) + rng.normal(0, 25, (2, 2, 3))
    shade = Image.fromarray(np.clip(corners, 0, 255).astype(np.uint8))
    plain = np.asarray(shade.resize((size, size), Image.Resampling.BILINEAR), np.float32)
    cells = int(rng.integers(3, 40))
    noise = rng.normal(0, rng.uniform(0, 14), (cells, cells)).astype(np.float32)
    clouds = Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC)
    return np.clip(plain + np.asarray(clouds)[..., None], 0, 255).astype(np.uint8)


def swap_background(
    image: Picture,
    foreground: NDArray[np.bool_],
    pieces: Sequence[Picture],
    rng: np.random.Generator,
    config: SwapConfig = SWAP,
) -> Picture:
    """Put a foreground on another background, with a soft shadow.

    Args:
        image: uint8 (S, S, 3).
        foreground: bool (S, S); when it is too small the image stays.
        pieces: of `cut_backdrops`; may be empty.
        rng: random generator.
        config: edge and shadow.

    Returns:
        uint8 (S, S, 3).
    """
    if foreground.mean() < config.min_foreground:
        return image
    size = len(image)
    cut = Image.fromarray(foreground.astype(np.uint8) * 255)
    # Eroded by a pixel: the edge still holds the old background.
    edge = ImageFilter.GaussianBlur(config.edge_sigma)
    alpha = cut.filter(ImageFilter.MinFilter(3)).filter(edge)
    reach = size * rng.uniform(*config.shadow_reach)
    shadow = cut.filter(ImageFilter.BoxBlur(reach))
    shift = tuple(int(step) for step in rng.normal(0, reach, 2))
    dark = np.roll(np.asarray(shadow, np.float32) / 255.0, shift, (0, 1))
    surface = draw_backdrop(size, pieces, rng)
    lit = surface * (1 - rng.uniform(0, config.max_shadow) * dark[..., None])
    share = np.asarray(alpha, np.float32)[..., None] / 255.0
    return np.rint(image * share + lit * (1 - share)).astype(np.uint8)
