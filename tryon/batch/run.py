"""Run a batch of pairs, resumably: start reading here.

    pairs -- prefetch -- dress (networks) -- write in background -- manifest, in order

`open_batch` finds out what is left to do in a folder, `Batch.run` does it with one of
the engines `run_here`, `run_in_processes` and `ray.run_on_ray`. Each engine yields the
manifest's rows in the order of the pairs, so all of them write the same files.
"""

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tryon._version import __version__
from tryon.batch.html_report import write_report
from tryon.batch.manifest import FAILURES, Manifest, Row, format_row
from tryon.batch.pairs import FAULTS, Pair
from tryon.batch.worker import THUMBS, Job, PairWorker, hash_photo, kept_row
from tryon.errors import MissingModel, Refusal, TryOnError
from tryon.files import printable, write_text
from tryon.quiet import log_to_stderr
from tryon.report import describe_model
from tryon.signals import exit_on_sigterm

MANIFEST, REPORT, LOCK = "manifest.jsonl", "report.html", ".tryon.lock"
PREFETCH = 2  # pairs that are read, or wait to be written, while one is dressed
THREADS = 2  # readers, and as many writers
_TEMPORARY = ".tryon-*"  # names of unfinished files of `write_whole`

Engine = Callable[[Job, Iterable[Pair]], Iterator[Row]]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Batch:
    """A batch in its folder; made by `open_batch`.

    Attributes:
        job: settings that all pairs share.
        pairs: all of them.
        pending: those that the manifest has no final row of.
    """

    def __init__(self, job: Job, pairs: Sequence[Pair], manifest: Manifest):
        self.job, self.pairs, self.pending = job, pairs, list(pairs)
        self._manifest = manifest

    def drop_finished(self, retry_failed: bool) -> None:
        """Leave out the pairs that an earlier run finished.

        Raises:
            TryOnError: the manifest is of another batch.
        """
        plan = {pair.key: pair for pair in self.pairs}
        finished = set()
        check = RowCheck(self.job)
        for row in self._manifest.rows():
            pair = plan.get(row["pair"])
            if row["reason"] in FAULTS:
                continue  # a fault of the list of pairs, which was read again
            if retry_failed and row["status"] in FAILURES:
                continue  # its pictures may have been replaced
            problem = "is none of these pairs" if pair is None else check(row, pair)
            if problem:
                raise TryOnError(
                    f"{printable(self._manifest.path)}: holds another batch "
                    f"({row['pair']}: {problem}); choose another folder, or start again "
                    "with --restart"
                )
            if self._is_finished(row):
                finished.add(row["pair"])
        self.pending = [pair for pair in self.pairs if pair.key not in finished]

    def run(self, engine: Engine) -> Iterator[Row]:
        """Do the pending pairs; yields each row when it is in the manifest.

        Raises:
            MissingModel: a shipped model is not there.
            TryOnError: the disk is full, or a worker died. What is done stays done:
                the same batch, opened again, resumes there.
        """
        self.job.models.cards(
            None
        )  # raised here rather than in a worker, which would die
        for row in engine(self.job, self.pending):
            self._manifest.append(row)
            yield row

    def finish(self) -> Counter[str]:
        """Put the rows in order and write the report.

        Returns:
            How many pairs were "done" and "kept", how many files were "skipped", and how
            many pairs failed, by reason.
        """
        self._manifest.settle(pair.key for pair in self.pairs)
        write_report(self._manifest.rows(), self.job.out / REPORT)
        return Counter(
            str(entry.reason) if entry.status in FAILURES else entry.status
            for entry in self._manifest.entries.values()
        )

    def _is_finished(self, row: Row) -> bool:
        path = self.job.out / row["pair"]
        if row["status"] == "done":
            return path.is_file() and path.stat().st_size == row["output"]["bytes"]
        if row["status"] == "kept":
            return self.job.no_clobber and path.exists()
        return True


@contextmanager
def open_batch(
    job: Job, pairs: Sequence[Pair], retry_failed: bool = False, restart: bool = False
) -> Iterator[Batch]:
    """Open a batch in its folder, new or to be resumed, and lock the folder.

    Args:
        job: names the folder.
        pairs: all pairs of the batch.
        retry_failed: retry pairs that failed before.
        restart: ignore what an earlier run did.

    Raises:
        TryOnError: another run is at work in the folder, its manifest is of another
            batch, or it cannot be written.
    """
    with _locked(job.out):
        path = job.out / MANIFEST
        if restart:
            path.unlink(missing_ok=True)
        if path.exists():
            _remove_temporary_files(job.out)
        elif job.no_clobber:
            # In one write: a later run must know which files were there before this one.
            kept = [p for p in pairs if not p.fault and (job.out / p.key).exists()]
            rows = "".join(format_row(kept_row(p, job)) for p in kept)
            write_text(rows, path, durable=True)
        with Manifest(path) as manifest:
            batch = Batch(job, pairs, manifest)
            batch.drop_finished(retry_failed)
            yield batch


class RowCheck:
    """Compares rows of an earlier run with what the same pairs would give now.

    Args:
        job: settings that all pairs share.
    """

    def __init__(self, job: Job):
        self.job = job
        self._models = cache(self._describe_models)
        self._sha256 = cache(_sha256_now)

    def __call__(self, row: Row, pair: Pair) -> str | None:
        """Return the difference in words, None when there is none."""
        wanted = {
            "pattern": pair.pattern,
            "instance": pair.instance,
            "force": pair.force,
            "seed": self.job.seed,
            "version": __version__,
        }
        for name, value in wanted.items():
            if row.get(name) != value:
                return f"made with {name} {row.get(name)!r}, not {value!r}"
        if row.get("models") and row["models"] != self._models(pair.pattern):
            return "made with other models"
        for role, path in (("user", pair.user), ("shop", pair.shop)):
            before, now = _recorded(row, role), self._sha256(path)
            if before and now and before != now:
                return f"{path} has changed since"
        return None

    def _describe_models(self, pattern: str | None) -> list[dict[str, Any]]:
        try:
            return [describe_model(card) for card in self.job.models.cards(pattern)]
        except MissingModel:
            return []


def run_here(job: Job, pairs: Iterable[Pair]) -> Iterator[Row]:
    """Do the pairs in this process; reading and writing overlap with the networks."""
    worker = PairWorker(job)
    with ThreadPoolExecutor(THREADS) as readers, ThreadPoolExecutor(THREADS) as writers:
        read = in_order(readers, worker.read, pairs, PREFETCH)
        yield from in_order(writers, worker.write, map(worker.dress, read), PREFETCH)


def run_in_processes(job: Job, pairs: Iterable[Pair], workers: int) -> Iterator[Row]:
    """Do the pairs in several processes, each with its share of the cores.

    Raises:
        TryOnError: a process died.
    """
    spawn = multiprocessing.get_context("spawn")  # loaded networks do not survive a fork
    started, level = spawn.Value("i", 0), logging.getLogger().getEffectiveLevel()
    with ProcessPoolExecutor(
        workers, spawn, _start_worker, (job, started, workers, level)
    ) as pool:
        try:
            yield from in_order(pool, _work, pairs, 2 * workers)
        except BrokenProcessPool as error:
            raise TryOnError(
                "a worker died, perhaps out of memory; run the same command again to "
                "resume, with fewer --workers"
            ) from error


def in_order(
    pool: Executor, work: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Map in order; at most `ahead` calls run before the first result is taken."""
    pending: deque[Future[Result]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


_worker: PairWorker | None = None  # of a process of `run_in_processes`


def _start_worker(job: Job, started: Any, workers: int, level: int) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    with started.get_lock():
        number = started.value
        started.value += 1
    _pin_to_cores(number, workers)
    log_to_stderr(level)
    try:
        with exit_on_sigterm():
            _worker = PairWorker(job)  # which may convert networks
    except SystemExit as stopped:
        os._exit(int(str(stopped.code)))  # the parent tells what there is to tell


def _exit_with_parent() -> None:
    """Exit when the parent was killed, which sends its children no signal."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _pin_to_cores(number: int, workers: int) -> None:
    """Pin this process to its share of the cores, where the system can (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if workers <= len(cores):
        os.sched_setaffinity(0, cores[number % workers :: workers])


def _work(pair: Pair) -> Row:
    assert _worker is not None
    return _worker(pair)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the folder's lock; the system releases that of a dead process."""
    import filelock

    lock = filelock.FileLock(out / LOCK, timeout=0)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise TryOnError(
            f"{printable(out)}: another run is using it; wait for it, or choose "
            "another folder"
        ) from error
    except OSError as error:
        raise TryOnError(
            f"{printable(out)}: cannot be written ({error.strerror}); choose another "
            "folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _remove_temporary_files(out: Path) -> None:
    """Remove the unfinished files of a killed run."""
    for folder in (out, out / THUMBS):
        for path in folder.glob(_TEMPORARY):
            path.unlink(missing_ok=True)


def _recorded(row: Row, role: str) -> str | None:
    values = row.get(role)
    return values.get("sha256") if isinstance(values, Mapping) else None


def _sha256_now(path: str) -> str | None:
    try:
        return hash_photo(Path(path))
    except Refusal:
        return None
