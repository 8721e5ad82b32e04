"""Mask R-CNN, refiner and chart network in Keras 3. Start reading at `mrcnn/model.py`."""

from mrcnn.config import MaskRCNNConfig, TrainConfig
from mrcnn.detections import Detections

__all__ = ["Detections", "MaskRCNNConfig", "TrainConfig"]
