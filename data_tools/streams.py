"""Read and write large JSON files in bounded memory."""

import json
import shutil
import sqlite3
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import ijson

from data_tools.annotations import DataError
from data_tools.encodings import EncodingError, encoding_notes, file_encoding, open_utf8
from data_tools.files import to_json, whole_file

# Limits of the members that are read into memory at once.
_MAX_HEADER = 1 << 26  # JSON events and characters
_MAX_DEPTH = 200  # nesting levels
_INSIDE = ("map_key", "end_map", "end_array")  # events that begin no element
_COPY_CHUNK = 1 << 20  # bytes


def read_top(path: Path, counted: Iterable[str]) -> dict[str, Any]:
    """Read the members of a JSON object, of long ones only the number of elements.

    Args:
        path: a JSON file whose top level is an object.
        counted: names of arrays and objects that are counted, not read into memory.

    Raises:
        DataError: when it is not such a file.
        OSError: when it cannot be read.
    """
    skipped, budget = set(counted), _MAX_HEADER
    top: dict[str, Any] = {}
    builder, name = ijson.ObjectBuilder(), ""
    with _reading(path) as file:
        for prefix, event, value in ijson.parse(file, use_float=True):
            if not prefix and event == "start_array":
                raise DataError(f"{path}: expected a JSON object, got a list")
            if not prefix and event == "map_key":
                name, builder = value, ijson.ObjectBuilder()
                top[name] = 0 if name in skipped else None
                continue
            if name in skipped:
                top[name] += prefix == f"{name}.item" and event not in _INSIDE
                top[name] += prefix == name and event == "map_key"
                continue
            if not prefix:
                continue
            budget -= 1 + (len(value) if isinstance(value, str) else 0)
            if budget < 0:
                raise DataError(f"{path}: too large beside {sorted(skipped)}")
            if prefix.count(".") > _MAX_DEPTH:
                raise DataError(f"{path}: expected {name!r} to be nested less deeply")
            builder.event(event, value)
            top[name] = builder.value
    return top


def top_names(path: Path) -> Iterator[str]:
    """Yield the names of the top level's members in the file's order.

    Raises:
        DataError: when the file is not a JSON object.
        OSError: when it cannot be read.
    """
    with _reading(path) as file:
        for prefix, event, value in ijson.parse(file, use_float=True):
            if not prefix and event == "map_key":
                yield value
            elif not prefix and event not in ("start_map", "end_map"):
                raise DataError(f"{path}: expected a JSON object, got {event}")


def member_names(path: Path) -> Iterator[str]:
    """Yield the keys of the objects on the second level of a JSON object.

    Raises:
        DataError: when the file is not JSON.
        OSError: when it cannot be read.
    """
    depth = 0
    with _reading(path) as file:
        for event, value in ijson.basic_parse(file, use_float=True):
            depth += event in ("start_map", "start_array")
            depth -= event in ("end_map", "end_array")
            if depth == 2 and event == "map_key":
                yield value


def file_notes(path: Path) -> tuple[str, ...]:
    """Return what the user should know of a file: that it is not in UTF-8."""
    return tuple(f"{path}: {note}" for note in encoding_notes(file_encoding(path)))


def read_array(path: Path, name: str) -> Iterator[Any]:
    """Yield the elements of an array on the top level.

    Raises:
        DataError: when the file is not JSON.
        OSError: when it cannot be read.
    """
    with _reading(path) as file:
        yield from ijson.items(file, f"{name}.item", use_float=True)


def read_members(path: Path, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield name and value of each member of an object; name "" is the top level.

    Raises:
        DataError: when the file is not JSON.
        OSError: when it cannot be read.
    """
    with _reading(path) as file:
        yield from ijson.kvitems(file, name, use_float=True)


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    try:
        with open_utf8(path) as file:
            yield file
    except (ijson.JSONError, UnicodeDecodeError, EncodingError) as error:
        raise DataError(f"{path}: expected JSON in UTF-8 ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """Return the first line of an error: more are bytes of the file."""
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
    return (text.splitlines() or [""])[0].strip(" .")


class DiskStore:
    """JSON values in a temporary database on disk, several by key, in insertion order.

    Example:
        with DiskStore() as store:
            store.put(7, {"a": 1})
            store.take(7)  # [{"a": 1}]
    """

    def __enter__(self) -> "DiskStore":
        self._folder = tempfile.TemporaryDirectory(prefix="tryon-")
        self._base = sqlite3.connect(
            Path(self._folder.name, "store.db"), isolation_level=None
        )
        self._base.execute("PRAGMA journal_mode=OFF")
        self._base.execute("PRAGMA synchronous=OFF")
        self._base.execute("CREATE TABLE store (key TEXT, value TEXT)")
        self._base.execute("CREATE INDEX keys ON store (key)")
        self._base.execute("BEGIN")
        return self

    def __exit__(self, *error: object) -> None:
        self._base.close()
        self._folder.cleanup()

    def put(self, key: Any, value: Any) -> None:
        """Add a value to those of a key; both are JSON."""
        row = json.dumps(key), json.dumps(value)
        self._base.execute("INSERT INTO store VALUES (?, ?)", row)

    def take(self, key: Any) -> list[Any]:
        """Return the values of a key, and remove them."""
        where = (json.dumps(key),)
        found = self._base.execute(
            "SELECT value FROM store WHERE key = ? ORDER BY rowid", where
        ).fetchall()
        self._base.execute("DELETE FROM store WHERE key = ?", where)
        return [json.loads(value) for (value,) in found]

    def take_first(self, key: Any) -> Any | None:
        """Return the first value of a key, and remove it; None where there is none."""
        row = self._base.execute(
            "SELECT rowid, value FROM store WHERE key = ? ORDER BY rowid LIMIT 1",
            (json.dumps(key),),
        ).fetchone()
        if row is None:
            return None
        self._base.execute("DELETE FROM store WHERE rowid = ?", row[:1])
        return json.loads(row[1])

    def remaining(self) -> Iterator[tuple[Any, Any]]:
        """Yield the keys and values that were not taken."""
        for key, value in self._base.execute("SELECT key, value FROM store"):
            yield json.loads(key), json.loads(value)


class StreamedPart:
    """An array or object of a JSON file, written element by element."""

    def __init__(self, file: IO[bytes], brackets: str):
        self._file, self._brackets, self._count = file, brackets, 0
        self._keys, self._ends = array("q"), array("q")  # of elements with a key
        self._by_key = True

    def append(self, value: Any, key: int | None = None) -> None:
        """Add an element to an array.

        Args:
            value: JSON.
            key: of 64 bits; elements that all have one are written in its order.
        """
        self._write(to_json(value))
        if key is not None:
            self._keys.append(key)
            self._ends.append(self._file.tell())

    def keep_order(self) -> None:
        """Write the elements in the order in which they were added."""
        self._by_key = False

    def insert(self, name: str, value: Any) -> None:
        """Add a member to an object."""
        self._write(to_json(name) + b":" + to_json(value))

    def _write(self, data: bytes) -> None:
        self._file.write(b",\n" if self._count else b"\n")
        self._file.write(data)
        self._count += 1

    def copy_to(self, file: IO[bytes]) -> None:
        """Write the whole part, with its brackets."""
        file.write(self._brackets[0].encode())
        if self._by_key and len(self._keys) == self._count:
            self._copy_sorted(file)
        else:
            self._file.seek(0)
            shutil.copyfileobj(self._file, file, _COPY_CHUNK)
        file.write(self._brackets[1].encode())

    def _copy_sorted(self, file: IO[bytes]) -> None:
        for index, i in enumerate(sorted(range(self._count), key=self._keys.__getitem__)):
            start = self._ends[i - 1] if i else 0
            self._file.seek(start)
            element = self._file.read(self._ends[i] - start)
            file.write(b",\n" if index else b"\n")
            file.write(element[2 if i else 1 :])  # without its own separator


@contextmanager
def write_document(
    path: Path, streamed: Mapping[str, str], rest: dict[str, Any], bare: bool = False
) -> Iterator[dict[str, StreamedPart]]:
    """Write a JSON object whose long members are streamed.

    They are collected in temporary files until the block ends.

    Args:
        path: the file; it appears when the block ends without an error.
        streamed: brackets, "[]" or "{}", of the long members by name.
        rest: the other members; read when the block ends, so it may be filled until then.
            A streamed member is written where `rest` has its name, else at the end.
        bare: write the only streamed member as the whole document.

    Yields:
        The streamed members by name.
    """
    with whole_file(path) as file, ExitStack() as stack:
        parts = {
            name: StreamedPart(stack.enter_context(_scratch(path.parent)), brackets)
            for name, brackets in streamed.items()
        }
        yield parts
        if bare:
            next(iter(parts.values())).copy_to(file)
        else:
            _write_members(file, parts, rest)


def _scratch(folder: Path) -> AbstractContextManager[IO[bytes]]:
    return tempfile.TemporaryFile(dir=folder, prefix=".tryon-")


def _write_members(
    file: IO[bytes], parts: Mapping[str, StreamedPart], rest: Mapping[str, Any]
) -> None:
    names = [*rest, *(name for name in parts if name not in rest)]
    for index, name in enumerate(names):
        file.write(b",\n" if index else b"{")
        file.write(to_json(name) + b":")
        if name in parts:
            parts[name].copy_to(file)
        else:
            file.write(to_json(rest[name]))
    file.write(b"}\n")
