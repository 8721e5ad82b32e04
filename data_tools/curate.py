"""Decide which photos are good enough to train on, in a CSV file of decisions.

References:
    N. Krawetz, "Kind of Like That", 2013 (the difference hash).
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data_tools.annotations import (
    FILE_ERRORS,
    AnnotatedPhoto,
    BadFile,
    DataError,
    Dataset,
    ImageRecord,
    Instance,
)
from data_tools.encodings import decode_text
from data_tools.files import find_photo
from data_tools.outlines import bounds, polygons_of

_COLUMNS = ("file_name", "keep", "reasons")
# Values of DeepFashion2's viewpoint and occlusion; viewpoint 1 is nobody's, as in a shop.
_SIDE, _HEAVY = 3, 3
_BITS = 64  # of a hash
_KEEP = {"yes": True, "no": False}
_MAX_TEXT = 1 << 28  # bytes of a file of decisions


@dataclass(frozen=True)
class CurationRules:
    """Conditions on a photo; missing labels pass."""

    min_side: int = 64  # minimum of the garment's shorter box side, pixels
    frontal: bool = True  # the garment must not be seen from the side or the back
    clear: bool = True  # no heavy occlusion, and an outline within the photo
    # Maximum Hamming distance of the 64-bit hashes of two copies of a photo; None does
    # not search copies.
    max_distance: int | None = 4


@dataclass(frozen=True)
class Decision:
    """Whether an image is kept, and why not."""

    file_name: str
    keep: bool
    reasons: tuple[str, ...] = ()


def curate(
    dataset: Dataset, folder: Path, rules: CurationRules, known: Mapping[str, Decision]
) -> Iterator[Decision]:
    """Decide on every image.

    An image is kept when one of its garments passes and it is no copy of an earlier one.

    Args:
        dataset: the annotations.
        folder: holds the annotations; photos are searched by `find_photo`.
        rules: what passes.
        known: earlier decisions by file name, which are kept.
    """
    copies = None if rules.max_distance is None else HashIndex(rules.max_distance)
    for record in dataset.read_records():
        if isinstance(record, BadFile):
            yield Decision(record.name, False, (record.reason,))
            continue
        decided = known.get(record.file_name)
        reasons = rejection_reasons(record, rules) if decided is None else ()
        if copies is not None and not reasons and (decided is None or decided.keep):
            reasons = _copy_reason(record, folder, copies)
        yield decided or Decision(record.file_name, not reasons, reasons)


def rejection_reasons(record: ImageRecord, rules: CurationRules) -> tuple[str, ...]:
    """Return the reasons against an image's best garment; empty when it passes."""
    if not record.instances:
        return ("no garment",)
    reasons = [tuple(_reasons(one, record.size, rules)) for one in record.instances]
    return min(reasons, key=len)


def _reasons(
    instance: Instance, size: tuple[int, int] | None, rules: CurationRules
) -> Iterator[str]:
    if rules.frontal and instance.attributes.get("viewpoint") == _SIDE:
        yield "not frontal"
    if rules.clear and instance.attributes.get("occlusion") == _HEAVY:
        yield "heavily occluded"
    try:
        around = bounds(polygons_of(instance))
    except FILE_ERRORS:
        around = None
    if around is None:
        yield "no outline"
        return
    x1, y1, x2, y2 = around
    if min(x2 - x1, y2 - y1) < rules.min_side:
        yield "too small"
    if rules.clear and size is not None:
        height, width = size
        if x1 <= 0 or y1 <= 0 or x2 >= width or y2 >= height:
            yield "cut off by the edge"


def _copy_reason(
    record: ImageRecord, folder: Path, copies: "HashIndex"
) -> tuple[str, ...]:
    """Return why an image is a copy, or its photo unusable; empty if it is neither."""
    try:
        path = find_photo(folder, record.file_name)
        if not path.is_file():
            return (f"no photo at {path}",)
        image = AnnotatedPhoto(path, "").image()
    except FILE_ERRORS as error:
        return (" ".join(str(error).split()),)
    original = copies.find_or_add(difference_hash(image), record.file_name)
    return () if original is None else (f"like {original}",)


def difference_hash(image: np.ndarray) -> int:
    """Return a 64-bit hash that hardly depends on a picture's size and quality.

    Args:
        image: uint8 (H, W, 3).

    Returns:
        One bit for each of 8 x 8 cells: whether the next cell to the right is brighter.
    """
    gray = Image.fromarray(image).convert("L")
    small = np.asarray(gray.resize((9, 8), Image.Resampling.BOX), np.int16)
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


class HashIndex:
    """Finds hashes within a maximum Hamming distance.

    Two hashes that differ in `max_distance` bits agree in at least one of
    `max_distance` + 1 pieces (pigeonhole principle): only hashes that share a piece are
    compared.
    """

    def __init__(self, max_distance: int):
        if not 0 <= max_distance < _BITS:
            raise ValueError(f"expected a distance in 0..{_BITS - 1}, got {max_distance}")
        self._max_distance = max_distance
        self._cuts = np.linspace(0, _BITS, max_distance + 2).astype(int).tolist()
        self._entries: dict[tuple[int, int], list[tuple[int, str]]] = defaultdict(list)

    def find_or_add(self, value: int, name: str) -> str | None:
        """Return the name of a hash that is near; where there is none, add it."""
        pieces = [
            (first, value >> first & ((1 << last - first) - 1))
            for first, last in zip(self._cuts[:-1], self._cuts[1:], strict=True)
        ]
        for piece in pieces:
            for other, original in self._entries[piece]:
                if (value ^ other).bit_count() <= self._max_distance:
                    return original
        for piece in pieces:
            self._entries[piece].append((value, name))
        return None


def format_decisions(decisions: list[Decision]) -> str:
    """Return decisions as CSV: file_name, keep (yes or no), reasons."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for one in decisions:
        keep = "yes" if one.keep else "no"
        rows.writerow([one.file_name, keep, "; ".join(one.reasons)])
    return text.getvalue()


def read_decisions(path: Path) -> dict[str, Decision]:
    """Read decisions by file name, as they were written or edited.

    Raises:
        DataError: naming the file, when it is not in the form of `format_decisions`.
        OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(_MAX_TEXT)
    try:
        rows = list(csv.reader(io.StringIO(decode_text(data)[0], newline="")))
        if not rows or tuple(rows[0]) != _COLUMNS:
            raise DataError(f"the columns {', '.join(_COLUMNS)}")
        return {name: Decision(name, _KEEP[keep], (why,)) for name, keep, why in rows[1:]}
    except (*FILE_ERRORS, csv.Error) as error:
        raise DataError(f"{path}: expected a file of decisions ({error!r})") from error
