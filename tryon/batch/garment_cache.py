"""Garments of photos that recur, by what the photos hold: each is found once."""

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tryon.errors import Refusal
from tryon.images import read_photo
from tryon.stages import STYLE_SIZE, WORK_SIZE, Garment
from tryon.types import Photo

if TYPE_CHECKING:
    from tryon.pipeline import TryOnPipeline

ROOM = 1 << 29  # bytes; the garment of a 12-megapixel photo takes about 100 MB
_REFUSAL_SIZE = 1 << 10  # bytes


class Key(NamedTuple):
    """A photo in a role. Its path belongs to it, since messages name the photo."""

    sha256: str
    path: str
    role: str  # "user" or "shop"


class GarmentCache:
    """Finds the garments of photos and remembers them; the least used go first.

    What is worked out of a garment alone is kept with it (`stages.once`). A photo
    without a garment is remembered as its refusal.

    Args:
        room: bytes of memory. The newest garment stays, however large it is.
    """

    def __init__(self, room: int = ROOM):
        self.room = room
        self._held: OrderedDict[Key, Garment | Refusal] = OrderedDict()
        self._filled = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._held

    def find(self, pipeline: "TryOnPipeline", key: Key, photo: Photo | None) -> Garment:
        """Return the garment of a photo.

        Args:
            pipeline: finds it.
            key: of the photo.
            photo: its pixels; None reads them when they are needed after all.

        Raises:
            Refusal: the photo shows none, or can be read no more.
        """
        if key not in self._held:
            self._keep(key, _find(pipeline, key, photo))
        self._held.move_to_end(key)
        found = self._held[key]
        if isinstance(
            found, Refusal
        ):  # a new one: each raising lengthens the old's trace
            raise Refusal(found.reason, found.message)
        return found

    def _keep(self, key: Key, found: Garment | Refusal) -> None:
        self._held[key] = found
        self._filled += size_of(found)
        while self._filled > self.room and len(self._held) > 1:
            self._filled -= size_of(self._held.popitem(last=False)[1])


def _find(pipeline: "TryOnPipeline", key: Key, photo: Photo | None) -> Garment | Refusal:
    try:
        return pipeline.find(photo or read_photo(Path(key.path)), key.role, None)
    except Refusal as refusal:
        return refusal.with_traceback(None)


def size_of(found: Garment | Refusal) -> int:
    """Return the bytes that a garment takes with all that is worked out of it."""
    if isinstance(found, Refusal):
        return _REFUSAL_SIZE
    # The photo and its matte; the working copy, mask, matte, folds and spill; two
    # pictures and two masks of the size that colours are taken from.
    photo, work = found.photo.image.nbytes, found.work.nbytes
    style = min(photo, work * STYLE_SIZE**2 // WORK_SIZE**2)
    return photo * 4 // 3 + work * 8 + style * 8 // 3
