"""Mask R-CNN in Keras 3. Start reading at `mrcnn/model.py`."""

from mrcnn.config import CLASS_NAMES, MaskRCNNConfig, TrainConfig
from mrcnn.detections import Detections

__all__ = ["CLASS_NAMES", "Detections", "MaskRCNNConfig", "TrainConfig"]
