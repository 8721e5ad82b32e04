"""Virtual try-on: two raw photos in, one photo out. Start reading at `pipeline.py`.

import tryon

pipeline = tryon.TryOnPipeline.from_pretrained()
pipeline("me.jpg", "tee.jpg").save("result.png")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tryon._version import __version__

if TYPE_CHECKING:
    from tryon.errors import Refusal, TryOnError
    from tryon.images import read_photo
    from tryon.pipeline import Options, TryOnPipeline
    from tryon.types import Photo, TryOnResult

__all__ = [
    "Options",
    "Photo",
    "Refusal",
    "TryOnError",
    "TryOnPipeline",
    "TryOnResult",
    "__version__",
    "read_photo",
]
# Loaded on first use (PEP 562), so that `import tryon` and `tryon --help` stay quick.
_HOMES = {
    "Options": "tryon.pipeline",
    "Photo": "tryon.types",
    "Refusal": "tryon.errors",
    "TryOnError": "tryon.errors",
    "TryOnPipeline": "tryon.pipeline",
    "TryOnResult": "tryon.types",
    "read_photo": "tryon.images",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
