"""Links to pictures: from a list of URLs, from web pages, from a search endpoint."""

from collections.abc import Iterable, Iterator
from urllib.parse import quote, urlsplit

from data_tools.annotations import BadFile, DataError
from data_tools.collect.fetch import Fetcher
from data_tools.collect.picture_links import extract_links, extract_values
from data_tools.collect.run import PictureLink
from data_tools.collect.web_requests import FetchError

_MAX_PAGE = 8 << 20  # bytes
_QUERY, _PAGE = "{query}", "{page}"  # placeholders in a search template


def list_links(lines: Iterable[str]) -> Iterator[PictureLink]:
    """Yield the URLs of a list, one per line; blank lines and # comments are skipped."""
    for line in lines:
        url = line.strip().lstrip("\ufeff")
        if url and not url.startswith("#"):
            yield PictureLink(url)


def page_links(url: str, fetcher: Fetcher) -> Iterator[PictureLink | BadFile]:
    """Yield the pictures of a web page, or why it cannot be read."""
    try:
        page = fetcher.fetch(url, _MAX_PAGE)
    except FetchError as error:
        yield BadFile.of(url, DataError(str(error)))
        return
    for link in extract_links(page.data.decode("utf-8", "replace"), page.url):
        yield PictureLink(link, page.url)


def search_links(
    template: str, query: str, pages: int, path: str, fetcher: Fetcher
) -> Iterator[PictureLink | BadFile]:
    """Yield the pictures that a search endpoint returns, or why it failed.

    Args:
        template: URL with {query} and, for more than one page, {page}.
        query: the search text.
        pages: maximum number of pages; one without new URLs is the last.
        path: of the pictures' URLs in the JSON response, see `extract_values`.
        fetcher: fetches the pages.
    """
    parts = urlsplit(template)
    shown = f"{parts.scheme}://{parts.netloc}{parts.path}"  # the query may hold a key
    seen: set[str] = set()
    for page in range(1, pages + 1):
        url = template.replace(_QUERY, quote(query, safe="")).replace(_PAGE, str(page))
        try:
            links = extract_values(fetcher.fetch(url, _MAX_PAGE).data, path)
        except (FetchError, DataError) as error:
            yield BadFile.of(f"{shown}, page {page}", DataError(str(error)))
            return
        new = [link for link in links if link not in seen]
        if page == 1 and not new:
            reason = f"no URLs at {path!r} in its JSON; see --path"
            yield BadFile(f"{shown}, page 1", reason)
        if not new:
            return
        seen.update(new)
        yield from (PictureLink(link, shown) for link in new)
