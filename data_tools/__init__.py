"""Annotated photos, augmentation, painting. Start reading at `annotations.py`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_tools.annotations import AnnotatedPhoto, Garment
    from data_tools.folders import read_folder

__all__ = ["AnnotatedPhoto", "Garment", "read_folder"]
# Loaded on first use (PEP 562), so that a try-on does not import readers of annotations.
_HOMES = {
    "AnnotatedPhoto": "data_tools.annotations",
    "Garment": "data_tools.annotations",
    "read_folder": "data_tools.folders",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
