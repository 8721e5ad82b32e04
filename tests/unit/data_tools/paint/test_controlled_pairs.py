"""Controlled pairs are read from the renderer's files."""

import json

import numpy as np
import pytest
from PIL import Image

from data_tools.paint.controlled_pairs import controlled_pairs, lightness

TEE = 2


@pytest.fixture
def person(tmp_path):
    """A person in a white old shirt A, a black one D, and A on dark skin (S)."""
    labels = np.zeros((20, 20), np.uint8)
    labels[5:15, 5:15] = TEE
    Image.fromarray(labels).save(tmp_path / "p3900_A.labels.png")
    for letter, cloth, skin in (
        ("A", 250, 60),
        ("D", 20, 60),
        ("S", 250, 20),
        ("C", 120, 60),
    ):
        image = np.full((20, 20, 3), 128, np.uint8)
        image[labels == TEE] = cloth
        Image.fromarray(image).save(tmp_path / f"p3900_{letter}.jpg", quality=95)
        facts = {"synth": {"skin": {"L": skin}, "tucked": letter == "A"}}
        (tmp_path / f"p3900_{letter}.json").write_text(json.dumps(facts))
    return tmp_path


def test_four_pairs_with_their_truths(person):
    pairs = {pair.user[-1]: pair for pair in controlled_pairs(person, "p3900")}
    assert {name: pair.truth for name, pair in pairs.items()} == {
        "A": "p3900_C",
        "D": "p3900_C",
        "S": "p3900_SC",
        "C": "p3900_A",
    }
    assert {pair.chart for pair in pairs.values()} == {"p3900_A"}
    assert [pairs[name].shop for name in "ADSC"] == [
        *["p3900_C_shop"] * 3,
        "p3900_A_shop",
    ]


def test_tags_name_skin_cloth_and_hem(person):
    pairs = {pair.user[-1]: pair for pair in controlled_pairs(person, "p3900")}
    assert pairs["A"].tags == ("controlled", "light skin", "light old cloth", "tucked")
    assert pairs["D"].tags == ("controlled", "light skin", "dark old cloth", "not tucked")
    assert pairs["S"].tags[1] == "dark skin"


def test_a_person_without_files_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="p3901_A"):
        controlled_pairs(tmp_path, "p3901")


def test_lightness_is_of_the_mask_alone():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2] = 255
    assert lightness(image, np.arange(16).reshape(4, 4) < 8) == pytest.approx(
        100, abs=0.1
    )
