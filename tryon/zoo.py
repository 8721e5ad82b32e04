"""Models by name: weights beside a JSON card, checked by hash before they load.

Shipped models are package data in `tryon/models`; patterns that a user trains live in
`TRYON_HOME` (default: the platform's folder for user data). What can be made again at any
time, as networks converted for OpenVINO, lies in `TRYON_CACHE`.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from tryon.errors import MissingModel
from tryon.files import write_text

SHIPPED = Path(__file__).parent / "models"
# Networks that detect and read garments and people.
DETECTION_KINDS = (
    "segmenter",
    "refiner",
    "chart",
    "person_detector",
    "pose",
    "semantic",
    "matting",
)
SHIPPED_MODELS = (*DETECTION_KINDS, "shading", "universal")
MAX_CARD = 1 << 20  # bytes
_CARD_FIELDS = ("name", "kind", "file", "bytes", "sha256", "licence", "config")


@dataclass(frozen=True)
class ModelCard:
    """A model's card and its weights.

    Attributes:
        path: the weights file.
        values: the card: name, kind (of `SHIPPED_MODELS`, or "pattern"), file, bytes,
            sha256, licence, config, and how it was made.
    """

    path: Path
    values: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """The hash the card promises."""
        return str(self.values["sha256"])


def user_home() -> Path:
    """Return the folder of what the user trains."""
    home = os.environ.get("TRYON_HOME")
    return Path(home) if home else Path(platformdirs.user_data_dir("tryon"))


def user_cache() -> Path:
    """Return the folder of what can be made again."""
    cache = os.environ.get("TRYON_CACHE")
    return Path(cache) if cache else Path(platformdirs.user_cache_dir("tryon"))


def load_card(path: Path) -> ModelCard:
    """Read a card and check that its weights are the file it describes.

    Args:
        path: the `.json` card; its weights lie beside it.

    Raises:
        MissingModel: no card, no weights, or other weights.
    """
    try:
        values = json.loads(_read_card(path))
    except FileNotFoundError as error:
        raise MissingModel(f"{path}: there is no such model card") from error
    except (OSError, ValueError, RecursionError) as error:
        raise MissingModel(f"{path}: not a model card ({error})") from error
    missing = [f for f in _CARD_FIELDS if not isinstance(values, dict) or f not in values]
    if missing:
        raise MissingModel(f"{path}: the model card lacks {', '.join(missing)}")
    file = values["file"]
    # Weights lie beside their card: a path that leads elsewhere is refused.
    if not isinstance(file, str) or Path(file).name != file:
        raise MissingModel(f"{path}: the model card names no file beside it ({file!r})")
    card = ModelCard(path.parent / file, values)
    _check_hash(card)
    return card


def _read_card(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read(MAX_CARD + 1)
    if len(text) > MAX_CARD:
        raise ValueError(f"expected at most {MAX_CARD} bytes")
    return text.decode()


def _check_hash(card: ModelCard) -> None:
    try:
        found = sha256_of(card.path)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise MissingModel(
            f"{card.path}: the weights are missing; install the package again or train "
            "the model again"
        ) from error
    if found != card.sha256:
        raise MissingModel(
            f"{card.path}: the weights are not the file their card describes (sha256 "
            f"{found[:12]}, expected {card.sha256[:12]}); install or train again"
        )


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shipped_card(name: str) -> ModelCard:
    """Return the card of one of `SHIPPED_MODELS`."""
    return load_card(SHIPPED / f"{name}.json")


def pattern_folders() -> tuple[Path, ...]:
    """Return where patterns are looked for, the user's own first."""
    return user_home() / "patterns", SHIPPED / "patterns"


def list_patterns() -> list[str]:
    """Return the names of all patterns at hand, sorted."""
    found = {
        card.stem for f in pattern_folders() if f.is_dir() for card in f.glob("*.json")
    }
    return sorted(found)


def pattern_card(name: str) -> ModelCard:
    """Return the card of a pattern, by its name or by the path of its card.

    Raises:
        MissingModel: naming the patterns there are and the command that trains one.
    """
    if name.endswith(".json"):
        return load_card(Path(name))
    for folder in pattern_folders():
        if Path(name).name == name and (folder / f"{name}.json").exists():
            return load_card(folder / f"{name}.json")
    known = ", ".join(list_patterns()) or "none"
    raise MissingModel(
        f"no pattern named {name!r} (there are: {known}); train it with "
        f"`tryon train pattern {name} --shop PHOTO`"
    )


def write_card(weights: Path, values: Mapping[str, Any]) -> Path:
    """Write the card of a weights file beside it; returns the card's path."""
    card = {
        "file": weights.name,
        "bytes": weights.stat().st_size,
        "sha256": sha256_of(weights),
        **values,
    }
    path = weights.with_name(weights.name.removesuffix(".weights.h5") + ".json")
    write_text(json.dumps(card, indent=1) + "\n", path)
    return path
