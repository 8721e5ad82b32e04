"""One HTTP request, within limits, to an address that was checked to be public.

A list of URLs must not lead into a private network (server-side request forgery): names
are resolved once, and the connection goes to the address that was checked. Proxies are
not used.
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

_CHUNK = 1 << 16  # bytes that are read at a time
_SAFE = "/%:@!$&'()*+,;=~?[]"  # not quoted in a URL, beside letters and digits
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchError(ValueError):
    """A file cannot be fetched; the message says why, and does not name the file.

    Args:
        reason: the message.
        status: of the server's answer; 0 where there was none.
    """

    def __init__(self, reason: str, status: int = 0):
        super().__init__(reason)
        self.status = status


class TemporaryError(FetchError):
    """A failure that may pass, so that a retry makes sense.

    Args:
        reason: the message.
        retry_after: the server's Retry-After header.
        status: see `FetchError`.
    """

    def __init__(self, reason: str, retry_after: str = "", status: int = 0):
        super().__init__(reason, status)
        self.retry_after = retry_after


@dataclass(frozen=True)
class ResponseLimits:
    """Limits of a response."""

    max_bytes: int = 32 << 20  # of its body
    timeout: float = 20.0  # seconds without a byte
    deadline: float = 120.0  # seconds for all of it
    allow_private: bool = False  # whether addresses may be others than public ones


@dataclass(frozen=True)
class Response:
    """A server's response; its body is read only of status 200."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def parse_url(url: str) -> SplitResult:
    """Return the parts of a URL, in ASCII and without a fragment.

    Raises:
        FetchError: when its scheme is neither http nor https, or it holds a password.
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
        raise FetchError("expected a URL without user name and password")
    shown = f"[{name}]" if ":" in name else name
    return SplitResult(
        parts.scheme,
        shown if port is None else f"{shown}:{port}",
        quote(parts.path or "/", safe=_SAFE),
        quote(parts.query, safe=_SAFE),
        "",
    )


def get(url: SplitResult, headers: Mapping[str, str], limits: ResponseLimits) -> Response:
    """Send a GET request, once.

    Args:
        url: of `parse_url`.
        headers: to send.
        limits: of the response.

    Raises:
        TemporaryError: when the network or the server failed.
        FetchError: when the address is private, or the response too large or compressed.
    """
    target = url.path + (f"?{url.query}" if url.query else "")
    ends = time.monotonic() + limits.deadline
    try:
        with closing(_connect(url, limits)) as connection:
            # The timeout alone would not stop a server that sends byte by byte.
            timer = threading.Timer(limits.deadline, _shut_down, [connection.sock])
            timer.start()
            try:
                if isinstance(connection.sock, ssl.SSLSocket):
                    connection.sock.do_handshake()
                connection.request("GET", target, headers=dict(headers))
                return _read_response(connection.getresponse(), limits.max_bytes)
            finally:
                timer.cancel()
                _check_time(ends, limits)
    except (OSError, http.client.HTTPException) as error:
        raise TemporaryError(_describe(error)) from error


def _check_time(ends: float, limits: ResponseLimits) -> None:
    if time.monotonic() >= ends:
        raise TemporaryError(f"took longer than {limits.deadline:g} s")


def _describe(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return f"{type(error).__name__} {text}".strip()


def _connect(url: SplitResult, limits: ResponseLimits) -> http.client.HTTPConnection:
    """Connect to a server; the TLS handshake is left to the caller."""
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


def _open_socket(host: str, port: int, limits: ResponseLimits) -> socket.socket:
    """Connect to the first address of a host that answers, after checking all of them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in found]
    if not limits.allow_private and not all(map(is_public, addresses)):
        raise FetchError(f"{host} is in a private network; see --allow-private")
    for index, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), limits.timeout)
        except OSError:
            if index + 1 == len(addresses):
                raise
    raise TemporaryError(f"{host} has no address")


def is_public(text: str) -> bool:
    """Say whether an IP address is a public one, also one embedded in IPv6."""
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):  # it may be closed
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _read_response(response: http.client.HTTPResponse, max_bytes: int) -> Response:
    """Read a response; the body only of status 200."""
    headers = dict(response.getheaders())
    if response.status != http.client.OK:
        return Response(response.status, headers, b"")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise FetchError("the server sent a compressed body, which was not requested")
    length, body = response.length, bytearray()
    while len(body) <= max_bytes and (chunk := response.read1(_CHUNK)):
        body += chunk
    if max(len(body), length or 0) > max_bytes:
        raise FetchError(f"larger than {max_bytes:,} bytes")
    if length is not None and len(body) != length:
        raise TemporaryError(f"the body ends after {len(body):,} of {length:,} bytes")
    return Response(response.status, headers, bytes(body))
