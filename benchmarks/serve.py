"""`tryon serve` under load: python -m benchmarks.serve [--seconds S] [--hostile N].

Four clients dress every user in each of the tops, as `tryon batch --workers 1` does with
the same photos; then come hostile uploads. Memory is that of the server's process.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.batches import draw_plan
from benchmarks.hostile import Request, form, requests
from benchmarks.single import EXAMPLES
from tryon.zoo import user_cache

SIZE = 768, 1024  # of the photos, width and height
CLIENTS = 4
_FORM = "multipart/form-data; boundary=x"


@dataclass
class Server:
    """A server in a process of its own.

    Attributes:
        process: the server.
        port: on 127.0.0.1.
        folder: its working folder, where nothing may appear.
        ready: seconds until it took work.
    """

    process: subprocess.Popen[str]
    port: int
    folder: Path
    ready: float

    def ask(self, request: Request) -> tuple[int, bytes]:
        """Send a request; returns status and body, 0 where there was no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=180)
        length = len(request.body) if request.declared is None else request.declared
        headers = {"Content-Type": request.content_type, "Content-Length": str(length)}
        try:
            connection.request("POST", request.path, request.body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def memory(self) -> int:
        """Return the bytes that the process takes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def files(self) -> int:
        """Return how many files and sockets the process has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Start `tryon serve` in an empty folder; ends it by SIGTERM."""
    folder.mkdir()
    start = time.perf_counter()
    command = [sys.executable, "-m", "tryon", "serve", "--no-open", "--port", "0"]
    path = os.pathsep.join([str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": path},
    )
    try:
        assert process.stdout is not None
        port = urlsplit(process.stdout.readline().strip()).port or 0
        server = Server(process, port, folder, 0.0)
        while not is_ready(port):
            time.sleep(0.01)
        server.ready = time.perf_counter() - start
        yield server
    finally:
        process.terminate()
        process.wait(150)


def is_ready(port: int) -> bool:
    """Tell whether a server takes work."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@dataclass
class Load:
    """What came of a load.

    Attributes:
        seconds: of each pair, as its client waited.
        memory: bytes of the process, every second.
        statuses: HTTP statuses and how often they came.
        wall: seconds of all.
    """

    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    wall: float = 0.0

    @property
    def rate(self) -> float:
        """Pairs a second."""
        return len(self.seconds) / self.wall


def load(server: Server, pairs: Iterator[Request], seconds: float, clients: int) -> Load:
    """Let clients ask one after the other for so long, or until the pairs end."""
    told, lock, start = Load(), threading.Lock(), time.perf_counter()

    def run() -> None:
        while time.perf_counter() - start < seconds:
            with lock:
                request = next(pairs, None)
            if request is None:
                return
            begun = time.perf_counter()
            status, _ = server.ask(request)
            with lock:
                told.seconds.append(time.perf_counter() - begun)
                told.statuses[status] += 1

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        told.memory.append(server.memory())
        time.sleep(1)
    told.wall = time.perf_counter() - start
    return told


def plan_requests(plan: Path) -> Iterator[Request]:
    """Yield the pairs of a plan of `draw_plan` as requests."""
    for row in plan.read_text().splitlines()[1:]:
        user, shop = ((plan.parent / name).read_bytes() for name in row.split(","))
        yield Request("/v1/tryon", _FORM, form({"user": user, "shop": shop}))


def batch_rate(plan: Path, out: Path) -> float:
    """Return the pairs a second of `tryon batch --workers 1`, without its start."""
    with tempfile.TemporaryDirectory() as cache:
        for entry in user_cache().iterdir():
            if entry.name != "sights":  # garments of earlier runs
                (Path(cache) / entry.name).symlink_to(entry)
        command = [
            sys.executable,
            "-m",
            "tryon",
            "-q",
            "batch",
            str(plan),
            "-o",
            str(out),
        ]
        process = subprocess.Popen(
            [*command, "--workers", "1"],
            stdout=subprocess.DEVNULL,
            cwd=EXAMPLES.parent,
            env={**os.environ, "TRYON_CACHE": cache},
        )
        moments: list[float] = []
        while process.poll() is None:
            rows = count_rows(out / "manifest.jsonl")
            moments += [time.perf_counter()] * (rows - len(moments))
            time.sleep(0.02)
    return (len(moments) - 1) / (moments[-1] - moments[0])


def count_rows(manifest: Path) -> int:
    """Return how many rows a batch has written."""
    return manifest.read_bytes().count(b"\n") if manifest.exists() else 0


def attack(server: Server, count: int, clients: int) -> Load:
    """Send hostile requests, and tell what came of them."""
    good = (EXAMPLES / "me.jpg").read_bytes()
    return load(server, requests(count, good), 3600, clients)


def main() -> None:
    """Print what was measured, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--hostile", type=int, default=10_000)
    parser.add_argument("--no-batch", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = draw_plan(folder / "photos", arguments.pairs, SIZE)
        print(json.dumps(measure(folder, plan, arguments), indent=1))


def measure(folder: Path, plan: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Return all figures."""
    with serving(folder / "server") as server:
        first, again = next(plan_requests(plan)), []
        for _ in range(4):
            start = time.perf_counter()
            _, image = server.ask(first)
            again.append(round(time.perf_counter() - start, 3))
        told = load(server, plan_requests(plan), arguments.seconds, arguments.clients)
        after_load = server.memory()
        files = server.files()
        attacked = attack(server, arguments.hostile, arguments.clients)
        figures: dict[str, object] = {
            "seconds to ready": round(server.ready, 2),
            "seconds of the first pair, then known": again,
            "pairs": len(told.seconds),
            "pairs a second": round(told.rate, 3),
            "seconds a client waits, median": round(statistics.median(told.seconds), 2),
            "slowest": round(max(told.seconds), 2),
            "statuses": told.statuses,
            "MB, a quarter of the way and at the end": [
                told.memory[len(told.memory) // 4] >> 20,
                after_load >> 20,
            ],
            "hostile": attacked.statuses,
            "hostile a second": round(attacked.rate),
            "MB after them, and the most": [
                server.memory() >> 20,
                max(attacked.memory) >> 20,
            ],
            "open files before and after": [files, server.files()],
            "files left": len(list(server.folder.iterdir())),
            "same picture after them": server.ask(first)[1] == image,
            "runs": server.process.poll() is None,
        }
    if not arguments.no_batch:
        plan.write_text("\n".join(plan.read_text().splitlines()[: len(told.seconds) + 1]))
        figures["pairs a second, tryon batch --workers 1"] = round(
            batch_rate(plan, folder / "out"), 3
        )
    return figures


if __name__ == "__main__":
    main()
