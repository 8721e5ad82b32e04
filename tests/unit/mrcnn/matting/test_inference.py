"""Alpha lies in the photo where the network saw it in its view."""

import numpy as np
import pytest

from mrcnn.matting.inference import predict_alpha


class Bright:
    """Calls pixels the garment's that are bright, wherever the mask is."""

    image_size = 64

    def __call__(self, views):
        assert views.shape == (1, 64, 64, 4)
        self.hint = views[0, ..., 3]
        return np.where(views[..., 0] > 128, 20.0, -20.0).astype(np.float32)


@pytest.mark.parametrize("angle", [0.0, 30.0])
def test_a_mask_with_faults_is_mended(angle):
    image = np.zeros((120, 100, 3), np.uint8)
    image[30:90, 20:80] = 220
    mask = np.zeros((120, 100), bool)
    mask[30:80, 25:80] = True
    network = Bright()
    alpha = predict_alpha(network, image, mask, angle)
    assert alpha.shape == mask.shape
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1
    overlap = (alpha > 0.5) & (image[..., 0] > 0)
    assert overlap.sum() / ((alpha > 0.5) | (image[..., 0] > 0)).sum() > 0.93
    assert network.hint.max() == 255
    assert (network.hint > 0).mean() < 0.7, "the view shows what is around the mask"


def test_an_empty_mask_shows_the_whole_photo():
    alpha = predict_alpha(
        Bright(), np.full((40, 60, 3), 255, np.uint8), np.zeros((40, 60))
    )
    assert alpha.min() > 0.9
