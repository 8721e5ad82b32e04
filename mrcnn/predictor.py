"""Detect garments in a photo: letterbox, network, masks pasted back into the photo.

`letterbox` and `Letterbox.to_photo` are inverse to each other. The network is run by a
`runtime.Predictor`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from mrcnn.config import (
    ChartConfig,
    MattingConfig,
    NetworkConfig,
    PersonDetectorConfig,
    PoseConfig,
    RefinerConfig,
    SemanticConfig,
)
from mrcnn.detections import Detections
from mrcnn.runtime import Predictor
from mrcnn.windows import PAD_VALUE

if TYPE_CHECKING:
    import keras

# Grey margin on each side, fraction of the input: a shirt cut by the photo's frame ends
# inside the input, so that its edge there is predicted like any other.
LETTERBOX_MARGIN = 0.05


def build_network(config: NetworkConfig, weights: Path) -> "keras.Model":
    """Build a network for inference and load its weights.

    Keras is imported here, which takes seconds.

    Args:
        config: its type tells which network is built.
        weights: a `.weights.h5` file, float16 or float32.

    Raises:
        FileNotFoundError, WeightsError: see `load_weights`.
    """
    from mrcnn.weights import load_weights

    if isinstance(config, RefinerConfig):
        from mrcnn.refiner.model import build_refiner, inference_model

        model = build_refiner(config)
    elif isinstance(config, ChartConfig):
        from mrcnn.chart.model import build_chart_network

        model = build_chart_network(config)
    elif isinstance(config, MattingConfig):
        from mrcnn.matting.model import build_matting_network

        model = build_matting_network(config)
    elif isinstance(config, PersonDetectorConfig):
        from mrcnn.pose.model import build_person_detector

        model = build_person_detector(config)
    elif isinstance(config, SemanticConfig):
        from mrcnn.semantic.model import build_semantic_network

        model = build_semantic_network(config)
    elif isinstance(config, PoseConfig):
        from mrcnn.pose.model import build_pose_network

        model = build_pose_network(config)
    else:
        from mrcnn.model import MaskRCNN

        model = MaskRCNN(config)
    load_weights(model, weights)
    return inference_model(model) if isinstance(config, RefinerConfig) else model


@dataclass(frozen=True)
class Letterbox:
    """Position of a photo in the square input: input = photo * scale + offset."""

    scale: float
    offset: tuple[float, float]  # x, y
    size: tuple[int, int]  # height, width of the photo

    def to_photo(self, boxes: np.ndarray) -> np.ndarray:
        """Map boxes (N, 4) from the input to the photo, clipped to its frame."""
        moved = (boxes - np.tile(self.offset, 2)) / self.scale
        height, width = self.size
        return np.clip(moved, 0, [width, height, width, height]).astype(np.float32)


def letterbox(image: np.ndarray, size: int) -> tuple[np.ndarray, Letterbox]:
    """Fit a photo into a grey square, with a margin.

    Args:
        image: uint8 (H, W, 3).
        size: side of the square.

    Returns:
        float32 (size, size, 3) in 0..255, and the photo's position in it.
    """
    height, width = image.shape[:2]
    inner = size - 2 * round(size * LETTERBOX_MARGIN)
    scale = inner / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(image).resize(
        shape, Image.Resampling.BILINEAR, reducing_gap=2
    )
    canvas = np.full((size, size, 3), PAD_VALUE, np.float32)
    left, top = (size - shape[0]) // 2, (size - shape[1]) // 2
    canvas[top : top + shape[1], left : left + shape[0]] = np.asarray(small)
    return canvas, Letterbox(scale, (left, top), (height, width))


def detect(
    predictor: Predictor, image: np.ndarray, threshold: float, mirror: bool = False
) -> list[Detections]:
    """Detect the garments of one photo.

    Args:
        predictor: the network.
        image: uint8 (H, W, 3).
        threshold: minimum score.
        mirror: whether the mirrored photo is predicted too, in the same batch.

    Returns:
        Detections in the photo's pixels, highest score first: of the photo, and with
        `mirror` also of the mirrored photo, mirrored back.
    """
    canvas, frame = letterbox(image, predictor.image_size)
    views = [canvas, canvas[:, ::-1]] if mirror else [canvas]
    raw = {name: np.array(value) for name, value in predictor(np.stack(views)).items()}
    if mirror:
        for name in ("boxes", "mask_boxes"):
            raw[name][1][:, [0, 2]] = predictor.image_size - raw[name][1][:, [2, 0]]
        raw["masks"][1] = raw["masks"][1][..., ::-1]
    return [
        _to_detections({k: value[i] for k, value in raw.items()}, frame, threshold)
        for i in range(len(views))
    ]


def _to_detections(
    raw: dict[str, np.ndarray], frame: Letterbox, threshold: float
) -> Detections:
    kept = (raw["scores"] >= threshold) & (raw["scores"] > 0)  # 0: padding
    keep = np.flatnonzero(kept)
    masks = [paste_mask(raw["masks"][i], raw["mask_boxes"][i], frame) for i in keep]
    return Detections(
        boxes=frame.to_photo(raw["boxes"][keep]),
        labels=raw["labels"][keep].astype(np.int64),
        scores=raw["scores"][keep].astype(np.float32),
        masks=np.array(masks, np.float32).reshape(-1, *frame.size),
    )


def paste_mask(mask: np.ndarray, box: np.ndarray, frame: Letterbox) -> np.ndarray:
    """Resample a box's mask to the photo.

    Args:
        mask: float32 (m, m) in [0, 1], over the box.
        box: xyxy in the network's input.
        frame: the photo's position in the input.

    Returns:
        float32 (H, W) in [0, 1], interpolated bilinearly. At the box's edge a full mask
        has fallen to a half, and half a cell outside it to 0.
    """
    height, width = frame.size
    x1, y1, x2, y2 = (box - np.tile(frame.offset, 2)) / frame.scale
    sx, sy = mask.shape[1] / max(x2 - x1, 1e-3), mask.shape[0] / max(y2 - y1, 1e-3)
    # One cell of zeros all around, so that the mask falls to 0 at the box's edge.
    padded = Image.fromarray(np.pad(mask, 1).astype(np.float32))
    moved = padded.transform(
        (width, height),
        Image.Transform.AFFINE,
        (sx, 0, 1 - x1 * sx, 0, sy, 1 - y1 * sy),
        Image.Resampling.BILINEAR,
        fillcolor=0,
    )
    return np.asarray(moved)
