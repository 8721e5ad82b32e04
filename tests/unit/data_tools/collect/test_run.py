import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from data_tools.annotations import BadFile, DataError
from data_tools.collect.fetch import Fetcher, RequestPolicy
from data_tools.collect.picture_sources import list_links, page_links, search_links
from data_tools.collect.run import PROVENANCE, Collection, PictureLink, check_picture
from data_tools.collect.web_requests import ResponseLimits


def picture(kind="JPEG", size=(30, 20), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3))
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, kind)
    return file.getvalue()


def bomb(side):
    """A PNG of a few bytes that claims to be large."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def as_page(data, kind="image/jpeg"):
    return 200, {"Content-Type": kind}, data


@pytest.fixture
def fetcher():
    limits = ResponseLimits(allow_private=True, max_bytes=100_000)
    return Fetcher(RequestPolicy("tryon", 0, 0), limits, lambda seconds: None)


@pytest.fixture
def collect(site, fetcher, tmp_path):
    def call(*paths, **values):
        collection = Collection(tmp_path / "out", **values)
        found = [PictureLink(site.url + path, "page") for path in paths]
        return list(collection.collect(found, fetcher))

    return call


def rows(folder):
    text = (folder / "out" / PROVENANCE).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def outcomes(told):
    return [getattr(each, "outcome", "failed") for each in told]


def test_pictures_and_where_they_come_from(site, collect, tmp_path):
    one, other = picture(), picture("PNG", seed=1)
    site.pages |= {"/a.jpg": as_page(one), "/b.jpg": as_page(other), "/c": as_page(one)}
    site.pages["/r"] = (302, {"Location": "/b.jpg"}, b"")
    told = collect("/a.jpg", "/b.jpg", "/c", "/r", licence="CC0 새")
    assert outcomes(told) == ["new", "new", "copy", "copy"]
    first, second, copy, moved = rows(tmp_path)
    assert first["url"] == f"{site.url}/a.jpg"
    assert (first["width"], first["height"], first["bytes"]) == (30, 20, len(one))
    assert (first["page"], first["licence"]) == ("page", "CC0 새")
    assert first["file"] == f"{first['sha256']}.jpg"
    assert second["file"].endswith(".png"), "its bytes tell, not its name"
    assert copy["file"] == first["file"]
    assert moved["final_url"] == f"{site.url}/b.jpg"
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted([first["file"], second["file"], PROVENANCE])
    assert (tmp_path / "out" / first["file"]).read_bytes() == one


def test_what_is_there_is_not_fetched_again(site, collect, tmp_path):
    site.pages |= {"/a": as_page(picture()), "/b": as_page(picture(seed=1))}
    collect("/a", "/b")
    path = tmp_path / "out" / PROVENANCE
    with path.open("ab") as file:
        file.write(b'{"url": "half a li')  # the power went
    (tmp_path / "out" / rows_until_half(path)[1]["file"]).unlink()
    site.asked.clear()
    assert outcomes(collect("/a", "/b", "/a")) == ["known", "new", "known"]
    assert "/a" not in site.asked
    lines = path.read_bytes().splitlines()
    assert len(lines) == 4
    assert json.loads(lines[3])["url"] == f"{site.url}/b"


def rows_until_half(path):
    return [json.loads(line) for line in path.read_text().splitlines()[:-1]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>no picture</html>", "not a picture"),
        (b"", "not a picture"),
        (picture()[:-200], "damaged"),
        (picture("PNG")[:-200], "damaged"),
        (bomb(11_000), "claims 11000x11000 pixels"),
        (bomb(30_000), "decompression bomb"),
        (picture(size=(30, 9)), "too small: 30x9"),
        (bytes(200_000), "larger than 100,000 bytes"),
    ],
    ids=["html", "empty", "jpeg", "png", "large claim", "bomb", "small", "large"],
)
def test_what_is_no_picture(site, collect, tmp_path, data, message):
    site.pages["/a.jpg"] = as_page(data)
    (told,) = collect("/a.jpg", min_side=10)
    assert told.name == f"{site.url}/a.jpg"
    assert message in told.reason
    assert "\n" not in told.reason
    assert list((tmp_path / "out").iterdir()) == []


def test_a_bad_one_does_not_end_it(site, collect):
    site.pages["/b"] = as_page(picture())
    assert outcomes(collect("/a", "/b")) == ["failed", "new"]


def test_names_that_would_write_on_a_terminal(tmp_path, fetcher):
    collection = Collection(tmp_path)
    (told,) = collection.collect([PictureLink("ftp://x/\x1b[2J" + "a" * 999)], fetcher)
    assert told.name.isprintable()
    assert len(told.name) == 300


def test_a_full_disk_is_no_failure_of_the_web(site, collect, tmp_path, monkeypatch):
    site.pages["/a"] = as_page(picture())

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data_tools.collect.run.whole_file", full)
    with pytest.raises(OSError, match="No space"):
        collect("/a")


def test_a_phone_writes_two_pictures_in_one():
    file = io.BytesIO()
    images = [Image.new("RGB", (20, 30), colour) for colour in ("red", "blue")]
    images[0].save(file, "MPO", save_all=True, append_images=images[1:])
    assert check_picture(file.getvalue())[1:] == (20, 30)
    with pytest.raises(DataError):
        check_picture(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")


def test_lists():
    lines = ["\ufeffhttp://a/1\n", "\n", "# no\n", "  http://a/2  \r\n"]
    assert list(list_links(lines)) == [
        PictureLink("http://a/1"),
        PictureLink("http://a/2"),
    ]


def test_pages(site, fetcher):
    site.pages["/p/index"] = as_page(b'<img src="x.jpg">', "text/html")
    found = list(page_links(f"{site.url}/p/index", fetcher))
    assert found == [PictureLink(f"{site.url}/p/x.jpg", f"{site.url}/p/index")]
    (bad,) = page_links(f"{site.url}/missing", fetcher)
    assert bad == BadFile(f"{site.url}/missing", "HTTP status 404")


def test_searches(site, fetcher):
    def answer(*names):
        return as_page(json.dumps({"hits": [{"url": name} for name in names]}).encode())

    site.pages |= {"/s?key=K&q=r%C3%A9d%20tee&p=1": answer("u1", "u2")}
    site.pages |= {"/s?key=K&q=r%C3%A9d%20tee&p=2": answer("u2", "u3")}
    site.pages |= {"/s?key=K&q=r%C3%A9d%20tee&p=3": answer("u3")}
    template = f"{site.url}/s?key=K&q={{query}}&p={{page}}"
    found = list(search_links(template, "réd tee", 9, "hits.url", fetcher))
    assert found == [PictureLink(name, f"{site.url}/s") for name in ("u1", "u2", "u3")]
    assert len(site.asked) == 4, "robots.txt and three pages"
    (bad,) = search_links(template, "réd tee", 9, "hits.src", fetcher)
    assert bad == BadFile(
        f"{site.url}/s, page 1", "no URLs at 'hits.src' in its JSON; see --path"
    )
    (bad,) = search_links(template, "other", 9, "hits.url", fetcher)
    assert bad.reason == "HTTP status 404"
    assert "K" not in bad.name
