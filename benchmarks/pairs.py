"""Collect the pairs that are shipped for `tryon evaluate tryon`.

    python benchmarks/pairs.py -o tryon/evaluation/pairs rendered/p30{0..9} more/p1023 \
        more/p9019

    python benchmarks/pairs.py --controlled -o tryon/evaluation/controlled truth/p3004 ...

Each argument is a rendered person, folder and number, in tees A and C; both pairs of each
are used, or the four of `data_tools.paint.controlled_pairs`. Files are copied unchanged,
so that charts stay exact and photos are compressed once. No person from 300 to 309 has
hair in front of the tee: p9019 does.
"""

import json
import shutil
from pathlib import Path

import click

from data_tools.paint.controlled_pairs import controlled_pairs
from data_tools.paint.rendered_pairs import MANIFEST, RenderedPair, find_pairs, pairs_of
from tryon.files import write_text


@click.command()
@click.argument("people", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path))
@click.option("--controlled", is_flag=True)
def main(people: tuple[Path, ...], out: Path, controlled: bool) -> None:
    """Copy the pairs of PEOPLE to a folder with their manifest; print tags and size."""
    read = controlled_pairs if controlled else pairs_of
    pairs = [pair for person in people for pair in read(person.parent, person.name)]
    out.mkdir(parents=True, exist_ok=True)
    for pair in pairs:
        for name in pair.files:
            shutil.copyfile(pair.folder / name, out / name)
    write_text(manifest(pairs), out / MANIFEST)
    find_pairs(out)
    for tag in sorted({tag for pair in pairs for tag in pair.tags}):
        print(f"{tag:<18}{sum(tag in pair.tags for pair in pairs):>4}")
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{len(pairs)} pairs, {size / 1e6:.1f} MB")


def manifest(pairs: list[RenderedPair]) -> str:
    """Return the text of a manifest, one line per pair."""
    lines = ",\n".join(" " + json.dumps(pair.row()) for pair in pairs)
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    main()
