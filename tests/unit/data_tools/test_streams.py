import json

import pytest

from data_tools import streams
from data_tools.annotations import DataError
from data_tools.streams import (
    DiskStore,
    member_names,
    read_array,
    read_members,
    read_top,
    top_names,
    write_document,
)

VALUES = {
    "info": {"a": [1, 2.0, None, True, {"b": []}]},
    "images": [{"id": 1, "x": [1, 1.0]}, {"id": 2}],
    "rows": {"a": {"b": 1}, "ü": {}},
    "text": "티셔츠",
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(VALUES, ensure_ascii=False), encoding="utf-8-sig")
    return path


def test_the_top_level_without_its_long_parts(path):
    top = read_top(path, ("images", "rows"))
    assert top == {**VALUES, "images": 2, "rows": 2}
    assert list(map(type, top["info"]["a"][:2])) == [int, float]
    assert list(top_names(path)) == list(VALUES)
    assert list(member_names(path)) == ["a", "a", "ü"]


def test_parts_come_element_by_element(path):
    assert list(read_array(path, "images")) == VALUES["images"]
    assert dict(read_members(path, "rows")) == VALUES["rows"]
    assert dict(read_members(path)) == VALUES


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"a": 1', b'{"a": "\xff"}', b"x"])
def test_other_files_are_named(tmp_path, data):
    path = tmp_path / "a.json"
    path.write_bytes(data)
    for read in (lambda: read_top(path, ()), lambda: list(top_names(path))):
        with pytest.raises(DataError, match=r"a\.json: expected"):
            read()


def test_what_stands_beside_the_long_parts_is_bounded(path, monkeypatch):
    monkeypatch.setattr(streams, "_MAX_HEADER", 10)
    with pytest.raises(DataError, match="too large beside"):
        read_top(path, ("images", "rows"))


def test_what_stands_beside_the_long_parts_is_not_deep(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"rows": [], "info": ' + "[" * 900 + "]" * 900 + "}")
    with pytest.raises(DataError, match="a.json: expected 'info' to be nested less"):
        read_top(path, ("rows",))


def test_a_shelf_gives_back_in_order():
    with DiskStore() as store:
        for key, value in ((1, "a"), ("1", "b"), (1, {"c": [1.0]}), (2, "\ud800")):
            store.put(key, value)
        assert store.take_first(1) == "a"
        assert store.take(1) == [{"c": [1.0]}]
        assert store.take(1) == []
        assert store.take_first(1) is None
        assert list(store.remaining()) == [("1", "b"), (2, "\ud800")]


def test_a_document_is_written_part_by_part(tmp_path):
    path = tmp_path / "b.json"
    rest = {"info": 1, "rows": None}
    with write_document(path, {"images": "[]", "rows": "{}"}, rest) as parts:
        for image in VALUES["images"]:
            parts["images"].append(image)
        parts["rows"].insert("ü", {"half": "\ud800"})
        rest["late"] = [2]
        assert not path.exists()
    found = json.loads(path.read_text())
    assert list(found) == ["info", "rows", "late", "images"]
    assert found["images"] == VALUES["images"]
    assert found["rows"] == {"ü": {"half": "\ud800"}}
    assert [each.name for each in tmp_path.iterdir()] == ["b.json"]


def test_empty_parts(tmp_path):
    with write_document(tmp_path / "b.json", {"": "{}"}, {}, bare=True):
        pass
    assert json.loads((tmp_path / "b.json").read_text()) == {}


def test_a_document_that_fails_leaves_nothing(tmp_path):
    def fail():
        with write_document(tmp_path / "b.json", {"images": "[]"}, {}) as parts:
            parts["images"].append(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []
