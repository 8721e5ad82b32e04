"""Files from the web, fetched politely: robots.txt, a pace for each host, patience."""

import email.utils
import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import SplitResult, urljoin
from urllib.robotparser import RobotFileParser

from data_tools.collect.web_requests import (
    Answer,
    FetchError,
    Limits,
    TryLaterError,
    ask,
    parse_url,
)

_REDIRECTS = 5
_REDIRECTED = (301, 302, 303, 307, 308)
_LATER = (429, 500, 502, 503, 504)
_LONGEST_WAIT = 120.0  # seconds that a server may ask for
_MAX_ROBOTS = 512_000  # bytes; RFC 9309 wants 500 KiB at least


@dataclass(frozen=True)
class Manners:
    """How servers are asked.

    Attributes:
        user_agent: the name we go by; robots.txt is read for what is before its /.
        delay: seconds between two requests to a host, at least.
        retries: of what may go better later.
    """

    user_agent: str
    delay: float = 1.0
    retries: int = 3


@dataclass(frozen=True)
class Fetched:
    """A file that was fetched.

    Attributes:
        url: where it was in the end, after redirects.
        content_type: as the server has it; not to be trusted.
        data: the bytes.
    """

    url: str
    content_type: str
    data: bytes


class Fetcher:
    """Fetches files, one after the other.

    Args:
        manners: how servers are asked.
        limits: what an answer may take.
        sleep: waits for seconds.

    Example:
        Fetcher(Manners("tryon/1.0"), Limits()).fetch("https://example.org/a.jpg").data
    """

    def __init__(
        self,
        manners: Manners,
        limits: Limits,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._manners, self._limits, self._sleep = manners, limits, sleep
        self._robots: dict[str, RobotFileParser | FetchError] = {}
        self._asked: dict[str, float] = {}  # when a host was asked last
        self._delays: dict[str, float] = {}  # of hosts whose robots.txt wants longer ones

    def fetch(self, url: str, max_bytes: int | None = None) -> Fetched:
        """Fetch a file.

        Args:
            url: of the file.
            max_bytes: of this one; None takes the limit of all.

        Raises:
            FetchError: when it cannot be had, or must not be.
        """
        limits = self._limits
        if max_bytes is not None:
            limits = replace(limits, max_bytes=max_bytes)
        return self._follow(url, limits, self._check_allowed)

    def _follow(
        self, url: str, limits: Limits, check: Callable[[SplitResult], None]
    ) -> Fetched:
        """Fetch a file wherever redirects lead; each place is checked."""
        for _ in range(1 + _REDIRECTS):
            parts = parse_url(url)
            check(parts)
            answer = self._ask_patiently(parts, limits)
            if answer.status not in _REDIRECTED:
                break
            url = urljoin(parts.geturl(), answer.headers.get("Location", ""))
        else:
            raise FetchError(f"more than {_REDIRECTS} redirects")
        if answer.status != http.client.OK:
            raise FetchError(f"the server says {answer.status}", answer.status)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Fetched(parts.geturl(), kind, answer.body)

    def _ask_patiently(self, url: SplitResult, limits: Limits) -> Answer:
        attempt = 0
        while True:
            self._wait_for_turn(url.netloc)
            try:
                return self._ask(url, limits)
            except TryLaterError as error:
                wait = max(2.0**attempt, _seconds(error.wanted))
                if wait > _LONGEST_WAIT:
                    raise FetchError(f"{error}; it wants {wait:.0f} s of rest") from error
                if attempt == self._manners.retries:
                    raise
            finally:
                self._asked[url.netloc] = time.monotonic()
            attempt += 1
            self._sleep(wait)

    def _ask(self, url: SplitResult, limits: Limits) -> Answer:
        headers = {"User-Agent": self._manners.user_agent, "Accept-Encoding": "identity"}
        answer = ask(url, {**headers, "Connection": "close"}, limits)
        if answer.status in _LATER:
            wanted = answer.headers.get("Retry-After", "")
            reason = f"the server says {answer.status}"
            raise TryLaterError(reason, wanted, answer.status)
        return answer

    def _wait_for_turn(self, host: str) -> None:
        if host in self._asked:
            delay = max(self._manners.delay, self._delays.get(host, 0.0))
            rest = self._asked[host] + delay - time.monotonic()
            if rest > 0:
                self._sleep(rest)

    def _check_allowed(self, url: SplitResult) -> None:
        """Ask the robots.txt of a file's host, once.

        Raises:
            FetchError: when it does not allow the file, or cannot be read.
        """
        origin = f"{url.scheme}://{url.netloc}"
        if origin not in self._robots:
            self._robots[origin] = self._read_robots(url, origin)
        robots = self._robots[origin]
        if isinstance(robots, FetchError):
            raise robots
        if not robots.can_fetch(self._manners.user_agent, url.geturl()):
            raise FetchError(f"{origin}/robots.txt does not allow it")

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
        delay = float(robots.crawl_delay(self._manners.user_agent) or 0)
        if delay > _LONGEST_WAIT:
            return FetchError(f"{origin}/robots.txt wants {delay:.0f} s between files")
        self._delays[url.netloc] = delay
        return robots


def _seconds(wanted: str) -> float:
    """Return the seconds of a Retry-After: a number, or a date."""
    if wanted.strip().isdigit():
        return float(wanted)
    try:
        then = email.utils.parsedate_to_datetime(wanted)
    except (TypeError, ValueError):
        return 0.0
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())
