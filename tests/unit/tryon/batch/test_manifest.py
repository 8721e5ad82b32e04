"""The manifest on disk: durable, mended when torn, never mistaken for another file."""

import json
import os

import pytest

from tryon.batch import manifest as manifest_module
from tryon.batch.manifest import Manifest, format_row
from tryon.errors import TryOnError


def row(pair, status="done", **values):
    output = {"file": pair, "bytes": 9} if status == "done" else None
    return {"pair": pair, "status": status, "reason": None, "output": output, **values}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out/manifest.jsonl"


def names(path):
    with Manifest(path) as manifest:
        return [r["pair"] for r in manifest.rows()]


def test_rows_come_back(path):
    odd = row("a.png", message="line\nbreak \udcff <script> \0")
    with Manifest(path) as manifest:
        manifest.append(odd)
        manifest.append(row("b.png", "refused"))
        assert len(manifest) == 2
        assert list(manifest.rows()) == [odd, row("b.png", "refused")]
    assert path.read_bytes().isascii()
    with Manifest(path) as manifest:
        assert list(manifest.rows())[0] == odd
        assert manifest.entries["b.png"].status == "refused"


def test_a_row_is_on_the_disk_when_append_returns(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(path.read_text()))
    with Manifest(path) as manifest:
        manifest.append(row("a.png"))
    assert synced == ["", format_row(row("a.png"))], "first the new file's name"


def test_a_row_torn_anywhere_is_cut_off(path):
    path.parent.mkdir()
    first, last = format_row(row("a.png")), format_row(row("b.png"))
    for length in range(len(last)):
        path.write_text(first + last[:length])
        assert names(path) == ["a.png"]
        assert path.read_text() == first
        with Manifest(path) as manifest:
            manifest.append(row("c.png"))
        assert names(path) == ["a.png", "c.png"]


def test_the_later_row_of_a_pair_counts(path):
    with Manifest(path) as manifest:
        for name, status in (("a", "failed"), ("b", "done"), ("a", "done")):
            manifest.append(row(name, status))
        assert [r["pair"] for r in manifest.rows()] == ["b", "a"]
        assert len(manifest) == 2


def test_settle_orders_and_drops(path):
    with Manifest(path) as manifest:
        for name in ("c", "a", "x", "b", "a"):
            manifest.append(row(name))
        manifest.settle(["a", "b", "c", "d"])
        assert [r["pair"] for r in manifest.rows()] == ["a", "b", "c"]
        manifest.append(row("d"))
        before = path.stat().st_ino
        manifest.settle(["a", "b", "c", "d"])
        assert path.stat().st_ino == before, "what is in order is not written again"
    assert names(path) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("part", [0, 7])
def test_a_full_disk_leaves_whole_rows(path, monkeypatch, part):
    write = manifest_module._write_all

    def fail(file, data):
        write(file, data[:part])
        raise OSError(28, "No space left on device")

    with Manifest(path) as manifest:
        manifest.append(row("a"))
        with monkeypatch.context() as patch:
            patch.setattr(manifest_module, "_write_all", fail)
            with pytest.raises(TryOnError, match="No space left .* run the same"):
                manifest.append(row("b"))
        assert path.read_text() == format_row(row("a"))
        manifest.append(row("c"))
    assert names(path) == ["a", "c"]


@pytest.mark.parametrize(
    "line",
    [
        "null", "[]", "{}", "{", "1e999", '"text"', "\0\0", "user,shop",
        '{"pair": 1, "status": "done"}',
        '{"pair": "a", "status": "perfect"}',
        '{"pair": "a", "status": "done"}',
        '{"pair": "a", "status": "done", "output": {"bytes": "9"}}',
        '{"pair": "a", "status": "failed", "reason": ["x"]}',
        "[" * 100_000,
        '{"pair": "a", "status": "failed", "n": ' + "9" * 5000 + "}",
    ],
    ids=range(15),
)  # fmt: skip
def test_another_file_is_not_taken_for_a_manifest(path, line):
    path.parent.mkdir()
    text = format_row(row("a.png")) + line + "\n"
    path.write_text(text)
    with pytest.raises(TryOnError, match=r"line 2 is not a row.*--restart"):
        Manifest(path)
    assert path.read_text() == text


def test_a_line_without_end_is_not_read(path, monkeypatch):
    path.parent.mkdir()
    monkeypatch.setattr(manifest_module, "MAX_ROW", 1000)
    path.write_text(json.dumps({"pair": "a" * 2000, "status": "failed"}) + "\n")
    with pytest.raises(TryOnError, match="line 1 is not a row"):
        Manifest(path)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TryOnError, match="cannot be written"):
        Manifest(tmp_path / "file/manifest.jsonl")
    with pytest.raises(TryOnError, match="cannot be written"):
        Manifest(tmp_path)
