"""Annotated photos, augmentation, painting. Start reading at `annotations.py`."""

from data_tools.annotations import AnnotatedPhoto, Garment
from data_tools.folders import read_folder

__all__ = ["AnnotatedPhoto", "Garment", "read_folder"]
