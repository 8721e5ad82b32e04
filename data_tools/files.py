"""Files in and out: hostile JSON in, whole files and folders out."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from data_tools.annotations import DataError

_IMAGE_FOLDERS = ("", "images", "image", "../images", "../image")
_MAX_JSON = 1 << 28  # bytes, of one image's annotation


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, UTF-8 with or without a byte order mark.

    Raises:
        DataError: when the file holds none; the message does not name the file.
        OSError: when it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(_MAX_JSON + 1)
    if len(data) > _MAX_JSON:
        raise DataError(f"expected at most {_MAX_JSON >> 20} MiB")
    try:
        values = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected JSON in UTF-8 ({error})") from error
    if not isinstance(values, dict):
        raise DataError(f"expected a JSON object, got {type(values).__name__}")
    return values


def to_json(values: Any) -> bytes:
    """Return JSON in UTF-8 on one line, in the letters it is made of.

    Raises:
        DataError: when it is nested too deeply.
    """
    try:
        text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can write
        return json.dumps(values, separators=(",", ":")).encode()
    except RecursionError as error:
        raise DataError("expected JSON that is nested less deeply") from error


def safe_path(name: str) -> PurePosixPath:
    """Return the relative path that an annotation names.

    Raises:
        DataError: when it leads elsewhere, or is none.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name or not path.name:
        raise DataError(f"expected a file's name without .. or root, got {name!r}")
    if not name.isprintable():
        raise DataError(f"expected a printable file name, got {name!r}")
    return path


def find_photo(folder: Path, name: str) -> Path:
    """Return the path of a photo that an annotation in a folder names.

    It lies beside the annotation, or in a folder of images; where it is not there, the
    path beside the annotation is returned.

    Raises:
        DataError: when the name leads elsewhere.
    """
    path = safe_path(name)
    places = [folder / part / path for part in _IMAGE_FOLDERS]
    return next((place for place in places if place.is_file()), places[0])


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name when the block ends well, or not at all."""
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
    """Give a new folder that appears under its name when the block ends well.

    Raises:
        FileExistsError: when there is already something under that name.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{path} is there already; choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=".tryon-"))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            path.rmdir()  # it is empty; Windows renames onto nothing else
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
