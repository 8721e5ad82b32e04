"""Say how far a training is, and how long it will still take."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class StepsConfig:
    """When a line is due."""

    interval: float = 60.0  # seconds between two lines, after the first


class Steps:
    """Counts the steps of a training, and tells now and then how many are left.

    The first line comes with the second step, since the first one compiles the network,
    and so says nothing of the time.

    Args:
        tell: gets each line; nobody by default.
        config: when a line is due.
        clock: returns seconds.

    Example:
        >>> steps = Steps(print, clock=iter([0, 9, 11]).__next__)
        >>> steps.begin(0, 2200)
        training 2200 steps
        >>> steps()
        >>> steps()
        step 2 of 2200, about 1:13:16 left
    """

    def __init__(
        self,
        tell: Callable[[str], None] = lambda line: None,
        config: StepsConfig | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.tell, self.config, self._clock = tell, config or StepsConfig(), clock
        self.done = self.total = 0
        self._start, self._due, self._is_first = (0, 0.0), 0.0, True

    def begin(self, done: int, total: int) -> None:
        """Begin, or resume after `done` of `total` steps."""
        self.done, self.total = done, total
        self._start, self._due, self._is_first = (done, self._clock()), 0.0, True
        if done >= total:
            self.tell(f"all {total} steps were done before")
        elif done:
            self.tell(f"resumed after step {done} of {total}")
        else:
            self.tell(f"training {total} steps")

    def __call__(self) -> None:
        """Count a step."""
        self.done += 1
        now = self._clock()
        if self._is_first:
            self._start, self._is_first = (self.done, now), False
            return
        if now < self._due:
            return
        self._due = now + self.config.interval
        done, began = self._start
        left = (self.total - self.done) * (now - began) / (self.done - done)
        self.tell(f"step {self.done} of {self.total}, about {format_time(left)} left")


def format_time(seconds: float) -> str:
    """Return hours, minutes and seconds.

    Example:
        >>> format_time(3700), format_time(61)
        ('1:01:40', '1:01')
    """
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
