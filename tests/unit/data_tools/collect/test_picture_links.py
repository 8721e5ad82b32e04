import pytest

from data_tools.annotations import DataError
from data_tools.collect.picture_links import extract_links, extract_values

PAGE = """
<html><head><base href="/shop/"><meta property="og:image" content="//cdn.x/card.jpg">
<meta name="description" content="no.jpg"></head><body>
<img src="a.jpg"><img src="a.jpg"><IMG SRC='b.png' alt="x > y">
<picture><source srcset="c-1.webp 320w, c-2.webp 640w"><img src="c.jpg"></picture>
<img src="low.gif" srcset="d.jpg, d2.jpg 2x"><img data-src="lazy.jpg" src="blank.gif">
<a href="full.JPG?w=1">full</a><a href="other.html">no</a><a>no</a><img>
<img src="data:image/gif;base64,R0"><img srcset="broken 9z">
<script>"<img src='s.jpg'>"</script><!-- <img src="old.jpg"> --><img src="last.jpg"
"""


def test_links_of_a_page():
    found = extract_links(PAGE, "https://x.y/page.html?q=1")
    assert found == [
        "https://cdn.x/card.jpg",
        "https://x.y/shop/a.jpg",
        "https://x.y/shop/b.png",
        "https://x.y/shop/c-2.webp",
        "https://x.y/shop/c.jpg",
        "https://x.y/shop/d2.jpg",
        "https://x.y/shop/lazy.jpg",
        "https://x.y/shop/full.JPG?w=1",
    ]
    assert extract_links("no html", "https://x.y") == []


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("results.urls.full", ["a", "b"]),
        ("results.urls", []),
        ("results.missing", []),
        ("next", ["c"]),
        ("deep", ["d", "e"]),
        ("", []),
    ],
)
def test_values_of_json(path, found):
    data = b"""{"results": [{"urls": {"full": "a"}}, {"urls": {"full": "b"}}, 3,
        {"urls": {"full": "a"}}, {"urls": {"full": 7}}], "next": "c",
        "deep": [["d"], [["e"]]]}"""
    assert extract_values(data, path) == found


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_no_json(data):
    with pytest.raises(DataError, match="expected JSON"):
        extract_values(data, "a")
