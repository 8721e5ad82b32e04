"""Limits of the server: sizes, queue, times, and who may ask."""

from dataclasses import dataclass

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_FIELDS_ROOM = 1 << 20  # bytes of a request beside its two pictures


@dataclass(frozen=True)
class ServeConfig:
    """What the server accepts, and how long it waits.

    The defaults are for one household on a machine with 2 cores and 8 GB of memory: two
    photos of 50 megapixels at work take 3 GB.
    """

    max_bytes: int = 32 << 20  # of one picture; phones write 3 to 20 MB
    max_pixels: int = 50_000_000  # of one picture; a phone's largest photos pass
    workers: int = 2  # pairs at work at once: one's networks beside another's mattes
    max_queue: int = 16  # pairs that are uploaded, wait or are at work
    upload_seconds: float = 60.0  # until a request must have arrived
    fetch_seconds: float = 20.0  # until a picture of a URL must have arrived
    job_seconds: float = 120.0  # from the queue to the result
    keep_seconds: float = 600.0  # garments and results that nobody asks for any more
    max_garment_bytes: int = 1 << 29  # of garments in memory; a 12-megapixel one: 100 MB
    max_result_bytes: int = 1 << 28  # of results that wait to be fetched
    drain_seconds: float = 10.0  # that finished results stay to be fetched at the end
    max_connections: int = 128
    token: str | None = None  # demanded of every request for the API
    origins: tuple[str, ...] = ()  # other sites whose pages may use the API
    hosts: tuple[str, ...] | None = LOOPBACK  # names the server answers to; None: any
    allow_private: bool = False  # fetch pictures from private networks too

    @property
    def max_body(self) -> int:
        """Bytes of a request: two pictures, as base64 where a client likes it so."""
        return 2 * self.max_bytes * 4 // 3 + _FIELDS_ROOM
