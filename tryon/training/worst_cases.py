"""A look at a network in training: which held-out photos does it get most wrong?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_tools.contact_sheet import lay_out
from mrcnn.data import Example
from mrcnn.detections import mask_iou
from mrcnn.model import MaskRCNN
from mrcnn.predictor import detect
from mrcnn.runtime import Runtime

_SCORE = 0.5  # of finds that count
_HEIGHT, _GAP = 200, 6  # pixels, of a picture in the sheet and between pictures
_COLOUR = np.array([0, 200, 80])


class ModelPredictor:
    """A network in training as a `mrcnn.runtime.Predictor`."""

    runtime: Runtime = "keras"

    def __init__(self, model: MaskRCNN):
        self.config, self.image_size = model.config, model.config.image_size
        self._model = model

    def __call__(self, images: NDArray[np.float32]) -> dict[str, NDArray]:
        """Run the network on a batch (B, S, S, 3)."""
        return self._model.predict_on_batch(images)


@dataclass(frozen=True)
class Case:
    """A small photo, uint8 (h, w, 3); truth and guess, bool (h, w); and their IoU."""

    image: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    guess: NDArray[np.bool_]
    iou: float


def judge_case(model: MaskRCNN, example: Example) -> Case:
    """Compare a photo's garments with what is found; nothing found of nothing is 1."""
    (found,) = detect(ModelPredictor(model), example.image, _SCORE)
    size = example.image.shape[:2]
    guess = np.any(found.masks >= 0.5, axis=0) if len(found) else np.zeros(size, bool)
    truth = np.any(example.masks, axis=0) if len(example.masks) else np.zeros(size, bool)
    iou = float(mask_iou(guess, truth)) if guess.any() or truth.any() else 1.0
    return Case(
        np.asarray(_fit(example.image)),
        np.asarray(_fit(truth)),
        np.asarray(_fit(guess)),
        iou,
    )


def draw_cases(cases: Sequence[Case]) -> NDArray[np.uint8]:
    """Draw photo, truth and guess of each case side by side, two cases a row."""
    cells = []
    for case in cases:
        views = [case.image, _tint(case.image, case.truth), _tint(case.image, case.guess)]
        cells.append(lay_out([np.asarray(_fit(view)) for view in views], 3, _GAP))
    return lay_out(cells, 2 if len(cells) > 1 else 1)


def _tint(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    tinted = np.where(mask[..., None], (image + _COLOUR) // 2, image)
    return tinted.astype(np.uint8)


def _fit(view: NDArray[np.generic]) -> Image.Image:
    """Bring a picture or a mask to the sheet's height."""
    picture = Image.fromarray(view)
    width = max(1, min(4 * _HEIGHT, round(picture.width * _HEIGHT / picture.height)))
    return picture.resize((width, _HEIGHT))
