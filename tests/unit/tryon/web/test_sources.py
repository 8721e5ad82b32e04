"""Pictures by upload, data URL, web address and catalogue."""

import pytest

from data_tools.collect.web_requests import FetchError, ResponseLimits
from tests.web_fakes import png
from tryon.errors import Refusal
from tryon.web.catalog import Catalog
from tryon.web.config import ServeConfig
from tryon.web.errors import ApiError
from tryon.web.sources import Sources, decode_data_url, fetch

OPEN = ResponseLimits(timeout=5, deadline=5, allow_private=True)


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("data:;base64,aGk=", b"hi"),
        ("data:image/png;BASE64, aG\n k=", b"hi"),
        ("data:text/plain,a%20b", b"a b"),
    ],
)
def test_data_urls(url, data):
    assert decode_data_url(url) == data


@pytest.mark.parametrize("url", ["data:;base64,*", "data:;base64,a", "data:;base64,é"])
def test_damaged_data_urls(url):
    with pytest.raises(ApiError, match="bad_request"):
        decode_data_url(url)


@pytest.mark.parametrize(
    "text", ["/etc/passwd", "file:///etc/passwd", "ftp://a/b", "tee.jpg", "data:x"]
)
def test_other_text_is_no_picture(text):
    with pytest.raises(ApiError, match="bad_request"):
        Sources(Catalog([]), ServeConfig()).load(text, "user")


def test_an_empty_upload_and_a_large_one():
    sources = Sources(Catalog([]), ServeConfig(max_bytes=10))
    with pytest.raises(ApiError, match="bad_request"):
        sources.load(b"", "user")
    with pytest.raises(ApiError, match="too_large"):
        sources.load(b"x" * 11, "user")
    with pytest.raises(ApiError, match="too_large"):
        sources.load("data:," + "x" * 11, "user")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a", "http://localhost:1/a", "http://[::1]/", "http://10.0.0.1/",
        "http://169.254.169.254/latest", "http://[::ffff:127.0.0.1]/", "http://0/",
        "http://2130706433/", "http://0x7f.1/", "http://user:pw@example.org/",
    ],
)  # fmt: skip
def test_private_addresses_are_never_asked(url):
    with pytest.raises(
        Refusal, match=r"unreadable_image: the shop's picture: its address"
    ):
        Sources(Catalog([]), ServeConfig()).load(url, "shop")


def test_a_picture_is_fetched_through_redirects(site):
    site.pages["/a"] = 302, {"Location": "/b"}, b""
    site.pages["/b"] = 200, {}, png()
    assert fetch(f"{site.url}/a", OPEN) == png()
    assert site.asked == ["/a", "/b"]
    assert "Cookie" not in site.headers


def test_a_redirect_into_a_private_network_is_not_followed(site, monkeypatch):
    # The site's own address passes, as a public one would.
    monkeypatch.setattr(
        "data_tools.collect.web_requests.is_public", lambda text: text == "127.0.0.1"
    )
    site.pages["/a"] = 302, {"Location": "http://127.0.0.2/secret"}, b""
    limits = ResponseLimits(timeout=5, deadline=5)
    with pytest.raises(FetchError, match="private network"):
        fetch(f"{site.url}/a", limits)


def test_failures_are_told(site):
    site.pages["/loop"] = 302, {"Location": "/loop"}, b""
    with pytest.raises(FetchError, match="more than 5 redirects"):
        fetch(f"{site.url}/loop", OPEN)
    with pytest.raises(FetchError, match="HTTP status 404"):
        fetch(f"{site.url}/none", OPEN)
    site.pages["/large"] = 200, {}, b"x" * 100
    with pytest.raises(FetchError, match="larger than 10 bytes"):
        fetch(f"{site.url}/large", ResponseLimits(10, 5, 5, True))
