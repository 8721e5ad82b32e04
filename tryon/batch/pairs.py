"""List the pairs of a batch: the rows of a CSV, or all pairs of two folders.

A row that cannot be used, and a file of a folder that is no picture, becomes a pair with
a `fault`: the manifest reports it, and the other rows are done.
"""

import csv
import difflib
import hashlib
import io
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from data_tools.pictures import ENDINGS, Listing, list_pictures
from tryon.errors import TryOnError
from tryon.files import printable
from tryon.images import ADDRESS, is_address

# Column names that are accepted.
COLUMNS = {
    "user": "user",
    "user_image": "user",
    "shop": "shop",
    "shop_image": "shop",
    "pattern": "pattern",
    "instance": "instance",
    "force": "force",
    "output": "output",
}
# What a cell of the column force may hold; an empty one takes the option.
FORCE = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
OUTPUTS = (".png", ".webp", ".jpg", ".jpeg")
# Reasons why a row, or a file of a folder, is not a pair.
FAULTS = ("bad_row", "bad_output", "doubled_output", "not_a_picture", "folder")
MAX_BYTES = 1 << 26  # of a CSV
MAX_PAIRS = 1_000_000  # about 300 MB of names
MAX_NAME_BYTES = 200  # of an output's name; file systems take 255
_FORBIDDEN = '/\\:*?"<>|'  # in file names on some system


class Fault(NamedTuple):
    """Why a row is not a pair: a name for programs, a line for people.

    Attributes:
        reason: one of `FAULTS`.
        message: what is wrong, and what to do.
        status: "failed", or "skipped" where nobody asked for a pair.
    """

    reason: str
    message: str
    status: str = "failed"


class Pair(NamedTuple):
    """One user's photo with one shop picture.

    Attributes:
        key: names the pair within its batch: the output's file name, "line 7" of a row
            that cannot be used, or "skipped user: notes.txt" of a file that is none.
        user: path of I2.
        shop: path of I1.
        pattern: name of a trained pattern; None takes the universal generator.
        instance: index of the detection in the user's photo; None takes the largest.
        force: go on after refusals that may be overruled.
        fault: why the row cannot be used; None when it can.
    """

    key: str
    user: str
    shop: str
    pattern: str | None = None
    instance: int | None = None
    force: bool = False
    fault: Fault | None = None


# What options say of pairs whose row says nothing: its pattern, instance and force.
DEFAULTS = Pair("", "", "")


def read_pairs(path: Path, defaults: Pair = DEFAULTS) -> list[Pair]:
    """Read a CSV of pairs.

    Its columns are user and shop, and pattern, instance, force and output if wanted.

    Args:
        path: UTF-8, with a header; paths of pictures start from its folder.
        defaults: pattern, instance and force of rows that name none.

    Raises:
        TryOnError: the file cannot be read, a column is missing or unknown, or a quote
            is not closed; the message names the line.
    """
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    rows = _lines(reader, path)
    _, header = next(rows, (1, []))
    columns = _columns(header, path)
    pairs = (_row_pair(line, row, columns, path.parent, defaults) for line, row in rows)
    return _checked(pairs, path)


def cross_pairs(users: Path, shops: Path, defaults: Pair = DEFAULTS) -> list[Pair]:
    """Pair every picture of one folder with every picture of another, sorted by name.

    Files that are no pictures follow, each as a pair with a fault; hidden ones are left
    out.

    Args:
        users: photos of people.
        shops: shop pictures.
        defaults: pattern, instance and force of all pairs.

    Raises:
        TryOnError: a folder cannot be read or holds no picture.
    """
    user_list, shop_list = _listed(users), _listed(shops)
    skipped = [*_skipped(user_list, "user"), *_skipped(shop_list, "shop")]
    if len(user_list.pictures) * len(shop_list.pictures) > MAX_PAIRS:
        raise _too_many(users)
    pairs = (
        defaults._replace(key=output_name(user, shop), user=user, shop=shop)
        for user in map(str, user_list.pictures)
        for shop in map(str, shop_list.pictures)
    )
    return _checked(itertools.chain(pairs, skipped), users)


def output_name(user: str, shop: str) -> str:
    """Return `<user>__<shop>.png`, as a name that every file system accepts.

    Characters that some system refuses become `_`; a long name is cut and ends in eight
    digits of its hash, so that it stays unique.

    Example:
        >>> output_name("photos/me.jpg", "shop/tee: red.jpg")
        'me__tee_ red.png'
    """
    stems = f"{Path(user).stem}__{Path(shop).stem}"
    safe = "".join(
        c if c.isprintable() and c not in _FORBIDDEN and not "\ud800" <= c <= "\udfff"
        else "_"
        for c in stems
    )  # fmt: skip
    if len(safe.encode()) > MAX_NAME_BYTES - 4:
        mark = hashlib.sha256(stems.encode(errors="surrogatepass")).hexdigest()[:8]
        cut = safe.encode()[: MAX_NAME_BYTES - 14].decode(errors="ignore")
        safe = f"{cut}--{mark}"
    return f"{safe}.png"


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TryOnError(f"{printable(path)}: cannot be read ({reason})") from error
    if len(data) > MAX_BYTES:
        raise _too_many(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TryOnError(
            f"{printable(path)}: is not text in UTF-8; save it as 'CSV UTF-8'"
        ) from error


def _too_many(path: Path) -> TryOnError:
    return TryOnError(
        f"{printable(path)}: more than {MAX_PAIRS:,} pairs, or {MAX_BYTES >> 20} MiB of "
        "them; split it into several batches"
    )


def _lines(reader: Iterator[list[str]], path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of each row that holds any."""
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells  # type: ignore[attr-defined]
    except csv.Error as error:
        line = reader.line_num  # type: ignore[attr-defined]
        raise TryOnError(
            f"{printable(path)}: line {line} is not CSV ({error})"
        ) from error


def _columns(header: list[str], path: Path) -> list[str]:
    """Return what each column holds."""
    names = [cell.lower() for cell in header]
    columns = [COLUMNS.get(name, "") for name in names]
    for name, column in zip(names, columns, strict=True):
        if not column:
            near = difflib.get_close_matches(name, COLUMNS, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TryOnError(
                f"{printable(path)}: unknown column {name[:40]!r}, expected user, shop, "
                f"pattern, instance, force, output, separated by commas{hint}"
            )
    missing = [name for name in ("user", "shop") if name not in columns]
    if missing:
        raise TryOnError(
            f"{printable(path)}: the column {missing[0]!r} is missing; its first line "
            "should read user,shop"
        )
    if len(set(columns)) < len(columns):
        raise TryOnError(f"{printable(path)}: a column appears twice; remove one")
    return columns


def _row_pair(
    line: int, row: list[str], columns: list[str], folder: Path, defaults: Pair
) -> Pair:
    cells = dict(zip(columns, row, strict=False))
    user, shop = (_located(folder, cells.get(name, "")) for name in ("user", "shop"))
    output = cells.get("output") or output_name(user, shop)
    fault = _row_fault(cells, row, columns) or _output_fault(output)
    if fault:
        return defaults._replace(key=f"line {line}", user=user, shop=shop, fault=fault)
    return Pair(
        output,
        user,
        shop,
        cells.get("pattern") or defaults.pattern,
        int(cells["instance"]) if cells.get("instance") else defaults.instance,
        FORCE.get(cells.get("force", "").lower(), defaults.force),
    )


def _located(folder: Path, cell: str) -> str:
    return str(folder / cell) if cell else ""


def _row_fault(
    cells: Mapping[str, str], row: list[str], columns: list[str]
) -> Fault | None:
    if len(row) > len(columns):
        message = (
            f"expected {len(columns)} cells, got {len(row)}; quote names with commas"
        )
        return Fault("bad_row", message)
    for name in ("user", "shop"):
        if not cells.get(name):
            return Fault("bad_row", f"the cell {name!r} is empty; name a picture")
        if is_address(cells[name]):
            return Fault("bad_row", f"the cell {name!r}: {ADDRESS}")
    instance, force = cells.get("instance", ""), cells.get("force", "")
    if instance and not re.fullmatch("[0-9]{1,4}", instance):
        message = f"expected a number from 0 in 'instance', got {instance[:40]!r}"
        return Fault("bad_row", message)
    if force and force.lower() not in FORCE:
        return Fault("bad_row", f"expected yes or no in 'force', got {force[:40]!r}")
    return None


def _output_fault(output: str) -> Fault | None:
    fine = (
        output.isprintable()
        and not output.startswith(".")
        and not set(output) & set(_FORBIDDEN)
        and Path(output).suffix.lower() in OUTPUTS
        and len(output.encode()) <= MAX_NAME_BYTES
    )
    if fine:
        return None
    message = f"expected a file name in {', '.join(OUTPUTS)}, got {output[:80]!r}"
    return Fault("bad_output", message)


def _checked(pairs: Iterable[Pair], path: Path) -> list[Pair]:
    """Give a pair a fault whose output an earlier one writes, on any file system."""
    checked: list[Pair] = []
    seen: set[str] = set()
    for number, pair in enumerate(pairs, 1):
        if number > MAX_PAIRS:
            raise _too_many(path)
        name = unicodedata.normalize("NFC", pair.key).casefold()
        if name in seen and not pair.fault:
            message = f"{pair.key} is written by an earlier pair; give it another output"
            pair = pair._replace(
                key=f"pair {number}", fault=Fault("doubled_output", message)
            )
        seen.add(name)
        checked.append(pair)
    if not checked:
        raise TryOnError(f"{printable(path)}: holds no pairs; add a row for each")
    return checked


def _listed(folder: Path) -> Listing:
    """List a folder's pictures, recognised by their endings, and its other files."""
    try:
        listing = list_pictures(folder)
    except OSError as error:
        raise TryOnError(
            f"{printable(folder)}: cannot be read ({error.strerror}); name a folder"
        ) from error
    if not listing.pictures:
        raise TryOnError(f"{printable(folder)}: holds no picture ({', '.join(ENDINGS)})")
    if len(listing.pictures) + len(listing.others) > MAX_PAIRS:
        raise _too_many(folder)
    return listing


def _skipped(listing: Listing, role: str) -> Iterator[Pair]:
    """Yield a pair with a fault for each file of a folder that is no picture."""
    for path in listing.others:
        key = f"skipped {role}: {path.name}"
        user, shop = (str(path) if role == r else "" for r in ("user", "shop"))
        yield Pair(key, user, shop, fault=_not_a_picture(path))


def _not_a_picture(path: Path) -> Fault:
    if path.is_dir():
        message = "its pictures are not taken; make a batch of this folder too"
        return Fault("folder", f"{printable(path)}: {message}", "skipped")
    message = f"expected a name in {', '.join(ENDINGS)}; save it as JPEG or PNG"
    return Fault("not_a_picture", f"{printable(path)}: {message}", "skipped")
