"""Silence TensorFlow's start: its C++ code writes to file descriptor 2 directly."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_stderr(unless: bool) -> Iterator[None]:
    """Discard what is written to file descriptor 2; `unless` leaves it as it is."""
    if unless:
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
