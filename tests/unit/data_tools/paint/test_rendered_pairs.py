"""Pairs of drawn renders: which there are, what they stand for, what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from data_tools.paint.rendered_pairs import (
    RenderedPair,
    Truth,
    cover_tags,
    design_tags,
    find_pairs,
    pairs_of,
    read_truth,
)

SIZE = 24, 20


def labels_of(*parts):
    """Draw a tee from (4, 4) to (19, 15), and rectangles (value, rows, columns) on it."""
    labels = np.zeros(SIZE, np.uint8)
    labels[4:20, 4:16] = 2
    for value, rows, columns in parts:
        labels[slice(*rows), slice(*columns)] = value
    return labels


def draw_person(folder, person, designs=("solid", "text")):
    """Write a person who wears A and C, with both shop pictures."""
    folder.mkdir(exist_ok=True)
    labels = labels_of()
    chart = np.vstack([np.where(labels == 2, 1000, 0)] * 2).astype(np.uint16)
    for tee, design in zip("AC", designs, strict=True):
        for name in (f"{person}_{tee}", f"{person}_{tee}_shop"):
            Image.new("RGB", SIZE[::-1], "red").save(folder / f"{name}.jpg")
            Image.fromarray(labels).save(folder / f"{name}.labels.png")
            Image.fromarray(chart).save(folder / f"{name}.uv.png")
            Image.fromarray(labels * 100).save(folder / f"{name}.shade.png")
        facts = {"synth": {"tee": {"kind": design}, "shop": "flat"}}
        (folder / f"{person}_{tee}_shop.json").write_text(json.dumps(facts))


@pytest.fixture
def folder(tmp_path):
    draw_person(tmp_path / "rendered", "p300")
    return tmp_path / "rendered"


def test_each_val_person_gives_two_pairs(folder):
    draw_person(folder, "p299")  # is trained on
    draw_person(folder, "p309", ("check", "dye"))
    pairs = find_pairs(folder)
    assert [pair.name for pair in pairs] == [
        "p300_A in p300_C_shop",
        "p300_C in p300_A_shop",
        "p309_A in p309_C_shop",
        "p309_C in p309_A_shop",
    ]
    assert [pair.truth for pair in pairs] == ["p300_C", "p300_A", "p309_C", "p309_A"]
    assert {pair.chart for pair in pairs} == {"p300_A", "p309_A"}
    kinds = [pair.tags[0] for pair in pairs]
    assert kinds == ["print", "plain", "print", "stripes"], "of what is put on"


def test_a_manifest_goes_before_what_lies_there(folder):
    draw_person(folder, "p9019")
    (pair, _) = pairs_of(folder, "p9019")
    (folder / "pairs.json").write_text(json.dumps([pair.row()]))
    assert find_pairs(folder) == [pair]
    assert isinstance(find_pairs(folder)[0].tags, tuple)


def test_no_pairs(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"rendered people .* 300, 301"):
        find_pairs(tmp_path)
    (tmp_path / "pairs.json").write_text("[]")
    with pytest.raises(FileNotFoundError, match="rendered people"):
        find_pairs(tmp_path)


def test_a_missing_file_is_named(folder):
    (folder / "p300_C_shop.uv.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks p300_C_shop\.uv\.png"):
        find_pairs(folder)


ROW = {"user": "a", "shop": "b", "truth": "c", "chart": "d", "tags": ["plain"]}


@pytest.mark.parametrize(
    "content",
    [
        "{", "3", "[3]", "[{}]", json.dumps([ROW | {"more": 1}]),
        json.dumps([ROW | {"tags": None}]), json.dumps([{**ROW, "tags": [["plain"]]}]),
        json.dumps([ROW | {"user": "../a"}]), json.dumps([ROW | {"chart": "/etc/a"}]),
    ],
)  # fmt: skip
def test_a_wrong_manifest(folder, content):
    (folder / "pairs.json").write_text(content)
    with pytest.raises(ValueError, match=r"pairs\.json"):
        find_pairs(folder)


@pytest.mark.parametrize(
    "facts",
    [{}, [], {"synth": {"tee": {"kind": "tartan"}, "shop": "flat"}},
     {"synth": {"tee": {"kind": "solid"}, "shop": "hanger"}}],
)  # fmt: skip
def test_an_unknown_design(tmp_path, facts):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"a\.json: expected a known design"):
        design_tags(path)


@pytest.mark.parametrize(
    ("parts", "tags"),
    [
        ([], ()),
        ([(1, (8, 10), (6, 14))], ("arm in front",)),
        ([(1, (8, 9), (6, 8))], ()),  # a thumb
        ([(1, (4, 8), (6, 14))], ()),  # the neck: no tee above it
        ([(1, (8, 20), (0, 4))], ()),  # an arm beside
        ([(4, (2, 8), (4, 6))], ("hair in front",)),
        ([(4, (0, 3), (0, 20))], ()),  # hair that does not reach the tee
        ([(1, (10, 14), (6, 10)), (4, (4, 8), (12, 16))],
         ("arm in front", "hair in front")),
        ([(0, (0, 24), (0, 20))], ()),  # no tee
    ],
)  # fmt: skip
def test_what_is_in_front(parts, tags):
    assert cover_tags(labels_of(*parts)) == tags


def test_truth_is_read(folder):
    truth = read_truth(find_pairs(folder)[0])
    assert truth.tee.sum() == truth.shop_tee.sum() == 16 * 12
    np.testing.assert_allclose(truth.chart[10, 10], 1000 / 4095)
    np.testing.assert_allclose(truth.light[10, 10], (200 / 255) ** 2)
    assert truth.front.sum() == 16 * 12


@pytest.mark.parametrize("ending", [".labels.png", ".uv.png", ".shade.png"])
def test_a_damaged_file_is_named(folder, ending):
    (pair, _) = find_pairs(folder)
    (folder / f"p300_A{ending}").write_bytes(b"\x89PNG no more")
    with pytest.raises(ValueError, match=rf"p300_A\{ending}: cannot be read"):
        read_truth(pair)


@pytest.mark.parametrize("name", ["p300_A.labels.png", "p300_A_shop.json"])
def test_a_person_without_facts_is_named(folder, name):
    (folder / name).write_bytes(b"\xff")
    with pytest.raises(ValueError, match=f"{name}: cannot be read"):
        find_pairs(folder)


def test_truth_of_other_sizes_is_refused(folder):
    Image.new("L", (9, 9)).save(folder / "p300_A.shade.png")
    with pytest.raises(ValueError, match="p300_A in p300_C_shop: expected a tee"):
        read_truth(find_pairs(folder)[0])


def test_truth_needs_a_front():
    tee, chart = np.ones((4, 4), bool), np.full((4, 4, 2), 0.75, np.float32)
    with pytest.raises(ValueError, match="front of a tee"):
        Truth(tee, chart, chart[..., 0], tee, chart)


def test_a_row_makes_its_pair_again(tmp_path):
    pair = RenderedPair(tmp_path, "a", "b", "c", "d", ("plain",))
    assert RenderedPair(tmp_path, **(pair.row() | {"tags": ("plain",)})) == pair
