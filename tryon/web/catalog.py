"""The shop's gallery: pictures of a folder or a list, with small copies for the page."""

import csv
import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from data_tools.pictures import list_pictures
from tryon.errors import TryOnError
from tryon.files import encode_image, printable
from tryon.images import read_photo, shrink
from tryon.web.errors import ApiError

SAMPLES = Path(__file__).parent.parent / "evaluation/pairs"  # rendered shop pictures
_SHOP = "_shop.jpg"  # what their names end in
THUMB_SIZE = 360  # longest side in pixels: sharp in a card of 180
_MAX_THUMBS = 2000  # kept in memory; each takes about 15 KB
_MAX_FILE = 64 << 20  # bytes of a picture


@dataclass(frozen=True)
class Item:
    """A picture of the catalogue.

    Attributes:
        id: a hash of its place in the catalogue, for URLs.
        name: for people.
        path: of the picture.
    """

    id: str
    name: str
    path: Path


class Catalog:
    """The shop's pictures, in order.

    Args:
        items: the pictures.
        are_samples: they are the shipped ones.
    """

    def __init__(self, items: list[Item], are_samples: bool = False):
        self.items, self.are_samples = items, are_samples
        self._by_id = {item.id: item for item in items}
        self._thumbs: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def find(self, id: str) -> Item:
        """Return a picture by its id.

        Raises:
            ApiError: `not_found`.
        """
        if id not in self._by_id:
            raise ApiError("not_found", "the catalogue has no such picture")
        return self._by_id[id]

    def read(self, id: str) -> bytes:
        """Return the bytes of a picture's file.

        Raises:
            ApiError: `not_found`: no such picture, or its file is gone.
        """
        path = self.find(id).path
        try:
            with path.open("rb") as file:
                return file.read(_MAX_FILE)
        except OSError as error:
            raise ApiError("not_found", "the picture's file cannot be read") from error

    def thumb(self, id: str) -> bytes:
        """Return a small copy of a picture, a JPEG; computed once.

        Raises:
            ApiError: `not_found`.
            Refusal: it is no picture, or damaged.
        """
        item = self.find(id)
        with self._lock:
            if id in self._thumbs:
                self._thumbs.move_to_end(id)
                return self._thumbs[id]
        small = shrink(read_photo(item.path).image, THUMB_SIZE)
        data = encode_image(small, Path("thumb.jpg"))
        with self._lock:
            self._thumbs[id] = data
            if len(self._thumbs) > _MAX_THUMBS:
                self._thumbs.popitem(last=False)
        return data


def open_catalog(path: Path | None) -> Catalog:
    """Open a catalogue.

    Args:
        path: a folder of pictures, or a CSV with the column `file`, relative to its own
            folder, and if wanted `name`; None: the shipped samples.

    Raises:
        TryOnError: it cannot be read, or holds no picture.
    """
    if path is None:
        samples = sorted(SAMPLES.glob(f"*{_SHOP}"))
        return Catalog([_item(p, f"Top {k + 1}") for k, p in enumerate(samples)], True)
    try:
        items = list(_folder_items(path) if path.is_dir() else _listed_items(path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise TryOnError(f"{printable(path)}: cannot be read ({reason})") from error
    if not items:
        raise TryOnError(f"{printable(path)}: holds no picture; name the shop's folder")
    return Catalog(list({item.id: item for item in items}.values()))


def _folder_items(folder: Path) -> Iterator[Item]:
    for path in list_pictures(folder).pictures:
        yield _item(path, path.stem.replace("_", " ").replace("-", " "))


def _listed_items(path: Path) -> Iterator[Item]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if "file" not in (rows.fieldnames or ()):
            raise TryOnError(f"{printable(path)}: expected a CSV with the column file")
        for row in rows:
            if row["file"]:
                picture = path.parent / row["file"]
                yield _item(picture, row.get("name") or picture.stem)


def _item(path: Path, name: str) -> Item:
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogatepass")).hexdigest()
    return Item(digest[:16], name, path)
