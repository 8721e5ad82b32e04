"""Uploads that mean no good: named answers, no crash, no leak, no file left."""

import http.client
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.hostile import png_bomb, requests
from benchmarks.serve import load
from tests.web_fakes import HeldPipeline, make_api, png
from tests.web_server import serving
from tryon.web.config import ServeConfig
from tryon.web.dresser import Dresser
from tryon.web.sources import Picture

ALLOWED = {200, 400, 404, 413, 415, 422}


class Here:
    """The server of this process, as `benchmarks.serve.Server` is."""

    def __init__(self, url):
        self.port = int(url.rpartition(":")[2])

    def memory(self):
        return 0

    def ask(self, request):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        length = len(request.body) if request.declared is None else request.declared
        headers = {"Content-Type": request.content_type, "Content-Length": str(length)}
        try:
            connection.request("POST", request.path, request.body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except ConnectionError:
            return 0, b""
        finally:
            connection.close()


def test_hostile_uploads_are_answered_and_leave_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    api = make_api(tmp_path, HeldPipeline())
    with serving(api.app()) as url:
        server = Here(url)
        told = load(server, requests(400, png(), seed=3), 60, 2)
        files = len(list(Path("/proc/self/fd").iterdir()))
        again = load(server, requests(400, png(), seed=4), 60, 2)
        assert abs(len(list(Path("/proc/self/fd").iterdir())) - files) <= 4
        assert api.jobs.taken == 0
    statuses: Counter[int] = told.statuses + again.statuses
    assert sum(statuses.values()) == 800
    # A client that still sends when it is refused may lose the answer.
    assert set(statuses) <= ALLOWED | {0}, statuses
    assert statuses[422] > 200
    assert statuses[0] < 40
    assert list(folder.iterdir()) == []


def test_a_small_file_that_asks_for_much_is_refused_unread(monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    bomb = png_bomb()
    assert len(bomb) < 700_000
    dresser = Dresser(HeldPipeline(), ServeConfig())
    with pytest.raises(Exception, match="unreadable_image.* 50 megapixels"):
        dresser.segment(Picture(bomb, "user"), None)
