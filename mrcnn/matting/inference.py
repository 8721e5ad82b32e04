"""Predict the soft edge of a garment from a photo and its mask."""

import numpy as np
from scipy import special

from mrcnn.runtime import Predictor
from mrcnn.windows import network_input, paste, upright_window

_OUTSIDE = -20.0  # logit of pixels outside the view: a probability of 2e-9


def predict_alpha(
    network: Predictor, image: np.ndarray, mask: np.ndarray, angle: float = 0.0
) -> np.ndarray:
    """Predict how much of each pixel a garment covers.

    Args:
        network: of `build_matting_network`.
        image: uint8 (H, W, 3).
        mask: bool (H, W), of the garment, with faults.
        angle: of its wearer, degrees clockwise from upright.

    Returns:
        float32 (H, W) in [0, 1].
    """
    size = network.image_size
    window = upright_window(mask, size, angle)
    view = network_input(image, mask.astype(np.float32), window, size)
    logits = np.asarray(network(view[None]), np.float32)[0]
    return paste(logits, window, 1, mask.shape, _OUTSIDE, special.expit)
