"""Contact sheets of the worst held-out predictions of a network in training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_tools.contact_sheet import lay_out
from mrcnn.data import Example
from mrcnn.detections import mask_iou
from mrcnn.model import MaskRCNN
from mrcnn.predictor import detect
from mrcnn.runtime import Runtime
from tryon.files import write_image


@dataclass(frozen=True)
class SheetConfig:
    """Selection and layout of the cases on a sheet."""

    min_score: float = 0.5  # of detections that are shown and measured
    mask_threshold: float = 0.5  # probability from which a pixel is garment
    cases: int = 8  # on a sheet
    height: int = 200  # of an image, pixels
    gap: int = 6  # between images, pixels
    color: tuple[int, int, int] = (0, 200, 80)  # of masks, RGB


DEFAULT = SheetConfig()


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
    """A prediction and its ground truth.

    Attributes:
        image: uint8 (h, w, 3), small.
        truth: bool (h, w).
        prediction: bool (h, w).
        iou: of the two.
    """

    image: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    prediction: NDArray[np.bool_]
    iou: float


def judge_case(model: MaskRCNN, example: Example, config: SheetConfig = DEFAULT) -> Case:
    """Compare a photo's garments with the detections; with neither, the IoU is 1."""
    (detections,) = detect(ModelPredictor(model), example.image, config.min_score)
    blank = np.zeros(example.image.shape[:2], bool)
    masks = detections.masks >= config.mask_threshold
    prediction = np.any(masks, axis=0) if len(detections) else blank
    truth = np.any(example.masks, axis=0) if len(example.masks) else blank
    has_any = prediction.any() or truth.any()
    iou = float(mask_iou(prediction, truth)) if has_any else 1.0
    return Case(
        np.asarray(_fit(example.image, config)),
        np.asarray(_fit(truth, config)),
        np.asarray(_fit(prediction, config)),
        iou,
    )


def write_worst_cases(
    cases: Sequence[Case], out_dir: Path, epoch: int, config: SheetConfig = DEFAULT
) -> dict[str, float]:
    """Write the cases with the lowest IoU to `worst/`.

    Returns:
        `held_out_iou`, the mean over all cases; empty without cases.
    """
    if not cases:
        return {}
    ranked = sorted(cases, key=lambda case: case.iou)
    (out_dir / "worst").mkdir(exist_ok=True)
    sheet = draw_cases(ranked[: config.cases], config)
    write_image(sheet, out_dir / "worst" / f"epoch-{epoch:03d}.jpg")
    return {"held_out_iou": float(np.mean([case.iou for case in ranked]))}


def draw_cases(cases: Sequence[Case], config: SheetConfig = DEFAULT) -> NDArray[np.uint8]:
    """Draw image, truth and prediction of each case side by side, two cases per row."""
    cells = []
    for case in cases:
        views = [case.image]
        views += [_tint(case.image, m, config) for m in (case.truth, case.prediction)]
        row = [np.asarray(_fit(view, config)) for view in views]
        cells.append(lay_out(row, 3, config.gap))
    return lay_out(cells, 2 if len(cells) > 1 else 1)


def _tint(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], config: SheetConfig
) -> NDArray[np.uint8]:
    tinted = np.where(mask[..., None], (image + np.array(config.color)) // 2, image)
    return tinted.astype(np.uint8)


def _fit(view: NDArray[np.generic], config: SheetConfig) -> Image.Image:
    """Resize an image or a mask to the sheet's height."""
    image, height = Image.fromarray(view), config.height
    width = max(1, min(4 * height, round(image.width * height / image.height)))
    return image.resize((width, height))
