"""S1, S2 -> out1: the new garment in the old one's place.

The networks work on a small square crop around the shirt. What they predict is applied
at the photo's own size: the universal generator's light to the sharp warped garment,
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
    fill_outside,
    flatten_base_color,
    shading,
    warp_filled,
    warp_mask,
)
from compositor.blur import gaussian_blur_dct
from compositor.light.repetition import measure_repetition
from compositor.raster import sample_raster
from cyclegan.config import CycleGANConfig
from cyclegan.data import (
    apply_prediction_numpy,
    from_model_range,
    to_coordinate_range,
    to_model_range,
)
from data_tools.paint.designs import extend_nearest
from mrcnn.runtime import Predictor
from tryon.correspond import (
    UV_SIZE,
    chart_warp,
    fit_style_warp,
    landmark_distance,
    largest_stretch,
    style_of,
)
from tryon.frames import LIGHT_MARGIN, Frame, crop
from tryon.light import (
    Shading,
    fold_ratio,
    high_pass,
    least_level,
    mask_in_frame,
    paint_plain,
    predict_shading,
    remove_shading,
)
from tryon.networks import load_network
from tryon.stages import Garment, cached
from tryon.types import Placement
from tryon.zoo import ModelCard, pattern_card

Array = NDArray[np.float32]


@dataclass(frozen=True)
class FoldConfig:
    """Fine folds taken from the photo; lengths are shares of the frame's side."""

    scale: float = 0.03  # folds finer than this come from the photo
    strength: float = 0.8  # share of their contrast that is kept
    # Shifts by which a repeating print (checks) is looked for.
    min_shift: float = 0.03
    max_shift: float = 0.15
    # Autocorrelation of fine folds: full strength below the first, none from the second
    # on, where they are print.
    repetition: tuple[float, float] = (0.4, 0.5)


@dataclass(frozen=True)
class LevelConfig:
    """Shrinkage of the predicted level of light towards the usual one.

    The level is the mean log gain over the shirt. Most photos are lit more alike than
    the network predicts. Chosen on 14 rendered people whom no network knows, in three
    tees and two skins each.
    """

    usual: float = -0.6  # log gain
    shrinkage: float = 0.85  # share of the deviation that is removed
    reach: float = 0.8  # log gain: beyond, the room is dark, and the network is believed


FOLDS, LEVEL = FoldConfig(), LevelConfig()


@dataclass(frozen=True)
class Relit:
    """The warped garment under predicted light: sharp at any size.

    Attributes:
        warp: from the user's working size to `style`.
        style: uint8 (H, W, 3), S1's photo, the garment's colours extrapolated.
        frame: where the prediction lies.
        prediction: float32 (S, S, 6): log gain (3) and residual (3).
        folds: float32 (h, w, 1), log gain of fine folds, at the user's working size.
        landmark_distance: see `correspond.landmark_distance`.
        stretch: see `correspond.largest_stretch`.
    """

    warp: Warp
    style: NDArray[np.uint8]
    frame: Frame
    prediction: Array
    folds: Array
    landmark_distance: float = 0.0
    stretch: float = 1.0

    @property
    def placement(self) -> Placement:
        """How the print was placed."""
        warp = self.warp
        checks = self.landmark_distance, self.stretch
        return Placement(warp.method, warp.distortion, *checks)

    def draw(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return colours (len(ys), len(xs), 3), 0..255, at working-size coordinates."""
        colours = warp_filled(self.style, self.warp, ys, xs)
        light = sample_raster(self.prediction, self.frame.corners, ys, xs)
        height, width = self.folds.shape[:2]
        corners = (0.0, 0.0, width - 1.0, height - 1.0)
        gain = light[..., :3] + sample_raster(self.folds, corners, ys, xs)
        return apply_prediction_numpy(colours, gain, light[..., 3:])

    def shop_coordinates(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return which point of the shop picture lands at working-size coordinates.

        Convention: (x, y) as fractions of the shop picture's width and height, 0 and 1
        at its edges; points outside the garment are filled from its mirror by `draw`.

        Returns:
            float32 (len(ys), len(xs), 2).
        """
        return to_fractions(self.warp.coordinates(ys, xs), self.style.shape)


@dataclass(frozen=True)
class Painted:
    """A pattern generator's picture.

    Attributes:
        colors: float32 (S, S, 3), 0..255.
        frame: where it lies.
        placement: how the print was placed.
    """

    colors: Array
    frame: Frame
    placement: Placement = Placement()

    def draw(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return colours (len(ys), len(xs), 3), 0..255, at working-size coordinates."""
        return sample_raster(self.colors, self.frame.corners, ys, xs)


def to_fractions(pixels: Array, size: tuple[int, ...]) -> Array:
    """Convert (..., 2) pixels (x, y) to fractions of a picture's width and height."""
    height, width = size[:2]
    fractions = (pixels + 0.5) / np.array([width, height])
    return fractions.astype(np.float32)


class Drawable(Protocol):
    """A garment that can be drawn row by row, at any size."""

    def draw(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return colours (len(ys), len(xs), 3), 0..255, at working-size coordinates."""


Transferred = Relit | Painted


class UniversalTransfer:
    """Puts any garment on: S1 without its folds, warped, in the light of S2.

    Args:
        shading: the shading network.
        predictor: the universal generator.
    """

    name = "universal"

    def __init__(self, shading: Predictor, predictor: Predictor):
        self.shading, self.predictor = shading, predictor

    @classmethod
    def from_cards(cls, shading: ModelCard, universal: ModelCard) -> "UniversalTransfer":
        """Load both networks."""
        return cls(load_network(shading, "shading"), load_network(universal, "universal"))

    def __call__(self, user: Garment, shop: Garment) -> Relit:
        """Warp S1 onto S2 and predict its light."""
        covers_skin, user = user.uncovered is not None, user.own
        size = self.predictor.config.image_size
        frame = Frame.around(user.box, size, LIGHT_MARGIN)
        with ThreadPoolExecutor(max_workers=1) as second_core:
            shop_style = second_core.submit(unshaded_style, shop, self.shading)
            view = plain_view(user, frame, self.shading)
            folds = fold_ratio(user, shop) * fine_folds(user, frame)
            style = shop_style.result()
        warp, _, style_mask = fit_style_warp(user, shop)
        batch = universal_input(user, frame, view, warp, style, style_mask)
        least = least_level(user, self.shading)
        mask = mask_in_frame(user, frame)
        prediction = shrink_level(self.predictor(batch)[0], mask, least)
        if covers_skin and mask.any():
            prediction = extend_nearest(prediction, mask)
        checks = landmark_distance(user, shop, warp), largest_stretch(user, warp)
        return Relit(warp, style, frame, prediction, folds, *checks)


def shrink_level(
    prediction: Array, mask: NDArray[np.bool_], least: float = -np.inf
) -> Array:
    """Shrink the level of predicted light towards the usual one; its shape stays.

    Args:
        prediction: (S, S, 6), log gain (3) and residual (3).
        mask: bool (S, S), the shirt; empty leaves the prediction as it is.
        least: lower bound of the level, see `least_level`.

    Returns:
        (S, S, 6), a new array.
    """
    result = prediction.copy()
    if mask.any():
        level = prediction[mask][:, :3].mean()
        result[..., :3] += max(float(shrunk_level(level)), least) - level
    return result


def shrunk_level(
    levels: NDArray[np.floating] | float, config: LevelConfig = LEVEL
) -> NDArray[np.floating]:
    """Return levels of light nearer to the usual one, unless they are far from it."""
    deviation = np.asarray(levels) - config.usual
    weight = np.exp(-((deviation / config.reach) ** 2))
    return levels - config.shrinkage * deviation * weight


@cached
def unshaded_style(shop: Garment, network: Predictor) -> NDArray[np.uint8]:
    """Return S1's photo without its folds and creases, S1's colours extrapolated.

    Args:
        shop: has S1.
        network: the shading network.

    Returns:
        uint8 (H, W, 3), of the size of `style_of`.
    """
    photo, _, mask = style_of(shop)
    folds = high_pass(predict_shading(shop, network))
    flattened = flatten_base_color(remove_shading(photo, mask, folds), mask)
    return fill_outside(flattened, mask)


@cached
def plain_view(user: Garment, frame: Frame, network: Predictor) -> Array:
    """Return `paint_view` of S2 under the shading that the network predicts."""
    return paint_view(user, frame, predict_shading(user, network))


def paint_view(user: Garment, frame: Frame, shading: Shading) -> Array:
    """Crop the user's photo around S2, with S2 painted as plain cloth.

    The generator would take parts of its print for light: the print gives way to the
    cloth's median colour, the shading stays.

    Args:
        user: has S2.
        frame: the crop.
        shading: of S2.

    Returns:
        float32 (S, S, 3), 0..255.
    """
    view = crop(frame, user.work, 0.0)
    return paint_plain(view, mask_in_frame(user, frame), shading.at(*frame.raster))


@cached
def fine_folds(user: Garment, frame: Frame) -> Array:
    """Return the folds of S2 that are too fine for the network to predict.

    The network's light is smooth; creases come from the photo itself (`shading`), less
    what is coarser than `FoldConfig.scale`. Checks look like creases but repeat: for
    them no folds are taken from the photo.

    Returns:
        float32 (h, w, 1), log gain of linear light at the working size, 0 outside.
    """
    sigma = FOLDS.scale * frame.side
    part = _padded(user.box, int(4 * sigma + 1), user.alpha.shape)  # the blur's reach
    alpha = user.alpha[part]
    inside = (alpha > 0).astype(np.float32)
    light = np.log(shading(user.work[part], alpha)) * inside
    weight = np.maximum(gaussian_blur_dct(inside, sigma), 1e-3)
    coarse = gaussian_blur_dct(light, sigma) / weight
    fine = (light - coarse) * inside
    shifts = FOLDS.min_shift * frame.side, FOLDS.max_shift * frame.side
    correlation = measure_repetition(fine, alpha > 0.9, *shifts)
    strength = FOLDS.strength * np.interp(correlation, FOLDS.repetition, (1, 0))
    folds = np.zeros((*user.alpha.shape, 1), np.float32)
    folds[part] = (strength * fine)[..., None]
    return folds


def _padded(
    box: tuple[int, int, int, int], margin: int, size: tuple[int, ...]
) -> tuple[slice, slice]:
    """Return the rows and columns of a box and a margin, within a picture's size.

    The margin is widened to a length whose Fourier transform is fast.
    """
    x1, y1, x2, y2 = box
    return (
        _lengthen(max(y1 - margin, 0), min(y2 + margin, size[0]), size[0]),
        _lengthen(max(x1 - margin, 0), min(x2 + margin, size[1]), size[1]),
    )


def _lengthen(start: int, stop: int, count: int) -> slice:
    """Widen a span of `count` pixels to a length whose Fourier transform is fast."""
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
    """Stack the input of the universal generator, see `build_universal_generator`.

    Args:
        user: has S2.
        frame: the crop.
        view: (S, S, 3), 0..255, the user's photo there.
        warp: from the user's working size to `style`.
        style: (H, W, 3), S1's photo, its colours extrapolated.
        style_mask: (H, W), where they are S1's own.

    Returns:
        float32 (1, S, S, 10).
    """
    warped = warp_filled(style, warp, *frame.raster)
    valid = warp_mask(style_mask, warp, *frame.raster)
    fractions = to_fractions(warp.coordinates(*frame.raster), style_mask.shape)
    planes = [
        to_model_range(view),
        mask_in_frame(user, frame)[..., None],
        to_model_range(warped),
        (valid > 0.5)[..., None],
        np.clip(fractions * 2 - 1, -1, 1),
    ]
    return np.concatenate(planes, axis=-1, dtype=np.float32)[None]


class PatternTransfer:
    """Gives the shirt one trained pattern; the shop picture is not used.

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
        network = load_network(card, "pattern")
        return cls(network, network.config, str(card.values["name"]))

    def __call__(self, user: Garment, shop: Garment | None) -> "Painted | Relit":
        """Translate S2 into the pattern."""
        del shop
        frame = Frame.around(user.box, self.config.image_size)
        output = self.predictor(pattern_input(user, frame, self.config))[0]
        if self.texture is None:
            return Painted(((output + 1.0) * 127.5).astype(np.float32), frame)
        folds = fine_folds(user, frame)
        return Relit(chart_warp(user), self.texture, frame, output[..., 3:], folds)


def read_texture(
    predictor: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    config: CycleGANConfig,
) -> NDArray[np.uint8]:
    """Read the print out of a generator, tile by tile, whatever runs it.

    Returns:
        uint8 (`UV_SIZE`, `UV_SIZE`, 3), on the front of the chart.
    """
    side, size, rows = config.image_size, config.texture, []
    steps = (np.arange(-(-size // side) * side, dtype=np.float32) + 0.5) / size
    for ys in steps.reshape(-1, side):
        row = []
        for xs in steps.reshape(-1, side):
            batch = np.zeros((1, *config.input_shape), np.float32)
            batch[0, ..., -2:] = to_coordinate_range(
                np.stack(np.meshgrid(xs, ys), axis=-1)
            )
            row.append(from_model_range(predictor(batch)[0, ..., :3]))
        rows.append(np.hstack(row))
    texels = Image.fromarray(np.vstack(rows)[:size, :size])
    return np.asarray(texels.resize((UV_SIZE, UV_SIZE), Image.Resampling.BILINEAR))


def pattern_input(user: Garment, frame: Frame, config: CycleGANConfig) -> Array:
    """Return the input of a pattern's generator: S2 on a flat ground, (1, S, S, C)."""
    mask = mask_in_frame(user, frame)[..., None]
    s2 = to_model_range(crop(frame, user.work, 0.0))
    planes = [np.where(mask, s2, np.float32(config.background))]
    if config.input_channels == 4:
        planes.append(mask)
    if config.texture:
        planes.append(to_coordinate_range(garment_uv(user, frame)))
    return np.concatenate(planes, axis=-1, dtype=np.float32)[None]


def garment_uv(garment: Garment, frame: Frame) -> Array:
    """Return the chart coordinates of a garment's pixels, (S, S, 2) in [0, 1]."""
    return (chart_warp(garment).coordinates(*frame.raster) + 0.5) / np.float32(UV_SIZE)
