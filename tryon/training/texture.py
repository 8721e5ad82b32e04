"""Unwrap S1 to the front of its chart: the initial texture of a pattern."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor import fill_outside, match_chart_coordinates
from mrcnn.runtime import Predictor
from tryon.correspond import UV_SIZE, chart_warp, front_of
from tryon.stages import Garment
from tryon.transfer import unshaded_style

Array = NDArray[np.float32]


@dataclass(frozen=True)
class UnwrapConfig:
    """Sampling of S1's chart coordinates."""

    grid: int = 160  # points per side, over S1's bounding box
    # Texels farther than this from every point are not visible in S1, chart units.
    max_distance: float = 0.01


DEFAULT = UnwrapConfig()


def unwrap(
    shop: Garment, network: Predictor, size: int, config: UnwrapConfig = DEFAULT
) -> Array:
    """Unwrap S1, without its shading, to the front of its chart.

    Texels that S1 does not show are extrapolated, see `fill_outside`.

    Args:
        shop: has S1.
        network: the shading network.
        size: texels per side.
        config: sampling of the coordinates.

    Returns:
        float32 (size, size, 3), 0..255.
    """
    style = unshaded_style(shop, network)
    points = locate_texels(shop, size, config)
    visible: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=-1))
    scale = np.array(style.shape[1::-1]) / shop.work.shape[1::-1]
    source = np.where(visible[..., None], (points + 0.5) * scale - 0.5, 0)
    return fill_outside(_sample(style, source, visible), visible)


def locate_texels(shop: Garment, size: int, config: UnwrapConfig = DEFAULT) -> Array:
    """Return the point of a garment for each texel of its chart's front.

    Returns:
        float32 (size, size, 2), x and y at the working size; NaN where it is not visible.
    """
    x1, y1, x2, y2 = shop.box
    ys, xs = (np.linspace(a, b - 1, config.grid) for a, b in ((y1, y2), (x1, x2)))
    inside = front_of(shop)[ys.astype(int)[:, None], xs.astype(int)]
    points = np.stack(np.meshgrid(xs, ys), axis=-1)[inside]
    uv = (chart_warp(shop).coordinates(ys, xs)[inside] + 0.5) / UV_SIZE
    steps = (np.arange(size) + 0.5) / size
    texels = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    located = match_chart_coordinates(texels, uv, points, config.max_distance)
    return located.reshape(size, size, 2)


def _sample(
    image: NDArray[np.uint8], source: NDArray[np.floating], visible: NDArray[np.bool_]
) -> Array:
    """Sample an image at points (x, y), after a blur against aliasing."""
    steps = np.linalg.norm(np.diff(source, axis=0), axis=-1)[visible[1:] & visible[:-1]]
    step = float(np.median(steps)) if len(steps) else 1.0
    sigma = 0.5 * float(np.sqrt(max(step**2 - 1, 0)))
    blurred = ndimage.gaussian_filter(image.astype(np.float32), (sigma, sigma, 0))
    rows_columns = source[..., ::-1].transpose(2, 0, 1)
    planes = [
        ndimage.map_coordinates(blurred[..., i], rows_columns, order=1, mode="nearest")
        for i in range(3)
    ]
    return np.stack(planes, axis=-1).astype(np.float32)
