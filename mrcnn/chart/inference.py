"""The chart network in use: a photo and its garment's mask in, chart places out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mrcnn.config import CHART_STRIDE as STRIDE
from mrcnn.predictor import Predictor
from mrcnn.windows import mask_bounds, view_of, window_matrix


@dataclass(frozen=True)
class Chart:
    """Spots of a garment in a photo, and where on the garment they lie.

    Attributes:
        spots: float32 (N, 2), x and y in the photo's pixels.
        places: float32 (N, 2), x and y on the panel that is seen, 0 to 1.
        back: bool (N,), where that panel is the back, or the inside of its collar.
        scales: float32 (N,), expected errors of the places, chart units.
    """

    spots: NDArray[np.float32]
    places: NDArray[np.float32]
    back: NDArray[np.bool_]
    scales: NDArray[np.float32]


def read_chart(
    network: Predictor, image: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> Chart:
    """Read the chart of a garment, from its view and the view's mirror image.

    Args:
        network: that of `build_chart_network` behind its seam.
        image: uint8 (H, W, 3).
        mask: bool (H, W).

    Returns:
        A spot for every fourth pixel of the view, across and down, that is garment.
    """
    window = window_matrix(mask_bounds(mask), network.image_size)
    view = view_of(image, mask.astype(np.float32), window, network.image_size)
    raw = network(np.stack([view, view[:, ::-1]]))
    places, back, scales = (
        np.asarray(raw[name], np.float32) for name in ("places", "back", "scales")
    )
    mirrored = places[1, :, ::-1].copy()
    mirrored[..., 0] = 1 - mirrored[..., 0]
    places = (places[0] + mirrored) / 2  # (h, w, 2 panels, 2)
    is_back = special.expit((back[0] + back[1, :, ::-1]) / 2) > 0.5
    rows, columns = np.nonzero(
        view[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE, 3] > 127
    )
    panel = is_back[rows, columns]
    # A cell was taught the pixel right of its middle, and in the mirror the one left.
    cells = np.stack([columns, rows], axis=-1) * STRIDE + STRIDE / 2
    spots = cells * window[[0, 1], [0, 1]] + window[:2, 2] - 0.5
    mean_scale = (scales[0] + scales[1, :, ::-1]) / 2
    return Chart(
        spots.astype(np.float32),
        places[rows, columns, panel.astype(np.intp)],
        panel,
        mean_scale[rows, columns],
    )
