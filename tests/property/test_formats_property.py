"""From every format through every other and back: what comes back is what was there."""

import json
import tempfile
from pathlib import Path

import pytest
from format_documents import DOCUMENTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_tools.convert import FORMATS, compare, convert

PAIRS = [(a, b) for a in DOCUMENTS for b in FORMATS]


def test_every_format_has_documents():
    assert set(FORMATS) == set(DOCUMENTS) | {"coco-294"}


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])
@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_round_trip(one, other, data):
    kind = DOCUMENTS[one]
    document = data.draw(kind.documents())
    with tempfile.TemporaryDirectory() as folder:
        first, second, third = (Path(folder, name) for name in "abc")
        kind.write(document, first)
        dataset = FORMATS[one].read(first)
        told = list(convert(dataset, FORMATS[other], second))
        assert [type(each) for each in told] == [list] * dataset.count
        again = FORMATS[other].read(second)
        assert not [each for found in compare(dataset, again) for each in found]
        list(convert(again, FORMATS[one], third))
        assert plain(kind.read(third)) == plain(kind.read(first))


def plain(document):
    """Return JSON text, in which 1, 1.0 and true differ."""
    return json.dumps(document, sort_keys=True, indent=1)
