"""Time and memory per pair of batches of any size, each in a process of its own."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageEnhance

from benchmarks.single import EXAMPLES

SHOPS = 10  # shop pictures of a batch, each in many pairs
# Runs a command and prints the peak memory of its processes, in KiB. On Linux a process
# inherits the peak of its parent: this small process is in between.
_WATCH = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


@dataclass(frozen=True)
class Run:
    """A batch: seconds, and bytes of its largest process."""

    pairs: int
    seconds: float
    memory: int


def draw_plan(folder: Path, pairs: int, size: tuple[int, int]) -> Path:
    """Write distinct photos and a CSV of pairs: every user in each of the tops.

    Args:
        folder: for the files.
        pairs: their number.
        size: of the photos, (width, height).
    """
    folder.mkdir(parents=True, exist_ok=True)
    shops = min(SHOPS, pairs)
    users = -(-pairs // shops)
    for role, name, count in (("user", "me.jpg", users), ("shop", "tee.jpg", shops)):
        with Image.open(EXAMPLES / name) as picture:
            photo = picture.convert("RGB").resize(size)
        for k in range(count):
            brighter = ImageEnhance.Brightness(photo).enhance(1 - 0.2 * k / count)
            brighter.save(folder / f"{role}{k}.jpg", quality=92)
    rows = [f"user{k // shops}.jpg,shop{k % shops}.jpg" for k in range(pairs)]
    plan = folder / "pairs.csv"
    plan.write_text("\n".join(["user,shop", *rows]) + "\n")
    return plan


def run_batch(plan: Path, out: Path, workers: int) -> Run:
    """Run `tryon batch` in a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "tryon", "batch", str(plan), "-o", str(out)]
    command += ["--workers", str(workers)]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, *command],
        capture_output=True,
        text=True,
        cwd=EXAMPLES.parent,
    )
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 3):
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
    pairs = len(plan.read_text().splitlines()) - 1
    return Run(pairs, seconds, int(done.stdout) * 1024)


def growth_table(runs: list[Run]) -> str:
    """Return a table of batches of growing size; the time per pair must be constant."""
    lines = ["| pairs | s per pair | of the first | peak memory, MB |"]
    lines.append("| --- | --- | --- | --- |")
    first = runs[0].seconds / runs[0].pairs
    for run in runs:
        each = run.seconds / run.pairs
        lines.append(
            f"| {run.pairs} | {each:.3f} | {each / first:.2f} | {run.memory / 1e6:.0f} |"
        )
    return "\n".join(lines)
