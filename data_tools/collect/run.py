"""Pictures from the web into a folder, with a file that says where each comes from."""

import hashlib
import io
import json
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from data_tools.annotations import FILE_ERRORS, BadFile, DataError
from data_tools.collect.fetch import Fetched, Fetcher
from data_tools.collect.web_requests import FetchError
from data_tools.files import to_json, whole_file

PROVENANCE = "provenance.jsonl"
_ENDINGS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
}
_SHOWN = 300  # letters of a URL
_MAX_PIXELS = 89_478_485  # Pillow's own bound


@dataclass(frozen=True)
class Found:
    """Where a picture is said to be.

    Attributes:
        url: its own.
        page: that named it; "" where the user did.
    """

    url: str
    page: str = ""


@dataclass(frozen=True)
class Collected:
    """What became of a URL: "new", "copy" (of a picture that is there) or "known"."""

    url: str
    outcome: str


@dataclass(frozen=True)
class Row:
    """A line of the provenance file: one URL that was fetched.

    Attributes:
        url: as it was asked for.
        final_url: after redirects.
        page: that named it; "" where the user did.
        file: name of the picture in the folder.
        sha256: of its bytes.
        bytes: how many.
        width: pixels.
        height: pixels.
        content_type: as the server has it.
        fetched: when, UTC.
        licence: the user's note.
    """

    url: str
    final_url: str
    page: str
    file: str
    sha256: str
    bytes: int
    width: int
    height: int
    content_type: str
    fetched: str
    licence: str


class Collection:
    """A folder of pictures under the SHA-256 of their bytes, with its provenance file.

    Args:
        folder: it is made; pictures that are there and have a row stay and are known.
        min_side: of a picture, the shorter one, pixels.
        licence: a note that goes into every row.
    """

    def __init__(self, folder: Path, min_side: int = 0, licence: str = ""):
        self._folder, self._min_side, self._licence = folder, min_side, licence
        folder.mkdir(parents=True, exist_ok=True)
        self._known = set(_read_known(folder))

    def collect(
        self, found: Iterable[Found | BadFile], fetcher: Fetcher
    ) -> Iterator[Collected | BadFile]:
        """Fetch pictures, one after the other.

        Yields:
            What became of each, or why it is not there.

        Raises:
            OSError: when the disk says no.
        """
        for each in found:
            if isinstance(each, BadFile):
                yield each
            elif each.url in self._known:
                yield Collected(each.url, "known")
            else:
                try:
                    fetched = fetcher.fetch(each.url)
                    yield self._keep(each, fetched)
                except (FetchError, DataError) as error:
                    name = each.url if each.url.isprintable() else ascii(each.url)
                    yield BadFile.of(name[:_SHOWN], DataError(str(error)))

    def _keep(self, found: Found, fetched: Fetched) -> Collected:
        """Write a picture, then its row.

        Raises:
            DataError: when it is no picture, or too small.
        """
        kind, width, height = check_picture(fetched.data)
        if min(width, height) < self._min_side:
            raise DataError(f"it is too small: {width}x{height} pixels")
        digest = hashlib.sha256(fetched.data).hexdigest()
        path = self._folder / f"{digest}{_ENDINGS[kind]}"
        outcome = "copy" if path.exists() else "new"
        if outcome == "new":
            with whole_file(path) as file:
                file.write(fetched.data)
        row = Row(
            found.url, fetched.url, found.page, path.name, digest, len(fetched.data),
            width, height, fetched.content_type,
            datetime.now(UTC).isoformat(timespec="seconds"), self._licence,
        )  # fmt: skip
        _append(self._folder / PROVENANCE, to_json(asdict(row)))
        self._known.add(found.url)
        return Collected(found.url, outcome)


def _append(path: Path, line: bytes) -> None:
    """Add a line that survives a power cut; a half one before it stays alone."""
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read() == b"\n" else b"\n" + line
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _read_known(folder: Path) -> Iterator[str]:
    """Yield the URLs whose pictures are there; a half line is passed over."""
    path = folder / PROVENANCE
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            with suppress(*FILE_ERRORS):
                row: dict[str, Any] = json.loads(line)
                if (folder / Path(row["file"]).name).is_file():
                    yield str(row["url"])


def check_picture(data: bytes) -> tuple[str, int, int]:
    """Return format, width and height of a picture that can be read to its end.

    Raises:
        DataError: when it is none, is cut off, or claims too many pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=tuple(_ENDINGS)) as picture:
                if picture.width * picture.height > _MAX_PIXELS:
                    raise DataError(f"it claims {picture.width}x{picture.height} pixels")
                picture.load()
                # MPO is a JPEG with a second picture behind it, as phones write.
                kind = "JPEG" if picture.format == "MPO" else str(picture.format)
                return kind, picture.width, picture.height
    except DataError:
        raise
    except Image.UnidentifiedImageError as error:
        raise DataError("it is no picture") from error
    except (*FILE_ERRORS, SyntaxError, EOFError, MemoryError) as error:
        raise DataError(f"it is a damaged picture ({error})") from error
