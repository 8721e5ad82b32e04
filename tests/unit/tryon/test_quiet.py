"""What C++ code writes to stderr is dropped, and only while it is to be."""

import os

import pytest

from tryon.quiet import silent_stderr


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
