"""Fetch files from the web: robots.txt, a delay between requests to a host, retries."""

import email.utils
import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import SplitResult, urljoin
from urllib.robotparser import RobotFileParser

from data_tools.collect.web_requests import (
    FetchError,
    Response,
    ResponseLimits,
    TemporaryError,
    get,
    parse_url,
)

# HTTP statuses of redirects, and of failures that may pass.
_REDIRECTS = (301, 302, 303, 307, 308)
_TEMPORARY = (429, 500, 502, 503, 504)
_MAX_ROBOTS = 512_000  # bytes; RFC 9309 asks for 500 KiB at least


@dataclass(frozen=True)
class RequestPolicy:
    """How servers are asked."""

    user_agent: str  # robots.txt is read for the part before its /
    delay: float = 1.0  # minimum seconds between two requests to a host
    retries: int = 3  # after a failure that may pass
    max_redirects: int = 5
    max_wait: float = 120.0  # seconds that a server may ask for between requests


@dataclass(frozen=True)
class Fetched:
    """A file that was fetched.

    Attributes:
        url: its final URL, after redirects.
        content_type: as the server declares it; not to be trusted.
        data: the bytes.
    """

    url: str
    content_type: str
    data: bytes


class Fetcher:
    """Fetches files, one after the other.

    Args:
        policy: how servers are asked.
        limits: of each response.
        sleep: waits for seconds.

    Example:
        fetcher = Fetcher(RequestPolicy("tryon/1.0"), ResponseLimits())
        fetcher.fetch("https://example.org/a.jpg").data
    """

    def __init__(
        self,
        policy: RequestPolicy,
        limits: ResponseLimits,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._policy, self._limits, self._sleep = policy, limits, sleep
        self._robots: dict[str, RobotFileParser | FetchError] = {}
        self._last_request: dict[str, float] = {}  # monotonic time, by host
        self._delays: dict[str, float] = {}  # Crawl-delay of robots.txt, by host

    def fetch(self, url: str, max_bytes: int | None = None) -> Fetched:
        """Fetch a file.

        Args:
            url: of the file.
            max_bytes: of this one; None takes the general limit.

        Raises:
            FetchError: when it cannot be fetched, or must not be.
        """
        limits = self._limits
        if max_bytes is not None:
            limits = replace(limits, max_bytes=max_bytes)
        return self._follow(url, limits, self._check_allowed)

    def _follow(
        self, url: str, limits: ResponseLimits, check: Callable[[SplitResult], None]
    ) -> Fetched:
        """Fetch a file and follow redirects; each URL is checked first."""
        for _ in range(1 + self._policy.max_redirects):
            parts = parse_url(url)
            check(parts)
            response = self._get_with_retries(parts, limits)
            if response.status not in _REDIRECTS:
                break
            url = urljoin(parts.geturl(), response.headers.get("Location", ""))
        else:
            raise FetchError(f"more than {self._policy.max_redirects} redirects")
        if response.status != http.client.OK:
            raise FetchError(f"HTTP status {response.status}", response.status)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Fetched(parts.geturl(), kind, response.body)

    def _get_with_retries(self, url: SplitResult, limits: ResponseLimits) -> Response:
        """Send a request, again after temporary failures; waits 1, 2, 4 ... seconds."""
        attempt = 0
        while True:
            self._wait_for_turn(url.netloc)
            try:
                return self._get(url, limits)
            except TemporaryError as error:
                wait = max(2.0**attempt, _seconds(error.retry_after))
                if wait > self._policy.max_wait:
                    reason = f"{error}; the server asks to wait {wait:.0f} s"
                    raise FetchError(reason) from error
                if attempt == self._policy.retries:
                    raise
            finally:
                self._last_request[url.netloc] = time.monotonic()
            attempt += 1
            self._sleep(wait)

    def _get(self, url: SplitResult, limits: ResponseLimits) -> Response:
        headers = {"User-Agent": self._policy.user_agent, "Accept-Encoding": "identity"}
        response = get(url, {**headers, "Connection": "close"}, limits)
        if response.status in _TEMPORARY:
            retry_after = response.headers.get("Retry-After", "")
            reason = f"HTTP status {response.status}"
            raise TemporaryError(reason, retry_after, response.status)
        return response

    def _wait_for_turn(self, host: str) -> None:
        if host in self._last_request:
            delay = max(self._policy.delay, self._delays.get(host, 0.0))
            rest = self._last_request[host] + delay - time.monotonic()
            if rest > 0:
                self._sleep(rest)

    def _check_allowed(self, url: SplitResult) -> None:
        """Check a URL against its host's robots.txt, which is fetched once.

        Raises:
            FetchError: when that disallows the URL, or cannot be read.
        """
        origin = f"{url.scheme}://{url.netloc}"
        if origin not in self._robots:
            self._robots[origin] = self._read_robots(url, origin)
        robots = self._robots[origin]
        if isinstance(robots, FetchError):
            raise robots
        if not robots.can_fetch(self._policy.user_agent, url.geturl()):
            raise FetchError(f"disallowed by {origin}/robots.txt")

    def _read_robots(self, url: SplitResult, origin: str) -> RobotFileParser | FetchError:
        robots = RobotFileParser()
        limits = replace(self._limits, max_bytes=_MAX_ROBOTS)
        lines: list[str] = []  # a host without the file allows everything
        try:
            found = self._follow(f"{origin}/robots.txt", limits, lambda url: None)
            lines = found.data.decode("utf-8", "replace").splitlines()
        except FetchError as error:
            if not 400 <= error.status < 500 or error.status in (401, 403, 429):
                return FetchError(f"{origin}/robots.txt cannot be read: {error}")
        robots.parse(lines)
        delay = float(robots.crawl_delay(self._policy.user_agent) or 0)
        if delay > self._policy.max_wait:
            return FetchError(f"{origin}/robots.txt asks for a delay of {delay:.0f} s")
        self._delays[url.netloc] = delay
        return robots


def _seconds(retry_after: str) -> float:
    """Return the seconds of a Retry-After: a number, or the time until a date."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        then = email.utils.parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return 0.0
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())
