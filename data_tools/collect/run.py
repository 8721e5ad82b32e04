"""Download pictures into a folder, with a file that records where each comes from."""

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
_MAX_SHOWN = 300  # characters of a URL in a message
_MAX_PIXELS = 89_478_485  # Pillow's own limit


@dataclass(frozen=True)
class PictureLink:
    """The URL of a picture.

    Attributes:
        url: of the picture.
        page: the page that links to it; "" where the user gave the URL.
    """

    url: str
    page: str = ""


@dataclass(frozen=True)
class Collected:
    """Outcome of a URL: "new", "copy" (of a picture in the folder) or "known"."""

    url: str
    outcome: str


@dataclass(frozen=True)
class ProvenanceRow:
    """A line of the provenance file: one URL that was fetched.

    Attributes:
        url: as requested.
        final_url: after redirects.
        page: the page that links to it; "" where the user gave the URL.
        file: name of the picture in the folder.
        sha256: of its bytes.
        bytes: size of the file.
        width: pixels.
        height: pixels.
        content_type: as the server declares it.
        fetched: time in UTC, ISO 8601.
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
    """A folder of pictures named by their SHA-256, with its provenance file.

    Args:
        folder: created if needed; pictures in it that have a row are not fetched again.
        min_side: minimum of a picture's shorter side, pixels.
        licence: a note for every row.
    """

    def __init__(self, folder: Path, min_side: int = 0, licence: str = ""):
        self._folder, self._min_side, self._licence = folder, min_side, licence
        folder.mkdir(parents=True, exist_ok=True)
        self._known = set(_read_known(folder))

    def collect(
        self, links: Iterable[PictureLink | BadFile], fetcher: Fetcher
    ) -> Iterator[Collected | BadFile]:
        """Fetch pictures, one after the other.

        Yields:
            The outcome of each, or why it failed.

        Raises:
            OSError: when the folder cannot be written.
        """
        for link in links:
            if isinstance(link, BadFile):
                yield link
            elif link.url in self._known:
                yield Collected(link.url, "known")
            else:
                try:
                    fetched = fetcher.fetch(link.url)
                    yield self._store(link, fetched)
                except (FetchError, DataError) as error:
                    name = link.url if link.url.isprintable() else ascii(link.url)
                    yield BadFile.of(name[:_MAX_SHOWN], DataError(str(error)))

    def _store(self, link: PictureLink, fetched: Fetched) -> Collected:
        """Write a picture, then its row.

        Raises:
            DataError: when it is not a picture, or too small.
        """
        kind, width, height = check_picture(fetched.data)
        if min(width, height) < self._min_side:
            raise DataError(f"too small: {width}x{height} pixels")
        digest = hashlib.sha256(fetched.data).hexdigest()
        path = self._folder / f"{digest}{_ENDINGS[kind]}"
        outcome = "copy" if path.exists() else "new"
        if outcome == "new":
            with whole_file(path) as file:
                file.write(fetched.data)
        row = ProvenanceRow(
            link.url, fetched.url, link.page, path.name, digest, len(fetched.data),
            width, height, fetched.content_type,
            datetime.now(UTC).isoformat(timespec="seconds"), self._licence,
        )  # fmt: skip
        _append(self._folder / PROVENANCE, to_json(asdict(row)))
        self._known.add(link.url)
        return Collected(link.url, outcome)


def _append(path: Path, line: bytes) -> None:
    """Append a line and sync it to disk; an incomplete last line is ended before it."""
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read() == b"\n" else b"\n" + line
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _read_known(folder: Path) -> Iterator[str]:
    """Yield the URLs whose pictures are in the folder; incomplete lines are skipped."""
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
    """Decode a picture completely; return its format, width and height.

    Raises:
        DataError: when it is not a picture, is truncated, or claims too many pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=tuple(_ENDINGS)) as picture:
                if picture.width * picture.height > _MAX_PIXELS:
                    raise DataError(
                        f"claims {picture.width}x{picture.height} pixels, too many"
                    )
                picture.load()
                # MPO, as phones write it, is a JPEG with a second picture appended.
                kind = "JPEG" if picture.format == "MPO" else str(picture.format)
                return kind, picture.width, picture.height
    except DataError:
        raise
    except Image.UnidentifiedImageError as error:
        raise DataError("not a picture") from error
    except (*FILE_ERRORS, SyntaxError, EOFError, MemoryError) as error:
        raise DataError(f"damaged picture ({error})") from error
