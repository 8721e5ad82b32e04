"""Which photos are good enough to learn from, in a file of decisions; nothing is deleted.

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
from data_tools.files import find_photo
from data_tools.outlines import bounds, polygons_of

_FIELDS = ("file_name", "keep", "reasons")
_FRONTAL, _HEAVY = 2, 3  # DeepFashion2's viewpoint and occlusion
_BITS = 64  # of a hash
_YES = {"yes": True, "no": False}
_MAX_TEXT = 1 << 28  # bytes of a file of decisions


@dataclass(frozen=True)
class Rules:
    """What makes a photo good enough; labels that are missing pass.

    Attributes:
        min_side: of the garment's box, the shorter one, pixels.
        frontal: the garment's viewpoint must be frontal.
        clear: its outline must not leave the photo, nor its occlusion be heavy.
        distance: photos whose hashes differ in so many of 64 bits are the same one;
            None looks for none.
    """

    min_side: int = 64
    frontal: bool = True
    clear: bool = True
    distance: int | None = 4


@dataclass(frozen=True)
class Decision:
    """Whether an image is kept, and why not."""

    file_name: str
    keep: bool
    reasons: tuple[str, ...] = ()


def curate(
    dataset: Dataset, folder: Path, rules: Rules, known: Mapping[str, Decision]
) -> Iterator[Decision]:
    """Decide on every image.

    An image is kept when one of its garments passes and it is no copy of one before it.

    Args:
        dataset: the annotations.
        folder: of the annotations; photos lie as `find_photo` looks for them.
        rules: what passes.
        known: decisions that were made before, by file name; they stand.
    """
    copies = None if rules.distance is None else Copies(rules.distance)
    for record in dataset.read_records():
        if isinstance(record, BadFile):
            yield Decision(record.name, False, (record.reason,))
            continue
        decided = known.get(record.file_name)
        reasons = faults(record, rules) if decided is None else ()
        if copies is not None and not reasons and (decided is None or decided.keep):
            reasons = _copy_fault(record, folder, copies)
        yield decided or Decision(record.file_name, not reasons, reasons)


def faults(record: ImageRecord, rules: Rules) -> tuple[str, ...]:
    """Return what is wrong with the best garment of an image; nothing when it passes."""
    if not record.instances:
        return ("no garment",)
    found = [tuple(_faults(one, record.size, rules)) for one in record.instances]
    return min(found, key=len)


def _faults(
    instance: Instance, size: tuple[int, int] | None, rules: Rules
) -> Iterator[str]:
    if rules.frontal and instance.attributes.get("viewpoint", _FRONTAL) != _FRONTAL:
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


def _copy_fault(record: ImageRecord, folder: Path, copies: "Copies") -> tuple[str, ...]:
    try:
        path = find_photo(folder, record.file_name)
        if not path.is_file():
            return (f"no photo at {path}",)
        image = AnnotatedPhoto(path, "").image()
    except FILE_ERRORS as error:
        return (" ".join(str(error).split()),)
    before = copies.find_or_add(difference_hash(image), record.file_name)
    return () if before is None else (f"like {before}",)


def difference_hash(image: np.ndarray) -> int:
    """Return 64 bits that tell a picture, whatever its size and quality.

    Args:
        image: uint8 (H, W, 3).

    Returns:
        For each of 8 x 8 places whether the picture gets brighter to the right.
    """
    grey = Image.fromarray(image).convert("L")
    small = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), np.int16)
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


class Copies:
    """Finds hashes that differ in few bits.

    Of `distance` + 1 pieces that a hash is cut into, one at least is the same in two
    that differ in `distance` bits: only hashes with such a piece are compared.
    """

    def __init__(self, distance: int):
        if not 0 <= distance < _BITS:
            raise ValueError(f"expected a distance in 0..{_BITS - 1}, got {distance}")
        self._distance = distance
        self._cuts = np.linspace(0, _BITS, distance + 2).astype(int).tolist()
        self._found: dict[tuple[int, int], list[tuple[int, str]]] = defaultdict(list)

    def find_or_add(self, value: int, name: str) -> str | None:
        """Return the name of the first copy; None where there is none, and add it."""
        pieces = [
            (first, value >> first & ((1 << last - first) - 1))
            for first, last in zip(self._cuts[:-1], self._cuts[1:], strict=True)
        ]
        for piece in pieces:
            for other, before in self._found[piece]:
                if (value ^ other).bit_count() <= self._distance:
                    return before
        for piece in pieces:
            self._found[piece].append((value, name))
        return None


def format_decisions(decisions: list[Decision]) -> str:
    """Return decisions as CSV: file_name, keep (yes or no), reasons."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_FIELDS)
    for one in decisions:
        keep = "yes" if one.keep else "no"
        rows.writerow([one.file_name, keep, "; ".join(one.reasons)])
    return text.getvalue()


def read_decisions(path: Path) -> dict[str, Decision]:
    """Read decisions by file name, as they were written or edited.

    Raises:
        DataError: naming the file, when it is not in that form.
        OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(_MAX_TEXT)
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
        if not rows or tuple(rows[0]) != _FIELDS:
            raise DataError(f"the columns {', '.join(_FIELDS)}")
        return {name: Decision(name, _YES[keep], (why,)) for name, keep, why in rows[1:]}
    except (*FILE_ERRORS, csv.Error) as error:
        raise DataError(f"{path}: expected a file of decisions ({error!r})") from error
