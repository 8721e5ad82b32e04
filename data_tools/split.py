"""Splits of a set of annotations in which nothing leaks from one part to another.

Images that share an identity (the same garment, person, contributor) are one group, also
through others, and a group lies in one part as a whole. The part follows from the names
in the group and the seed alone, so that it stays when other images come or go.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from data_tools.annotations import BadFile, DataError, Dataset, ImageRecord

Key = Callable[[ImageRecord], str | None]


def parse_key(text: str) -> Key:
    """Return what reads an image's identity.

    Args:
        text: the name of an image's attribute, as "pair_id"; or "name:" and a regular
            expression whose first group in the file's name is the identity, as
            "name:(.*)_".

    Raises:
        ValueError: when the expression is none, or has no group.
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
    """Which group is in which part.

    Attributes:
        keys: what reads the identities of an image.
        parts: the part of each identity.
        counts: images of each part.
        groups: how many groups there are.
    """

    keys: Sequence[Key]
    parts: Mapping[str, str]
    counts: Mapping[str, int]
    groups: int

    def part_of(self, record: ImageRecord) -> str:
        """Return the part that an image lies in."""
        return self.parts[identities(record, self.keys)[0]]


def identities(record: ImageRecord, keys: Sequence[Key]) -> list[str]:
    """Return the identities of an image; its own name where it has none."""
    found = [identity for key in keys if (identity := key(record)) is not None]
    return found or [json.dumps(["file", record.file_name])]


def split(
    dataset: Dataset, keys: Sequence[Key], shares: Mapping[str, float], seed: int
) -> Split:
    """Deal the groups of a dataset out to parts; reads all records.

    Args:
        dataset: what to split.
        keys: what reads the identities of an image.
        shares: of the groups, by part; their sum is taken for the whole.
        seed: another one deals out otherwise.

    Raises:
        DataError: when a part gets no image.
    """
    leads: dict[str, str] = {}
    images: dict[str, int] = {}
    for record in dataset.read_records():
        if isinstance(record, BadFile):
            continue
        first, *others = identities(record, keys)
        lead = _find(leads, first)
        for other in others:
            lead = _join(leads, lead, _find(leads, other))
        images[first] = images.get(first, 0) + 1
    parts = {
        identity: _deal(_find(leads, identity), shares, seed) for identity in list(leads)
    }
    counts = dict.fromkeys(shares, 0)
    for identity, count in images.items():
        counts[parts[identity]] += count
    groups = len({_find(leads, identity) for identity in leads})
    if not all(counts.values()):
        raise DataError(
            f"expected images in every part, got {counts} of {groups} groups; choose "
            "other shares, or another seed"
        )
    return Split(keys, parts, counts, groups)


def choose_part(dataset: Dataset, found: Split, part: str) -> Dataset:
    """Return the records of one part; what cannot be read comes with the first part."""
    first = next(iter(found.counts))

    def read_records() -> Iterator[ImageRecord | BadFile]:
        for record in dataset.read_records():
            if isinstance(record, BadFile):
                if part == first:
                    yield record
            elif found.part_of(record) == part:
                yield record

    return replace(dataset, read_records=read_records, count=found.counts[part])


def _find(leads: dict[str, str], identity: str) -> str:
    """Return the identity that leads a group, and shorten the way to it."""
    lead = leads.setdefault(identity, identity)
    while leads[lead] != lead:
        leads[lead] = leads[leads[lead]]
        lead = leads[lead]
    return lead


def _join(leads: dict[str, str], one: str, other: str) -> str:
    """Join two groups; the lead is the first of all names, whatever their order."""
    first, second = sorted((one, other))
    leads[second] = first
    return first


def _deal(lead: str, shares: Mapping[str, float], seed: int) -> str:
    digest = hashlib.sha256(f"{seed} {lead}".encode(errors="surrogatepass")).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64 * sum(shares.values())
    for part, share in shares.items():
        if place < share:
            return part
        place -= share
    return part
