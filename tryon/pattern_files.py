"""Export, import and remove trained patterns as zip files.

A zip holds `NAME.json`, the card, and `NAME.weights.h5`. No code in it is run: weights
are arrays, the network is built from the card's config, and what does not fit is refused.
"""

import json
import lzma
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tryon.errors import MissingModel, TryOnError
from tryon.files import write_text, write_whole
from tryon.zoo import (
    MAX_CARD,
    ModelCard,
    list_patterns,
    load_card,
    pattern_card,
    pattern_folders,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
MAX_WEIGHTS = 1 << 28  # bytes, unpacked: a zip may claim any size
# Limits of a config from a zip: the network built from it takes 300 MB at most.
MAX_CONFIG = {"image_size": 1024, "filters": 128, "blocks": 16, "texture": 1024}
_ENDINGS = (".weights.h5", ".json")
# A zip that is damaged, encrypted, or compressed by an unknown method.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError,
)  # fmt: skip
_DATE = (
    1980,
    1,
    1,
    0,
    0,
    0,
)  # in every zip, so that a pattern always gives the same bytes


def user_patterns() -> Path:
    """Return the folder of the user's own patterns."""
    return pattern_folders()[0]


def describe_patterns() -> list[dict[str, Any]]:
    """Return the rows of `tryon patterns list`, one a pattern, sorted by name.

    Returns:
        name; where, "yours" or "shipped"; bytes, sha256 and licence of its weights, or
        under `problem` why it cannot be used.
    """
    rows = []
    for name in list_patterns():
        own = (user_patterns() / f"{name}.json").exists()
        row: dict[str, Any] = {"name": name, "where": "yours" if own else "shipped"}
        try:
            card = pattern_card(name)
            row |= {"bytes": card.path.stat().st_size, "sha256": card.sha256}
            row["licence"] = str(card.values["licence"])
        except MissingModel as error:
            row["problem"] = str(error)
        rows.append(row)
    return rows


def export_pattern(name: str, out: Path) -> None:
    """Write a pattern's card and weights into one zip.

    Args:
        name: of the pattern, or the path of its card.
        out: the zip to write; it appears when it is whole.

    Raises:
        TryOnError: there is no such pattern, or the zip cannot be written.
    """
    card = pattern_card(name)
    stem = _check_card(card)
    values = dict(card.values) | {"file": f"{stem}.weights.h5"}

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            text = json.dumps(values, indent=1) + "\n"
            archive.writestr(zipfile.ZipInfo(f"{stem}.json", _DATE), text)
            member = zipfile.ZipInfo(f"{stem}.weights.h5", _DATE)
            with card.path.open("rb") as source, archive.open(member, "w") as target:
                shutil.copyfileobj(source, target)

    write_whole(out, write)


def import_pattern(path: Path, force: bool) -> Path:
    """Check a zip of `export_pattern` and install its pattern among the user's own.

    Size, hash, config and the shape of every array are checked before anything is
    installed; a refused zip changes nothing.

    Args:
        path: the zip.
        force: replace the user's own pattern of that name, or override a shipped one.

    Returns:
        The card's path.

    Raises:
        TryOnError: naming the zip and what is wrong with it.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            stem = _unpack(path, folder)
            _check_taken(stem, force)
            _check_network(load_card(folder / f"{stem}.json"))
        except FileNotFoundError as error:
            raise TryOnError(f"{path}: there is no such file; check the path") from error
        except _DAMAGED as error:
            raise TryOnError(
                f"{path}: not a zip of a pattern ({error}); export it again"
            ) from error
        except (OSError, ValueError, TypeError, LookupError, MissingModel) as error:
            raise TryOnError(f"{path}: {error}; export the pattern again") from error
        return install_pattern(folder, stem)


def _unpack(path: Path, folder: Path) -> str:
    """Unpack card and weights; returns the pattern's name."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        stem = names[0].removesuffix(".json") if names else ""
        if not NAME.fullmatch(stem) or names != sorted(stem + e for e in _ENDINGS):
            raise ValueError("expected NAME.json and NAME.weights.h5 alone")
        with archive.open(f"{stem}.json") as file:
            text = file.read(MAX_CARD + 1)
        if len(text) > MAX_CARD:
            raise ValueError(f"expected a card of at most {MAX_CARD} bytes")
        values = json.loads(text)
        size = values.get("bytes") if isinstance(values, Mapping) else None
        if not isinstance(size, int) or not 0 < size <= MAX_WEIGHTS:
            raise ValueError(f"expected weights of at most {MAX_WEIGHTS} bytes, {size=}")
        with archive.open(f"{stem}.weights.h5") as file:
            weights = file.read(size + 1)
        if len(weights) != size:
            raise ValueError(f"expected {size} bytes of weights, as the card says")
    (folder / f"{stem}.weights.h5").write_bytes(weights)
    write_text(json.dumps(values, indent=1) + "\n", folder / f"{stem}.json")
    return stem


def _check_taken(stem: str, force: bool) -> None:
    if force or stem not in list_patterns():
        return
    own = (user_patterns() / f"{stem}.json").exists()
    action = "replaces it" if own else "makes this one override the shipped one"
    raise TryOnError(f"there is a pattern named {stem!r} already; --force {action}")


def _check_card(card: ModelCard) -> str:
    """Return a pattern's name when its card is one of a pattern."""
    name = card.values["name"]
    if card.values["kind"] != "pattern":
        raise TryOnError(f"{card.path}: expected a pattern, got {card.values['kind']!r}")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise TryOnError(
            f"{card.path}: expected a name of letters and digits in its card"
        )
    return name


def _check_network(card: ModelCard) -> None:
    """Build the card's network and read the weights into it.

    Raises:
        ValueError: the config is too large or wrong, or the arrays do not fit it.
    """
    from cyclegan.config import CycleGANConfig, from_dict
    from cyclegan.predict import build_network

    name = _check_card(card)
    if f"{name}.weights.h5" != card.path.name:
        raise ValueError(f"expected the pattern {name!r}, got {card.path.name}")
    check_limits(card)
    config = from_dict(card.values["config"])
    if not isinstance(config, CycleGANConfig):
        raise ValueError("expected a config of a pattern in the card")
    build_network(config, card.path)


def check_limits(card: ModelCard) -> None:
    """Check that what is built from a card's config does not fill the memory.

    Raises:
        ValueError: there is no config, or it is too large.
    """
    config = card.values["config"]
    if not isinstance(config, Mapping):
        raise ValueError("expected a config in the card")
    for field, largest in MAX_CONFIG.items():
        value = config.get(field, 0)
        if not isinstance(value, int) or value > largest:
            raise ValueError(f"expected {field} of at most {largest} in the card")


def install_pattern(folder: Path, name: str) -> Path:
    """Copy a pattern to where `--pattern NAME` finds it; returns its card.

    Raises:
        TryOnError: when that place cannot be written.
    """
    # Weights first: a card never stands beside weights it does not describe.
    for ending in _ENDINGS:
        with (folder / f"{name}{ending}").open("rb") as source:
            copy = partial(shutil.copyfileobj, source)
            write_whole(user_patterns() / f"{name}{ending}", copy)
    return user_patterns() / f"{name}.json"


def remove_pattern(name: str) -> None:
    """Remove one of the user's own patterns, whether it can be used or not.

    Raises:
        TryOnError: the pattern is shipped, or there is none of that name.
    """
    card = own_card(name)
    # The card first: weights without a card are not listed any more.
    for path in (card, card.with_name(f"{name}.weights.h5")):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise TryOnError(f"{path}: cannot be removed ({error.strerror})") from error


def own_card(name: str) -> Path:
    """Return the path of the card of one of the user's own patterns.

    Raises:
        TryOnError: the pattern is shipped, or there is none of that name.
    """
    card = user_patterns() / f"{name}.json"
    if NAME.fullmatch(name) and card.exists():
        return card
    if NAME.fullmatch(name) and name in list_patterns():
        raise TryOnError(f"the pattern {name!r} ships with tryon and cannot be removed")
    known = [row["name"] for row in describe_patterns() if row["where"] == "yours"]
    raise TryOnError(
        f"you have no pattern named {name!r} (yours are: {', '.join(known) or 'none'})"
    )
