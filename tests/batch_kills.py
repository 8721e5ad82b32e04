"""Kill a batch at random places, resume it, kill it again; compare what is left.

    python -m tests.batch_kills FOLDER KILLS SEED

Each run is a child process that ends itself with SIGKILL: before the n-th time that a
file is opened, renamed or removed, in the midst of the n-th row, around the n-th fsync,
or after some time. A run that was killed up to four times is then let through, and must
leave what a run without a kill leaves, byte for byte. Writes a line of JSON.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from tests.batch_fakes import FakeModels, contents, draw_folders
from tryon.batch import manifest
from tryon.batch.pairs import cross_pairs
from tryon.batch.run import open_batch, run_here
from tryon.batch.worker import Job

EVENTS = ("open", "os.rename", "os.remove", "os.truncate", "os.mkdir", "os.chmod")
PLACES = ("event", "row", "fsync", "seconds")


class Kills:
    """Counts the places where a kill may fall; at the chosen one it falls."""

    def __init__(self, place=None, number=0.0):
        self.place, self.number, self.counts = place, number, Counter()
        sys.addaudithook(lambda event, args: event in EVENTS and self.pass_by("event"))
        self._write, self._sync = manifest._write_all, os.fsync
        manifest._write_all, os.fsync = self._write_part, self._sync_between
        if place == "seconds":
            signal.setitimer(signal.ITIMER_REAL, number)
            signal.signal(signal.SIGALRM, lambda *args: kill())

    def pass_by(self, place):
        self.counts[place] += 1
        if place == self.place and self.counts[place] == int(self.number):
            kill()

    def _write_part(self, file, data):
        self.counts["row"] += 1
        if self.place == "row" and self.counts["row"] == int(self.number):
            self._write(file, data[: int(self.number % 1 * len(data))])
            kill()
        self._write(file, data)

    def _sync_between(self, descriptor):
        self.pass_by("fsync")
        self._sync(descriptor)
        self.pass_by("fsync")


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def run(job, pairs, place=None, number=0.0):
    """Run the batch in a child; returns whether it was killed, and what it counted."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        kills, start = Kills(place, number), time.monotonic()
        with open_batch(job, pairs) as batch:
            list(batch.run(run_here))
            batch.finish()
        counts = {**kills.counts, "seconds": time.monotonic() - start}
        os.write(writer, json.dumps(counts).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        raise SystemExit(f"a resumed run ended with status {status}")
    return killed, json.loads(text or "{}")


def draw_kill(chance, most):
    """Draw a place and which time it is passed there."""
    place = chance.choice(PLACES)
    return place, chance.uniform(0 if place == "seconds" else 1, most[place] + 1e-3)


def main(folder, kills, seed):
    chance = random.Random(seed)
    users, shops = draw_folders(folder, users=2, shops=2)
    (users / "bad.png").write_bytes(b"no picture")
    pairs = cross_pairs(users, shops)
    job = Job(folder / "whole", FakeModels())
    _, most = run(job, pairs)
    expected = contents(job.out)
    fallen, batches = Counter(), 0
    while fallen.total() < kills:
        job = Job(folder / "killed", FakeModels())
        killed = True
        for _ in range(chance.randint(1, 4)):
            place, number = draw_kill(chance, most)
            killed, _ = run(job, pairs, place, number)
            fallen[place] += killed
            if not killed:
                break
        if killed:
            run(job, pairs)
        batches += 1
        if contents(job.out) != expected:
            raise SystemExit(f"batch {batches} (seed {seed}) differs")
        shutil.rmtree(job.out)
    told = {"kills": fallen.total(), "batches": batches, **fallen}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
