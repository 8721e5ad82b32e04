"""What C++ code writes to stderr is dropped, and only while it is to be."""

import logging
import os
import sys

import pytest

from tryon.quiet import StderrHandler, silent_stderr


@pytest.mark.parametrize(("verbose", "said"), [(False, "after"), (True, "withinafter")])
def test_stderr_is_silent_within(capfd, verbose, said):
    with silent_stderr(unless=verbose):
        os.write(2, b"within")
    os.write(2, b"after")
    assert capfd.readouterr().err == said


def test_stderr_comes_back_after_an_error(capfd):
    with pytest.raises(OSError, match="odd"), silent_stderr(unless=False):
        raise OSError("odd")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_silence_within_silence_ends_with_the_outer_one(capfd):
    with silent_stderr(unless=False):
        with silent_stderr(unless=False):
            os.write(2, b"inner")
        os.write(2, b"outer")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_log_records_of_tryon_are_heard_in_the_silence(capfd, monkeypatch):
    monkeypatch.setattr(sys, "stderr", os.fdopen(os.dup(2), "w"))
    handler = StderrHandler()

    def log(name):
        handler.emit(logging.LogRecord(name, 30, "", 0, f"<{name} ü>", None, None))

    log("before")
    monkeypatch.setattr(sys, "stderr", os.fdopen(2, "w", closefd=False))
    with silent_stderr(unless=False):
        log("keras")
        log("tryon.networks")
    log("after")
    assert capfd.readouterr().err == "<before ü>\n<tryon.networks ü>\n<after ü>\n"
