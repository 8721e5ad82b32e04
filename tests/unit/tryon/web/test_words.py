"""The page's dictionaries: the same words in each language, and all that are used."""

import json
import re
from pathlib import Path

import pytest

from tryon.errors import REASONS

STATIC = Path(__file__).parents[4] / "tryon/web/static"
WORDS = {
    path.name.split(".")[1]: json.loads(path.read_text(encoding="utf-8"))
    for path in STATIC.glob("words.*.json")
}


def used():
    """Return the names of words that the page uses, as patterns."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    names = set(re.findall(r'data-t(?:-label|-hint)?="(\w+)"', page))
    for path in STATIC.glob("*.js"):
        code = path.read_text(encoding="utf-8")
        names |= set(re.findall(r'\b(?:say|note|tell)\(\s*"(\w+)"', code))
        names |= set(re.findall(r'"((?:warn|mend|photo|tops)_\w+)"', code))
    return names


def test_english_and_korean_are_there():
    assert set(WORDS) == {"en", "ko"}


@pytest.mark.parametrize("language", WORDS)
def test_each_language_has_the_words_that_are_used(language):
    assert used() <= set(WORDS[language])
    for reason in REASONS:
        assert {f"refused_{reason}", f"remedy_{reason}"} <= set(WORDS[language])
    for stage in ("segment", "matte", "transfer", "composite", "judge", "write"):
        assert f"stage_{stage}" in WORDS[language]


@pytest.mark.parametrize("language", WORDS)
def test_each_language_says_the_same(language):
    english = WORDS["en"]
    assert list(WORDS[language]) == list(english)
    for name, text in WORDS[language].items():
        assert text.strip() == text != ""
        places = re.findall(r"\{\w+\}", english[name])
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(places), name


def test_no_word_is_left_over():
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in STATIC.iterdir()
        if path.suffix in (".js", ".html")
    )
    grown = ("refused_", "remedy_", "stage_", "score_")
    for name in WORDS["en"]:
        assert name in code or name.startswith(grown), name


def test_the_page_holds_no_code_or_style_of_its_own():
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page)
    assert not re.search(r"https?://", page)
    for path in STATIC.glob("*.js"):
        code = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://|innerHTML|eval\(", code), path.name
    assert "http" not in (STATIC / "style.css").read_text(encoding="utf-8")
