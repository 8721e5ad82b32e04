"""Patterns as zips: what goes out comes in again, and nothing else does."""

import json
import os
import pickle
import shutil
import zipfile

import pytest

from cyclegan.config import CycleGANConfig, to_dict
from cyclegan.networks import build_generator
from cyclegan.weights import save_float16
from tryon import pattern_files, zoo
from tryon.errors import MissingModel, TryOnError
from tryon.pipeline import load_pattern
from tryon.transfer import PatternTransfer

TINY = CycleGANConfig(image_size=16, filters=2, blocks=1)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of our own, and no shipped patterns."""
    monkeypatch.setenv("TRYON_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(zoo, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def tiny_weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.weights.h5"
    save_float16(build_generator(TINY), path)
    return path


@pytest.fixture
def make_pattern(tiny_weights):
    """Write a tiny pattern as training does; returns its card's path."""

    def make(folder, name="dots", **values):
        folder.mkdir(parents=True, exist_ok=True)
        weights = folder / f"{name}.weights.h5"
        shutil.copyfile(tiny_weights, weights)
        facts = {"name": name, "kind": "pattern", "licence": "x"}
        return zoo.write_card(weights, facts | {"config": to_dict(TINY)} | values)

    return make


@pytest.fixture
def exported(tmp_path, make_pattern):
    """The zip of a pattern that lies elsewhere."""
    out = tmp_path / "dots.zip"
    pattern_files.export_pattern(str(make_pattern(tmp_path / "elsewhere")), out)
    return out


def repack(path, **members):
    """Write a zip anew with other members; None leaves one out."""
    with zipfile.ZipFile(path) as archive:
        old = {name: archive.read(name) for name in archive.namelist()}
    names = {"card": "dots.json", "weights": "dots.weights.h5"}
    old |= {names.get(key, key): data for key, data in members.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in old.items():
            if data is not None:
                archive.writestr(name, data)


def change_card(path, **values):
    with zipfile.ZipFile(path) as archive:
        card = json.loads(archive.read("dots.json"))
    repack(path, card=json.dumps(card | values))


def test_what_goes_out_comes_in(exported, home):
    card = pattern_files.import_pattern(exported, force=False)
    assert card == home / "patterns" / "dots.json"
    assert zoo.load_card(card).values == {
        **zoo.load_card(exported.parent / "elsewhere" / "dots.json").values
    }
    assert PatternTransfer.from_card("dots").name == "dots"
    names = {path.name for path in card.parent.iterdir()}
    assert names == {"dots.json", "dots.weights.h5"}, "nothing temporary is left"


def test_one_pattern_gives_one_file(exported, tmp_path):
    again = tmp_path / "again.zip"
    card = tmp_path / "elsewhere" / "dots.json"
    pattern_files.export_pattern(str(card), again)
    assert again.read_bytes() == exported.read_bytes()


def test_only_patterns_are_exported(tmp_path, make_pattern):
    card = make_pattern(tmp_path / "elsewhere", kind="refiner")
    with pytest.raises(TryOnError, match="expected a pattern, got 'refiner'"):
        pattern_files.export_pattern(str(card), tmp_path / "a.zip")
    card = make_pattern(tmp_path / "elsewhere", name="../evil")
    with pytest.raises(TryOnError, match="expected a name of letters"):
        pattern_files.export_pattern(str(card), tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_a_taken_name_is_not_overwritten(exported, home, make_pattern):
    mine = make_pattern(home / "patterns", licence="mine")
    with pytest.raises(TryOnError, match="--force replaces it"):
        pattern_files.import_pattern(exported, force=False)
    assert zoo.load_card(mine).values["licence"] == "mine"
    pattern_files.import_pattern(exported, force=True)
    assert zoo.load_card(mine).values["licence"] == "x"


def test_a_shipped_name_is_taken_too(exported, home, make_pattern):
    make_pattern(zoo.SHIPPED / "patterns", licence="shipped")
    with pytest.raises(TryOnError, match="override the shipped one"):
        pattern_files.import_pattern(exported, force=False)
    pattern_files.import_pattern(exported, force=True)
    assert zoo.pattern_card("dots").path.parent == home / "patterns"


BIG = {**to_dict(TINY), "filters": 4096}
WRONG = {
    "a card that is no card": ({"card": "[]"}, "weights of at most"),
    "no JSON": ({"card": "{"}, "export the pattern again"),
    "a huge card": ({"card": " " * (1 << 20) + "{}"}, "card of at most"),
    "no weights": ({"weights": None}, "expected NAME.json and NAME.weights.h5 alone"),
    "more": ({"run.py": b"1"}, "expected NAME.json and NAME.weights.h5 alone"),
    "elsewhere": ({"../dots.json": "{}"}, "expected NAME.json"),
    "deep JSON": ({"card": "[" * 99999}, "not a zip of a pattern"),
    "other weights": ({"weights": b"x"}, "bytes of weights, as the card says"),
    "long weights": ({"weights": b"\0" * (1 << 22)}, "as the card says"),
}
WRONG_CARDS = {
    "other hash": ({"sha256": "0" * 64}, "not the file their card describes"),
    "no bytes": ({"bytes": None}, "weights of at most"),
    "huge": ({"bytes": 1 << 40}, "weights of at most"),
    "another kind": ({"kind": "refiner"}, "expected a pattern"),
    "another name": ({"name": "stripes"}, "expected the pattern 'stripes'"),
    "a path": ({"file": "/etc/passwd"}, "names no file beside it"),
    "no config": ({"config": 3}, "expected a config"),
    "a huge config": ({"config": BIG}, "expected filters of at most 128"),
    "an unknown field": ({"config": {**to_dict(TINY), "code": "1"}}, "field of Cycle"),
    "other shapes": ({"config": {**to_dict(TINY), "filters": 4}}, "arrays that fit"),
    "another network": ({"config": {"kind": "UniversalConfig"}}, "config of a pattern"),
}


@pytest.mark.parametrize(("members", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_zip_changes_nothing(exported, home, members, message):
    repack(exported, **members)
    with pytest.raises(TryOnError, match=message) as caught:
        pattern_files.import_pattern(exported, force=True)
    assert str(exported) in str(caught.value)
    assert not (home / "patterns").exists()


@pytest.mark.parametrize(("values", "message"), WRONG_CARDS.values(), ids=WRONG_CARDS)
def test_a_wrong_card_changes_nothing(exported, home, values, message):
    change_card(exported, **values)
    with pytest.raises(TryOnError, match=message):
        pattern_files.import_pattern(exported, force=True)
    assert not (home / "patterns").exists()


def test_a_zip_that_lost_bytes(exported, home):
    repack(exported)
    data = bytearray(exported.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    exported.write_bytes(data)
    with pytest.raises(TryOnError, match=r"dots\.zip: "):
        pattern_files.import_pattern(exported, force=True)
    assert not (home / "patterns").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no more", b"text"])
def test_no_zip(tmp_path, content):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(TryOnError, match=r"a\.zip: not a zip of a pattern"):
        pattern_files.import_pattern(path, force=False)
    with pytest.raises(TryOnError, match="there is no such file"):
        pattern_files.import_pattern(tmp_path / "none.zip", force=False)
    with pytest.raises(TryOnError, match=str(tmp_path)):
        pattern_files.import_pattern(tmp_path, force=False)


def test_a_place_that_cannot_be_written_is_named(exported, home):
    home.mkdir()
    (home / "patterns").write_text("a file")
    with pytest.raises(TryOnError, match=r"patterns.*cannot be written"):
        pattern_files.import_pattern(exported, force=False)


@pytest.mark.parametrize(
    "change",
    [{"image_size": 1 << 20}, {"filters": 4}, {"blocks": "many"}, {"secret": 1}],
    ids=["huge", "other-shapes", "no-number", "unknown"],
)
def test_a_pattern_that_does_not_fit_its_card_is_told(make_pattern, tmp_path, change):
    path = make_pattern(tmp_path / "p", config=to_dict(TINY) | change)
    with pytest.raises(MissingModel, match="cannot be used|unsupported config") as error:
        load_pattern(str(path), zoo.load_card(path))
    assert str(tmp_path) in str(error.value)


def test_weights_that_are_a_pickle_are_not_run(make_pattern, tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "boom"),)

    make_pattern(tmp_path / "p")
    weights = tmp_path / "p/dots.weights.h5"
    weights.write_bytes(pickle.dumps(Bomb()))
    facts = {"name": "dots", "kind": "pattern", "licence": "x", "config": to_dict(TINY)}
    path = zoo.write_card(weights, facts)
    with pytest.raises(MissingModel, match="cannot be used"):
        load_pattern(str(path), zoo.load_card(path))
    assert not (tmp_path / "boom").exists()


def test_patterns_are_described(home, make_pattern):
    make_pattern(zoo.SHIPPED / "patterns", "stripes")
    make_pattern(home / "patterns", "checks")
    broken = make_pattern(home / "patterns", "dots")
    broken.with_name("dots.weights.h5").unlink()
    checks, dots, stripes = pattern_files.describe_patterns()
    assert (checks["name"], checks["where"]) == ("checks", "yours")
    assert checks["licence"] == "x"
    assert "weights are missing" in dots["problem"]
    assert (stripes["name"], stripes["where"]) == ("stripes", "shipped")
    assert stripes["bytes"] > 1000


def test_removing_takes_card_and_weights(home, make_pattern):
    make_pattern(home / "patterns", "checks")
    make_pattern(home / "patterns", "dots")
    pattern_files.remove_pattern("dots")
    names = {path.name for path in (home / "patterns").iterdir()}
    assert names == {"checks.json", "checks.weights.h5"}


def test_a_broken_pattern_can_be_removed(home, make_pattern):
    card = make_pattern(home / "patterns", "dots")
    card.write_text("{")
    pattern_files.remove_pattern("dots")
    assert not list((home / "patterns").iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [("stripes", "ships with tryon and cannot be removed"), ("none", "yours are: dots"),
     ("../patterns/dots", "yours are: dots"), ("", "yours are: dots")],
)  # fmt: skip
def test_what_is_not_yours_stays(home, name, message, make_pattern):
    make_pattern(zoo.SHIPPED / "patterns", "stripes")
    make_pattern(home / "patterns", "dots")
    with pytest.raises(TryOnError, match=message):
        pattern_files.remove_pattern(name)
    assert zoo.list_patterns() == ["dots", "stripes"]
