"""The table of round trips in docs/formats.md."""

from pathlib import Path

import pytest

from benchmarks import round_trips
from data_tools.convert import FORMATS

PAGE = Path(__file__).parent.parent / "docs/formats.md"


def test_the_page_shows_the_table():
    table = round_trips.table()
    assert len(table.splitlines()) == 2 + len(FORMATS)
    assert table in PAGE.read_text(encoding="utf-8")


def test_what_is_lost_stops_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr("data_tools.formats.via._stored", lambda attributes: None)
    with pytest.raises(ValueError, match="deepfashion2, via and back: .*name='box'"):
        list(round_trips.rows(tmp_path))
