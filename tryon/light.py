"""The light on a garment, told from its print by the shading network."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor import mask_box
from compositor.light.color import LUMINANCE, to_linear
from compositor.raster import sample_raster
from cyclegan.data import GAMMA, to_model_range
from data_tools.paint.designs import spread_chart
from tryon.frames import FRAME_MARGIN, Frame, look
from tryon.networks import Generator
from tryon.stages import Garment, once

Array = NDArray[np.float32]
RIM = 2  # pixels of the network's picture at the garment's edge that are not trusted
COARSE = 0.08  # of the frame's side: light that changes more slowly is no fold
LEAST_GAIN, MOST_GAIN = 0.4, 2.5  # of linear light: beyond, there is noise to brighten
# Folds stand out more on dark cloth, which throws no light into them: deviation of the
# log of light on rendered tees of these tones (linear).
TONES, FOLD_CONTRAST = (0.03, 0.7), (0.54, 0.28)
LEAST_FOLDS, MOST_FOLDS = 0.5, 1.5


@dataclass(frozen=True)
class Light:
    """The light on a garment.

    Attributes:
        logs: (S, S, 1), log of linear light, 0 on average over the garment; around it
            continued outwards.
        frame: where that lies in the garment's working picture.
        size: (height, width) of that picture.
    """

    logs: Array
    frame: Frame
    size: tuple[int, int]

    def at(self, ys: NDArray[np.generic], xs: NDArray[np.generic]) -> Array:
        """Return the log of light (len(ys), len(xs), 1) at working-size places."""
        return sample_raster(self.logs, self.frame.corners, ys, xs)


def folds_of(light: Light) -> Light:
    """Return the light less what changes slowly: over `COARSE` of the frame and more.

    A dark yoke, or a block of another colour, looks like shadow to the network; folds
    are finer.
    """
    sigma = (COARSE * len(light.logs),) * 2
    slow = ndimage.gaussian_filter(light.logs, (*sigma, 0), mode="nearest")
    return replace(light, logs=light.logs - slow)


def fold_strength(user: Garment, shop: Garment) -> float:
    """Return how much stronger folds are on S1's cloth than they look on S2's.

    A black shirt's creases on white cloth would look like metal, a white one's on black
    cloth would hardly be seen.
    """
    ratio = _fold_contrast(shop) / _fold_contrast(user)
    return float(np.clip(ratio, LEAST_FOLDS, MOST_FOLDS))


@once
def _fold_contrast(garment: Garment) -> float:
    """Return how much folds stand out on cloth of a garment's tone."""
    if not garment.found.mask.any():
        return FOLD_CONTRAST[0]
    tone = np.median(to_linear(garment.work[garment.found.mask]) @ LUMINANCE)
    logs = np.log(np.maximum((tone, *TONES), 1e-4))
    return float(np.interp(logs[0], logs[1:], FOLD_CONTRAST))


@once
def mask_in(garment: Garment, frame: Frame) -> NDArray[np.bool_]:
    """Return a garment's mask as a frame sees it, bool (S, S)."""
    return look(frame, garment.found.mask[..., None], 0.0)[..., 0] > 0.5


@once
def read_light(garment: Garment, network: Generator) -> Light:
    """Read the light on a garment.

    Args:
        garment: in its photo.
        network: the shading network.
    """
    frame = Frame.around(garment.box, network.config.image_size, FRAME_MARGIN)
    mask, view = mask_in(garment, frame), look(frame, garment.work, 0.0)
    logs = network(shading_input(view, mask)[None])[0]
    inner = ndimage.binary_erosion(mask, iterations=RIM)
    trusted = inner if inner.any() else mask
    if not trusted.any():
        return Light(np.zeros_like(logs), frame, garment.alpha.shape)
    logs = logs - logs[trusted].mean()
    return Light(spread_chart(logs, trusted), frame, garment.alpha.shape)


def plain_cloth(
    view: NDArray[np.floating], mask: NDArray[np.bool_], logs: NDArray[np.floating]
) -> Array:
    """Show a garment as if its cloth were plain, of its commonest colour.

    Args:
        view: (S, S, 3), 0..255.
        mask: bool (S, S), the garment.
        logs: (S, S, 1), log of the light on it.

    Returns:
        float32 (S, S, 3), 0..255; outside the mask the view.
    """
    if not mask.any():
        return view.astype(np.float32)
    lit = np.exp(logs / np.float32(GAMMA))
    cloth = np.median((view / lit)[mask], axis=0)
    shown = np.where(mask[..., None], np.clip(cloth * lit, 0, 255), view)
    return shown.astype(np.float32)


def shading_input(view: NDArray[np.generic], mask: NDArray[np.bool_]) -> Array:
    """Return what the shading network sees, see `build_shading_network`.

    Args:
        view: (S, S, 3), 0..255, the garment's photo.
        mask: bool (S, S), the garment.

    Returns:
        float32 (S, S, 4).
    """
    seen = np.where(mask[..., None], to_model_range(view), np.float32(0))
    return np.concatenate([seen, mask[..., None]], axis=-1, dtype=np.float32)


def relieve(
    style: NDArray[np.uint8], mask: NDArray[np.bool_], light: Light
) -> NDArray[np.uint8]:
    """Take a garment's own light from its picture: even light of the same level.

    Args:
        style: uint8 (H, W, 3), its photo at any size.
        mask: bool (H, W), where its colours are taken from.
        light: on it.

    Returns:
        uint8 (H, W, 3), a changed copy; outside the mask as before.
    """
    if not mask.any():
        return style
    x1, y1, x2, y2 = mask_box(mask)
    scale = light.size[0] / style.shape[0], light.size[1] / style.shape[1]
    ys, xs = (
        (np.arange(first, last) + 0.5) * share - 0.5
        for first, last, share in ((y1, y2, scale[0]), (x1, x2, scale[1]))
    )
    inside = mask[y1:y2, x1:x2]
    gain = np.exp(-light.at(ys, xs)[..., 0])
    gain = np.clip(gain / gain[inside].mean(), LEAST_GAIN, MOST_GAIN)
    factor = np.where(inside, gain ** np.float32(1 / GAMMA), np.float32(1))
    part = style[y1:y2, x1:x2] * factor[..., None]
    relieved = style.copy()
    relieved[y1:y2, x1:x2] = np.rint(np.clip(part, 0, 255)).astype(np.uint8)
    return relieved
