"""The page and the API as a deployment of Ray Serve, where Ray is installed."""

import socket
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("ray.serve", reason="needs ray[serve]")

from tests.e2e.test_serve import ask
from tests.web_fakes import make_api, png
from tryon.web.config import ServeConfig
from tryon.web.ray import deployment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of Ray and what it brings
]


def make_fake(config):
    """Make the application of a replica over a fake pipeline."""
    import tempfile

    return make_api(Path(tempfile.mkdtemp()), hosts=None).app()


@pytest.fixture
def url():
    import ray
    from ray import serve

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    try:
        serve.run(deployment(ServeConfig(hosts=None), replicas=2, make=make_fake))
        yield f"http://127.0.0.1:{port}"
    finally:
        serve.shutdown()
        ray.shutdown()


def test_ray_serves_the_page_and_the_api(url):
    assert b"<!doctype html>" in ask(f"{url}/")
    pair = {"user": png(), "shop": png("blue")}
    data = {ask(f"{url}/v1/tryon", pair) for _ in range(6)}
    assert len(data) == 1
    assert data.pop()[:4] == b"\x89PNG"
    lines = ask(f"{url}/v1/tryon", pair, {"Accept": "application/x-ndjson"})
    assert b'"completed"' in lines.splitlines()[-1]
    with urllib.request.urlopen(f"{url}/healthz") as answer:
        assert answer.headers["Cache-Control"] == "no-store"
