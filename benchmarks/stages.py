"""Stage times of a warm pair at 768x1024 and the cold start, beside a matrix product.

Every time is also given as a multiple of one 1024x1024 float32 matrix product measured in
the same run, so that machines can be compared. Run: make benchmark
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SIZE = (768, 1024)  # width, height


def matrix_product_seconds() -> float:
    """Return the median time of one 1024x1024 float32 matrix product."""
    a = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def cold_start_seconds() -> float:
    """Return the time of a whole `tryon run` process on the example pair."""
    command = [sys.executable, "-m", "tryon", "run", "-o", "benchmark.png"]
    command += ["--user", str(EXAMPLES / "me.jpg"), "--shop", str(EXAMPLES / "tee.jpg")]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=EXAMPLES.parent)
    seconds = time.perf_counter() - start
    (EXAMPLES.parent / "benchmark.png").unlink()
    return seconds


def warm_seconds(repeats: int) -> dict[str, float]:
    """Return the median seconds of each stage of a warm pair at `SIZE`."""
    from tryon.pipeline import TryOnPipeline
    from tryon.types import Photo

    photos = []
    for name in ("me.jpg", "tee.jpg"):
        with Image.open(EXAMPLES / name) as picture:
            photos.append(Photo(np.asarray(picture.convert("RGB").resize(SIZE))))
    pipeline = TryOnPipeline.from_pretrained()
    pipeline(*photos)
    runs = [dict(pipeline(*photos).report["seconds"]) for _ in range(repeats)]
    stages = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return {**stages, "warm pair": statistics.median(sum(r.values()) for r in runs)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    cold = cold_start_seconds()
    unit = matrix_product_seconds()
    rows = {**warm_seconds(repeats), "cold start (process)": cold}
    print(f"{'':<24}{'ms':>10}{'x product':>12}")
    print(f"{'matrix product':<24}{unit * 1e3:>10.1f}{1:>12.1f}")
    for name, seconds in rows.items():
        print(f"{name:<24}{seconds * 1e3:>10.1f}{seconds / unit:>12.1f}")


if __name__ == "__main__":
    main()
