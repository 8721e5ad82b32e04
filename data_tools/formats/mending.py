"""Read what is not quite in a format's form for what it plainly means, and say so."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from data_tools.annotations import FILE_ERRORS, ImageRecord, Instance, Note

_WHOLE, _DECIMAL = re.compile(r"-?\d{1,15}"), re.compile(r"-?\d{1,15}\.\d{1,20}")
_MAX_SHOWN = 60  # characters of a value
Parsed = TypeVar("Parsed", ImageRecord, Instance)
Mend = Callable[[Any], tuple[Any, tuple[Note, ...]]]


def parse_or_mend(parse: Callable[[Any], Parsed], values: Any, mend: Mend) -> Parsed:
    """Parse values; when they are not in form, parse what they plainly mean.

    Args:
        parse: turns values into a record or an instance.
        values: as read from a file.
        mend: returns what they mean, and notes on what is not in form.

    Raises:
        Exception: of `parse`, when there is nothing to mend, or that does not help.
    """
    try:
        return parse(values)
    except FILE_ERRORS:
        mended, notes = mend(values)
        if not notes:
            raise
    parsed = parse(mended)
    return replace(parsed, notes=parsed.notes + notes)


def mend_numbers(values: Any, names: Collection[str]) -> tuple[Any, tuple[Note, ...]]:
    """Return JSON values in which texts below some keys are numbers, and a note.

    Args:
        values: as read from a file.
        names: the keys; texts that are no numbers stay.
    """
    found: list[str] = []
    mended = _mended(values, names, False, found)
    notes = (Note("numbers written as text", repr(found[0])),) if found else ()
    return mended, notes


def _mended(value: Any, names: Collection[str], inside: bool, found: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            k: _mended(v, names, inside or k in names, found) for k, v in value.items()
        }
    if isinstance(value, list):
        return [_mended(one, names, inside, found) for one in value]
    if not inside or not isinstance(value, str):
        return value
    number = as_number(value)
    if number is None:
        return value
    found.append(value)
    return number


def as_number(text: str) -> int | float | None:
    """Return the number that a text is, as 12, -1.5; None for other texts."""
    if _WHOLE.fullmatch(text.strip()):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text.strip()) else None


def shown(value: Any) -> str:
    """Return a value as the file has it, shortened."""
    return repr(value)[:_MAX_SHOWN]
