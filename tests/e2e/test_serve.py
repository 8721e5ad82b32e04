"""`tryon serve` as a process with the shipped models; and a server that clients leave."""

import http.client
import io
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.web_fakes import HeldPipeline, make_api, png
from tests.web_server import serving
from tryon.cli import main
from tryon.cli.serve import address
from tryon.files import encode_image

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def form(fields):
    """Return the body and the headers of a form with pictures."""
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a"\r\n\r\n%s\r\n'
        % (name.encode(), data)
        for name, data in fields.items()
    ]
    kind = "multipart/form-data; boundary=x"
    return b"".join(parts) + b"--x--\r\n", {"Content-Type": kind}


def ask(url, fields=None, headers=None):
    body, kind = form(fields) if fields else (None, {})
    request = urllib.request.Request(url, body, {**kind, **(headers or {})})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


@contextmanager
def started(folder, *options):
    """Run `tryon serve`; yields the process and its URL."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tryon", "-q", "serve", "--no-open", "--port", "0"]
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)},
    )
    try:
        url = process.stdout.readline().strip()
        assert url, process.stderr.read()
        for _ in range(100):
            try:
                ask(f"{url.partition('#')[0]}healthz")
                break
            except urllib.error.URLError:
                time.sleep(0.05)
        yield process, url
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_pair_is_what_tryon_run_writes_and_sigterm_finishes_what_runs(
    tmp_path, result, me_path, tee_path
):
    pair = {"user": me_path.read_bytes(), "shop": tee_path.read_bytes()}
    expected = encode_image(result.image, Path("a.png"), result.icc_profile)
    with started(tmp_path / "run") as (process, url):
        for _ in range(2):  # the second from memory
            assert ask(f"{url}v1/tryon", pair) == expected
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(f"{url}v1/tryon", {**pair, "user": b"no picture"})
        with caught.value as error:
            assert error.code == 422
            assert json.load(error)["error"] == "unreadable_image"
        stripes = (EXAMPLES / "stripe/tee.jpg").read_bytes()
        fields = {"model_image": pair["user"], "garment_image": stripes}
        id = json.loads(ask(f"{url}v1/run", fields))["id"]
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(f"{url}v1/tryon", pair)
        with caught.value as error:
            assert error.code == 503
        status = {"status": ""}
        while status["status"] != "completed":
            time.sleep(0.1)
            status = json.loads(ask(f"{url}v1/status/{id}"))
            assert status["status"] != "failed"
        assert ask(status["output"][0])[:4] == b"\x89PNG"
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "", "")
    assert list((tmp_path / "run").iterdir()) == [], "nothing was written"


@pytest.fixture
def fake(tmp_path):
    pipeline = HeldPipeline()
    api = make_api(tmp_path, pipeline)
    with serving(api.app()) as url:
        yield url, pipeline, api
        pipeline.hold.set()


def leave(url, path, fields, headers):
    """Send a request, and go away without waiting for its answer."""
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    body, kind = form(fields)
    connection.request("POST", path, body, {**kind, **headers})
    return connection


@pytest.mark.parametrize("accept", ["image/png", "application/x-ndjson"])
def test_the_job_of_a_client_that_went_away_ends(fake, accept):
    url, pipeline, api = fake
    pipeline.hold.clear()
    pair = {"user": png(), "shop": png("blue")}
    connections = [leave(url, "/v1/tryon", pair, {"Accept": accept}) for _ in range(3)]
    for _ in range(2):
        assert pipeline.began.acquire(timeout=10)
    for connection in connections:
        connection.close()
    wait(lambda: api.jobs.taken == 2)  # the third waited, and left at once
    pipeline.hold.set()
    wait(lambda: api.jobs.taken == 0)
    assert not pipeline.began.acquire(timeout=0.2), "the third never began"


def wait(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError


def test_a_request_that_ends_early_frees_its_place(fake):
    url, _, api = fake
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/v1/tryon")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"--x\r\n")
    wait(lambda: api.jobs.taken == 1)
    connection.close()
    wait(lambda: api.jobs.taken == 0)


def test_four_clients_at_once_get_their_own_results(fake):
    url, _, _ = fake
    colors = [(40 * k, 250 - 40 * k, 99) for k in range(4)]
    answers = {}

    def run(color):
        for _ in range(5):
            data = ask(f"{url}/v1/tryon", {"user": png(), "shop": png(color)})
            answers.setdefault(color, set()).add(data)

    threads = [threading.Thread(target=run, args=(color,)) for color in colors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for color in colors:
        (data,) = answers[color]
        expected = [(a + b) // 2 for a, b in zip((200, 40, 40), color, strict=True)]
        assert np.asarray(Image.open(io.BytesIO(data)))[0, 0].tolist() == expected


def test_the_python_of_the_docs_runs(fake, tmp_path, monkeypatch):
    url, _, _ = fake
    page = (ROOT / "docs/web.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.S))
    assert code.count("http://127.0.0.1:8000") == 1
    script = tmp_path / "client.py"
    script.write_text(code.replace("http://127.0.0.1:8000", url))
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path(str(script))
    assert (tmp_path / "result.png").read_bytes()[:4] == b"\x89PNG"
    assert names["status"]["status"] == "completed"


# === The command ===


def test_a_port_that_is_taken_is_one_line():
    from tryon.web.server import listen

    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(main, ["serve", "--port", port])
    assert done.exit_code == 1
    assert re.fullmatch(r"Error: 127\.0\.0\.1:\d+: cannot be opened .+\n", done.output)


def test_a_missing_extra_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "tryon.web.server", None)
    done = CliRunner().invoke(main, ["serve"])
    assert done.exit_code == 1
    assert "pip install 'tryon[web]'" in done.output
    assert done.output.count("\n") == 1


def test_a_missing_catalogue_is_one_line(tmp_path):
    done = CliRunner().invoke(main, ["serve", "--catalog", str(tmp_path / "none")])
    assert done.exit_code == 1
    assert done.output.count("\n") == 1


@pytest.fixture
def configs(monkeypatch):
    """Return the limits that the command serves with, without serving."""
    from tryon.pipeline import TryOnPipeline

    seen = []
    monkeypatch.setattr(TryOnPipeline, "from_pretrained", lambda **kwargs: HeldPipeline())
    monkeypatch.setattr(
        "tryon.web.server.serve", lambda app, jobs, listener, config: seen.append(config)
    )
    return seen


def test_loopback_needs_no_token_and_knows_its_names(configs):
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--allow-host", "A.example"])
    assert done.exit_code == 0, done.output
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", done.output)
    (config,) = configs
    assert config.token is None
    assert config.hosts == ("127.0.0.1", "localhost", "::1", "a.example")


def test_any_other_address_demands_a_token(configs):
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--host", "0.0.0.0"])
    token = re.fullmatch(r"http://\S+:\d+/#token=(\S{32})\n", done.output)[1]
    assert configs[0].token == token
    given = {"TRYON_TOKEN": "mine"}
    CliRunner().invoke(main, ["serve", "--port", "0", "--host", "0.0.0.0"], env=given)
    assert configs[1].token == "mine"


def test_addresses():
    assert address("::1", 80, None) == "http://[::1]:80/"
    assert re.fullmatch(r"http://.+:80/#token=a", address("0.0.0.0", 80, "a"))
