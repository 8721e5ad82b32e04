"""Split a set of annotations by identity, without leakage between the parts.

Images that share an identity (the same garment, person, contributor), directly or through
others, form a group, and a group is in one part as a whole. The part depends only on the
group's identities and the seed, so that it stays when other images come or go.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from data_tools.annotations import BadFile, DataError, Dataset, ImageRecord

# Returns an identity of an image; None where it has none.
Key = Callable[[ImageRecord], str | None]


def parse_key(text: str) -> Key:
    """Return a function that reads an image's identity.

    Args:
        text: the name of an image's attribute, as "pair_id"; or "name:" and a regular
            expression whose first group in the file's name is the identity, as
            "name:(.*)_".

    Raises:
        ValueError: when the expression is invalid, or has no group.
    """
    if not text.startswith("name:"):
        return partial(_attribute, text)
    try:
        pattern = re.compile(text.removeprefix("name:"))
    except re.error as error:
        raise ValueError(f"{text!r}: expected a regular expression ({error})") from error
    if not pattern.groups:
        raise ValueError(f"{text!r}: expected a group ( ) in the expression")
    return partial(_part_of_name, text, pattern)


def _attribute(name: str, record: ImageRecord) -> str | None:
    value = record.attributes.get(name)
    return None if value is None else json.dumps([name, value], sort_keys=True)


def _part_of_name(text: str, pattern: re.Pattern[str], record: ImageRecord) -> str | None:
    found = pattern.search(record.file_name)
    return json.dumps([text, found[1]]) if found and found[1] is not None else None


@dataclass(frozen=True)
class Split:
    """The assignment of groups to parts.

    Attributes:
        keys: read the identities of an image.
        parts: the part of each identity.
        counts: number of images of each part.
        groups: number of groups.
    """

    keys: Sequence[Key]
    parts: Mapping[str, str]
    counts: Mapping[str, int]
    groups: int

    def part_of(self, record: ImageRecord) -> str:
        """Return the part of an image."""
        return self.parts[identities(record, self.keys)[0]]


def identities(record: ImageRecord, keys: Sequence[Key]) -> list[str]:
    """Return the identities of an image; its own name where it has none."""
    found = [identity for key in keys if (identity := key(record)) is not None]
    return found or [json.dumps(["file", record.file_name])]


def split(
    dataset: Dataset, keys: Sequence[Key], shares: Mapping[str, float], seed: int
) -> Split:
    """Assign the groups of a dataset to parts; reads all records.

    Args:
        dataset: what to split.
        keys: read the identities of an image.
        shares: of the groups, by part; they are normalized to a sum of 1.
        seed: of the assignment.

    Raises:
        DataError: when a part gets no image.
    """
    parents: dict[str, str] = {}  # union-find
    images: dict[str, int] = {}
    for record in dataset.read_records():
        if isinstance(record, BadFile):
            continue
        first, *others = identities(record, keys)
        root = _find(parents, first)
        for other in others:
            root = _union(parents, root, _find(parents, other))
        images[first] = images.get(first, 0) + 1
    parts = {
        identity: _assign(_find(parents, identity), shares, seed)
        for identity in list(parents)
    }
    counts = dict.fromkeys(shares, 0)
    for identity, count in images.items():
        counts[parts[identity]] += count
    groups = len({_find(parents, identity) for identity in parents})
    if not all(counts.values()):
        raise DataError(
            f"expected images in every part, got {counts} of {groups} groups; choose "
            "other shares, or another seed"
        )
    return Split(keys, parts, counts, groups)


def select_part(dataset: Dataset, assignment: Split, part: str) -> Dataset:
    """Return the records of one part; bad files are in the first part."""
    first = next(iter(assignment.counts))

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for record in dataset.read_records():
            if isinstance(record, BadFile):
                if part == first:
                    yield record
            elif assignment.part_of(record) == part:
                yield record

    return replace(dataset, read_records=read_records, count=assignment.counts[part])


def _find(parents: dict[str, str], identity: str) -> str:
    """Return the root of an identity's group, with path halving."""
    root = parents.setdefault(identity, identity)
    while parents[root] != root:
        parents[root] = parents[parents[root]]
        root = parents[root]
    return root


def _union(parents: dict[str, str], one: str, other: str) -> str:
    """Join two groups; the smaller root, by name, becomes that of both."""
    first, second = sorted((one, other))
    parents[second] = first
    return first


def _assign(root: str, shares: Mapping[str, float], seed: int) -> str:
    """Return the part of a group, by a hash of its root."""
    digest = hashlib.sha256(f"{seed} {root}".encode(errors="surrogatepass")).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64 * sum(shares.values())
    for part, share in shares.items():
        if position < share:
            return part
        position -= share
    return part
