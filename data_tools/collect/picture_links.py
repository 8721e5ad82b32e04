"""Extract the URLs of pictures from HTML, and from the JSON response of a search."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

from data_tools.annotations import DataError

_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_META = ("og:image", "og:image:url", "twitter:image")


def extract_links(html: str, url: str) -> list[str]:
    """Return the absolute URLs of a page's pictures, without duplicates, in order.

    They are those of `img` and `source`, the largest of a `srcset`; the page's preview
    picture in `meta`; and links with a picture's file ending. Pictures embedded as data
    URLs are skipped.

    Args:
        html: of the page.
        url: of the page.
    """
    reader = _LinkReader()
    reader.feed(html)
    reader.close()
    base = urljoin(url, reader.base)
    links = (link for link in reader.links if link and not link.startswith("data:"))
    return list(dict.fromkeys(urljoin(base, link) for link in links))


class _LinkReader(HTMLParser):
    """Collects the links of pictures in document order."""

    def __init__(self) -> None:
        super().__init__()
        self.base, self.links = "", list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the picture of a tag."""
        values = {name: (value or "").strip() for name, value in attrs}
        if tag == "base":
            self.base = self.base or values.get("href", "")
        elif tag in ("img", "source"):
            named = values.get("data-src") or values.get("src", "")
            sizes = values.get("data-srcset") or values.get("srcset", "")
            self.links.append(_largest(sizes) or (named if tag == "img" else ""))
        elif tag == "meta" and values.get("property", values.get("name")) in _META:
            self.links.append(values.get("content", ""))
        elif tag == "a":
            path = values.get("href", "").partition("?")[0].partition("#")[0]
            if path.lower().endswith(_ENDINGS):
                self.links.append(values["href"])


def _largest(srcset: str) -> str:
    """Return the candidate of a srcset with the largest width or density."""
    best, largest = "", -1.0
    for candidate in srcset.split(", "):
        words = candidate.strip(" ,").split()
        if not words:
            continue
        try:
            size = float(words[1].rstrip("wx")) if len(words) > 1 else 1.0
        except ValueError:
            continue
        if size > largest:
            best, largest = words[0], size
    return best


def extract_values(data: bytes, path: str) -> list[str]:
    """Return the strings at a path of a JSON document, without duplicates.

    Args:
        data: the document.
        path: keys separated by dots, as "results.urls.full"; all elements of a list on
            the way are visited.

    Raises:
        DataError: when the document is no JSON.
    """
    try:
        names = path.split(".") if path else []
        return list(dict.fromkeys(_walk(json.loads(data), names)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected JSON ({error})") from error


def _walk(value: Any, names: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for element in value:
            yield from _walk(element, names)
    elif names and isinstance(value, dict) and names[0] in value:
        yield from _walk(value[names[0]], names[1:])
    elif not names and isinstance(value, str):
        yield value
