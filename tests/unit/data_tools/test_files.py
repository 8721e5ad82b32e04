import json

import pytest

from data_tools.annotations import DataError
from data_tools.files import (
    find_photo,
    read_json,
    safe_path,
    to_json,
    whole_file,
    whole_folder,
)


@pytest.mark.parametrize("value", [{"티": ["ü", 1, 1.0, None]}, {"half": "\ud800"}])
def test_json_comes_back(tmp_path, value):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + to_json(value))
    assert read_json(tmp_path / "a.json") == value


def test_letters_stay_letters():
    assert to_json({"색상": "레드"}) == '{"색상":"레드"}'.encode()


def test_json_is_not_written_deeper_than_it_can_be_read():
    value = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(DataError, match="nested less deeply"):
        to_json(value)


@pytest.mark.parametrize(
    "data", [b"", b"[1]", b"\xff", b'{"a":', b"[" * 100_000, '{"a": 1}'.encode("utf-32")]
)
def test_other_files(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(DataError, match="expected"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/../../b", "/a", "C:\\a", "..\\a", "a\0", "a\nb"]
)
def test_names_that_lead_elsewhere(name):
    with pytest.raises(DataError, match="file"):
        safe_path(name)


def test_photos_lie_beside_or_in_a_folder_of_images(tmp_path):
    for place in ("image/b.jpg", "images/sub/c.jpg", "a.jpg"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    (tmp_path / "annos").mkdir()
    assert find_photo(tmp_path, "a.jpg") == tmp_path / "a.jpg"
    assert find_photo(tmp_path, "sub\\c.jpg") == tmp_path / "images/sub/c.jpg"
    assert find_photo(tmp_path / "annos", "b.jpg").resolve() == tmp_path / "image/b.jpg"
    assert find_photo(tmp_path, "gone.jpg") == tmp_path / "gone.jpg"


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_appears_whole(tmp_path, exists):
    path = tmp_path / "new"
    if exists:
        path.mkdir()
    with whole_folder(path) as folder:
        (folder / "a").touch()
        assert not path.exists() or not any(path.iterdir())
    assert [each.name for each in path.iterdir()] == ["a"]
    with (
        pytest.raises(FileExistsError, match="exists; choose"),
        whole_folder(path),
    ):
        pass


def test_what_fails_leaves_nothing(tmp_path):
    def fail(opened):
        with opened:
            raise KeyboardInterrupt

    for opened in (whole_folder(tmp_path / "a"), whole_file(tmp_path / "b")):
        with pytest.raises(KeyboardInterrupt):
            fail(opened)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_at_once(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with whole_file(path) as file:
        file.write(json.dumps({}).encode())
        assert path.read_text() == "old"
    assert path.read_text() == "{}"
