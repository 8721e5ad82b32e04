"""Plans of batches: what rows mean, which are told as faults, which files are refused."""

import os
import unicodedata

import pytest

from tryon.batch import pairs as pairs_module
from tryon.batch.pairs import (
    DEFAULTS,
    MAX_NAME_BYTES,
    Pair,
    cross_pairs,
    output_name,
    read_pairs,
)
from tryon.errors import TryOnError


@pytest.fixture
def plan(tmp_path):
    def read(data, **options):
        path = tmp_path / "pairs.csv"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return read_pairs(path, **options)

    return read


def test_rows_are_pairs_with_paths_from_the_files_folder(plan, tmp_path):
    (pair,) = plan("user,shop\nme.jpg,tees/blue.png\n")
    user, shop = str(tmp_path / "me.jpg"), str(tmp_path / "tees/blue.png")
    assert pair == Pair("me__blue.png", user, shop)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfuser,shop\r\na.jpg,b.jpg\r\n",
        b'"user","shop"\n"a.jpg","b.jpg"\n',
        b" User , SHOP \n a.jpg , b.jpg \n",
        b"user_image,shop_image\na.jpg,b.jpg",
        b"shop,user\nb.jpg,a.jpg\n",
        b"user,shop,pattern,output\na.jpg,b.jpg,,\n",
        b"user,shop,pattern\na.jpg,b.jpg\n",
        b"user,shop\n\n,\na.jpg,b.jpg\n\n",
    ],
    ids=["bom", "quotes", "case", "terms", "order", "blank", "short", "empty-lines"],
)
def test_spreadsheets_write_it_in_many_ways(plan, data):
    (pair,) = plan(data)
    assert (pair.key, pair.pattern, pair.fault) == ("a__b.png", None, None)


def test_pattern_and_output_are_taken(plan):
    rows = "user,shop,pattern,output\na.jpg,b.jpg,dots,x.webp\na.jpg,c.jpg,,\n"
    first, second = plan(rows, defaults=DEFAULTS._replace(pattern="stripe"))
    assert (first.pattern, first.key) == ("dots", "x.webp")
    assert (second.pattern, second.key) == ("stripe", "a__c.png")


def test_instance_and_force_are_taken(plan):
    rows = "user,shop,instance,force\na.jpg,b.jpg,2,YES\na.jpg,c.jpg,,\na.jpg,d.jpg,,no\n"
    plain = plan(rows)
    assert [(p.instance, p.force) for p in plain] == [
        (2, True),
        (None, False),
        (None, False),
    ]
    others = plan(rows, defaults=DEFAULTS._replace(instance=1, force=True))
    assert [(p.instance, p.force) for p in others] == [(2, True), (1, True), (1, False)]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("-1,", "number from 0"),
        ("1.0,", "number from 0"),
        ("first,", "number from 0"),
        ("9" * 5000 + ",", "number from 0"),
        ("٣,", "number from 0"),
        (",maybe", "yes or no"),
    ],
)
def test_cells_that_say_no_instance_or_force(plan, cells, said):
    (pair,) = plan(f"user,shop,instance,force\na.jpg,b.jpg,{cells}\n")
    assert pair.fault.reason == "bad_row"
    assert said in pair.fault.message
    assert len(pair.fault.message) < 100


def test_names_with_commas_quotes_and_newlines(plan, tmp_path):
    (pair,) = plan('user,shop\n"a, ""b"".jpg","c\nd.jpg"\n')
    assert pair.user == str(tmp_path / 'a, "b".jpg')
    assert pair.shop == str(tmp_path / "c\nd.jpg")
    assert pair.key == "a, _b___c_d.png"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.jpg,b.jpg,,x.png,more", "bad_row"),
        (",b.jpg,,", "bad_row"),
        ("a.jpg,,,", "bad_row"),
        ("https://example.com/a.jpg,b.jpg,,", "bad_row"),
        ("a.jpg,b.jpg,,../x.png", "bad_output"),
        ("a.jpg,b.jpg,,/etc/x.png", "bad_output"),
        ("a.jpg,b.jpg,,sub/x.png", "bad_output"),
        (r"a.jpg,b.jpg,,sub\x.png", "bad_output"),
        ("a.jpg,b.jpg,,x.exe", "bad_output"),
        ("a.jpg,b.jpg,,.png", "bad_output"),
        ("a.jpg,b.jpg,,.tryon-1.png", "bad_output"),
        ("a.jpg,b.jpg,,x\x1b[2J.png", "bad_output"),
        ("a.jpg,b.jpg,,x\0.png", "bad_output"),
        (f"a.jpg,b.jpg,,{'x' * 300}.png", "bad_output"),
        ("c.jpg,d.jpg,,", "doubled_output"),
        ("C.jpg,D.jpg,,", "doubled_output"),
        ("other/c.jpg,d.jpg,,", "doubled_output"),
    ],
)
def test_a_row_that_is_no_pair_is_a_fault_and_the_others_stay(plan, row, reason):
    rows = plan(f"user,shop,pattern,output\nc.jpg,d.jpg,,\n{row}\ne.jpg,f.jpg,,\n")
    assert [r.fault and r.fault.reason for r in rows] == [None, reason, None]
    assert [r.key for r in rows][::2] == ["c__d.png", "e__f.png"]
    assert len({r.key for r in rows}) == 3


def test_names_that_only_some_file_systems_tell_apart(plan):
    first, second = plan("user,shop\nü.jpg,a.jpg\nu\u0308.jpg,a.jpg\n")
    assert first.fault is None
    assert second.fault.reason == "doubled_output"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "column 'user' is missing"),
        (b"user\na.jpg\n", "column 'shop' is missing"),
        (b"user,shop\n", "holds no pairs"),
        (b"user;shop\na.jpg;b.jpg\n", "separated by commas"),
        (b"user,shop,patternn\n", "did you mean 'pattern'"),
        (b"user,shop,user_image\n", "appears twice"),
        (b'user,shop\n"a.jpg,b.jpg\nc,d\n', "line 3 is not CSV"),
        (b"user,shop\na.jpg,b" + b"b" * 140_000, "is not CSV"),
        ("user,shop\na.jpg,b.jpg\n".encode("utf-16"), "not text in UTF-8"),
        (b"user,shop\n\xff\xfe,b.jpg\n", "not text in UTF-8"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_in_one_line(plan, data, said):
    with pytest.raises(TryOnError, match=said) as error:
        plan(data)
    assert "pairs.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_plan_without_end_is_refused(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(pairs_module, "MAX_BYTES", 100)
    with pytest.raises(TryOnError, match="split it"):
        plan("user,shop\n" + "a.jpg,b.jpg\n" * 20)
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    with pytest.raises(TryOnError, match="split it"):
        read_pairs(tmp_path / "zero.csv")
    monkeypatch.setattr(pairs_module, "MAX_PAIRS", 3)
    with pytest.raises(TryOnError, match="split it"):
        plan("user,shop\n" + "".join(f"{k}.jpg,b.jpg\n" for k in range(4)))


@pytest.mark.parametrize("name", ["gone.csv", ".", "loop.csv"])
def test_a_plan_that_cannot_be_read(tmp_path, name):
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(TryOnError, match="cannot be read"):
        read_pairs(tmp_path / name)


def test_folders_are_crossed_in_order(tmp_path):
    for name in ("users/b.JPG", "users/a.png", "shops/t.webp", "users/.hidden.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "users/notes.txt").touch()
    (tmp_path / "users/loop.jpg").symlink_to("loop.jpg")
    pairs = cross_pairs(tmp_path / "users", tmp_path / "shops")
    keys = [p.key for p in pairs if not p.fault]
    assert keys == ["a__t.png", "b__t.png", "loop__t.png"]


def test_files_that_are_no_pictures_are_told_once_each(tmp_path):
    for name in ("users/a.png", "users/Notes.txt", "users/notes.TXT", "shops/t.webp"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "shops/more").mkdir()
    pair, *skipped = cross_pairs(tmp_path / "users", tmp_path / "shops")
    assert pair.fault is None
    assert [(p.key, p.fault.reason) for p in skipped] == [
        ("skipped user: Notes.txt", "not_a_picture"),
        ("skipped user: notes.TXT", "not_a_picture"),
        ("skipped shop: more", "folder"),
    ]
    assert {p.fault.status for p in skipped} == {"skipped"}
    assert skipped[0].user == str(tmp_path / "users/Notes.txt")
    assert (skipped[0].shop, skipped[2].user) == ("", "")
    both = cross_pairs(tmp_path / "users", tmp_path / "users")
    assert len({p.key for p in both}) == len(both) == 5


def test_folders_with_too_much_or_nothing(tmp_path, monkeypatch):
    with pytest.raises(TryOnError, match="holds no picture"):
        cross_pairs(tmp_path, tmp_path)
    with pytest.raises(TryOnError, match="cannot be read"):
        cross_pairs(tmp_path / "gone", tmp_path)
    for k in range(3):
        (tmp_path / f"{k}.png").touch()
    monkeypatch.setattr(pairs_module, "MAX_PAIRS", 8)
    with pytest.raises(TryOnError, match="split it"):
        cross_pairs(tmp_path, tmp_path)
    monkeypatch.setattr(pairs_module, "MAX_PAIRS", 2)
    with pytest.raises(TryOnError, match="split it"):
        cross_pairs(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("user", "shop", "expected"),
    [
        ("me.jpg", "tee.png", "me__tee.png"),
        ("/a/b.c/me.x.jpg", "../tee", "me.x__tee.png"),
        ("größe.jpg", "シャツ.png", "größe__シャツ.png"),
        ("a\nb.jpg", "c:d?.png", "a_b__c_d_.png"),
        ("..", "x", "..__x.png"),
        (os.fsdecode(b"a\xff.jpg"), "x", "a___x.png"),
    ],
)
def test_output_names(user, shop, expected):
    assert output_name(user, shop) == expected


def test_long_names_are_cut_and_stay_apart():
    names = {output_name("ü" * 120 + end, "y" * 250) for end in ("a", "b")}
    assert len(names) == 2
    for name in names:
        assert len(name.encode()) <= MAX_NAME_BYTES
        assert unicodedata.is_normalized("NFC", name)
