"""What commands share: folders of pictures as arguments."""

import pytest

from tryon.cli.shared import expand_pictures
from tryon.errors import TryOnError


def test_folders_become_their_pictures(tmp_path):
    for name in ("b.png", "a.jpg", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    skipped = []
    found = expand_pictures([tmp_path / "gone.jpg", tmp_path], skipped.append)
    assert [path.name for path in found] == ["gone.jpg", "a.jpg", "b.png"]
    assert [path.name for path in skipped] == ["empty", "notes.txt"]
    with pytest.raises(TryOnError, match="empty: holds no picture"):
        expand_pictures([tmp_path / "empty"])
