"""Predict the chart of a garment: photo and mask in, chart coordinates out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mrcnn.config import CHART_STRIDE as STRIDE
from mrcnn.runtime import Predictor
from mrcnn.windows import network_input, upright_window


@dataclass(frozen=True)
class Chart:
    """Dense correspondence: points of a garment and their chart coordinates.

    Attributes:
        points: float32 (N, 2), x and y in the photo's pixels.
        uv: float32 (N, 2), u and v on the visible panel, 0 to 1; v runs upwards.
        back: bool (N,), where that panel is the back, or the inside of its collar.
        scales: float32 (N,), expected errors of uv, chart units.
    """

    points: NDArray[np.float32]
    uv: NDArray[np.float32]
    back: NDArray[np.bool_]
    scales: NDArray[np.float32]


def predict_chart(
    network: Predictor,
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    roll: float = 0.0,
) -> Chart:
    """Predict the chart of a garment, from its view and the mirrored view.

    Args:
        network: the network of `build_chart_network`.
        image: uint8 (H, W, 3).
        mask: bool (H, W).
        roll: degrees that its wearer leans clockwise: the view is turned upright.

    Returns:
        A point for every cell of the output, 4 x 4 pixels of the view, on the garment.
    """
    window = upright_window(mask, network.image_size, roll)
    view = network_input(image, mask.astype(np.float32), window, network.image_size)
    raw = network(np.stack([view, view[:, ::-1]]))
    uv, back, scales = (
        np.asarray(raw[name], np.float32) for name in ("places", "back", "scales")
    )
    mirrored = uv[1, :, ::-1].copy()
    mirrored[..., 0] = 1 - mirrored[..., 0]
    uv = (uv[0] + mirrored) / 2  # (h, w, 2 panels, 2)
    is_back = special.expit((back[0] + back[1, :, ::-1]) / 2) > 0.5
    rows, columns = np.nonzero(
        view[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE, 3] > 127
    )
    panel = is_back[rows, columns]
    # A cell was trained on the pixel right of its centre, mirrored on the one left of it.
    cells = np.stack([columns, rows], axis=-1) * STRIDE + STRIDE / 2
    points = cells @ window[:2, :2].T + window[:2, 2] - 0.5
    mean_scale = (scales[0] + scales[1, :, ::-1]) / 2
    return Chart(
        points.astype(np.float32),
        uv[rows, columns, panel.astype(np.intp)],
        panel,
        mean_scale[rows, columns],
    )
