"""Garments that are remembered across requests, in memory alone, for threads to share."""

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock

from tryon.batch.garment_cache import Key, size_of
from tryon.errors import Refusal
from tryon.stages import DetectedGarment


@dataclass
class _Entry:
    future: Future[DetectedGarment | Refusal] = field(default_factory=Future)
    used: float = 0.0
    bytes: int = 0


class Garments:
    """Garments by the hash of their picture; what nobody asks for is forgotten.

    Two requests for one garment wait for a single detection. Values computed of a garment
    stay with it (`stages.cached`), a picture without a garment stays as its refusal.

    Args:
        max_bytes: of memory; the newest is kept, however large it is.
        keep_seconds: after its last use.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        max_bytes: int,
        keep_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._max_bytes, self._keep_seconds = max_bytes, keep_seconds
        self._clock, self._lock = clock, Lock()
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Key, detect: Callable[[], DetectedGarment]) -> DetectedGarment:
        """Return a garment.

        Args:
            key: of its picture.
            detect: called when it is not known.

        Raises:
            Refusal: the picture shows none.
        """
        self.sweep()
        with self._lock:
            entry, is_new = self._entries.get(key), key not in self._entries
            if entry is None:
                entry = self._entries[key] = _Entry()
            entry.used = self._clock()
            self._entries.move_to_end(key)
        if is_new:
            self._fill(key, entry, detect)
        found = entry.future.result()
        if isinstance(found, Refusal):
            # A new one: every raise lengthens the traceback of the old one.
            raise Refusal(found.reason, found.message)
        return found

    def sweep(self) -> None:
        """Forget what was not used for long."""
        ends = self._clock() - self._keep_seconds
        with self._lock:
            old = [key for key, entry in self._entries.items() if entry.used < ends]
            for key in old:
                del self._entries[key]

    def _fill(
        self, key: Key, entry: _Entry, detect: Callable[[], DetectedGarment]
    ) -> None:
        try:
            found: DetectedGarment | Refusal = detect()
        except Refusal as refusal:
            found = refusal.with_traceback(None)
        except BaseException as error:
            with self._lock:
                self._entries.pop(key, None)
            entry.future.set_exception(error)
            raise
        entry.bytes = size_of(found)
        entry.future.set_result(found)
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        with self._lock:
            total = sum(entry.bytes for entry in self._entries.values())
            for key in list(self._entries)[:-1]:
                if total <= self._max_bytes:
                    return
                total -= self._entries.pop(key).bytes
