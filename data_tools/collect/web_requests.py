"""One HTTP request, within limits, to an address that was looked at before.

Nobody's list of pictures leads into a private network: names are resolved once, and the
connection goes to the address that was found to be public. Proxies are not asked.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

_PIECE = 1 << 16  # bytes
_KEPT = "/%:@!$&'()*+,;=~?[]"  # of a URL, beside letters and digits
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchError(ValueError):
    """A file cannot be had; the message says why, and does not name the file.

    Args:
        reason: the message.
        status: of the server's answer; 0 where there was none.
    """

    def __init__(self, reason: str, status: int = 0):
        super().__init__(reason)
        self.status = status


class TryLaterError(FetchError):
    """What may go better later.

    Args:
        reason: the message.
        wanted: the server's Retry-After.
        status: see `FetchError`.
    """

    def __init__(self, reason: str, wanted: str = "", status: int = 0):
        super().__init__(reason, status)
        self.wanted = wanted


@dataclass(frozen=True)
class Limits:
    """What an answer may take.

    Attributes:
        max_bytes: of its body.
        timeout: seconds without a byte.
        deadline: seconds for all of it.
        allow_private: whether addresses that are not public may be asked.
    """

    max_bytes: int = 32 << 20
    timeout: float = 20.0
    deadline: float = 120.0
    allow_private: bool = False


@dataclass(frozen=True)
class Answer:
    """What a server said: status, headers and body; a redirect's body is not read."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def parse_url(url: str) -> SplitResult:
    """Return the parts of a URL, in ASCII and without a fragment.

    Raises:
        FetchError: when it is none of http or https, or holds a password.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        name = host if ":" in host else host.encode("idna").decode()
    except ValueError as error:
        raise FetchError(f"expected a URL ({error})") from error
    if parts.scheme not in ("http", "https") or not name:
        raise FetchError("expected a URL that begins with http:// or https://")
    if "@" in parts.netloc:
        raise FetchError("expected a URL without a user's name and password")
    place = f"[{name}]" if ":" in name else name
    return SplitResult(
        parts.scheme,
        place if port is None else f"{place}:{port}",
        quote(parts.path or "/", safe=_KEPT),
        quote(parts.query, safe=_KEPT),
        "",
    )


def ask(url: SplitResult, headers: Mapping[str, str], limits: Limits) -> Answer:
    """Send a GET request, once.

    Args:
        url: of `parse_url`.
        headers: to send.
        limits: what the answer may take.

    Raises:
        TryLaterError: when the network or the server failed.
        FetchError: when the address is private, or the answer too large or compressed.
    """
    target = url.path + (f"?{url.query}" if url.query else "")
    ends = time.monotonic() + limits.deadline
    try:
        with closing(_connect(url, limits)) as connection:
            # Bytes that come one by one never run into the timeout.
            timer = threading.Timer(limits.deadline, _cut, [connection.sock])
            timer.start()
            try:
                if isinstance(connection.sock, ssl.SSLSocket):
                    connection.sock.do_handshake()
                connection.request("GET", target, headers=dict(headers))
                return _read(connection.getresponse(), limits.max_bytes)
            finally:
                timer.cancel()
                _check_time(ends, limits)
    except (OSError, http.client.HTTPException) as error:
        raise TryLaterError(_said(error)) from error


def _check_time(ends: float, limits: Limits) -> None:
    if time.monotonic() >= ends:
        raise TryLaterError(f"it took longer than {limits.deadline:g} s")


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return f"{type(error).__name__} {text}".strip()


def _connect(url: SplitResult, limits: Limits) -> http.client.HTTPConnection:
    """Return a connection to a server; TLS is not begun yet."""
    host = url.hostname or ""
    if url.scheme == "http":
        connection = http.client.HTTPConnection(host, url.port or 80)
        connection.sock = _open_socket(host, url.port or 80, limits)
        return connection
    secure = http.client.HTTPSConnection(host, url.port or 443)
    secure.sock = ssl.create_default_context().wrap_socket(
        _open_socket(host, url.port or 443, limits),
        server_hostname=host,
        do_handshake_on_connect=False,
    )
    return secure


def _open_socket(host: str, port: int, limits: Limits) -> socket.socket:
    """Connect to the first address of a host that answers; all of them are looked at."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(place[0]) for *_, place in found]
    if not limits.allow_private and not all(map(is_public, addresses)):
        raise FetchError(f"{host} is in a private network; --allow-private lets it pass")
    for index, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), limits.timeout)
        except OSError:
            if index + 1 == len(addresses):
                raise
    raise TryLaterError(f"no address of {host} is known")


def is_public(text: str) -> bool:
    """Say whether an IP address is one of the open internet."""
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _read(response: http.client.HTTPResponse, max_bytes: int) -> Answer:
    """Read an answer; a body only where it is what was asked for."""
    headers = dict(response.getheaders())
    if response.status != http.client.OK:
        return Answer(response.status, headers, b"")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise FetchError("the server sends it compressed, which nobody asked for")
    length, body = response.length, bytearray()
    while len(body) <= max_bytes and (piece := response.read1(_PIECE)):
        body += piece
    if max(len(body), length or 0) > max_bytes:
        raise FetchError(f"it is larger than {max_bytes:,} bytes")
    if length is not None and len(body) != length:
        raise TryLaterError(f"it ends after {len(body):,} of {length:,} bytes")
    return Answer(response.status, headers, bytes(body))
