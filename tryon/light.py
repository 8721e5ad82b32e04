"""Shading of a garment, separated from its print by the shading network."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor import mask_box
from compositor.colorspace import LUMINANCE, to_linear
from compositor.raster import sample_raster
from cyclegan.data import GAMMA, to_model_range
from data_tools.paint.designs import extend_nearest
from mrcnn.runtime import Predictor
from tryon.frames import FRAME_MARGIN, Frame, crop
from tryon.stages import Garment, cached

Array = NDArray[np.float32]


@dataclass(frozen=True)
class LightConfig:
    """How shading is read and removed.

    The contrast of folds was measured on rendered tees: dark cloth reflects no light
    into its folds, so they stand out more on it.
    """

    edge_margin: int = 2  # pixels of the network's picture at the edge, not trusted
    low_pass: float = 0.08  # sigma, share of the frame: coarser shading is no fold
    min_gain: float = 0.4  # of linear light; beyond, noise would be amplified
    max_gain: float = 2.5
    tones: tuple[float, float] = (0.03, 0.7)  # linear luminance of dark and light cloth
    fold_contrast: tuple[float, float] = (0.54, 0.28)  # std of log shading on these
    # No cloth reflects more than white cotton, in linear light of a well exposed picture;
    # and the quantile of a garment's colours that its brightest cloth is taken from.
    white: float = 0.88
    brightest: float = 0.95
    blur: float = 1.0  # pixels of the network's picture: sigma against noise
    min_light: float = 1e-3  # linear: lower bound before a logarithm
    min_fold_ratio: float = 0.5  # of the new garment's fold contrast to the old one's
    max_fold_ratio: float = 1.5


LIGHT = LightConfig()


@dataclass(frozen=True)
class Shading:
    """The shading of a garment.

    Attributes:
        logs: float32 (S, S, 1), log of linear light, 0 on average over the garment;
            extrapolated around it.
        frame: where that lies in the garment's working picture.
        size: (height, width) of that picture.
    """

    logs: Array
    frame: Frame
    size: tuple[int, int]

    def at(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return log shading (len(ys), len(xs), 1) at working-size coordinates."""
        return sample_raster(self.logs, self.frame.corners, ys, xs)


def high_pass(shading: Shading, config: LightConfig = LIGHT) -> Shading:
    """Keep the folds of a shading: what is finer than `low_pass` of the frame.

    A dark yoke, or a block of another colour, looks like shadow to the network; folds
    are finer.
    """
    sigma = (config.low_pass * len(shading.logs),) * 2
    coarse = ndimage.gaussian_filter(shading.logs, (*sigma, 0), mode="nearest")
    return replace(shading, logs=shading.logs - coarse)


def fold_ratio(user: Garment, shop: Garment, config: LightConfig = LIGHT) -> float:
    """Return the contrast of folds on S1's cloth over that on S2's.

    A black shirt's creases on white cloth would look like metal, a white one's on black
    cloth would hardly be visible.
    """
    ratio = _fold_contrast(shop) / _fold_contrast(user)
    return float(np.clip(ratio, config.min_fold_ratio, config.max_fold_ratio))


@cached
def _fold_contrast(garment: Garment) -> float:
    """Return the contrast of folds on cloth of a garment's tone."""
    mask = garment.detection.mask
    if not mask.any():
        return LIGHT.fold_contrast[0]
    tone = np.median(to_linear(garment.work[mask]) @ LUMINANCE)
    logs = np.log(np.maximum((tone, *LIGHT.tones), 1e-4))
    return float(np.interp(logs[0], logs[1:], LIGHT.fold_contrast))


@cached
def mask_in_frame(garment: Garment, frame: Frame) -> NDArray[np.bool_]:
    """Return a garment's mask resampled to a frame, bool (S, S)."""
    return crop(frame, garment.detection.mask[..., None], 0.0)[..., 0] > 0.5


@cached
def predict_shading(garment: Garment, network: Predictor) -> Shading:
    """Predict the shading of a garment.

    Args:
        garment: in its photo.
        network: the shading network.
    """
    frame = Frame.around(garment.box, network.config.image_size, FRAME_MARGIN)
    mask, view = mask_in_frame(garment, frame), crop(frame, garment.work, 0.0)
    logs = network(shading_input(view, mask)[None])[0]
    inner = ndimage.binary_erosion(mask, iterations=LIGHT.edge_margin)
    trusted = inner if inner.any() else mask
    if not trusted.any():
        return Shading(np.zeros_like(logs), frame, garment.alpha.shape)
    logs = logs - logs[trusted].mean()
    return Shading(extend_nearest(logs, trusted), frame, garment.alpha.shape)


@cached
def least_level(garment: Garment, network: Predictor) -> float:
    """Return the log level of light that the brightest cloth of a garment asks for.

    White dots on a black tee tell how bright the light is at least, where the tee itself
    could as well be a grey one in a dark room.

    Args:
        garment: in its photo.
        network: the shading network.

    Returns:
        The level at which that cloth would be white; minus infinity without a garment.
    """
    shading = predict_shading(garment, network)
    frame = shading.frame
    inner = ndimage.binary_erosion(
        mask_in_frame(garment, frame), iterations=LIGHT.edge_margin
    )
    if not inner.any():
        return float("-inf")
    tone = to_linear(crop(frame, garment.work, 0.0)) @ LUMINANCE
    tone = np.maximum(ndimage.gaussian_filter(tone, LIGHT.blur), LIGHT.min_light)
    colors = np.log(tone[inner]) - shading.logs[inner][:, 0]
    return float(np.quantile(colors, LIGHT.brightest) - np.log(LIGHT.white))


def paint_plain(
    view: NDArray[np.floating], mask: NDArray[np.bool_], logs: NDArray[np.floating]
) -> Array:
    """Paint a garment as plain cloth of its median colour, under its own shading.

    Args:
        view: (S, S, 3), 0..255.
        mask: bool (S, S), the garment.
        logs: (S, S, 1), its log shading.

    Returns:
        float32 (S, S, 3), 0..255; outside the mask the view.
    """
    if not mask.any():
        return view.astype(np.float32)
    gain = np.exp(logs / np.float32(GAMMA))
    cloth = np.median((view / gain)[mask], axis=0)
    painted = np.where(mask[..., None], np.clip(cloth * gain, 0, 255), view)
    return painted.astype(np.float32)


def shading_input(view: NDArray[np.generic], mask: NDArray[np.bool_]) -> Array:
    """Return the input of the shading network, see `build_shading_network`.

    Args:
        view: (S, S, 3), 0..255, the garment's photo.
        mask: bool (S, S), the garment.

    Returns:
        float32 (S, S, 4).
    """
    garment = np.where(mask[..., None], to_model_range(view), np.float32(0))
    return np.concatenate([garment, mask[..., None]], axis=-1, dtype=np.float32)


def remove_shading(
    style: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    shading: Shading,
    config: LightConfig = LIGHT,
) -> NDArray[np.uint8]:
    """Divide a garment's picture by its shading, at the same mean level of light.

    Args:
        style: uint8 (H, W, 3), its photo at any size.
        mask: bool (H, W), where its colours are taken from.
        shading: of the garment.
        config: limits of the gain.

    Returns:
        uint8 (H, W, 3), a changed copy; outside the mask as before.
    """
    if not mask.any():
        return style
    x1, y1, x2, y2 = mask_box(mask)
    scale = shading.size[0] / style.shape[0], shading.size[1] / style.shape[1]
    ys, xs = (
        (np.arange(first, last) + 0.5) * share - 0.5
        for first, last, share in ((y1, y2, scale[0]), (x1, x2, scale[1]))
    )
    inside = mask[y1:y2, x1:x2]
    gain = np.exp(-shading.at(ys, xs)[..., 0])
    gain = np.clip(gain / gain[inside].mean(), config.min_gain, config.max_gain)
    factor = np.where(inside, gain ** np.float32(1 / GAMMA), np.float32(1))
    part = style[y1:y2, x1:x2] * factor[..., None]
    result = style.copy()
    result[y1:y2, x1:x2] = np.rint(np.clip(part, 0, 255)).astype(np.uint8)
    return result
