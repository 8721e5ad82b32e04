"""Silence TensorFlow's start: its C++ code writes to file descriptor 2 directly."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_saved: int | None = None  # descriptor of stderr while `silent_stderr` discards it


@contextmanager
def silent_stderr(unless: bool) -> Iterator[None]:
    """Discard what is written to file descriptor 2; `unless` leaves it as it is.

    Log records of `tryon` itself are shown all the same, see `StderrHandler`.
    """
    global _saved
    if unless or _saved is not None:
        yield
        return
    sys.stderr.flush()
    _saved = saved = os.dup(2)
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        _saved = None
        os.dup2(saved, 2)
        os.close(saved)


class StderrHandler(logging.Handler):
    """Shows log records on stderr; those of `tryon` even within `silent_stderr`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record."""
        line = f"{self.format(record)}\n"
        if _saved is not None and record.name.startswith("tryon"):
            os.write(_saved, line.encode(errors="backslashreplace"))
        else:
            sys.stderr.write(line)
            sys.stderr.flush()


def log_to_stderr(level: int) -> None:
    """Show log records of a level and above on stderr."""
    logging.basicConfig(
        level=level, format="%(name)s: %(message)s", handlers=[StderrHandler()]
    )
