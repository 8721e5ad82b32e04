"""A batch that is killed at random places, again and again, ends as if it never was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("TRYON_TEST_KILLS", 200))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that it forks")
def test_kills_leave_no_trace(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.batch_kills", str(tmp_path), str(KILLS), "6"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # a fork takes no threads along
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] >= KILLS
    assert {"event", "row", "fsync", "seconds"} <= told.keys()
