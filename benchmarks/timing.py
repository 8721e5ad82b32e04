"""Time cases in turns, so that a busy machine slows all of them."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Case = Callable[[], object]


@dataclass(frozen=True)
class Times:
    """Seconds of one case in each turn."""

    seconds: Sequence[float]

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """The first and the third quartile; of a single turn, that turn twice."""
        if len(self.seconds) < 2:
            return self.seconds[0], self.seconds[0]
        first, _, third = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return first, third


def take_turns(
    cases: Mapping[str, Case], repeats: int, uncounted: int = 1
) -> dict[str, Times]:
    """Time cases in turns.

    Args:
        cases: by name.
        repeats: turns that are timed.
        uncounted: turns before those, in which cases load, trace and allocate.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(uncounted + repeats):
        for name, case in cases.items():
            start = time.perf_counter()
            case()
            if turn >= uncounted:
                seconds[name].append(time.perf_counter() - start)
    return {name: Times(values) for name, values in seconds.items()}


def table(title: str, times: Mapping[str, Times], unit: str, pairs: int = 1) -> str:
    """Return a table in Markdown: medians, quartiles and multiples of one case.

    Args:
        title: of the first column.
        times: of the cases.
        unit: the case that the others are multiples of.
        pairs: in each case; times are per pair.
    """
    lines = [
        f"| {title} | median, s | quartiles, s | x {unit} |",
        "| --- | --- | --- | --- |",
    ]
    for name, case in times.items():
        middle, low, high = (value / pairs for value in (case.median, *case.spread))
        ratio = case.median / times[unit].median
        lines.append(f"| {name} | {middle:.3f} | {low:.3f} to {high:.3f} | {ratio:.2f} |")
    return "\n".join(lines)
