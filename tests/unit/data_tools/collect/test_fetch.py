"""Servers of every temper, on loopback."""

import gzip
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from data_tools.collect import web_requests
from data_tools.collect.fetch import Fetcher, RequestPolicy
from data_tools.collect.web_requests import (
    FetchError,
    ResponseLimits,
    is_public,
    parse_url,
)

OK = (200, {}, b"abc")


@pytest.fixture
def naps():
    return []


@pytest.fixture
def fetch(site, naps):
    """Fetch a path of the site; naps are noted, not slept."""

    def call(path="/a", delay=0.0, retries=3, **limits):
        known = {"allow_private": True, **limits}
        policy = RequestPolicy("tryon/1.0", delay, retries)
        return Fetcher(policy, ResponseLimits(**known), naps.append).fetch(
            site.url + path
        )

    return call


def test_a_file(site, fetch):
    site.pages["/a%20b?c=%C3%BC"] = (200, {"Content-Type": "IMAGE/png; x=1"}, b"abc")
    found = fetch("/a b?c=ü#part")
    assert found.data == b"abc"
    assert found.content_type == "image/png"
    assert found.url == f"{site.url}/a%20b?c=%C3%BC"
    assert site.asked == ["/robots.txt", "/a%20b?c=%C3%BC"]
    assert site.headers["User-Agent"] == "tryon/1.0"
    assert site.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("robots", "allowed"),
    [
        ("User-agent: *\nDisallow: /private/", False),
        ("User-agent: tryon\nDisallow: /private/", False),
        ("User-agent: other\nDisallow: /", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: tryon\nDisallow:", True),
        ("<html>nonsense", True),
    ],
)
def test_robots_are_obeyed(site, fetch, robots, allowed):
    site.pages |= {"/robots.txt": (200, {}, robots.encode()), "/private/a": OK}
    if allowed:
        assert fetch("/private/a").data == b"abc"
    else:
        with pytest.raises(FetchError, match=r"disallowed by .*/robots\.txt"):
            fetch("/private/a")
        assert site.asked == ["/robots.txt"]


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (403, False), (500, False)])
def test_robots_that_cannot_be_read(site, fetch, status, allowed):
    site.pages |= {"/robots.txt": (status, {}, b""), "/a": OK}
    if allowed:
        assert fetch().data == b"abc"
    else:
        with pytest.raises(FetchError, match=rf"cannot be read: HTTP status {status}"):
            fetch(retries=0)


def test_a_redirect_asks_robots_again(site, fetch):
    site.pages["/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /b")
    site.pages |= {"/a": (302, {"Location": "/b"}, b""), "/b": OK}
    with pytest.raises(FetchError, match="disallowed by"):
        fetch()
    assert "/b" not in site.asked


def test_each_host_has_its_pace(site, naps):
    site.pages |= {"/a": OK, "/robots.txt": (200, {}, b"User-agent: *\nCrawl-delay: 7")}
    policy = RequestPolicy("tryon/1.0", delay=2.0)
    fetcher = Fetcher(policy, ResponseLimits(allow_private=True), naps.append)
    fetcher.fetch(f"{site.url}/a")
    fetcher.fetch(f"{site.url}/a")
    assert site.asked == ["/robots.txt", "/a", "/a"]
    assert naps == pytest.approx([7, 7], abs=0.5)


def test_a_host_that_wants_too_long_a_pace(site, fetch):
    site.pages["/robots.txt"] = (200, {}, b"User-agent: *\nCrawl-delay: 86400")
    with pytest.raises(FetchError, match="asks for a delay of 86400 s"):
        fetch()


def test_patience(site, fetch, naps):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    answers = [
        (429, {"Retry-After": "9"}, b""),
        (503, {"Retry-After": later}, b""),
        (500, {"Retry-After": "soon"}, b""),
        OK,
    ]
    site.pages["/a"] = lambda handler, earlier: answers[earlier]
    assert fetch().data == b"abc"
    assert naps == pytest.approx([9, 30, 4], abs=2)


def test_patience_ends(site, fetch, naps):
    site.pages["/a"] = (500, {}, b"")
    with pytest.raises(FetchError, match="HTTP status 500"):
        fetch(retries=2)
    assert site.asked.count("/a") == 3
    site.pages["/a"] = (429, {"Retry-After": "9999"}, b"")
    with pytest.raises(FetchError, match="the server asks to wait 9999 s"):
        fetch()
    site.pages["/a"] = (404, {}, b"")
    with pytest.raises(FetchError, match="HTTP status 404"):
        fetch()
    assert naps == [1, 2]


def test_redirects(site, fetch):
    site.pages |= {"/a": (301, {"Location": "b/c"}, b""), "/b/c": OK}
    assert fetch().url == f"{site.url}/b/c"
    site.pages["/a"] = (302, {"Location": "/a"}, b"")
    with pytest.raises(FetchError, match="more than 5 redirects"):
        fetch()
    site.pages["/a"] = (302, {"Location": "file:///etc/passwd"}, b"")
    with pytest.raises(FetchError, match="begins with http"):
        fetch()


def endless(handler, earlier):
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(1 << 12))


def test_a_body_without_end(site, fetch):
    site.pages["/a"] = endless
    with pytest.raises(FetchError, match="larger than 50,000 bytes"):
        fetch(max_bytes=50_000)
    site.pages["/a"] = (200, {"Content-Length": "99999999999"}, b"")
    with pytest.raises(FetchError, match="larger than 50,000 bytes"):
        fetch(max_bytes=50_000, retries=0)


def test_a_body_that_is_cut_off(site, fetch):
    site.pages["/a"] = (200, {"Content-Length": "10"}, b"abc")
    with pytest.raises(FetchError, match="ends after 3 of 10 bytes"):
        fetch(retries=1)
    assert site.asked.count("/a") == 2


def test_a_body_that_trickles(site, fetch):
    def trickle(handler, earlier):
        handler.send_response(200)
        handler.end_headers()
        while not stop.wait(0.02):
            handler.wfile.write(b".")

    stop = web_requests.threading.Event()
    site.pages["/a"] = trickle
    try:
        with pytest.raises(FetchError, match=r"longer than 0\.3 s"):
            fetch(deadline=0.3, retries=0)
    finally:
        stop.set()


def test_a_compressed_body(site, fetch):
    bomb = gzip.compress(bytes(1 << 20))
    site.pages["/a"] = (200, {"Content-Encoding": "gzip"}, bomb)
    with pytest.raises(FetchError, match="compressed"):
        fetch()


def test_a_server_that_hangs_up(site, fetch):
    site.pages["/a"] = lambda handler, earlier: handler.connection.close()
    with pytest.raises(FetchError, match="RemoteDisconnected|Error"):
        fetch(retries=0)


def test_nobody_leads_into_a_private_network(site, fetch, monkeypatch):
    with pytest.raises(FetchError, match="private network; see --allow-private"):
        fetch(allow_private=False)
    assert site.asked == []
    # A public server that redirects: the next address is looked at, too.
    site.pages["/a"] = (302, {"Location": "http://10.0.0.1/secret"}, b"")
    public = {"127.0.0.1"}
    monkeypatch.setattr(web_requests, "is_public", lambda text: text in public)
    with pytest.raises(FetchError, match=r"10\.0\.0\.1 is in a private network"):
        fetch(allow_private=False)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("100.64.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:192.168.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses(address, public):
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://a.b/c", "begins with http"),
        ("file:///etc/passwd", "begins with http"),
        ("a.jpg", "begins with http"),
        ("http://", "begins with http"),
        ("http://me:secret@a.b/c", "without user name"),
        ("http://a.b:99999/", "expected a URL"),
        ("http://[::1/", "expected a URL"),
        ("http://" + "a" * 70 + ".de/", "expected a URL"),
    ],
)
def test_urls_that_are_none(url, message):
    with pytest.raises(FetchError, match=message):
        parse_url(url)


def test_urls_are_written_in_ascii():
    assert parse_url("https://Bücher.de/ä").geturl() == "https://xn--bcher-kva.de/%C3%A4"
    assert parse_url("http://[::1]:80/").netloc == "[::1]:80"
    assert parse_url("http://a.b/\r\nX: y").geturl() == "http://a.b/X:%20y"


def test_every_server_has_a_certificate(site, fetch):
    secure = site.url.replace("http:", "https:")
    fetcher = Fetcher(
        RequestPolicy("tryon", retries=0), ResponseLimits(allow_private=True)
    )
    with pytest.raises(FetchError, match="SSLError"):
        fetcher.fetch(f"{secure}/a")
