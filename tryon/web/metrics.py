"""Counters of the server in Prometheus' text format."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from threading import Lock

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # seconds of a whole try-on
_HELP = {
    "tryon_requests_total": ("counter", "Requests by route and HTTP status."),
    "tryon_refusals_total": ("counter", "Pairs and photos refused, by reason."),
    "tryon_stage_seconds_sum": ("counter", "Seconds spent in a stage."),
    "tryon_stage_seconds_count": ("counter", "Times that a stage was done."),
}
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts; threads may share one.

    Args:
        gauges: functions by name that return a value of this moment.
    """

    def __init__(self, gauges: Mapping[str, Callable[[], float]]):
        self._gauges, self._lock = gauges, Lock()
        self._counts: dict[str, Counter[Labels]] = {name: Counter() for name in _HELP}
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._total = 0.0

    def count_request(self, route: str, status: int) -> None:
        """Count an answer; a route is a pattern, of which there are few."""
        self._add("tryon_requests_total", route=route, status=str(status))

    def count_refusal(self, reason: str) -> None:
        """Count a refusal."""
        self._add("tryon_refusals_total", reason=reason)

    def count_seconds(self, seconds: Mapping[str, float]) -> None:
        """Count a try-on that was done, by the seconds of its stages."""
        for stage, value in seconds.items():
            self._add("tryon_stage_seconds_sum", value, stage=stage)
            self._add("tryon_stage_seconds_count", stage=stage)
        total = sum(seconds.values())
        with self._lock:
            self._buckets[bisect_left(BUCKETS, total)] += 1
            self._total += total

    def render(self) -> str:
        """Return all of it as text."""
        with self._lock:
            return "\n".join([*self._lines(), ""])

    def _add(self, name: str, value: float = 1, **labels: str) -> None:
        with self._lock:
            self._counts[name][tuple(labels.items())] += value  # type: ignore[assignment]

    def _lines(self) -> Iterator[str]:
        for name, (kind, text) in _HELP.items():
            yield f"# HELP {name} {text}"
            yield f"# TYPE {name} {kind}"
            for labels, value in sorted(self._counts[name].items()):
                yield f"{name}{{{_format(labels)}}} {value:.10g}"
        yield from self._histogram("tryon_seconds")
        for name, read in self._gauges.items():
            yield f"# TYPE {name} gauge"
            yield f"{name} {read():.10g}"

    def _histogram(self, name: str) -> Iterator[str]:
        yield f"# HELP {name} Seconds of a try-on, without its time in the queue."
        yield f"# TYPE {name} histogram"
        count = 0
        for bound, more in zip((*BUCKETS, "+Inf"), self._buckets, strict=True):
            count += more
            yield f'{name}_bucket{{le="{bound}"}} {count}'
        yield f"{name}_sum {self._total:.10g}"
        yield f"{name}_count {count}"


def _format(labels: Labels) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels)


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
