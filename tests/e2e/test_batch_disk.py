"""A batch on disks that take no more: real ones, in a mount of the test's own."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.batch_fakes import FakeModels, contents, draw_folders
from tryon.batch.pairs import cross_pairs
from tryon.batch.run import open_batch, run_here, run_in_processes
from tryon.batch.worker import Job
from tryon.errors import TryOnError

ROOT = Path(__file__).parents[2]
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]
PROGRAM = "from tests.e2e.test_batch_disk import main; main({workers}, {out!r})"


def main(workers, out):
    """Run the batch of the folder; says how it ended."""
    engine = run_here if workers == 1 else partial(run_in_processes, workers=workers)
    try:
        with open_batch(Job(Path(out), FakeModels()), pairs_here()) as batch:
            list(batch.run(engine))
            told = {"counts": batch.finish()}
    except TryOnError as error:
        told = {"error": str(error)}
    left = [str(path) for path in Path(out).rglob(".tryon-*")]
    sys.stdout.write(json.dumps({**told, "left": left}) + "\n")


def pairs_here():
    return cross_pairs(Path("users"), Path("shops"))


def can_mount():
    if not shutil.which("unshare"):
        return False
    tried = [*UNSHARE, "mount", "-t", "tmpfs", "none", "/tmp"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


def in_small_disk(folder, script):
    """Run a shell script where `disk` can be mounted, and is gone afterwards."""
    done = subprocess.run(
        [*UNSHARE, "sh", "-e", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="mounts are refused here")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("size", [24, 120, 240])
def test_a_full_disk_stops_a_batch_that_goes_on_with_more_room(
    tmp_path, monkeypatch, workers, size
):
    draw_folders(tmp_path)
    monkeypatch.chdir(tmp_path)
    main(1, "whole")
    program = PROGRAM.format(workers=workers, out="disk/out")
    run = f"'{sys.executable}' -c \"{program}\""
    full, more = in_small_disk(
        tmp_path,
        f"mkdir disk; mount -t tmpfs -o size={size}k none disk\n{run}\n"
        f"mount -o remount,size=16m disk\n{run}\ncp -r disk/out kept",
    )
    assert "No space left" in full["error"]
    assert not full["left"], "nothing half written"
    assert more == {"counts": {"done": 6}, "left": []}
    assert contents(tmp_path / "kept") == contents(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="mounts are refused here")
def test_a_disk_that_is_only_read_is_told(tmp_path, monkeypatch):
    draw_folders(tmp_path)
    monkeypatch.chdir(tmp_path)
    run = f"'{sys.executable}' -c \"{PROGRAM.format(workers=1, out='disk/out')}\""
    empty, begun = in_small_disk(
        tmp_path,
        f"mkdir disk; mount -t tmpfs -o ro none disk\n{run}\n"
        f"mount -o remount,rw disk\n{run} > first\nmount -o remount,ro disk\n{run}",
    )
    for told in (empty, begun):
        assert "disk/out" in told["error"]
        assert "Read-only file system" in told["error"]
    assert "counts" in json.loads((tmp_path / "first").read_text())
