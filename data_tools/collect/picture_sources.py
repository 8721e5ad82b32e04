"""Where pictures are: a list of URLs, the pages that show them, a search."""

from collections.abc import Iterable, Iterator
from urllib.parse import quote, urlsplit

from data_tools.annotations import BadFile, DataError
from data_tools.collect.fetch import Fetcher
from data_tools.collect.picture_links import find_links, find_values
from data_tools.collect.run import Found
from data_tools.collect.web_requests import FetchError

_MAX_PAGE = 8 << 20  # bytes
_QUERY, _PAGE = "{query}", "{page}"


def from_list(lines: Iterable[str]) -> Iterator[Found]:
    """Yield the URLs of a list, one a line; blank ones and # comments are passed over."""
    for line in lines:
        url = line.strip().lstrip("\ufeff")
        if url and not url.startswith("#"):
            yield Found(url)


def from_page(url: str, fetcher: Fetcher) -> Iterator[Found | BadFile]:
    """Yield the pictures of a page, or why it cannot be read."""
    try:
        page = fetcher.fetch(url, _MAX_PAGE)
    except FetchError as error:
        yield BadFile.of(url, DataError(str(error)))
        return
    for link in find_links(page.data.decode("utf-8", "replace"), page.url):
        yield Found(link, page.url)


def from_search(
    template: str, query: str, pages: int, path: str, fetcher: Fetcher
) -> Iterator[Found | BadFile]:
    """Yield the pictures that a search endpoint names, or why it cannot be asked.

    Args:
        template: URL with {query} and, for more than one page, {page}.
        query: what is looked for.
        pages: how many to ask for; a page that names nothing new is the last.
        path: of the pictures' URLs in the JSON answer, see `find_values`.
        fetcher: asks the endpoint.
    """
    place = urlsplit(template)
    shown = f"{place.scheme}://{place.netloc}{place.path}"  # without anybody's key
    seen: set[str] = set()
    for page in range(1, pages + 1):
        url = template.replace(_QUERY, quote(query, safe="")).replace(_PAGE, str(page))
        try:
            links = find_values(fetcher.fetch(url, _MAX_PAGE).data, path)
        except (FetchError, DataError) as error:
            yield BadFile.of(f"{shown}, page {page}", DataError(str(error)))
            return
        new = [link for link in links if link not in seen]
        if page == 1 and not new:
            reason = f"nothing lies at {path!r} of its JSON; see --path"
            yield BadFile(f"{shown}, page 1", reason)
        if not new:
            return
        seen.update(new)
        yield from (Found(link, shown) for link in new)
