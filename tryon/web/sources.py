"""Pictures as requests name them: an upload, a data URL, a web address, the catalogue."""

import base64
import binascii
import hashlib
import io
import re
import time
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes, urljoin

from data_tools.collect.web_requests import FetchError, ResponseLimits, get, parse_url
from tryon._version import __version__
from tryon.errors import Refusal
from tryon.images import read_photo
from tryon.types import Photo
from tryon.web.catalog import Catalog
from tryon.web.config import ServeConfig
from tryon.web.errors import ApiError

NAMES = {"user": "your photo", "shop": "the shop's picture"}
CATALOG = "catalog:"  # + id: a picture of the catalogue
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_HEADERS = {"User-Agent": f"tryon/{__version__}", "Accept-Encoding": "identity"}
_DATA_URL = re.compile(r"data:[^,]{0,200},", re.IGNORECASE)


@dataclass(frozen=True)
class Picture:
    """The bytes of a picture that a request names; not decoded yet.

    Attributes:
        data: of the file.
        role: "user" or "shop".
    """

    data: bytes
    role: str

    @property
    def sha256(self) -> str:
        """Hash of the bytes."""
        return hashlib.sha256(self.data).hexdigest()

    def read(self, max_pixels: int) -> Photo:
        """Decode the picture; its size is known to be within bounds before.

        Raises:
            Refusal: `unreadable_image` or `too_small`.
        """
        file = io.BytesIO(self.data)
        file.name = NAMES[self.role]  # type: ignore[attr-defined]
        return read_photo(file, max_pixels)


class Sources:
    """Gets the bytes of pictures.

    Args:
        catalog: the shop's pictures.
        config: limits.
    """

    def __init__(self, catalog: Catalog, config: ServeConfig):
        self._catalog, self._config = catalog, config

    def load(self, source: bytes | str, role: str) -> Picture:
        """Return the picture of a source; this may take seconds.

        Args:
            source: bytes of an upload; or a data URL, a URL that begins with http, or
                "catalog:" and an id.
            role: "user" or "shop".

        Raises:
            ApiError: `bad_request`, `not_found` or `too_large`.
            Refusal: `unreadable_image`: a web address cannot be fetched.
        """
        data = source if isinstance(source, bytes) else self._resolve(source, role)
        if not data:
            raise ApiError("bad_request", f"{NAMES[role]} is empty; send a picture")
        if len(data) > self._config.max_bytes:
            raise too_large(self._config)
        return Picture(data, role)

    def _resolve(self, text: str, role: str) -> bytes:
        if text.startswith(CATALOG):
            return self._catalog.read(text.removeprefix(CATALOG))
        if _DATA_URL.match(text):
            return decode_data_url(text)
        if text.lower().startswith(("http://", "https://")):
            return self._fetch(text, role)
        raise ApiError(
            "bad_request",
            f"expected {NAMES[role]} as an upload, a data URL, a URL that begins with "
            f"http, or {CATALOG}ID",
        )

    def _fetch(self, url: str, role: str) -> bytes:
        config = self._config
        limits = ResponseLimits(
            max_bytes=config.max_bytes,
            timeout=config.fetch_seconds,
            deadline=config.fetch_seconds,
            allow_private=config.allow_private,
        )
        try:
            return fetch(url, limits)
        except FetchError as error:
            line = f"{NAMES[role]}: its address cannot be fetched ({error})"
            raise Refusal(
                "unreadable_image", f"{line}; send the picture itself"
            ) from error


def too_large(config: ServeConfig) -> ApiError:
    """Return the error of a picture with too many bytes."""
    size = config.max_bytes >> 20
    return ApiError("too_large", f"a picture has more than {size} MB; make it smaller")


def decode_data_url(text: str) -> bytes:
    """Return the bytes of a data URL.

    Raises:
        ApiError: `bad_request`: it is damaged.

    Example:
        >>> decode_data_url("data:image/png;base64,aGk=")
        b'hi'
    """
    head, _, body = text.partition(",")
    try:
        if not head.lower().endswith(";base64"):
            return unquote_to_bytes(body)
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError("bad_request", f"a data URL is damaged ({error})") from error


def fetch(url: str, limits: ResponseLimits) -> bytes:
    """Fetch one file; every address on the way is checked to be a public one.

    Args:
        url: begins with http.
        limits: of all requests together.

    Raises:
        FetchError: it cannot be fetched, or must not be.
    """
    ends = time.monotonic() + limits.deadline
    for _ in range(1 + _MAX_REDIRECTS):
        parts = parse_url(url)
        left = max(ends - time.monotonic(), 0.01)
        response = get(
            parts,
            {**_HEADERS, "Connection": "close"},
            replace(limits, deadline=left, timeout=min(limits.timeout, left)),
        )
        if response.status not in _REDIRECTS:
            break
        url = urljoin(parts.geturl(), response.headers.get("Location", ""))
    else:
        raise FetchError(f"more than {_MAX_REDIRECTS} redirects")
    if response.status != 200:
        raise FetchError(f"HTTP status {response.status}", response.status)
    return response.body
