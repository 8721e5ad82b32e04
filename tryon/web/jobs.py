"""A bounded queue of work for threads, with progress, cancelling and time limits."""

import math
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from threading import Event, Lock
from typing import Any

from tryon.pipeline import OnStage
from tryon.web.config import ServeConfig
from tryon.web.errors import ApiError

Work = Callable[[OnStage], Any]
_RECENT = 20  # jobs whose seconds tell how long the next ones take
_FIRST_GUESS = 2.0  # seconds of a job, before any was done


class Slot:
    """A place in the queue; released once, by whoever comes first."""

    def __init__(self, release: Callable[[], None]):
        self._release, self._lock = release, Lock()

    def release(self) -> None:
        """Give the place to somebody else."""
        with self._lock:
            release, self._release = self._release, lambda: None
        release()


@dataclass
class Job:
    """A piece of work; threads change it, anybody reads it.

    Attributes:
        id: cannot be guessed: who knows it may see the result.
        slot: its place in the queue.
        deadline: on the monotonic clock.
        stage: of the pipeline; "" before the first.
        future: of the result.
        as_data_url: whoever asks for its status wants the picture itself, no URL.
        finished: when it ended, on the monotonic clock.
        is_fetched: its result was given to whoever asked.
        running: its work in the threads; None before and after.
    """

    slot: Slot
    deadline: float
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    stage: str = ""
    future: Future[Any] = field(default_factory=Future)
    as_data_url: bool = False
    is_submitted: bool = False
    is_running: bool = False
    finished: float | None = None
    is_fetched: bool = False
    running: Future[Any] | None = field(default=None, repr=False)
    _stop: Event = field(default_factory=Event)

    @property
    def status(self) -> str:
        """One of "starting", "in_queue", "processing", "completed" and "failed"."""
        if self.future.cancelled():
            return "failed"
        if self.future.done():
            return "failed" if self.future.exception() else "completed"
        if self.is_running:
            return "processing"
        return "in_queue" if self.is_submitted else "starting"

    def cancel(self) -> None:
        """End the job: at once where it waits, else before its next stage."""
        self._stop.set()
        running = self.running
        if self.future.cancel() and running is not None:
            running.cancel()  # it leaves the queue at once

    def check(self) -> None:
        """Raise if the job must not go on.

        Raises:
            ApiError: `cancelled` or `timeout`.
        """
        if self._stop.is_set():
            raise ApiError("cancelled", "the try-on was cancelled")
        if time.monotonic() > self.deadline:
            raise timed_out()

    def enter(self, stage: str) -> None:
        """Note the stage that begins.

        Raises:
            ApiError: see `check`.
        """
        self.check()
        self.stage = stage


def timed_out() -> ApiError:
    """Return the error of a job that took too long."""
    return ApiError("timeout", "the try-on took too long; try again, or a smaller photo")


class Jobs:
    """Does jobs in a few threads, first come first served.

    Args:
        config: how many at once, how many wait, how long results are kept.
    """

    def __init__(self, config: ServeConfig):
        self._config, self._lock = config, Lock()
        self._pool = ThreadPoolExecutor(config.workers, "dress")
        self._taken = 0
        self._waiting: OrderedDict[str, Job] = OrderedDict()
        self._kept: OrderedDict[str, Job] = OrderedDict()  # public ones
        self._seconds: deque[float] = deque(maxlen=_RECENT)
        self.is_closing = False

    @property
    def taken(self) -> int:
        """How many places of the queue are taken."""
        return self._taken

    def reserve(self) -> Slot:
        """Take a place in the queue, before the request's pictures are read.

        Raises:
            ApiError: `busy` or `stopping`.
        """
        with self._lock:
            if self.is_closing:
                raise ApiError("stopping", "the server is stopping; try again soon", 5)
            if self._taken >= self._config.max_queue:
                seconds = self._seconds_of(self._taken)
                line = f"many are waiting; try again in {seconds} seconds"
                raise ApiError("busy", line, seconds)
            self._taken += 1
        return Slot(self._release)

    def create(self, slot: Slot) -> Job:
        """Return a job whose pictures are not there yet."""
        return Job(slot, time.monotonic() + self._config.job_seconds)

    def keep(self, job: Job) -> None:
        """Keep a job, and its result, so that `find` has it."""
        self.sweep()
        with self._lock:
            self._kept[job.id] = job

    def find(self, id: str) -> Job:
        """Return a job that was kept.

        Raises:
            ApiError: `not_found`.
        """
        job = self._kept.get(id)
        if job is None:
            raise ApiError("not_found", "there is no such try-on, or it was long ago")
        return job

    def submit(self, job: Job, work: Work) -> None:
        """Put a job into the queue.

        Args:
            job: of `create`.
            work: called with `Job.enter`.
        """
        with self._lock:
            self._waiting[job.id] = job
        job.is_submitted = True
        job.running = running = self._pool.submit(self._run, job, work)
        running.add_done_callback(partial(self._settle, job))
        if job.future.cancelled():  # meanwhile
            running.cancel()

    def fail(self, job: Job, error: BaseException) -> None:
        """End a job that was never submitted."""
        if job.future.set_running_or_notify_cancel():
            job.future.set_exception(error)
        self._finish(job)

    def position(self, job: Job) -> int:
        """Return how many jobs wait before this one."""
        with self._lock:
            ids = list(self._waiting)
        return ids.index(job.id) if job.id in ids else 0

    def sweep(self) -> None:
        """Forget results that nobody fetched for long, or that are too many."""
        ends = time.monotonic() - self._config.keep_seconds
        with self._lock:
            done = [job for job in self._kept.values() if job.finished is not None]
            total = sum(map(_size, done))
            for job in done:
                if (job.finished or 0) < ends or total > self._config.max_result_bytes:
                    total -= _size(job)
                    del self._kept[job.id]

    def is_drained(self, seconds: float) -> bool:
        """Tell whether nothing runs, and all results were fetched or are so old."""
        ends = time.monotonic() - seconds
        with self._lock:
            kept = list(self._kept.values())
        return self._taken == 0 and all(
            job.is_fetched or job.status == "failed" or (job.finished or 0) < ends
            for job in kept
        )

    def close(self) -> None:
        """Take no more jobs; wait for those that run, and cancel those that wait."""
        self.is_closing = True
        for job in list(self._waiting.values()):
            job.cancel()
        self._pool.shutdown()

    def _run(self, job: Job, work: Work) -> Any:
        with self._lock:
            self._waiting.pop(job.id, None)
        if not job.future.set_running_or_notify_cancel():
            return None
        job.is_running, start = True, time.monotonic()
        job.check()
        result = work(job.enter)
        self._seconds.append(time.monotonic() - start)
        return result

    def _settle(self, job: Job, running: Future[Any]) -> None:
        """Pass on what came of a job, once its place in the queue is free again."""
        self._finish(job)
        job.running = None  # with it a cycle would keep the result in memory
        if running.cancelled() or job.future.cancelled():
            return
        error = running.exception()
        if error is None:
            job.future.set_result(running.result())
        else:
            job.future.set_exception(error)

    def _finish(self, job: Job) -> None:
        with self._lock:
            self._waiting.pop(job.id, None)
        job.finished = time.monotonic()
        job.slot.release()

    def _release(self) -> None:
        with self._lock:
            self._taken -= 1

    def _seconds_of(self, count: int) -> int:
        """Return how long so many jobs take, in whole seconds."""
        each = median(self._seconds) if self._seconds else _FIRST_GUESS
        return max(1, math.ceil(each * count / self._config.workers))


def _size(job: Job) -> int:
    if not job.future.done() or job.future.cancelled() or job.future.exception():
        return 0
    return len(getattr(job.future.result(), "image", b""))
