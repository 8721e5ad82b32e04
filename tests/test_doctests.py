"""The examples of the docstrings run and give what they say."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("tryon", "mrcnn", "cyclegan", "compositor", "data_tools")


def modules():
    """Name every module whose docstrings hold an example."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if ">>> " in path.read_text():
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name, monkeypatch):
    monkeypatch.chdir(ROOT)  # for the pictures in examples/
    module = importlib.import_module(name)
    options = doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, extraglobs={"np": np}, optionflags=options)
    assert result.attempted
    assert not result.failed


def test_there_are_examples():
    assert len(list(modules())) > 10
