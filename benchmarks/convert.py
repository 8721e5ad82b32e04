"""Speed and memory of `tryon data convert` on generated DeepFashion2 files.

    python benchmarks/convert.py 2000 20000

Prints a row for each conversion and number of files: images per second of wall and of
processor time, the peak memory of its process, and its growth since the first number.
"""

import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from PIL import Image

from data_tools.annotations import CATEGORIES, LANDMARK_COUNTS, BadFile
from data_tools.convert import FORMATS, convert

SIZE = 702, 468  # height, width of most photos of DeepFashion2
POINTS = 60  # of a polygon
ROUTES = (
    ("deepfashion2", "df", "coco", "a.json"),
    ("coco", "a.json", "via", "v.json"),
    ("via", "v.json", "deepfashion2", "back"),
)


@click.command()
@click.argument("counts", nargs=-1, type=int, required=True)
def main(counts: tuple[int, ...]) -> None:
    """Convert COUNTS files, there and back."""
    head = ("from", "to", "images", "images/s", "images/s of processor", "largest memory")
    print(f"| {' | '.join(head)} | growth |")
    print("| --- " * (len(head) + 1) + "|")
    first: dict[str, float] = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder, "df"), count)
            for source, src, target, dst in ROUTES:
                call = [source, f"{folder}/{src}", target, f"{folder}/{dst}"]
                # A process of its own: the peak memory of a process never decreases.
                done = subprocess.run(
                    [sys.executable, __file__, "--one", *call],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                images, wall, cpu, memory = json.loads(done.stdout)
                before = first.setdefault(source, memory)
                print(
                    f"| {source} | {target} | {images:,} | {images / wall:.0f} | "
                    f"{images / cpu:.0f} | {memory / 1024:.0f} MB | "
                    f"{(memory - before) / 1024:.0f} MB |",
                    flush=True,
                )


def generate(folder: Path, count: int) -> None:
    """Write photos with annotations of one or two garments, as long as the real ones."""
    rng = random.Random(0)
    (folder / "annos").mkdir(parents=True)
    (folder / "image").mkdir()
    photo = folder / "image" / "000000.jpg"
    Image.new("RGB", SIZE[::-1], "gray").save(photo)
    for number in range(count):
        values = {"source": "user", "pair_id": number}
        for index in range(1, rng.choice((2, 2, 3))):
            values[f"item{index}"] = garment(rng)
        path = folder / "annos" / f"{number:06d}.json"
        path.write_text(json.dumps(values))
        if number:
            os.link(photo, folder / "image" / f"{number:06d}.jpg")


def garment(rng: random.Random) -> dict[str, object]:
    """Return one garment in DeepFashion2's format."""
    label = rng.randrange(len(CATEGORIES))
    rings = [ring(rng) for _ in range(rng.choice((1, 1, 2)))]
    landmarks = [
        value
        for _ in range(LANDMARK_COUNTS[label])
        for value in (rng.randrange(SIZE[1]), rng.randrange(SIZE[0]), rng.randrange(3))
    ]
    known = dict.fromkeys(("scale", "occlusion", "zoom_in", "viewpoint", "style"), 1)
    return {
        "segmentation": rings,
        "landmarks": landmarks,
        "bounding_box": [3, 5, 400, 600],
        "category_id": label + 1,
        "category_name": CATEGORIES[label],
        **known,
    }


def ring(rng: random.Random) -> list[float]:
    """Return a random star-shaped polygon, which does not intersect itself."""
    height, width = SIZE
    x, y = rng.uniform(0.3, 0.7) * width, rng.uniform(0.3, 0.7) * height
    angles = [2 * math.pi * i / POINTS for i in range(POINTS)]
    radii = [rng.uniform(0.2, 0.3) * width for _ in angles]
    pairs = [
        (x + r * math.cos(t), y + r * math.sin(t))
        for r, t in zip(radii, angles, strict=True)
    ]
    return [round(value, 2) for pair in pairs for value in pair]


def measure(source: str, src: str, target: str, dst: str) -> None:
    """Convert once and print images, seconds, processor seconds and kibibytes."""
    wall, cpu = time.perf_counter(), time.process_time()
    reports = list(convert(FORMATS[source].read(Path(src)), FORMATS[target], Path(dst)))
    if bad := [each for each in reports if isinstance(each, BadFile)]:
        sys.exit(str(bad[0]))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row = len(reports), time.perf_counter() - wall, time.process_time() - cpu, memory
    print(json.dumps(row))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(*sys.argv[2:])
    else:
        main()
