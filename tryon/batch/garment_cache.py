"""A cache of garments in memory, by the photos' hashes: each is segmented once."""

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tryon.errors import Refusal
from tryon.images import read_photo
from tryon.stages import STYLE_SIZE, WORK_SIZE, DetectedGarment
from tryon.types import Photo

if TYPE_CHECKING:
    from tryon.pipeline import TryOnPipeline

MAX_BYTES = 1 << 29  # the garment of a 12-megapixel photo takes about 100 MB
_REFUSAL_SIZE = 1 << 10  # bytes


class Key(NamedTuple):
    """A photo in a role; its path is part of it, since messages name the photo."""

    sha256: str
    path: str
    role: str  # "user" or "shop"
    instance: int | None = None  # index of the detection; None: the largest


class GarmentCache:
    """A least-recently-used cache of garments.

    Values computed of a garment are cached with it (`stages.cached`). A photo without a
    garment is cached as its refusal.

    Args:
        max_bytes: of memory. The newest garment is kept, however large it is.
    """

    def __init__(self, max_bytes: int = MAX_BYTES):
        self.max_bytes = max_bytes
        self._entries: OrderedDict[Key, DetectedGarment | Refusal] = OrderedDict()
        self._bytes = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def find_garment(
        self, pipeline: "TryOnPipeline", key: Key, photo: Photo | None
    ) -> DetectedGarment:
        """Return the garment of a photo.

        Args:
            pipeline: detects it.
            key: of the photo.
            photo: its pixels; None reads the file when they are needed.

        Raises:
            Refusal: the photo shows no garment, or cannot be read any more.
        """
        if key not in self._entries:
            self._store(key, _find_garment(pipeline, key, photo))
        self._entries.move_to_end(key)
        entry = self._entries[key]
        if isinstance(entry, Refusal):
            # A new one: every raise lengthens the traceback of the old one.
            raise Refusal(entry.reason, entry.message)
        return entry

    def _store(self, key: Key, entry: DetectedGarment | Refusal) -> None:
        self._entries[key] = entry
        self._bytes += size_of(entry)
        while self._bytes > self.max_bytes and len(self._entries) > 1:
            self._bytes -= size_of(self._entries.popitem(last=False)[1])


def _find_garment(
    pipeline: "TryOnPipeline", key: Key, photo: Photo | None
) -> DetectedGarment | Refusal:
    try:
        photo = photo or read_photo(Path(key.path))
        return pipeline.find_garment(photo, key.role, key.instance)
    except Refusal as refusal:
        return refusal.with_traceback(None)


def size_of(entry: DetectedGarment | Refusal) -> int:
    """Return the bytes that a garment takes with the values cached with it."""
    if isinstance(entry, Refusal):
        return _REFUSAL_SIZE
    # The photo and its matte; the working copy, mask, matte, folds and spill; two
    # pictures and two masks of the size that colours are taken from.
    photo, work = entry.photo.image.nbytes, entry.work.nbytes
    style = min(photo, work * STYLE_SIZE**2 // WORK_SIZE**2)
    return photo * 4 // 3 + work * 8 + style * 8 // 3
