"""Annotated photos, augmentation, painting. Start reading at `annotations.py`."""

from data_tools.annotations import AnnotatedPhoto
from data_tools.folders import read_folder

__all__ = ["AnnotatedPhoto", "read_folder"]
