"""Who may ask: host, origin, token; and what every answer carries."""

import pytest
from starlette.testclient import TestClient

from tests.web_fakes import make_api, png
from tryon.web.config import ServeConfig
from tryon.web.errors import ApiError
from tryon.web.guard import HEADERS, check, host_name

SHOP = "https://shop.example"


def ask(path="/v1/catalog", method="GET", config=None, **headers):
    check(method, path, headers, config or ServeConfig())


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:80"]
)
def test_names_of_this_machine_pass(host):
    ask(host=host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "["]
)
def test_other_names_do_not(host):
    with pytest.raises(ApiError, match="forbidden"):
        ask(host=host)


@pytest.mark.parametrize(
    "origin",
    ["null", "https://evil.example", "http://localhost:9", "http://localhost:80.evil"],
)
def test_pages_of_other_sites_may_not_ask(origin):
    with pytest.raises(ApiError, match="forbidden"):
        ask(host="localhost:80", origin=origin)


def test_the_own_page_and_named_sites_may():
    ask(host="localhost:80", origin="http://localhost:80")
    ask(host="localhost:80", origin="https://localhost:80")  # behind a proxy
    ask(host="localhost", origin=SHOP, config=ServeConfig(origins=(SHOP,)))


@pytest.mark.parametrize("path", ["/v1/catalog", "/v1/tryon", "/metrics"])
def test_a_token_is_demanded(path):
    config = ServeConfig(token="s3cret", hosts=None)
    for given in ("", "Bearer wrong", "Bearer ", "Basic s3cret"):
        with pytest.raises(ApiError, match="unauthorized"):
            ask(path, config=config, authorization=given)
    ask(path, config=config, authorization="Bearer s3cret")


@pytest.mark.parametrize(
    "path", ["/", "/app.js", "/healthz", "/openapi.json", "/v1/results/x"]
)
def test_what_needs_no_token(path):
    ask(path, config=ServeConfig(token="s3cret", hosts=None))


def test_host_names():
    assert host_name("a.example:80") == "a.example"
    assert host_name("[::1") == ""


@pytest.fixture
def client(tmp_path):
    api = make_api(tmp_path, origins=(SHOP,), token="s3cret")
    with TestClient(api.app(), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/v1/catalog", "/nothing", "/healthz"])
def test_every_answer_carries_the_headers(client, path):
    answer = client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "set-cookie" not in answer.headers


def test_a_wrong_token_is_401_in_json(client):
    answer = client.get("/v1/catalog")
    assert answer.status_code == 401
    assert answer.json()["error"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_cross_origin_use_where_it_is_named(client):
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization"
    answer = client.options("/v1/tryon", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    answer = client.options(
        "/v1/tryon", headers=asked | {"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_no_cross_origin_use_otherwise(tmp_path):
    with TestClient(make_api(tmp_path).app()) as client:
        files = {"user": png(), "shop": png()}
        answer = client.post("/v1/tryon", files=files, headers={"Origin": SHOP})
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in client.get("/healthz").headers
        text = client.get("/metrics").text
        assert 'tryon_requests_total{route="other",status="403"} 1' in text
