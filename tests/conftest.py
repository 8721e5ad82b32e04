"""Fixtures for all tests: golden pictures, a web server, the shipped pipeline."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
GOLDEN = Path(__file__).parent / "golden"
LARGEST, MEAN = 24, 0.6  # grey levels that a golden picture may be off


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the golden pictures"
    )
    parser.addoption(
        "--update-screenshots", action="store_true", help="rewrite the pages of docs/web"
    )


@pytest.fixture
def golden(request):
    """Compare a picture with the one stored under `tests/golden`."""

    def check(name: str, image: np.ndarray) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            Image.fromarray(image).save(path)
            return
        expected = np.asarray(Image.open(path))
        assert image.shape == expected.shape
        difference = np.abs(image.astype(int) - expected.astype(int))
        if difference.max() > LARGEST or difference.mean() > MEAN:
            failures = GOLDEN / "failures"
            failures.mkdir(exist_ok=True)
            beside = np.hstack([image, expected, difference.astype(np.uint8)])
            Image.fromarray(beside).save(failures / name)
            pytest.fail(
                f"{name}: largest difference {difference.max()}, mean "
                f"{difference.mean():.3f}; see {failures / name}"
            )

    return check


@pytest.fixture(scope="session", autouse=True)
def user_cache(tmp_path_factory):
    """Keep converted networks in a folder of the session, not in the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRYON_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("TRYON_RUNTIME", raising=False)
        yield


@pytest.fixture(scope="session")
def me_path() -> Path:
    return EXAMPLES / "me.jpg"


@pytest.fixture(scope="session")
def tee_path() -> Path:
    return EXAMPLES / "tee.jpg"


@pytest.fixture(scope="session")
def pipeline():
    """The shipped models, loaded once."""
    from tryon.pipeline import TryOnPipeline

    return TryOnPipeline.from_pretrained()


@pytest.fixture(scope="session")
def result(pipeline, me_path, tee_path):
    """The shipped models on the example pair."""
    from tryon.images import read_photo

    return pipeline(read_photo(me_path), read_photo(tee_path))


class Site:
    """What a server answers: by path (status, headers, body), or a function.

    A function gets the handler and the number of earlier requests for its path.
    """

    def __init__(self, url):
        self.url, self.pages, self.asked = url, {}, []

    def answer(self, handler):
        path, earlier = handler.path, self.asked.count(handler.path)
        self.asked.append(path)
        self.headers = dict(handler.headers)
        page = self.pages.get(path, (404, {}, b""))
        if callable(page):
            page = page(handler, earlier)
        if page is None:  # it has answered itself
            return
        status, headers, body = page
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def site():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            try:
                made.answer(self)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()
