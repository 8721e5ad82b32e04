"""Keras CycleGAN: gives the user's shirt the style of the shop's garment.

Start reading at `cyclegan/model.py`. This file imports no keras: networks, training
and prediction live in the submodules `model`, `universal`, `shading`, `train` and
`predict`.
"""

from .config import CycleGANConfig, ShadingConfig, UniversalConfig

__all__ = ["CycleGANConfig", "ShadingConfig", "UniversalConfig"]
