"""Recognize the encoding of a text: UTF-8, UTF-16, or CP949 of Korean Windows."""

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from data_tools.annotations import DataError, Note


class EncodingError(DataError):
    """A text is in none of the encodings that are recognized."""


UTF_8 = "utf-8-sig"  # with or without a byte order mark
_NAMES = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
_NAMES |= {"cp949": "CP949"}
_CHUNK = 1 << 20  # bytes
_HANGUL = ("가", "힣")  # the first and the last syllable


def encoding_of(file: IO[bytes]) -> str:
    """Return the encoding of a text, for `codecs`; reads the file to its end.

    Raises:
        EncodingError: when it is none of those that are recognized.
    """
    start = file.read(4)
    file.seek(0)
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    # Without a mark: the first two characters of JSON and YAML are ASCII.
    for encoding, zeros, others in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        if start[zeros::2] == b"\0\0" and all(start[others::2]):
            return encoding
    if _decodes(file, "utf-8", None):
        return UTF_8
    file.seek(0)
    # Nearly all bytes decode as CP949: Korean syllables tell that it is meant.
    if _decodes(file, "cp949", _HANGUL):
        return "cp949"
    raise EncodingError("its bytes are neither UTF-8 nor UTF-16 nor CP949")


def file_encoding(path: Path) -> str:
    """Return the encoding of a text file, see `encoding_of`."""
    state = path.stat()
    return _known_encoding(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)  # a reader opens its file several times
def _known_encoding(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return encoding_of(file)


def _decodes(file: IO[bytes], encoding: str, needed: tuple[str, str] | None) -> bool:
    """Say whether a file can be decoded, and has a character of a range."""
    decoder, found = codecs.getincrementaldecoder(encoding)(), needed is None
    try:
        while data := file.read(_CHUNK):
            text = decoder.decode(data)
            if needed is not None:
                found = found or any(needed[0] <= one <= needed[1] for one in text)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return found


def decode_text(data: bytes) -> tuple[str, tuple[Note, ...]]:
    """Return a text, and a note where it is not in UTF-8.

    Raises:
        EncodingError: when its encoding is not recognized.
    """
    encoding = UTF_8
    try:
        if 0 not in data[:4]:  # else UTF-16
            with suppress(UnicodeDecodeError):
                return data.decode(UTF_8), ()
        encoding = encoding_of(io.BytesIO(data))
        return data.decode(encoding), encoding_notes(encoding)
    except UnicodeDecodeError as error:
        raise EncodingError(f"it begins as {_NAMES[encoding]}, but is not") from error


def encoding_notes(encoding: str) -> tuple[Note, ...]:
    """Return a note on a text that is not in UTF-8."""
    return () if encoding == UTF_8 else (Note(f"read as {_NAMES[encoding]}"),)


class _Recoded:
    """A file that is read as UTF-8; it has `read` alone, or ijson takes `readinto`."""

    def __init__(self, file: IO[bytes], encoding: str):
        self._file = codecs.EncodedFile(file, "utf-8", encoding)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


@contextmanager
def open_utf8(path: Path) -> Iterator[Any]:
    """Open a text file of any size as bytes in UTF-8, without a byte order mark.

    Raises:
        EncodingError: when its encoding is not recognized.
        OSError: when it cannot be read.
    """
    encoding = file_encoding(path)
    with path.open("rb") as file:
        if encoding != UTF_8:
            yield _Recoded(file, encoding)
            return
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        yield file
