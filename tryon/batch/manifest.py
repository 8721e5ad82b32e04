"""The manifest of a batch: JSON lines that survive a crash at any moment.

A row is appended and synced when its result is on the disk under its final name. An
unfinished last line of a killed run is cut off by the next run. Of a pair that was done
again the later row counts; `settle` drops the earlier one when a batch is finished.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

from tryon.errors import TryOnError
from tryon.files import printable, sync_folder, write_whole

Row = Mapping[str, Any]
STATUSES = ("done", "refused", "failed", "kept", "skipped")
FAILURES = ("refused", "failed")
MAX_ROW = 1 << 20  # bytes


class Entry(NamedTuple):
    """Where a row lies in the file, and its pair's status."""

    offset: int
    length: int
    status: str
    reason: str | None


class Manifest:
    """The rows of a batch on disk.

    Args:
        path: of the file; it is created if missing.

    Raises:
        TryOnError: the file cannot be opened, or is not a manifest.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with Manifest(Path(folder) / "manifest.jsonl") as manifest:
        ...         manifest.append({"pair": "a__b.png", "status": "failed"})
        ...         list(manifest.rows())
        [{'reason': None, 'pair': 'a__b.png', 'status': 'failed'}]
    """

    def __init__(self, path: Path):
        self.path = path
        self._open()

    def __enter__(self) -> "Manifest":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.entries)

    def _open(self) -> None:
        self.entries: dict[str, Entry] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: Python would retry later what a full disk refused.
            self._file: IO[bytes] = self.path.open("ab+", buffering=0)
            sync_folder(self.path.parent)
        except OSError as error:
            raise self._problem(error) from error
        try:
            for offset, length, row in self._scan():
                self._note(row, offset, length)
        except BaseException:
            self._file.close()
            raise

    def append(self, row: Row) -> None:
        """Add a row; it is on the disk when this returns, or not in the file at all.

        Raises:
            TryOnError: the row cannot be written.
        """
        data = format_row(row).encode()
        offset = self._file.seek(0, os.SEEK_END)
        try:
            _write_all(self._file, data)
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(offset)
            raise self._problem(error) from error
        self._note(row, offset, len(data))

    def rows(self) -> Iterator[Row]:
        """Yield the latest row of each pair, in the order of the file."""
        for entry in sorted(self.entries.values()):
            yield _parse(self._bytes(entry))

    def settle(self, keys: Iterable[str]) -> None:
        """Sort the rows by `keys`; superseded rows and those of other keys are dropped.

        Raises:
            TryOnError: the file cannot be written; it stays as it was.
        """
        entries = [self.entries[key] for key in keys if key in self.entries]
        in_order = all(a.offset + a.length == b.offset for a, b in _consecutive(entries))
        size = sum(entry.length for entry in entries)
        if in_order and size == self._file.seek(0, os.SEEK_END):
            return

        def write(file: IO[bytes]) -> None:
            for entry in entries:
                file.write(self._bytes(entry))

        write_whole(self.path, write, durable=True)
        self._file.close()
        self._open()

    def _scan(self) -> Iterator[tuple[int, int, Row]]:
        """Yield offset, length and content of each row; drop an unfinished last one."""
        with self.path.open("rb") as file:
            offset, number = 0, 0
            while line := file.readline(MAX_ROW + 1):
                number += 1
                if len(line) > MAX_ROW:
                    raise self._not_a_row(number)
                if not line.endswith(b"\n"):  # the writer was killed while writing it
                    self._file.truncate(offset)
                    return
                try:
                    row = _parse(line)
                except ValueError as error:
                    raise self._not_a_row(number) from error
                yield offset, len(line), row
                offset += len(line)

    def _note(self, row: Row, offset: int, length: int) -> None:
        reason = row.get("reason")
        self.entries[row["pair"]] = Entry(offset, length, row["status"], reason)

    def _bytes(self, entry: Entry) -> bytes:
        self._file.seek(entry.offset)
        return self._file.read(entry.length)

    def _problem(self, error: OSError) -> TryOnError:
        return TryOnError(
            f"{printable(self.path)}: cannot be written ({error.strerror}); make "
            "room, or choose another folder, and run the same command again"
        )

    def _not_a_row(self, number: int) -> TryOnError:
        return TryOnError(
            f"{printable(self.path)}: line {number} is not a row of a batch; "
            "correct it, or start again with --restart"
        )


def format_row(row: Row) -> str:
    """Return a row's line, in ASCII, so that names that are not UTF-8 survive."""
    return json.dumps(row) + "\n"


def _parse(line: bytes) -> Row:
    """Return a row's content.

    Raises:
        ValueError: it is not a row.
    """
    try:
        row = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(row, dict) or not isinstance(row.get("pair"), str):
        raise ValueError("expected an object that names its pair")
    if row.get("status") not in STATUSES:
        raise ValueError(f"expected a status among {STATUSES}")
    if not isinstance(row.get("reason"), str | None):
        raise ValueError("expected a reason that is text or null")
    output = row.get("output")
    if row["status"] == "done" and not (
        isinstance(output, dict) and isinstance(output.get("bytes"), int)
    ):
        raise ValueError("expected the size of a result")
    return {"reason": None, **row}


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _consecutive(entries: list[Entry]) -> Iterable[tuple[Entry, Entry]]:
    return zip(entries, entries[1:], strict=False)
