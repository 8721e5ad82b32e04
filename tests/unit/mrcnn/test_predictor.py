import numpy as np
import pytest

from mrcnn.config import MaskRCNNConfig
from mrcnn.detections import mask_iou
from mrcnn.model import MaskRCNN
from mrcnn.predictor import (
    Letterbox,
    build_network,
    detect,
    letterbox,
    paste_mask,
)
from mrcnn.runtime import KerasPredictor
from mrcnn.windows import PAD_VALUE


class DetectsRed:
    """Detects the red pixels; the second row is padding, the third has a low score."""

    image_size = 128

    def __call__(self, images):
        count = len(images)
        self.images = images
        out = {
            "boxes": np.zeros((count, 3, 4), np.float32),
            "labels": np.tile(np.array([2, 1, 1], np.int32), (count, 1)),
            "scores": np.tile(np.array([0.9, 0, 0.2], np.float32), (count, 1)),
            "masks": np.zeros((count, 3, 14, 14), np.float32),
        }
        for i, image in enumerate(images):
            red = (image[..., 0] > 150) & (image[..., 1] < 100)
            ys, xs = np.nonzero(red)
            out["boxes"][i, 0] = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
            # Only where the red is denser: the mask itself has a left and a right.
            columns = np.linspace(xs.min(), xs.max(), 14).round().astype(int)
            rows = np.linspace(ys.min(), ys.max(), 14).round().astype(int)
            out["masks"][i, 0] = red[np.ix_(rows, columns)]
            out["boxes"][i, 2] = 10, 10, 40, 40
        out["mask_boxes"] = out["boxes"].copy()
        return out


def photo(size=(150, 200), place=(30, 90, 20, 100)):
    """A red L on grey: body below, sleeve at the left."""
    top, bottom, left, right = place
    mask = np.zeros(size, bool)
    mask[top:bottom, left : (left + right) // 2] = True
    mask[(top + bottom) // 2 : bottom, left:right] = True
    image = np.full((*size, 3), 120, np.uint8)
    image[mask] = (220, 20, 20)
    return image, mask


@pytest.mark.parametrize("size", [(100, 60), (60, 100), (64, 64), (301, 200), (3, 200)])
def test_boxes_come_back_from_the_letterbox(size):
    canvas, frame = letterbox(np.full((*size, 3), 9, np.uint8), 128)
    assert canvas.shape == (128, 128, 3)
    assert canvas.dtype == np.float32
    ys, xs = np.nonzero(canvas[..., 0] < 64)
    inside = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], np.float32)
    height, width = size
    within = 1 / frame.scale  # a pixel of the input
    np.testing.assert_allclose(
        frame.to_photo(inside), [[0, 0, width, height]], atol=within
    )
    assert xs.min() >= 6  # a margin of 5 %
    assert ys.min() >= 6
    assert (canvas[0] == PAD_VALUE).all()


def test_boxes_are_clipped_to_the_photo():
    frame = Letterbox(0.5, (10.0, 20.0), (60, 80))
    boxes = frame.to_photo(np.array([[0, 0, 128, 128], [10, 20, 30, 40]], np.float32))
    assert boxes.dtype == np.float32
    np.testing.assert_array_equal(boxes, [[0, 0, 80, 60], [0, 0, 40, 40]])


def test_a_full_mask_fills_its_box():
    frame = Letterbox(0.5, (8.0, 4.0), (40, 60))
    box = np.array([18, 9, 33, 19], np.float32)  # (20, 10, 50, 30) in the photo
    pasted = paste_mask(np.ones((14, 14), np.float32), box, frame)
    assert pasted.shape == (40, 60)
    assert pasted.dtype == np.float32
    expected = np.zeros((40, 60), bool)
    expected[10:30, 20:50] = True
    np.testing.assert_array_equal(pasted >= 0.5, expected)
    assert pasted[15:25, 25:45].min() == pytest.approx(1)
    assert not pasted[:8].any()


def test_a_mask_is_pasted_into_its_box():
    mask = np.zeros((4, 4), np.float32)
    mask[1, 2] = 1
    frame = Letterbox(1.0, (0.0, 0.0), (40, 40))
    pasted = paste_mask(mask, np.array([0, 0, 40, 40], np.float32), frame)
    ys, xs = np.nonzero(pasted > 0.9)
    assert (ys.min() + ys.max() + 1) / 2 == 15
    assert (xs.min() + xs.max() + 1) / 2 == 25


def test_a_mask_at_the_photos_edge_is_complete():
    """The input has a margin, so a box may end outside the photo."""
    frame = Letterbox(1.0, (10.0, 10.0), (30, 30))
    pasted = paste_mask(
        np.ones((7, 7), np.float32), np.array([0, 0, 30, 30], np.float32), frame
    )
    assert pasted[0, 0] == pytest.approx(1)
    assert pasted[29, 29] == 0


def test_an_empty_box_pastes_at_most_a_pixel():
    frame = Letterbox(1.0, (0.0, 0.0), (20, 20))
    pasted = paste_mask(np.ones((7, 7), np.float32), np.zeros(4, np.float32), frame)
    assert np.isfinite(pasted).all()
    assert (pasted >= 0.5).sum() <= 1


def test_detections_are_in_the_photos_pixels():
    image, mask = photo()
    (found,) = detect(DetectsRed(), image, 0.5)
    assert found.labels.tolist() == [2]
    assert found.scores.tolist() == pytest.approx([0.9])
    np.testing.assert_allclose(found.boxes, [[20, 30, 100, 90]], atol=2)
    assert mask_iou(found.masks[0] >= 0.5, mask) > 0.9


def test_the_mirrored_photo_has_the_same_detections():
    image, mask = photo()
    predictor = DetectsRed()
    plain, mirrored = detect(predictor, image, 0.5, mirror=True)
    np.testing.assert_array_equal(predictor.images[1], predictor.images[0][:, ::-1])
    np.testing.assert_allclose(mirrored.boxes, plain.boxes, atol=0.1)
    assert mask_iou(mirrored.masks[0] >= 0.5, mask) > 0.9
    assert mask_iou(mirrored.masks[0] >= 0.5, plain.masks[0] >= 0.5) > 0.95


@pytest.mark.parametrize(
    ("threshold", "count"), [(0.0, 2), (0.2, 2), (0.5, 1), (0.95, 0)]
)
def test_the_threshold_drops_low_scores_and_padding(threshold, count):
    image, _ = photo()
    (found,) = detect(DetectsRed(), image, threshold)
    assert len(found) == count
    assert found.masks.shape == (count, *image.shape[:2])


def test_keras_predictor_gives_what_its_model_gives(config, tmp_path):
    assert isinstance(config, MaskRCNNConfig)
    model = MaskRCNN(config)
    model.save_weights(tmp_path / "m.weights.h5")
    predictor = KerasPredictor(
        config, lambda: build_network(config, tmp_path / "m.weights.h5")
    )
    images = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    expected = model.predict_on_batch(images)
    for name, value in predictor(images).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)
    assert predictor.image_size == 64
