"""Whatever annotations hold: they are read and written, left out, or refused."""

import tempfile
from pathlib import Path

import pytest
from format_documents import DOCUMENTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_tools.annotations import BadFile, DataError
from data_tools.convert import FORMATS, compare, convert
from data_tools.inspect import summarise

TEXTS = (".json", ".txt", ".yaml")
# JSON of other types, sizes that nobody has, numbers that are none.
PIECES = (
    b"null", b"[]", b"{}", b'""', b"-1", b"1e999", b"NaN", b"true", b"9" * 30, b"[[[[",
    b'{"tryon":', b"\\ud800", b"\xff", b"\x00",
)  # fmt: skip


@st.composite
def damage(draw):
    """Return what damages bytes: a value for another, some left out, or some put in."""
    place, length = draw(st.floats(0, 1)), draw(st.integers(0, 12))
    piece = draw(st.sampled_from(PIECES))
    by_value = draw(st.booleans())

    def change(data):
        if not by_value:
            start = int(place * len(data))
            return data[:start] + piece + data[start + length :]
        values = [i + 1 for i, byte in enumerate(data) if byte in b":,["]
        if not values:
            return piece
        start = values[int(place * (len(values) - 1))]
        ends = [i for i in range(start, len(data)) if data[i] in b",]}"]
        return data[:start] + piece + data[ends[0] if ends else len(data) :]

    return change


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_damaged_annotations(name, data):
    kind = DOCUMENTS[name]
    with tempfile.TemporaryDirectory() as folder:
        first, target = Path(folder, "a"), data.draw(st.sampled_from(sorted(FORMATS)))
        kind.write(data.draw(kind.documents()), first)
        found = [p for p in sorted(Path(folder).rglob("*")) if p.suffix in TEXTS]
        path = data.draw(st.sampled_from(found or [first]))
        for change in data.draw(st.lists(damage(), min_size=1, max_size=2)):
            path.write_bytes(change(path.read_bytes()))
        try:
            dataset = FORMATS[name].read(first)
            list(summarise(dataset))
            told = list(convert(dataset, FORMATS[target], Path(folder, "b")))
            differences = list(compare(dataset, FORMATS[target].read(Path(folder, "b"))))
        except (DataError, OSError) as error:
            assert str(error)
            return
        bad = [each for each in told if isinstance(each, BadFile)]
        assert all(each.reason and "\n" not in each.reason for each in bad)
        lost = [one for found in differences for one in found if one.name != "missing"]
        assert not lost
        assert len([one for found in differences for one in found]) <= len(bad)
