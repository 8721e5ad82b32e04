"""S1 laid out on the front of its chart: what a pattern's texture starts from."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from compositor import fill_outside, match_chart_coordinates
from mrcnn.runtime import Predictor
from tryon.correspond import UV_SIZE, chart_warp, front_of
from tryon.stages import Garment
from tryon.transfer import unshaded_style

Array = NDArray[np.float32]
SPOTS = 160  # a side of the grid of spots that know their place
REACH = 0.01  # chart units from such a spot: what lies farther S1 does not show


def unwrap(shop: Garment, network: Predictor, size: int) -> Array:
    """Lay S1, relieved of its folds, out on the front of its chart.

    What S1 does not show is continued as in a mirror, see `fill_outside`.

    Args:
        shop: has S1.
        network: the shading network.
        size: texels of a side.

    Returns:
        float32 (size, size, 3), 0..255.
    """
    style = unshaded_style(shop, network)
    spots = find_texels(shop, size)
    shown: NDArray[np.bool_] = np.asarray(np.isfinite(spots).all(axis=-1))
    scale = np.array(style.shape[1::-1]) / shop.work.shape[1::-1]
    source = np.where(shown[..., None], (spots + 0.5) * scale - 0.5, 0)
    return fill_outside(_read(style, source, shown), shown)


def find_texels(shop: Garment, size: int) -> Array:
    """Find where a garment shows the texels of a picture of its chart's front.

    Returns:
        float32 (size, size, 2), x and y at the working size; NaN where it does not.
    """
    x1, y1, x2, y2 = shop.box
    ys, xs = (np.linspace(a, b - 1, SPOTS) for a, b in ((y1, y2), (x1, x2)))
    inside = front_of(shop)[ys.astype(int)[:, None], xs.astype(int)]
    spots = np.stack(np.meshgrid(xs, ys), axis=-1)[inside]
    places = (chart_warp(shop).coordinates(ys, xs)[inside] + 0.5) / UV_SIZE
    steps = (np.arange(size) + 0.5) / size
    texels = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    return match_chart_coordinates(texels, places, spots, REACH).reshape(size, size, 2)


def _read(
    image: NDArray[np.uint8], source: NDArray[np.floating], shown: NDArray[np.bool_]
) -> Array:
    """Read a picture at places (x, y); blurred first where it is finer than they are."""
    lines = np.linalg.norm(np.diff(source, axis=0), axis=-1)[shown[1:] & shown[:-1]]
    step = float(np.median(lines)) if len(lines) else 1.0
    sigma = 0.5 * float(np.sqrt(max(step**2 - 1, 0)))
    soft = ndimage.gaussian_filter(image.astype(np.float32), (sigma, sigma, 0))
    at = source[..., ::-1].transpose(2, 0, 1)
    planes = [
        ndimage.map_coordinates(soft[..., i], at, order=1, mode="nearest")
        for i in range(3)
    ]
    return np.stack(planes, axis=-1).astype(np.float32)
