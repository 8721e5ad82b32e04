"""Read hostile JSON within limits; write files and folders atomically."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from data_tools.annotations import DataError, Note
from data_tools.encodings import decode_text

# Where photos are searched, relative to the folder of the annotations.
_IMAGE_FOLDERS = ("", "images", "image", "../images", "../image")
_MAX_JSON = 1 << 28  # bytes, of one image's annotation


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, see `read_noted_json`."""
    return read_noted_json(path)[0]


def read_noted_json(path: Path) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """Read a JSON object, and return a note where it is not in UTF-8.

    Raises:
        DataError: when the file holds none; the message does not name the file.
        OSError: when it cannot be read.
    """
    data = read_limited(path, _MAX_JSON)
    try:
        text, notes = decode_text(data)
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected JSON in UTF-8 ({error})") from error
    if not isinstance(values, dict):
        raise DataError(f"expected a JSON object, got {type(values).__name__}")
    return values, notes


def read_limited(path: Path, limit: int) -> bytes:
    """Read a file.

    Raises:
        DataError: when it has more than `limit` bytes.
        OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise DataError(f"expected at most {limit >> 20} MiB")
    return data


def to_json(values: Any) -> bytes:
    """Return JSON in UTF-8 on one line, without escapes for letters.

    Raises:
        DataError: when it is nested too deeply.
    """
    try:
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which needs an escape
        return json.dumps(values, separators=(",", ":")).encode()
    except RecursionError as error:
        raise DataError("expected JSON that is nested less deeply") from error


def posix_name(name: Any) -> Any:
    """Return a file's name with slashes for Windows' backslashes."""
    return name.replace("\\", "/") if isinstance(name, str) else name


def safe_path(name: str) -> PurePosixPath:
    """Return the relative path of a file that an annotation names.

    Raises:
        DataError: when it is absolute, contains "..", or is not a file's name.
    """
    path = PurePosixPath(posix_name(name))
    if path.is_absolute() or ".." in path.parts or ":" in name or not path.name:
        raise DataError(f"expected a file's name without .. or root, got {name!r}")
    if not name.isprintable():
        raise DataError(f"expected a printable file name, got {name!r}")
    return path


def find_photo(folder: Path, name: str) -> Path:
    """Find the photo that an annotation in a folder names.

    It is searched beside the annotation and in `images` or `image`, there or one level
    up; when it is in none of them, the path beside the annotation is returned.

    Raises:
        DataError: when the name leads out of the folder.
    """
    path = safe_path(name)
    candidates = [folder / part / path for part in _IMAGE_FOLDERS]
    return next((path for path in candidates if path.is_file()), candidates[0])


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name when the block ends without an error."""
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=".tryon-", delete=False
    ) as file:
        temporary = Path(file.name)
        try:
            yield file
            file.close()
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Open a folder that appears under its name when the block ends without an error.

    Raises:
        FileExistsError: when a file or a folder that is not empty has that name.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{path} exists; choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=".tryon-"))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            path.rmdir()  # empty; Windows cannot rename onto a folder
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
