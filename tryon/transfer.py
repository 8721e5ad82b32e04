"""S1, S2 -> out1: what the new garment looks like in the old one's place.

The networks see a small square around the shirt. What they predict is laid back on the
photo at its own size: the universal generator's light over the sharp warped garment,
the pattern's colours with the photo's fine folds.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from compositor import (
    Warp,
    even_ground,
    fill_outside,
    relight,
    shading,
    warp_filled,
    warp_image,
    warp_mask,
)
from compositor.blur import blur_widely
from compositor.light.repetition import repetition
from compositor.raster import sample_raster
from cyclegan.config import CycleGANConfig
from cyclegan.data import (
    apply_prediction_numpy,
    from_model_range,
    to_model_range,
    to_places_range,
)
from tryon.correspond import (
    UNIT,
    chart_warp,
    landmark_distance,
    style_of,
    style_warp,
)
from tryon.errors import MissingModel
from tryon.frames import LIGHT_MARGIN, Frame, look
from tryon.light import (
    Light,
    fold_strength,
    folds_of,
    mask_in,
    plain_cloth,
    read_light,
    relieve,
)
from tryon.networks import Generator, generator_config, load_generator
from tryon.stages import Garment, once
from tryon.zoo import ModelCard, pattern_card

Array = NDArray[np.float32]
FOLD_SCALE = 0.03  # of the frame's side: folds finer than this come from the photo
FOLD_STRENGTH = 0.8  # share of their contrast that is kept
# Most photos are lit more alike than the network believes: of how far it sees a level of
# light (mean log gain over the shirt) from the usual one, so much is taken back; what
# rendered people in the shop's very tee ask for (benchmarks/level.py). Beyond the
# reach it is a dark room, and is believed.
USUAL_LEVEL, TAKEN_BACK, REACH = -0.5, 0.5, 0.6
# Of the frame's side: shifts by which a check is looked for, and how alike fine folds may
# be to themselves; from the second figure on they are print.
REPEATS, REPEATED = (0.03, 0.15), (0.4, 0.5)


@dataclass(frozen=True)
class Relit:
    """The warped garment under predicted light: sharp at any size."""

    warp: Warp
    style: NDArray[np.uint8]  # S1's photo, the garment's colours continued outwards
    frame: Frame
    prediction: Array  # (S, S, 6): log gain, residual
    folds: Array  # (h, w, 1): log gain of fine folds, at the user's working size
    landmark_distance: float = 0.0  # how far off the warp may be, see `correspond`

    def draw(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return colours (len(ys), len(xs), 3), 0..255, at working-size places."""
        colours = warp_filled(self.style, self.warp, ys, xs)
        light = sample_raster(self.prediction, self.frame.corners, ys, xs)
        height, width = self.folds.shape[:2]
        corners = (0.0, 0.0, width - 1.0, height - 1.0)
        gain = light[..., :3] + sample_raster(self.folds, corners, ys, xs)
        return apply_prediction_numpy(colours, gain, light[..., 3:])

    def shop_places(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return which spot of the shop picture lands on each working-size place.

        Convention: (x, y) as shares of the shop picture's width and height, 0 and 1 at
        its edges; spots outside the garment are filled from its mirror by `draw`.

        Returns:
            float32 (len(ys), len(xs), 2).
        """
        return as_shares(self.warp.coordinates(ys, xs), self.style.shape)


@dataclass(frozen=True)
class Painted:
    """A pattern generator's picture, with fine folds of the photo."""

    colours: Array  # (S, S, 3), 0..255
    frame: Frame
    warp: Warp | None = None
    landmark_distance: float = 0.0

    def draw(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return colours (len(ys), len(xs), 3), 0..255, at working-size places."""
        return sample_raster(self.colours, self.frame.corners, ys, xs)


def as_shares(places: Array, size: tuple[int, ...]) -> Array:
    """Turn (..., 2) pixels (x, y) of a picture into shares of its width and height."""
    height, width = size[:2]
    shares = (places + 0.5) / np.array([width, height])
    return shares.astype(np.float32)


class Drawable(Protocol):
    """A garment that can be drawn row by row, at any size."""

    def draw(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return colours (len(ys), len(xs), 3), 0..255, at working-size places."""


Transferred = Relit | Painted


class UniversalTransfer:
    """Puts any garment on: S1 without its folds, warped, in the light of S2.

    Args:
        shading: of the shading network.
        predictor: of the universal generator.
    """

    name = "universal"

    def __init__(self, shading: Generator, predictor: Generator):
        self.shading, self.predictor = shading, predictor

    @classmethod
    def from_cards(cls, shading: ModelCard, universal: ModelCard) -> "UniversalTransfer":
        """Load both networks."""
        return cls(load_generator(shading), load_generator(universal))

    def __call__(self, user: Garment, shop: Garment) -> Relit:
        """Warp S1 onto S2 and predict its light."""
        size = self.predictor.config.image_size
        frame = Frame.around(user.box, size, LIGHT_MARGIN)
        with ThreadPoolExecutor(max_workers=1) as beside:  # the garments' own work
            bare = beside.submit(bare_style, shop, self.shading)
            view = lit_view(user, frame, self.shading)
            folds = fold_strength(user, shop) * fine_folds(user, frame)
            style = bare.result()
        warp, _, style_mask = style_warp(user, shop)
        batch = universal_input(user, frame, view, warp, style, style_mask)
        prediction = settle_level(self.predictor(batch)[0], mask_in(user, frame))
        away = landmark_distance(user, shop, warp)
        return Relit(warp, style, frame, prediction, folds, away)


def settle_level(prediction: Array, mask: NDArray[np.bool_]) -> Array:
    """Bring the level of predicted light nearer to the usual one, see `settle`.

    Its shape stays.

    Args:
        prediction: (S, S, 6), log gain (3) and residual (3).
        mask: bool (S, S), the shirt; empty leaves the prediction as it is.

    Returns:
        (S, S, 6), a new array.
    """
    settled = prediction.copy()
    if mask.any():
        level = prediction[mask][:, :3].mean()
        settled[..., :3] += settle(level) - level
    return settled


def settle(levels: NDArray[np.floating] | float) -> NDArray[np.floating]:
    """Return levels of light nearer to the usual one, unless they are far from it."""
    away = np.asarray(levels) - USUAL_LEVEL
    return levels - TAKEN_BACK * away * np.exp(-((away / REACH) ** 2))


@once
def bare_style(shop: Garment, network: Generator) -> NDArray[np.uint8]:
    """Return S1's photo without its folds and creases, S1's colours continued outwards.

    Args:
        shop: has S1.
        network: the shading network.

    Returns:
        uint8 (H, W, 3), of the size of `style_of`.
    """
    photo, _, mask = style_of(shop)
    light = folds_of(read_light(shop, network))
    evened = even_ground(relieve(photo, mask, light), mask)
    return fill_outside(evened, mask)


@once
def lit_view(user: Garment, frame: Frame, network: Generator) -> Array:
    """Return the `plain_view` of S2 in the light that the shading network reads."""
    return plain_view(user, frame, read_light(user, network))


def plain_view(user: Garment, frame: Frame, light: Light) -> Array:
    """Show the user's photo around S2, and S2 as if its cloth were plain.

    Its print, which the universal generator would take for light here and there, gives
    way to its commonest colour; its light stays.

    Args:
        user: has S2.
        frame: what is seen.
        light: on S2.

    Returns:
        float32 (S, S, 3), 0..255.
    """
    view = look(frame, user.work, 0.0)
    return plain_cloth(view, mask_in(user, frame), light.at(*frame.places))


@once
def fine_folds(user: Garment, frame: Frame) -> Array:
    """Return the folds of S2 that are too fine for the network to draw.

    The network's light is smooth; creases come from the photo itself (`shading`), less
    what of them is coarser than `FOLD_SCALE` of the frame. Checks look like creases, but
    repeat themselves: then there are none.

    Returns:
        float32 (h, w, 1), log gain of linear light at the working size, 0 outside.
    """
    sigma = FOLD_SCALE * frame.side
    part = _around(user.box, int(4 * sigma + 1), user.alpha.shape)  # as far as it blurs
    alpha = user.alpha[part]
    inside = (alpha > 0).astype(np.float32)
    light = np.log(shading(user.work[part], alpha)) * inside
    weight = np.maximum(blur_widely(inside, sigma), 1e-3)
    coarse = blur_widely(light, sigma) / weight
    fine = (light - coarse) * inside
    near, far = (share * frame.side for share in REPEATS)
    alike = repetition(fine, alpha > 0.9, near, far)
    strength = FOLD_STRENGTH * np.interp(alike, REPEATED, (1, 0))
    folds = np.zeros((*user.alpha.shape, 1), np.float32)
    folds[part] = (strength * fine)[..., None]
    return folds


def _around(
    box: tuple[int, int, int, int], margin: int, size: tuple[int, ...]
) -> tuple[slice, slice]:
    """Return the rows and columns of a box and a margin, within a picture's size.

    The margin is a little wider where that makes a length that is transformed fast.
    """
    x1, y1, x2, y2 = box
    return (
        _lengthen(max(y1 - margin, 0), min(y2 + margin, size[0]), size[0]),
        _lengthen(max(x1 - margin, 0), min(x2 + margin, size[1]), size[1]),
    )


def _lengthen(start: int, stop: int, count: int) -> slice:
    """Return a span of `count` pixels that holds another and is transformed fast."""
    length = fft.next_fast_len(stop - start, real=True)
    start = max(min(start, count - length), 0)
    return slice(start, min(start + length, count))


def universal_input(
    user: Garment,
    frame: Frame,
    view: Array,
    warp: Warp,
    style: NDArray[np.uint8],
    style_mask: NDArray[np.bool_],
) -> Array:
    """Stack what the universal generator sees: see `build_universal_generator`.

    Args:
        user: has S2.
        frame: what is seen.
        view: (S, S, 3), 0..255, the user's photo there.
        warp: from the user's working size to `style`.
        style: (H, W, 3), S1's photo, its colours continued outwards.
        style_mask: (H, W), where they are S1's own.

    Returns:
        float32 (1, S, S, 10).
    """
    warped = warp_filled(style, warp, *frame.places)
    valid = warp_mask(style_mask, warp, *frame.places)
    shares = as_shares(warp.coordinates(*frame.places), style_mask.shape)
    places = np.clip(shares * 2 - 1, -1, 1)
    planes = [
        to_model_range(view),
        mask_in(user, frame)[..., None],
        to_model_range(warped),
        (valid > 0.5)[..., None],
        places,
    ]
    return np.concatenate(planes, axis=-1, dtype=np.float32)[None]


class PatternTransfer:
    """Gives the shirt one trained pattern; the shop picture is not looked at.

    Args:
        predictor: the pattern's generator, see `build_generator`.
        config: of the same.
        name: the pattern.
    """

    def __init__(
        self,
        predictor: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        config: CycleGANConfig,
        name: str,
    ):
        self.predictor, self.config, self.name = predictor, config, name
        self.texture = read_texture(predictor, config) if config.texture else None

    @classmethod
    def from_card(cls, name: str) -> "PatternTransfer":
        """Load a pattern by name or by its card's path."""
        card = pattern_card(name)
        config = generator_config(card)
        if not isinstance(config, CycleGANConfig):
            raise MissingModel(f"{card.path}: is no pattern; train one")
        return cls(load_generator(card), config, str(card.values["name"]))

    def __call__(self, user: Garment, shop: Garment | None) -> "Painted | Relit":
        """Translate S2 into the pattern."""
        del shop
        frame = Frame.around(user.box, self.config.image_size)
        made = self.predictor(pattern_input(user, frame, self.config))[0]
        if self.texture is None:
            return Painted(((made + 1.0) * 127.5).astype(np.float32), frame)
        folds = fine_folds(user, frame)
        return Relit(chart_warp(user), self.texture, frame, made[..., 3:], folds)


def read_texture(
    predictor: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    config: CycleGANConfig,
) -> NDArray[np.uint8]:
    """Read the print out of a generator, piece by piece, whatever runs it.

    Returns:
        uint8 (`UNIT`, `UNIT`, 3), on the front of the chart.
    """
    side, size, rows = config.image_size, config.texture, []
    steps = (np.arange(-(-size // side) * side, dtype=np.float32) + 0.5) / size
    for ys in steps.reshape(-1, side):
        row = []
        for xs in steps.reshape(-1, side):
            seen = np.zeros((1, *config.input_shape), np.float32)
            seen[0, ..., -2:] = to_places_range(np.stack(np.meshgrid(xs, ys), axis=-1))
            row.append(from_model_range(predictor(seen)[0, ..., :3]))
        rows.append(np.hstack(row))
    texels = Image.fromarray(np.vstack(rows)[:size, :size])
    return np.asarray(texels.resize((UNIT, UNIT), Image.Resampling.BILINEAR))


def pattern_input(user: Garment, frame: Frame, config: CycleGANConfig) -> Array:
    """Return what a pattern's generator sees: S2 on a flat ground, (1, S, S, C)."""
    mask = mask_in(user, frame)[..., None]
    s2 = to_model_range(look(frame, user.work, 0.0))
    planes = [np.where(mask, s2, np.float32(config.background))]
    if config.input_channels == 4:
        planes.append(mask)
    if config.texture:
        planes.append(to_places_range(garment_places(user, frame)))
    return np.concatenate(planes, axis=-1, dtype=np.float32)[None]


def garment_places(garment: Garment, frame: Frame) -> Array:
    """Return where on the chart's front a garment's pixels lie, (S, S, 2) in [0, 1]."""
    return (chart_warp(garment).coordinates(*frame.places) + 0.5) / np.float32(UNIT)


def classical_light(
    user: Garment, warp: Warp, style: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> Array:
    """Draw S1's photo through a warp, lit by S2's folds: no network, a baseline.

    Args:
        user: has S2.
        warp: from the user's working size to `style`.
        style: uint8 (H, W, 3), S1's photo.
        mask: bool (H, W), where its colours may be taken from.

    Returns:
        float32 (h, w, 3), 0..255, at the user's working size.
    """
    height, width = user.alpha.shape
    colours, _ = warp_image(style, mask, warp, np.arange(height), np.arange(width))
    return relight(colours, shading(user.work, user.alpha))
