"""Model cards: what they promise is checked before anything loads."""

import hashlib
import json
from pathlib import Path

import pytest

from tryon import zoo
from tryon.errors import MissingModel

VALUES = {"name": "stripes", "kind": "pattern", "licence": "Apache-2.0", "config": {}}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of our own, and no shipped patterns."""
    monkeypatch.setenv("TRYON_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(zoo, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "home"


def make_card(folder, name="stripes"):
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{name}.weights.h5"
    weights.write_bytes(b"weights of " + name.encode())
    return zoo.write_card(weights, VALUES | {"name": name})


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_what_is_written_loads(tmp_path):
    path = make_card(tmp_path)
    card = zoo.load_card(path)
    assert path.name == "stripes.json"
    assert card.path == tmp_path / "stripes.weights.h5"
    assert card.sha256 == hashlib.sha256(b"weights of stripes").hexdigest()
    assert card.values["bytes"] == len(b"weights of stripes")
    assert card.values["kind"] == "pattern"


def test_no_card(tmp_path):
    with pytest.raises(MissingModel, match="no such model card"):
        zoo.load_card(tmp_path / "none.json")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"not json"])
def test_a_broken_card(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(MissingModel, match="not a model card"):
        zoo.load_card(path)


def test_a_folder_is_no_card(tmp_path):
    with pytest.raises(MissingModel, match="not a model card"):
        zoo.load_card(tmp_path)


@pytest.mark.parametrize("content", ["[]", "3", "null", '"text"', '{"name": "x"}'])
def test_a_card_without_its_fields(tmp_path, content):
    path = tmp_path / "card.json"
    path.write_text(content)
    with pytest.raises(MissingModel, match="lacks .*sha256"):
        zoo.load_card(path)


def test_other_weights(tmp_path):
    path = make_card(tmp_path)
    (tmp_path / "stripes.weights.h5").write_bytes(b"something else")
    with pytest.raises(MissingModel, match="not the file their card describes"):
        zoo.load_card(path)


def test_missing_weights(tmp_path):
    path = make_card(tmp_path)
    (tmp_path / "stripes.weights.h5").unlink()
    with pytest.raises(MissingModel, match="weights are missing"):
        zoo.load_card(path)


@pytest.mark.parametrize(
    "file", ["../secret.h5", "/etc/passwd", "a/b.h5", "", ".", "..", "a\0b", 5, None, []]
)
def test_a_card_cannot_point_elsewhere(tmp_path, file):
    path = make_card(tmp_path / "models")
    secret = tmp_path / "secret.h5"
    secret.write_bytes(b"secret")
    change(path, file=file, sha256=zoo.sha256_of(secret))
    with pytest.raises(MissingModel, match="no file beside it|weights are missing"):
        zoo.load_card(path)


def test_tryon_home_is_where_patterns_are_found(home):
    assert zoo.user_home() == home
    assert zoo.list_patterns() == []
    make_card(home / "patterns", "stripes")
    make_card(home / "patterns", "dots")
    assert zoo.list_patterns() == ["dots", "stripes"]
    assert zoo.pattern_card("dots").path == home / "patterns" / "dots.weights.h5"


def test_without_tryon_home_the_platform_decides(monkeypatch):
    monkeypatch.setenv("TRYON_HOME", "")
    assert zoo.user_home().name == "tryon"
    assert zoo.user_home() != Path()


def test_tryon_cache_is_the_users_to_choose(tmp_path, monkeypatch):
    monkeypatch.setenv("TRYON_CACHE", str(tmp_path / "cache"))
    assert zoo.user_cache() == tmp_path / "cache"
    monkeypatch.setenv("TRYON_CACHE", "")
    assert "tryon" in zoo.user_cache().parts
    assert zoo.user_cache() != zoo.user_home()


def test_the_users_pattern_goes_before_the_shipped_one(home):
    make_card(zoo.SHIPPED / "patterns", "stripes")
    make_card(zoo.SHIPPED / "patterns", "plain")
    own = make_card(home / "patterns", "stripes")
    assert zoo.list_patterns() == ["plain", "stripes"]
    assert zoo.pattern_card("stripes").path.parent == own.parent


def test_a_pattern_by_the_path_of_its_card(tmp_path):
    path = make_card(tmp_path / "elsewhere", "dots")
    assert zoo.pattern_card(str(path)).values["name"] == "dots"


@pytest.mark.parametrize("name", ["checks", "", "../stripes", ".", ".."])
def test_an_unknown_pattern_names_those_there_are(home, name):
    make_card(home / "patterns", "stripes")
    make_card(home, "stripes")  # `../stripes` must not lead here
    with pytest.raises(MissingModel) as caught:
        zoo.pattern_card(name)
    assert "there are: stripes" in str(caught.value)
    assert "tryon train pattern" in str(caught.value)


def test_no_patterns_at_all():
    with pytest.raises(MissingModel, match="there are: none"):
        zoo.pattern_card("checks")


@pytest.mark.parametrize("name", zoo.SHIPPED_MODELS)
def test_shipped_models_go_by_their_name(name):
    make_card(zoo.SHIPPED, name)
    assert zoo.shipped_card(name).values["name"] == name
