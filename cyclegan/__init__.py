"""Keras CycleGAN: transfers the style of the shop's garment to the user's shirt.

Start reading at `cyclegan/model.py`. This file does not import keras: networks, training
and inference are in the submodules `model`, `universal`, `shading`, `train` and
`predict`.
"""

from .config import CycleGANConfig, ShadingConfig, UniversalConfig

__all__ = ["CycleGANConfig", "ShadingConfig", "UniversalConfig"]
