"""Measure all speeds side by side: `python -m benchmarks`.

Cases of a table are timed in turns, so that a busy machine slows all of them: their
ratios are more reliable than their seconds. The tables are Markdown; `--write
docs/performance.md` puts them between that page's marks. `--tiny` shrinks everything, as
a smoke test.
"""

import argparse
import functools
import os
import platform
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import batches, floor, single
from benchmarks.timing import Case, Times, table, take_turns
from tryon.files import write_text

MARKS = ("<!-- made by python -m benchmarks -->", "<!-- end -->")
GROWTH_SIZE = (240, 320)  # width, height: growth is visible with small photos too
SECTIONS = ("pair", "baselines", "batch", "growth")


def pair_section(args: argparse.Namespace) -> str:
    """Measure a warm pair, its networks alone, and the cold start."""
    spans: list[single.Span] = []
    cases = single.pair_cases(spans)
    if args.tiny:
        cases = {name: case for name, case in cases.items() if "megapixels" not in name}
    times = take_turns(cases, args.repeats)
    times["networks of a pair"] = single.networks_seconds(cases, spans, args.repeats)
    work = floor.pair_operations()
    name = f"{work / 1e9:.1f} GFLOP of networks, at the matrix rate"
    times[name] = floor.matrix_seconds(work, args.repeats)
    times |= take_turns({"cold `tryon run`": single.cold_case()}, min(args.repeats, 3))
    return table("one pair", times, "pair, 768x1024")


def baselines_section(args: argparse.Namespace) -> str:
    """Measure a pair beside the networks of heavier methods."""
    pipeline = single.load_pipeline("auto")
    pair = single.example_pair(single.PAIR_SIZES["768x1024"])
    config = single.TINY if args.tiny else single.CLASSIC
    cases: dict[str, Case] = {"our pair": lambda: pipeline(*pair)}
    cases["ResNet101 Mask R-CNN at 1024, both photos"] = single.classic_case(config)
    step = single.diffusion_case(args.tiny)
    name, note = f"diffusion UNet, {single.STEPS} steps", ""
    if isinstance(step, str):
        note = f"\n\n{name}: skipped, {step}."
    else:
        cases[name] = step
    times = take_turns(cases, min(args.repeats, 3))
    if name in times:
        times[name] = Times([s * single.STEPS for s in times[name].seconds])
    return table("one pair, 768x1024", times, "our pair") + note


def batch_section(args: argparse.Namespace) -> str:
    """Measure a batch with one worker and with two."""
    pairs = 2 if args.tiny else args.pairs
    with tempfile.TemporaryDirectory() as name:
        plan = batches.draw_plan(Path(name), pairs, single.PAIR_SIZES["768x1024"])
        folders = (Path(name) / f"out{k}" for k in range(1000))
        cases = {
            f"{workers} worker(s)": functools.partial(
                _fresh_batch, plan, folders, workers
            )
            for workers in (1, 2)
        }
        # Each run is a process of its own: there is nothing to warm up.
        times = take_turns(cases, min(args.repeats, 3), uncounted=0)
    return table(f"batch of {pairs}, per pair", times, "1 worker(s)", pairs)


def _fresh_batch(plan: Path, folders: Iterator[Path], workers: int) -> None:
    """Run a batch with an empty segmentation cache, but with converted networks."""
    from tryon.zoo import user_cache

    for path in (user_cache() / "sights").glob("*.npz"):
        path.unlink()
    batches.run_batch(plan, next(folders), workers)


def growth_section(args: argparse.Namespace) -> str:
    """Measure the time per pair in batches of growing size."""
    sizes = (2, 4) if args.tiny else args.growth
    runs = []
    for pairs in sizes:
        with tempfile.TemporaryDirectory() as name:
            plan = batches.draw_plan(Path(name), pairs, GROWTH_SIZE)
            runs.append(batches.run_batch(plan, Path(name) / "out", 1))
    return batches.growth_table(runs)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=SECTIONS)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--pairs", type=int, default=24, help="of the batch")
    parser.add_argument("--growth", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--tiny", action="store_true", help="smoke test")
    parser.add_argument("--write", type=Path, help="page to write the tables to")
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else "?"
    parts = [f"{platform.machine()}, {cores} cores, Python {platform.python_version()}."]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TRYON_CACHE"] = cache
        single.load_pipeline("auto")  # converts the networks, outside all timings
        for name in args.only:
            parts.append(globals()[f"{name}_section"](args))
            print(f"{parts[-1]}\n", flush=True)
    if args.write:
        write_text(with_tables(args.write.read_text(), "\n\n".join(parts)), args.write)


def with_tables(page: str, tables: str) -> str:
    """Return a page with new tables between its marks."""
    start, end = map(re.escape, MARKS)
    new = f"{MARKS[0]}\n{tables}\n{MARKS[1]}"
    return re.sub(f"{start}.*{end}", lambda match: new, page, flags=re.DOTALL)


if __name__ == "__main__":
    main()
